"""What the rules about endpoints see across files, and where they say that they do not know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from auditor.config import read_settings
from auditor.detectors.route import (
    auth_endpoint_without_rate_limit,
    endpoint_without_auth,
    endpoint_without_validation,
    webhook_signature_missing,
)
from auditor.facts.base_paths import mounted
from auditor.facts.inventory import find_endpoints
from auditor.facts.public_endpoints import matches_nothing
from auditor.facts.route_matchers import matched
from auditor.model import Severity, State, UsageError
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from auditor.facts.inventory import Inventory
    from auditor.model import Answer

PACKAGE = '{"dependencies": {"next": "15.0.0", "hono": "4.0.0", "express": "5.0.0"}}'
WRITES = "await prisma.note.create({ data: { text: 'x' } })"


def asked(root: Path, rule: ModuleType, files: dict[str, str], public: tuple[str, ...] = ()) -> dict[str, Answer]:
    """The rows of one rule on a small repository, by `METHOD /path`."""
    for name, text in {"package.json": PACKAGE, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    repository = read_repository(root)
    code = read_code(repository)
    inventory: Inventory = find_endpoints(code, repository.files, repository.text, repository.units)
    inventory.public = public
    return {row.subject.removeprefix("endpoint "): row for row in rule.ask(repository, code, inventory)}


def hono(
    guard: str, handler: str = f"async (c) => {{ {WRITES}; return c.json({{}}) }}", top: str = ""
) -> dict[str, str]:
    text = f"import {{ Hono }} from 'hono'\n{top}\nconst app = new Hono()\n{guard}\napp.post('/notes', {handler})\n"
    return {"src/app.ts": text + "export default app\n"}


def state(rows: dict[str, Answer], key: str = "POST /notes") -> State:
    return rows[key].state


OPTIONAL = """app.use('*', async (c, next) => {
  const { data } = await supabase.auth.getUser()
  c.set('user', data.user ?? null)
  await next()
})"""


def test_a_middleware_that_lets_everybody_pass_does_not_count(tmp_path: Path) -> None:
    assert state(asked(tmp_path, endpoint_without_auth, hono(OPTIONAL))) is State.FAIL


def test_the_handler_behind_it_may_ask(tmp_path: Path) -> None:
    handler = f"async (c) => {{ const user = c.get('user'); if (!user) return c.body(null, 401); {WRITES} }}"
    assert state(asked(tmp_path, endpoint_without_auth, hono(OPTIONAL, handler))) is State.OK


def test_a_middleware_that_refuses_counts(tmp_path: Path) -> None:
    guard = OPTIONAL.replace("c.set('user', data.user ?? null)", "if (!data.user) return c.json({}, 401)")
    assert state(asked(tmp_path, endpoint_without_auth, hono(guard))) is State.OK


def test_what_is_asked_only_after_an_error_guards_nothing(tmp_path: Path) -> None:
    guard = """app.use('*', async (c, next) => {
  try { await next() } catch (error) {
    const { data } = await supabase.auth.getUser()
    if (!data.user) return c.json({}, 401)
    throw error
  }
})"""
    assert state(asked(tmp_path, endpoint_without_auth, hono(guard))) is State.FAIL


def test_signing_for_somebody_else_is_not_asking_who_calls(tmp_path: Path) -> None:
    files = hono("", f"async (c) => {{ sign('x'); {WRITES}; return c.json({{}}) }}", "import { sign } from './sign'")
    files["src/sign.ts"] = (
        "import { createHmac } from 'node:crypto'\n"
        "export function sign(text: string) { if (!text) throw new Error('empty')\n"
        "  return createHmac('sha256', key).update(text).digest('hex') }\n"
    )
    assert state(asked(tmp_path, endpoint_without_auth, files)) is State.FAIL


def test_a_guard_is_followed_through_two_files(tmp_path: Path) -> None:
    files = hono("app.use('*', guard)", top="import { guard } from './guard'")
    files["src/guard.ts"] = (
        "import { caller } from './caller'\nexport const guard = async (c, next) => {\n"
        "  if (!(await caller(c))) return c.json({}, 401)\n  await next()\n}\n"
    )
    files["src/caller.ts"] = (
        "import { jwtVerify } from 'jose'\n"
        "export async function caller(c) {\n"
        "  try { return await jwtVerify(c.req.header('x'), key) } catch { return null }\n}\n"
    )
    row = asked(tmp_path, endpoint_without_auth, files)["POST /notes"]
    assert (row.state, "jwtVerify of jose" in row.detail) == (State.OK, True)


def test_a_guard_that_is_not_there_is_not_known(tmp_path: Path) -> None:
    files = hono("app.use('*', requireUser)", top="import { requireUser } from './missing'")
    assert state(asked(tmp_path, endpoint_without_auth, files)) is State.UNKNOWN


def test_a_store_of_sessions_asks_nobody(tmp_path: Path) -> None:
    text = (
        "const express = require('express')\nconst session = require('express-session')\nconst app = express()\n"
        "app.use(session({ secret: process.env.S }))\n"
        f"app.post('/notes', async (req, res) => {{ {WRITES}; res.json({{}}) }})\n"
    )
    assert state(asked(tmp_path, endpoint_without_auth, {"app.js": text})) is State.FAIL


def test_a_token_that_is_only_decoded_is_no_proof(tmp_path: Path) -> None:
    guard = "app.use('*', requireUser)"
    top = (
        "import { decodeJwt } from 'jose'\nconst requireUser = async (c, next) => {\n"
        "  c.set('user', decodeJwt(c.req.header('x')))\n  await next()\n}"
    )
    row = asked(tmp_path, endpoint_without_auth, hono(guard, top=top))["POST /notes"]
    assert (row.state, "never verifies" in row.detail) == (State.FAIL, True)


TRPC = """import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
const handler = (req: Request) => fetchRequestHandler({ endpoint: '/api/trpc', req, router: appRouter })
export { handler as GET, handler as POST }
"""


def test_operations_that_were_not_read_are_not_known(tmp_path: Path) -> None:
    files = {"app/api/trpc/[trpc]/route.ts": TRPC}
    assert state(asked(tmp_path, endpoint_without_auth, files), "POST /api/trpc/[trpc]") is State.UNKNOWN
    assert not asked(tmp_path, endpoint_without_validation, files)
    assert not asked(tmp_path, auth_endpoint_without_rate_limit, files)


def test_a_library_that_verifies_its_callers_is_taken_at_its_word(tmp_path: Path) -> None:
    text = "import { serve } from '@upstash/workflow/nextjs'\nexport const { POST } = serve(async (context) => {})\n"
    rows = asked(tmp_path, endpoint_without_auth, {"app/api/flow/route.ts": text})
    assert [row.state for row in rows.values()] == [State.OK]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("POST /notes", State.OK),
        ("* /no*", State.OK),
        ("GET /notes", State.FAIL),
        ("POST /notes/*", State.FAIL),
    ],
)
def test_an_endpoint_may_be_declared_public(tmp_path: Path, pattern: str, expected: State) -> None:
    assert state(asked(tmp_path, endpoint_without_auth, hono(""), (pattern,))) is expected


def test_a_pattern_that_names_nothing_is_told(tmp_path: Path) -> None:
    assert matches_nothing(("GET /v1/public/*",), []) == ["GET /v1/public/*"]
    (tmp_path / "backend-audit.toml").write_text('public-endpoints = ["POST /contact", "ACTION app/a.ts#send"]')
    assert read_settings(tmp_path).public_endpoints == ("POST /contact", "ACTION app/a.ts#send")


@pytest.mark.parametrize("value", ['["/contact"]', '["SEND /contact"]', '["POST contact"]', '"POST /contact"', "[1]"])
def test_an_endpoint_that_cannot_be_is_an_error(tmp_path: Path, value: str) -> None:
    (tmp_path / "backend-audit.toml").write_text(f"public-endpoints = {value}")
    with pytest.raises(UsageError, match="public-endpoints"):
        read_settings(tmp_path)


def test_a_secret_that_may_be_empty_lets_everybody_in(tmp_path: Path) -> None:
    text = (
        "export async function POST(request: Request) {\n  const token = request.headers.get('x-webhook-token')\n"
        "  if (TEST) return new Response(null, { status: 401 })\n"
        f"  const event = await request.json()\n  {WRITES}\n  return Response.json({{}})\n}}\n"
    )
    optional = "process.env.HOOK_SECRET && token !== process.env.HOOK_SECRET"
    key, path = "POST /api/webhooks/stripe", "app/api/webhooks/stripe/route.ts"
    row = asked(tmp_path, webhook_signature_missing, {path: text.replace("TEST", optional)})[key]
    assert (row.state, row.severity, row.evidence) == (State.FAIL, Severity.MEDIUM, "secret optional")
    rows = asked(tmp_path, webhook_signature_missing, {path: text.replace("TEST", "token !== process.env.HOOK_SECRET")})
    assert state(rows, key) is State.OK


OPEN = (
    "const isPublic = createRouteMatcher(['/sign-in(.*)', '/api/open(.*)'])\n"
    "if (!isPublic(request)) await auth.protect()"
)
CLOSED = "const isClosed = createRouteMatcher(['/api/notes(.*)'])\nif (isClosed(request)) await auth.protect()"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (OPEN, "/api/notes", True),
        (OPEN, "/api/open/[id]", False),
        (CLOSED, "/api/notes/[id]", True),
        (CLOSED, "/api/other", False),
        ("if (request.nextUrl.pathname === '/') return", "/api/notes", None),
    ],
)
def test_lists_of_paths_say_what_a_middleware_protects(text: str, path: str, expected: bool | None) -> None:
    assert matched(text, path) is expected


def next_route(text: str, path: str = "app/api/displays/route.ts") -> dict[str, str]:
    return {path: text + f"\nexport async function POST(request: Request) {{ {WRITES}; return Response.json({{}}) }}\n"}


def test_a_route_that_answers_preflights_is_meant_for_browsers_anywhere(tmp_path: Path) -> None:
    preflight = "export const OPTIONS = () => new Response(null, { headers: { 'Access-Control-Allow-Origin': '*' } })"
    for name, text, severity in (("with", preflight, Severity.LOW), ("without", "", Severity.HIGH)):
        rows = asked(tmp_path / name, endpoint_without_auth, next_route(text))
        assert rows["POST /api/displays"].severity is severity


@pytest.mark.parametrize(
    ("path", "query", "severity"),
    [
        ("/share/reveal", "where: { id: (await c.req.json()).id }", Severity.MEDIUM),
        ("/notes/reveal", "where: { id: (await c.req.json()).id }", Severity.HIGH),
        ("/onboarding/config", "where: { completed: await isOnboardingCompleted() }", Severity.MEDIUM),
        ("/tasks/config", "where: { completed: await isOnboardingCompleted() }", Severity.HIGH),
    ],
)
def test_links_that_were_sent_and_first_starts_are_less_severe(
    tmp_path: Path, path: str, query: str, severity: Severity
) -> None:
    handler = f"async (c) => {{ await prisma.note.deleteMany({{ {query} }}); return c.body(null) }}"
    files = {name: text.replace("/notes", path) for name, text in hono("", handler).items()}
    assert asked(tmp_path, endpoint_without_auth, files)[f"POST {path}"].severity is severity


def test_a_token_against_forged_requests_says_nothing_of_the_caller(tmp_path: Path) -> None:
    top = "import { timingSafeEqual } from 'node:crypto'\n"
    top += "const csrf = () => async (c, next) => { if (!timingSafeEqual(a(c), b(c))) return c.body(0, 401); next() }"
    assert state(asked(tmp_path, endpoint_without_auth, hono("app.use('*', csrf())", top=top))) is State.FAIL
    named = top.replace("csrf", "requireKey")
    assert state(asked(tmp_path, endpoint_without_auth, hono("app.use('*', requireKey())", top=named))) is State.OK


@pytest.mark.parametrize("folder", ["templates", "docs", "scripts", "test", "examples"])
def test_the_folders_of_a_route_are_an_address(tmp_path: Path, folder: str) -> None:
    files = next_route("", f"src/app/api/{folder}/route.ts") | next_route("", f"{folder}/app/api/other/route.ts")
    assert list(asked(tmp_path, endpoint_without_auth, files)) == [f"POST /api/{folder}"]


@pytest.mark.parametrize(
    ("call", "severity"),
    [("Session.create({})", Severity.HIGH), ("this.userRepository.save({})", Severity.HIGH),
     ("SessionCommand.create({})", Severity.LOW),
     ("ExportServiceResponse.create({})", Severity.LOW)],
)  # fmt: skip
def test_a_value_that_is_made_in_memory_is_no_write(tmp_path: Path, call: str, severity: Severity) -> None:
    rows = asked(tmp_path, endpoint_without_auth, hono("", f"async (c) => {{ work({call}); return c.json({{}}) }}"))
    assert rows["POST /notes"].severity is severity


@pytest.mark.parametrize(("field", "severity"), [("password", Severity.LOW), ("role", Severity.HIGH)])
def test_where_anybody_may_join_an_account_is_made(tmp_path: Path, field: str, severity: Severity) -> None:
    write_user = f"await prisma.user.create({{ data: {{ name: 'x', {field}: await hash(c) }} }})"
    files = hono("", f"async (c) => {{ {write_user}; return c.json({{}}) }}")
    rows = asked(
        tmp_path, endpoint_without_auth, {name: text.replace("/notes", "/users") for name, text in files.items()}
    )
    assert rows["POST /users"].severity is severity


def test_a_base_path_of_the_settings_is_no_purpose(tmp_path: Path) -> None:
    asked(tmp_path, endpoint_without_auth, hono(""))
    repository = read_repository(tmp_path)
    code = read_code(repository)
    inventory = find_endpoints(code, repository.files, repository.text, repository.units)
    inventory.endpoints = mounted(inventory.endpoints, ((".", "/health"),))
    rows = list(endpoint_without_auth.ask(repository, code, inventory))
    assert [(row.subject, row.state) for row in rows] == [("endpoint POST /health/notes", State.FAIL)]


def test_functions_that_return_each_others_results_come_to_an_end(tmp_path: Path) -> None:
    several = "".join(f"  if (x === {number}) return step{{0}}().next;\n" for number in range(12))
    chain = "".join(f"function step{at}(x) {{{{\n{several}}}}}\n".format((at + 1) % 12) for at in range(12))
    started = time.monotonic()
    rows = asked(tmp_path, endpoint_without_auth, hono("", "async (c) => step0(c).next.go()", top=chain))
    assert state(rows) is State.FAIL
    assert time.monotonic() - started < 10
