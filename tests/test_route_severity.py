"""How much an open endpoint weighs: what says that everybody is meant to call it, and what says the opposite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.detectors.route import (
    auth_endpoint_without_rate_limit,
    endpoint_without_auth,
    object_lookup_without_ownership,
)
from auditor.model import Severity, State
from tests.test_route_rules import WRITES, asked, hono, state

if TYPE_CHECKING:
    from pathlib import Path

_NEST = """import { Body, Controller, Module, Post, UseGuards } from "@nestjs/common";
import { APP_GUARD } from "@nestjs/core";
import { JwtAuthGuard } from "./guard";
@Controller("%s")
export class Shares {
  constructor(private readonly prisma: PrismaService) {}
  @Public()
  @Post("info")
  info(@Body() data: Info) {
    return this.prisma.share.update({ where: { id: data.id }, data: { seen: true } });
  }
}
@Module({ controllers: [Shares], providers: [{ provide: APP_GUARD, useClass: JwtAuthGuard }] })
export class AppModule {}
"""
_NEST_GUARD = """import { Injectable } from "@nestjs/common";
import { AuthGuard } from "@nestjs/passport";
import { Reflector } from "@nestjs/core";
@Injectable()
export class JwtAuthGuard extends AuthGuard("jwt") {
  constructor(private reflector: Reflector) { super(); }
  canActivate(context) {
    if (this.reflector.getAllAndOverride("isPublic", [context.getHandler()])) return true;
    return super.canActivate(context);
  }
}
"""


@pytest.mark.parametrize(("at", "severity"), [("teasers", Severity.LOW), ("admin/teasers", Severity.HIGH)])
def test_a_decorator_that_opens_a_method_is_a_declaration(at: str, severity: Severity, tmp_path: Path) -> None:
    rows = asked(tmp_path, endpoint_without_auth, {"src/app.ts": _NEST % at, "src/guard.ts": _NEST_GUARD})
    found = rows[f"POST /{at}/info"]
    assert (found.state, found.severity) == (State.FAIL, severity), found


@pytest.mark.parametrize(
    ("path", "severity"), [("/public/users/:id", Severity.INFO), ("/admin/users/:id", Severity.HIGH)]
)
def test_a_path_may_say_that_it_is_for_everybody(path: str, severity: Severity, tmp_path: Path) -> None:
    handler = "async (c) => c.json(await prisma.user.findFirst({ where: { id: c.req.param('id') } }))"
    rows = asked(tmp_path, endpoint_without_auth, hono(f"app.get('{path}', {handler})"))
    assert rows[f"GET {path}"].severity is severity, rows


@pytest.mark.parametrize(
    ("lookup", "severity"),
    [
        ("const id = await redis.get(`reset:${token}`)", Severity.LOW),
        ("const key = PREFIX + token; const id = await redisClient.get(key)", Severity.LOW),
        ("const id = await redis.get(`user:${name}`)", Severity.HIGH),
    ],
)
def test_what_a_mail_sends_may_be_kept_in_a_cache(lookup: str, severity: Severity, tmp_path: Path) -> None:
    change = "await prisma.user.update({ where: { id }, data: { password } })"
    given = "const { token, name, password } = await c.req.json()"
    handler = f"async (c) => {{ {given}; {lookup}; {change}; return c.json({{}}) }}"
    rows = asked(tmp_path, endpoint_without_auth, hono(f"app.post('/change', {handler})"))
    assert rows["POST /change"].severity is severity, rows


@pytest.mark.parametrize(
    ("call", "severity"), [("checkout.sessions.create", Severity.MEDIUM), ("refunds.create", Severity.HIGH)]
)
def test_a_guest_may_be_meant_to_pay(call: str, severity: Severity, tmp_path: Path) -> None:
    handler = f"async (c) => c.json(await stripe.{call}({{ amount: 5 }}))"
    rows = asked(tmp_path, endpoint_without_auth, hono(f"app.post('/give', {handler})"))
    assert rows["POST /give"].severity is severity, rows


@pytest.mark.parametrize(
    ("path", "severity"),
    [
        ("/users/update", Severity.LOW),
        ("/auth/reset-password", Severity.MEDIUM),
        ("/auth/change-password", Severity.LOW),
    ],
)
def test_a_password_that_is_asked_again_weighs_less(path: str, severity: Severity, tmp_path: Path) -> None:
    top = "import { jwt } from 'hono/jwt'\nimport bcrypt from 'bcrypt'"
    handler = f"async (c) => {{ if (await bcrypt.compare(c.req.query('p'), hash)) {{ {WRITES} }} return c.json({{}}) }}"
    guard = f"app.use('*', jwt({{ secret }}))\napp.post('{path}', {handler})"
    found = asked(tmp_path, auth_endpoint_without_rate_limit, hono(guard, top=top))[f"POST {path}"]
    assert (found.state, found.severity) == (State.FAIL, severity), found


@pytest.mark.parametrize(("key", "severity"), [("POST /enter", Severity.MEDIUM), ("PUT /me", Severity.LOW)])
def test_a_handler_may_ask_for_more_than_the_password(key: str, severity: Severity, tmp_path: Path) -> None:
    compared = "if (!(await bcrypt.compare(req.body.password, user.hash))) return res.status(401).end();"
    text = f"""import express from "express";
import bcrypt from "bcrypt";
import jwt from "jsonwebtoken";
const app = express();
app.post("/enter", async (req, res) => {{
  const user = await prisma.user.findUnique({{ where: {{ email: req.body.email }} }});
  {compared}
  res.json({{ token: jwt.sign({{ id: user.id }}, KEY) }});
}});
app.put("/me", async (req, res) => {{
  const who = jwt.verify(req.headers.authorization, KEY);
  const user = await prisma.user.findUnique({{ where: {{ id: who.id }} }});
  {compared}
  res.json(await prisma.user.update({{ where: {{ id: who.id }}, data: {{ email: req.body.email }} }}));
}});
"""
    found = asked(tmp_path, auth_endpoint_without_rate_limit, {"src/app.ts": text})[key]
    assert (found.state, found.severity) == (State.FAIL, severity), found


@pytest.mark.parametrize(("answer", "failed"), [("{ ok: true }", False), ("note", True)])
def test_a_row_that_is_only_asked_for_is_not_given_out(answer: str, failed: bool, tmp_path: Path) -> None:
    schema = "model Note {\n  id String @id\n  userId String\n}\n"
    text = f"""import express from "express";
import jwt from "jsonwebtoken";
const app = express();
app.get("/notes/:id", async (req, res) => {{
  jwt.verify(req.headers.authorization, KEY);
  const note = await prisma.note.findUnique({{ where: {{ id: req.params.id }} }});
  if (!note) return res.status(404).end();
  res.json({answer});
}});
"""
    files = {"src/app.ts": text, "prisma/schema.prisma": schema}
    rows = asked(tmp_path, object_lookup_without_ownership, files)
    assert [row.state for row in rows.values()] == [State.FAIL if failed else State.OK], rows


def test_routes_of_a_router_with_a_description(tmp_path: Path) -> None:
    text = f"""import {{ fromHono, OpenAPIRoute }} from "chanfana";
import {{ Hono }} from "hono";
class NewNote extends OpenAPIRoute {{
  async handle(c) {{ {WRITES}; return {{}} }}
}}
const notes = fromHono(new Hono());
notes.post("/", NewNote);
const app = new Hono();
const described = fromHono(app, {{ docs_url: "/" }});
described.route("/notes", notes);
export default app;
"""
    assert state(asked(tmp_path, endpoint_without_auth, {"src/app.ts": text})) is State.FAIL


@pytest.mark.parametrize(
    ("body", "severity"), [("return new Ticket(kind);", Severity.INFO), ("return sql.insert(kind);", Severity.HIGH)]
)
def test_a_class_that_makes_its_objects_stores_nothing(body: str, severity: Severity, tmp_path: Path) -> None:
    top = f"class Ticket {{ static create(kind) {{ {body} }} }}"
    rows = asked(tmp_path, endpoint_without_auth, hono("", "async (c) => c.json(Ticket.create('x'))", top))
    assert rows["POST /notes"].severity is severity, rows


@pytest.mark.parametrize(
    ("function", "severity"),
    [("match_articles", Severity.MEDIUM), ("check_and_use_credit", Severity.HIGH), ("publish", Severity.HIGH)],
)
def test_a_function_of_the_database_is_called_after_what_it_does(
    function: str, severity: Severity, tmp_path: Path
) -> None:
    client = "const admin = createClient(process.env.URL!, process.env.SUPABASE_SERVICE_ROLE_KEY!);"
    handler = f"async (c) => c.json(await admin.rpc('{function}', {{ words: (await c.req.json()).words }}))"
    files = hono(f"{client}\napp.post('/search', {handler})")
    files = {
        path: 'import { createClient } from "@supabase/supabase-js";\n' + text if path.endswith(".ts") else text
        for path, text in files.items()
    }
    found = asked(tmp_path, endpoint_without_auth, files)["POST /search"]
    assert (found.state, found.severity) == (State.FAIL, severity), found


_CLIENT = """import { createServerClient } from "@supabase/ssr";
export async function createClient({ useServiceRole = false }: { useServiceRole?: boolean } = {}) {
  const key = useServiceRole ? process.env.SUPABASE_SERVICE_ROLE_KEY! : process.env.SUPABASE_ANON_KEY!;
  return createServerClient(process.env.SUPABASE_URL!, key, { cookies: { getAll: () => [] } });
}
"""
_INVITE = """import { Hono } from "hono";
import { createClient } from "./client";
const app = new Hono();
app.post("/invites", async (c) => {
  const { email } = schema.parse(await c.req.json());
  const supabase = await createClient(%s);
  const { error } = await supabase.from("invites").insert({ email });
  if (error) return c.json({ error: "no" }, 403);
  await resend.emails.send({ to: email, subject: "come in" });
  return c.json({});
});
export default app;
"""


@pytest.mark.parametrize(("given", "severity"), [("", Severity.LOW), ("{ useServiceRole: true }", Severity.HIGH)])
def test_a_client_goes_past_policies_where_its_caller_says_so(given: str, severity: Severity, tmp_path: Path) -> None:
    rows = asked(tmp_path, endpoint_without_auth, {"src/client.ts": _CLIENT, "src/app.ts": _INVITE % given})
    assert (rows["POST /invites"].state, rows["POST /invites"].severity) == (State.FAIL, severity)
