# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""What counts as a security header that is set, and as a trail of privileged changes, beyond the pages' examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from auditor.detectors.code import audit_trail_absent, security_headers_missing
from auditor.model import Severity, State
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.model import Answer

EXPRESS = 'import express from "express";\nconst app = express();\n{}\napp.get("/a", a);\napp.listen(1);\n'
NEXT = {"package.json": '{"dependencies": {"next": "15"}}', "app/page.tsx": "export default () => null;\n"}
FOUR = ("X-Content-Type-Options", "X-Frame-Options", "Strict-Transport-Security", "Referrer-Policy")
MIDDLEWARE = "app.use((req, res, next) => {{ {} next(); }});"
SET = " ".join(f'res.setHeader("{name}", "x");' for name in FOUR)
DJANGO = 'from django.conf import x\nMIDDLEWARE = ["SecurityMiddleware", "XFrameOptionsMiddleware"]\n'


def _headers(folder: Path, files: dict[str, str]) -> list[Answer]:
    repository = read_repository(write(folder, files))
    return list(security_headers_missing.ask(repository, read_code(repository)))


@pytest.mark.parametrize(
    "files",
    [
        {"a.ts": EXPRESS.format(MIDDLEWARE.format(SET))},
        {"a.ts": EXPRESS.format('app.use(require("helmet")());')},
        {"a.ts": 'import h from "helmet";\n' + EXPRESS.format("app.use(h.hsts(), h.noSniff(), h.frameguard());\napp.use(h.referrerPolicy());")},
        {"a.ts": EXPRESS.format("secure(app);"), "b.ts": 'import helmet from "helmet";\nexport const secure = (app) => app.use(helmet());\n'},
        {"src/app.py": DJANGO, "src/production.py": "SECURE_HSTS_SECONDS = env.int('HSTS', 60)\n"},
        {"a.ts": EXPRESS.format(""), "deploy/ingress.yaml": "\n".join(f"more_set_headers {name}" for name in FOUR)},
        {"a.ts": EXPRESS.format(""), "deploy/nginx/security.conf": "\n".join(f"add_header {name} x;" for name in FOUR)},
        {**NEXT, "next.config.js": 'import {h} from "./h"; export default {headers() { return [{source: "/:path((?!x).*)", headers: h}] }}',
         "h.js": "export const securityHeaders = " + json.dumps([{"key": n, "value": "x"} for n in (*FOUR, "Content-Security-Policy")])},
        {**NEXT, "vercel.json": json.dumps({"headers": [{"source": "/(.*)", "headers": [
            {"key": n, "value": "x"} for n in (*FOUR, "Content-Security-Policy")]}]})},
        {"package.json": '{"workspaces": ["*"]}', "kit/package.json": '{"name": "@a/kit"}',
         "kit/src/app.ts": 'import { secureHeaders } from "hono/secure-headers";\nexport const base = (app) => app.use(secureHeaders());\n',
         "api/package.json": '{"name": "api", "dependencies": {"@a/kit": "*", "hono": "4"}}',
         "api/src/app.ts": 'import { Hono } from "hono";\nexport const app = new Hono();\n'},
    ],
)  # fmt: skip
def test_complete(tmp_path: Path, files: dict[str, str]) -> None:
    assert {(a.state, a.detail.split(" (")[0]) for a in _headers(tmp_path, files)} == {
        (State.OK, "security headers are set for every answer")
    }


@pytest.mark.parametrize(
    ("files", "said", "severity"),
    [
        ({"a.ts": EXPRESS.format('res = { strip: ["x-frame-options", "content-security-policy"] };')}, "no security header at all", None),
        ({"a.ts": EXPRESS.format('app.use((q, r, next) => { q.headers["x-frame-options"] == 1; next(); });')}, "no security header at all", None),
        ({"a.ts": EXPRESS.format(MIDDLEWARE.format('log("X-Frame-Options"); req.get("Referrer-Policy", "x");'))}, "no security header at all", None),
        ({"a.ts": EXPRESS.format(MIDDLEWARE.format('res.setHeader("X-Frame-Options", "DENY");'))}, "without X-Content-Type-Options", Severity.LOW),
        ({"a.ts": 'import helmet from "helmet";\n' + EXPRESS.format("")}, "no security header at all", None),
        ({"a.ts": 'const app = require("fastify")({ logger: true });\nmodule.exports = app;\n'}, "no security header at all", None),
        ({"src/server.ts": 'import express from "express";\nexport function create() {\n  const app = express();\n  return app;\n}\n'}, "no security header at all", None),
        ({"src/app.py": DJANGO + "SECURE_HSTS_SECONDS = 0\n"}, "without Strict-Transport-Security", Severity.LOW),
        ({"app.py": "from flask import Flask\napp = Flask('shop')\n"}, "no security header at all", None),
        ({**NEXT, "vercel.json": "{}"}, "no security header at all (HSTS by Vercel)", None),
        ({**NEXT, "next.config.js": "export default {headers() { return [{source: '/a/:p*', headers: " + json.dumps(
            [{"key": n, "value": "x"} for n in FOUR]) + "}] }}"}, "only on /a/:p*", Severity.LOW),
        ({**NEXT, "middleware.ts": "const r = NextResponse.next();\n" + "".join(f'r.headers.set("{n}", "x");\n' for n in FOUR)
          + "r.headers.set(\"Content-Security-Policy\", \"script-src 'self' 'unsafe-inline'\");\n"}, "inline or evaluated", Severity.LOW),
        ({"a.ts": EXPRESS.format(""), "docs/api.yaml": "openapi: 3.0.0\n" + "\n".join(FOUR)}, "no security header at all", None),
    ],
)  # fmt: skip
def test_incomplete(tmp_path: Path, files: dict[str, str], said: str, severity: Severity | None) -> None:
    (answer,) = _headers(tmp_path, files)
    assert (answer.state, answer.severity) == (State.FAIL, severity)
    assert said in answer.detail


def test_headers_of_a_middleware_that_is_not_in_the_repository_are_unknown(tmp_path: Path) -> None:
    (answer,) = _headers(tmp_path, {"a.ts": EXPRESS.format("app.use(companySecurityHeaders());")})
    assert (answer.state, "companySecurityHeaders" in answer.detail) == (State.UNKNOWN, True)


@pytest.mark.parametrize(
    "files",
    [
        {**NEXT, "next.config.js": "export default { output: 'export' };\n"},
        {"package.json": '{"devDependencies": {"next": "15"}}', "src/link.ts": "export const a = 1;\n"},
        {"src/router.ts": 'import { Hono } from "hono";\nexport const users = new Hono();\n'},
        {
            "supabase/functions/a/index.ts": 'import { Hono } from "hono";\nconst app = new Hono();\nDeno.serve(app.fetch);\n'
        },
    ],
)
def test_no_server(tmp_path: Path, files: dict[str, str]) -> None:
    assert _headers(tmp_path, files) == []


MEMBER = {"package.json": "{}", "src/m.ts": "export const f = () => prisma.member.delete({});\n"}
TABLE = "create table public.audit_logs (id int primary key);\n"
RLS = TABLE + "alter table public.audit_logs enable row level security;\n"
INSERT = "create function f() returns trigger as $$ begin insert into public.audit_logs values (1); end $$;\n"
GUARD = "create trigger t before update or delete on public.audit_logs for each row execute function g();\n"


def _trail(folder: Path, files: dict[str, str]) -> list[Answer]:
    repository = read_repository(write(folder, files))
    return list(audit_trail_absent.ask(repository, read_code(repository)))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (TABLE + INSERT, "row level security is off"),
        (TABLE + INSERT + GUARD, ""),
        (TABLE + INSERT + "revoke all on table public.audit_logs from anon, authenticated;\n", ""),
        (RLS + INSERT, ""),
        (
            RLS + INSERT + 'create policy "p" on public.audit_logs for update to authenticated using (true);\n',
            'policy "p"',
        ),
        (RLS + INSERT + 'create policy "p" on public.audit_logs to service_role using (true);\n', ""),
        (RLS + INSERT + 'create policy "p" on public.audit_logs for all using (false);\n', ""),
        (
            RLS
            + INSERT
            + 'create policy p on audit_logs for all using (true);\ndrop policy p on "public"."audit_logs";\n',
            "",
        ),
        (RLS + "-- insert into public.audit_logs\n", "nothing writes to it"),
    ],
)
def test_who_may_change_a_trail(tmp_path: Path, sql: str, said: str) -> None:
    found = _trail(tmp_path, {**MEMBER, "supabase/migrations/1_a.sql": sql})
    failed = [answer for answer in found if answer.state is State.FAIL]
    assert [said in answer.detail for answer in failed] == ([True] if said else [])
    assert all(answer.severity is Severity.LOW for answer in failed)
    assert any(answer.subject == "trail audit_logs" for answer in found)


@pytest.mark.parametrize(
    "code",
    [
        "await db.insert(auditLogs).values({ action });",
        "await db.insert(schema.auditLog).values({ action });",
        'await supabase.from("audit_log").insert({ action });',
        'await knex("audit_logs").insert({ action });',
        "await AuditLog.create({ action });",
        "auditLogger.info({ action });",
        "export const f = withAuditLogging(handler);",
        "await logAuditEvent({ action });",
        "await sql`insert into audit_log (action) values (${action})`;",
    ],
)
def test_written_in_code(tmp_path: Path, code: str) -> None:
    found = _trail(tmp_path, {**MEMBER, "src/a.ts": code + "\n"})
    assert {answer.state for answer in found} == {State.OK}


@pytest.mark.parametrize(
    "code",
    [
        "// await prisma.auditLog.create({ data });",
        "const rows = await getAuditLogs();",
        "posthog.capture({ event });",
        "export function AuditLogs() { return 1; }",
        "const auditLogTable = 1;",
    ],
)
def test_no_trail(tmp_path: Path, code: str) -> None:
    (answer,) = _trail(tmp_path, {**MEMBER, "src/a.ts": code + "\n"})
    assert (answer.state, answer.severity, answer.subject) == (State.FAIL, None, "unit .")
    assert "src/m.ts:1" in answer.detail


@pytest.mark.parametrize(
    "code",
    [
        "export const f = () => prisma.todo.delete({});",
        "export const f = () => prisma.user.update({ where: { id: session.user.id } });",
        "export const f = () => prisma.workspace.create({});",
        "export const f = () => prisma.roomMember.create({});",
        '"use client";\nexport const f = () => supabase.from("members").delete();',
        "const members = new Map(); members.delete(1);",
    ],
)
def test_small_applications_are_not_asked(tmp_path: Path, code: str) -> None:
    assert _trail(tmp_path, {"package.json": "{}", "src/a.ts": code + "\n"}) == []
