"""What stands in front of endpoints, in the ways in which public repositories write it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.config import read_settings
from auditor.detectors.route import auth_endpoint_without_rate_limit, endpoint_without_auth, endpoint_without_validation
from auditor.facts.guarded import endpoint_rows
from auditor.facts.helper_names import Helpers
from auditor.facts.inventory import find_endpoints
from auditor.facts.route_matchers import matched
from auditor.model import Presence, Severity, State, UsageError
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from auditor.facts.inventory import Inventory
    from auditor.model import Answer

PACKAGE = '{"dependencies": {"next": "15.0.0", "hono": "4.0.0", "express": "5.0.0", "@nestjs/common": "11.0.0"}}'
WRITES = "await prisma.note.create({ data: { text: 'x' } })"


def inventory(root: Path, files: dict[str, str]) -> Inventory:
    repository = read_repository(write(root, {"package.json": PACKAGE, **files}))
    code = read_code(repository)
    return find_endpoints(code, repository.files, repository.text, repository.units)


def access(root: Path, files: dict[str, str]) -> dict[str, Presence]:
    """Whether each endpoint authenticates its callers, by `METHOD /path`."""
    found = inventory(root, files)
    return {f"{each.method} {each.path}": found.authentication(each).presence for each in found.endpoints}


def asked(root: Path, rule: ModuleType, files: dict[str, str]) -> dict[str, Answer]:
    repository = read_repository(write(root, {"package.json": PACKAGE, **files}))
    code = read_code(repository)
    found = find_endpoints(code, repository.files, repository.text, repository.units)
    return {row.subject.removeprefix("endpoint "): row for row in rule.ask(repository, code, found)}


def action(body: str, name: str = "save", parameters: str = "", top: str = "") -> dict[str, str]:
    text = f"'use server'\n{top}\nexport async function {name}({parameters}) {{\n{body}\n}}\n"
    page = f"'use client'\nimport {{ {name} }} from './actions'\nexport const Page = () => <form action={{{name}}} />\n"
    return {"app/actions.ts": text, "app/page.tsx": page}


MADE = """import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { getServerSession } from 'next-auth'
async function caller(c) { const session = await getServerSession(); if (!session) return null; return session }
const guard = createMiddleware(async (c, next) => {
  const found = await caller(c)
  REFUSAL
  await next()
})
const app = new Hono()
app.post('/notes', guard, async (c) => c.json({}))
export default app
"""


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        ("if (!found) return c.text('not signed in', 401)", Presence.PRESENT),
        ("if (found) c.set('caller', found)", Presence.ABSENT),
    ],
)
def test_a_middleware_that_a_factory_makes(refusal: str, expected: Presence, tmp_path: Path) -> None:
    found = access(tmp_path, {"src/app.ts": MADE.replace("REFUSAL", refusal)})
    assert found == {"POST /notes": expected}


def test_functions_that_are_assigned_to_undeclared_names(tmp_path: Path) -> None:
    guard = (
        "const jwt = require('jsonwebtoken')\nverifyToken = (req, res, next) => {\n"
        "  jwt.verify(req.headers['x-access-token'], key, (err) => {\n"
        "    if (err) return res.status(401).send()\n    next()\n  })\n}\n"
        "module.exports = { verifyToken: verifyToken }\n"
    )
    app = (
        "const app = require('express')()\nconst own = require('./guard')\n"
        "app.get('/notes', [own.verifyToken], (req, res) => res.send())\n"
    )
    assert access(tmp_path, {"app.js": app, "guard.js": guard}) == {"GET /notes": Presence.PRESENT}


def test_a_verification_whose_callback_ignores_failures_lets_everybody_pass(tmp_path: Path) -> None:
    app = (
        "const jwt = require('jsonwebtoken')\nconst app = require('express')()\n"
        "const watch = () => (req, res, next) => { jwt.verify(req.query.t, key, (err) => { if (!err) mark() })\n"
        "  next()\n}\n"
        "app.use(watch())\napp.get('/notes', (req, res) => res.send())\n"
    )
    assert access(tmp_path, {"app.js": app}) == {"GET /notes": Presence.ABSENT}


@pytest.mark.parametrize(("option", "expected"), [("", Presence.PRESENT), (", { skipAuth: true }", Presence.ABSENT)])
def test_an_option_that_says_that_nobody_need_be_asked(option: str, expected: Presence, tmp_path: Path) -> None:
    helper = (
        "import { verify } from 'jsonwebtoken'\nexport async function checkAuth(request) {\n"
        "  return verify(request.headers.get('x-share'), key)\n}\n"
        "export async function parseRequest(request, options) {\n  let error\n"
        "  if (!options?.skipAuth && !(await checkAuth(request))) error = () => new Response('', { status: 401 })\n"
        "  return { error }\n}\n"
    )
    route = (
        "import { parseRequest } from '../../../lib/request'\nexport async function POST(request) {\n"
        f"  const {{ error }} = await parseRequest(request{option})\n  if (error) return error()\n"
        "  return Response.json({})\n}\n"
    )
    found = access(tmp_path, {"app/api/notes/route.ts": route, "lib/request.ts": helper})
    assert found == {"POST /api/notes": expected}


def test_a_guard_that_counts_calls_knows_nobody(tmp_path: Path) -> None:
    text = (
        "import { Controller, Post, UseGuards } from '@nestjs/common'\n"
        "import { ThrottlerGuard } from '@nestjs/throttler'\n"
        "@UseGuards(ThrottlerGuard)\n@Controller('notes')\nexport class Notes {\n  @Post() add() { return 1 }\n}\n"
    )
    assert access(tmp_path, {"src/notes.controller.ts": text}) == {"POST /notes": Presence.ABSENT}


def test_a_session_that_is_remembered_for_a_request(tmp_path: Path) -> None:
    auth = (
        "import NextAuth from 'next-auth'\nimport { cache } from 'react'\n"
        "const { auth: asked, handlers } = NextAuth({})\nexport const auth = cache(asked)\n"
    )
    route = (
        "import { auth } from '../../../lib/auth'\nasync function context() {\n  const session = await auth()\n"
        "  if (!session) return null\n  return session\n}\nexport async function POST() {\n"
        "  const found = await context()\n  if (!found) return new Response('', { status: 401 })\n"
        "  return Response.json({})\n}\n"
    )
    assert access(tmp_path, {"app/api/notes/route.ts": route, "lib/auth.ts": auth}) == {
        "POST /api/notes": Presence.PRESENT
    }


def test_what_a_service_does_that_a_class_is_given(tmp_path: Path) -> None:
    service = (
        "import { PrismaService } from './prisma'\nexport class NotesService {\n"
        "  constructor(private readonly prisma: PrismaService) {}\n"
        "  add(text: string) { return this.prisma.note.create({ data: { text } }) }\n}\n"
    )
    text = (
        "import { Body, Controller, Post } from '@nestjs/common'\nimport { NotesService } from './notes.service'\n"
        "@Controller('notes')\nexport class Notes {\n  constructor(private readonly notes: NotesService) {}\n"
        "  @Post() add(@Body() body: string) { return this.notes.add(body) }\n}\n"
    )
    files = {"src/notes.controller.ts": text, "src/notes.service.ts": service}
    row = asked(tmp_path, endpoint_without_auth, files)["POST /notes"]
    assert (row.severity, "(note)" in row.detail) == (Severity.HIGH, True)


REFUSED = "import { unauthorizedResponse } from './answers'\n"


@pytest.mark.parametrize(
    ("wrapper", "expected"), [("authenticatedApiClient", Presence.PRESENT), ("wrapped", Presence.ABSENT)]
)
def test_a_wrapper_that_is_named_for_it_counts_and_an_answer_does_not(
    wrapper: str, expected: Presence, tmp_path: Path
) -> None:
    helper = (
        f"{REFUSED}export const {wrapper} = async ({{ request, handler }}) => {{\n"
        "  if (!(await ours(request))) return unauthorizedResponse()\n  return handler()\n}\n"
    )
    answers = "export const unauthorizedResponse = () => new Response('', { status: 401 })\n"
    route = (
        f"import {{ {wrapper} }} from '../../../lib/wrap'\nexport const POST = async (request) =>\n"
        f"  {wrapper}({{ request, handler: async () => Response.json({{}}) }})\n"
    )
    files = {"app/api/notes/route.ts": route, "lib/wrap.ts": helper, "lib/answers.ts": answers}
    assert access(tmp_path, files) == {"POST /api/notes": expected}


def test_a_policy_that_is_asked_decides(tmp_path: Path) -> None:
    files = action(f"await run(function* () {{ yield* notesPolicy.canEdit(id) }})\n{WRITES}", parameters="id: string")
    assert access(tmp_path, files)["ACTION app/actions.ts#save"] is Presence.PRESENT


LOADED = (
    "const router = require('express').Router()\nrouter.get('/notes', (req, res) => res.send())\n"
    "module.exports = router\n"
)


@pytest.mark.parametrize(
    "load",
    [
        "app.use('/api', require(path.join(__dirname, 'routes', file)))",
        "app.use('/api', require(`./routes/${file}`))",
        "const found = require('./routes/' + file)\n  app.use('/api', found)",
    ],
)
def test_routers_that_a_loop_over_a_folder_loads(load: str, tmp_path: Path) -> None:
    app = (
        "const app = require('express')()\nfor (const file of fs.readdirSync(path.join(__dirname, 'routes'))) {\n"
        f"  {load}\n}}\n"
    )
    found = access(tmp_path, {"src/app.js": app, "src/routes/notes.js": LOADED, "src/other/notes.js": LOADED})
    assert sorted(found) == ["GET /api/notes", "GET /notes"]


def test_a_router_that_is_required_where_it_is_mounted(tmp_path: Path) -> None:
    app = "const app = require('express')()\napp.use('/v1', require('./routes'))\n"
    index = (
        "const router = require('express').Router()\nrouter.use('/all', require('./notes'))\nmodule.exports = router\n"
    )
    found = access(tmp_path, {"src/app.js": app, "src/routes/index.js": index, "src/routes/notes.js": LOADED})
    assert sorted(found) == ["GET /v1/all/notes"]


def test_a_loop_over_a_folder_that_makes_paths_of_the_names(tmp_path: Path) -> None:
    app = "const app = require('express')()\napp.use('/v1', require('./routes'))\n"
    index = (
        "const router = require('express').Router()\nfs.readdirSync(__dirname).forEach((file) => {\n"
        "  const name = file.split('.')[0]\n  router.use(`/${name}`, require(`./${file}`))\n})\n"
        "module.exports = router\n"
    )
    files = {"src/app.js": app, "src/routes/index.js": index, "src/routes/mine.js": LOADED, "src/routes/all.js": LOADED}
    assert sorted(access(tmp_path, files)) == ["GET /v1/all/notes", "GET /v1/mine/notes"]


@pytest.mark.parametrize(
    "fill",
    [
        "for (const name of names) {\n  if (name !== 'index') module.exports[name] = require(`./${name}`)\n}\n",
        "const all = {}\nnames.forEach((name) => { all[name] = require('./' + name) })\nmodule.exports = all\n",
        "names.forEach(function (name) { exports[name] = require(path.join(__dirname, name)) })\n",
    ],
)
def test_a_folder_that_is_exported_by_the_names_of_its_files(fill: str, tmp_path: Path) -> None:
    names = "const names = fs.readdirSync(__dirname).map((file) => file.split('.')[0])\n"
    guard = (
        "const jwt = require('jsonwebtoken')\nexports.signedIn = (req, res, next) => {\n"
        "  req.user = jwt.verify(req.headers.authorization, process.env.JWT_SECRET)\n  next()\n}\n"
    )
    app = (
        "const app = require('express')()\nconst lib = require('./lib')\napp.post('/notes', lib.guard.signedIn, save)\n"
    )
    files = {"src/app.js": app, "src/lib/index.js": names + fill, "src/lib/guard.js": guard}
    assert access(tmp_path, files) == {"POST /notes": Presence.PRESENT}


CHECKS = (
    "module.exports = (schema) => (req, res, next) => {\n  if (!schema.safeParse(req.body).success) throw wrong()\n"
)


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        (CHECKS + "  next()\n}\n", Presence.ABSENT),
        (CHECKS + "  // for users who have signed in\n  next()\n}\n", Presence.ABSENT),
        (CHECKS + "  if (!req.user) throw wrong()\n  next()\n}\n", Presence.PRESENT),
        (None, Presence.UNRESOLVED),
    ],
)
def test_a_guard_by_name_counts_where_its_code_asks_or_cannot_be_read(
    guard: str | None, expected: Presence, tmp_path: Path
) -> None:
    app = "const app = require('express')()\nconst guard = require('./guard')\n"
    app += f"app.post('/notes', guard(schema), async (req, res) => {{ {WRITES} }})\n"
    files = {"src/app.js": app} | ({"src/guard.js": guard} if guard else {})
    assert access(tmp_path, files) == {"POST /notes": expected}


@pytest.mark.parametrize(
    ("nobody", "expected"),
    [("return answer.failure(res, 'no token')", Presence.PRESENT), ("req.nobody = true", Presence.UNRESOLVED)],
)
def test_a_guard_that_answers_in_its_own_words(nobody: str, expected: Presence, tmp_path: Path) -> None:
    guard = (
        "const jwt = require('jsonwebtoken')\nconst answer = require('./answer')\n"
        "const read = (token) => { try { return jwt.verify(token, key) } catch (error) { return error } }\n"
        "exports.asks = async (req, res, next) => {\n  const token = req.headers['x-access-token']\n"
        f"  if (!token) {{ {nobody} }}\n  const user = await db.user.findById(read(token).id)\n"
        "  if (!user) return answer.failure(res, 'nobody')\n  next()\n}\n"
    )
    app = "const app = require('express')()\nconst { asks } = require('./guard')\napp.post('/notes', asks, save)\n"
    answer = "exports.failure = (res, message) => { res.status(400).json({ message }) }\n"
    files = {"src/app.js": app, "src/guard.js": guard, "src/answer.js": answer}
    assert access(tmp_path, files) == {"POST /notes": expected}


def test_handlers_in_an_object_by_method(tmp_path: Path) -> None:
    helper = (
        "export function withMethods(handlers) {\n  return async (req, res) => handlers[req.method](req, res)\n}\n"
        "export function forProject(options) {\n  return async (req, res) => {\n"
        "    if (!req.headers.authorization) return res.status(401).end()\n    return options.run(req, res)\n  }\n}\n"
    )
    page = (
        "import { withMethods, forProject } from '../../lib/api'\nexport default withMethods({\n"
        "  GET: forProject({ run: async () => 1 }),\n  POST: async (req, res) => {\n"
        f"    {WRITES}\n  }},\n}})\n"
    )
    files = {"pages/api/notes.ts": page, "lib/api.ts": helper}
    assert access(tmp_path, files) == {"GET /api/notes": Presence.PRESENT, "POST /api/notes": Presence.ABSENT}


PUBLIC = "const open = ['/login', '/api/open/**']\n"
BEGINS = "const closed = ['/dashboard', '/api/notes']\nconst isClosed = closed.some((p) => path.startsWith(p))\n"
LOOSE = "const path = request.nextUrl.pathname\nconst open = ['/login', '/api/open']\nconst pathname = path\n\n"
NAMED = "if (!user && !request.nextUrl.pathname.startsWith('/login') && pathname !== '/api/open') { redirect(url) }"
KEPT = "const open: string[] = ['/login', '/api/open']\nconst isOpen = open.includes(path)\n"


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (PUBLIC + "if (micromatch.isMatch(pathname, open)) { return NextResponse.next() }", "/api/open/x", False),
        (PUBLIC + "if (micromatch.isMatch(pathname, open)) { return NextResponse.next() }", "/api/notes", True),
        (BEGINS + "if (isClosed && !session) { return NextResponse.redirect(url) }", "/api/notes/[id]", True),
        (BEGINS + "if (isClosed && !session) { return NextResponse.redirect(url) }", "/api/other", False),
        (KEPT + "if (!isOpen && !session) return NextResponse.redirect(url)", "/api/open", False),
        (KEPT + "if (!isOpen && !session) return NextResponse.redirect(url)", "/api/notes", True),
        (LOOSE + "if (!user && !open.some((p) => pathname.startsWith(p))) { redirect(url) }", "/api/open/x", False),
        (LOOSE + "if (!user && !open.some((p) => pathname.startsWith(p))) { redirect(url) }", "/api/notes", True),
        (NAMED, "/login/callback", False),
        (NAMED, "/api/open", False),
        (NAMED, "/api/notes", True),
        (NAMED.replace("&& pathname", "|| pathname"), "/api/notes", None),
        (NAMED.replace("!user", "!user && isApp(host)"), "/api/notes", None),
        (NAMED.replace("!user", "user"), "/api/notes", None),
        (KEPT + "if (isOpen && session) return NextResponse.redirect(home)", "/api/notes", None),
        ("const hosts = ['a.example']\nif (hosts.includes(host)) return NextResponse.next()", "/api/notes", None),
    ],
)
def test_lists_that_a_middleware_keeps(text: str, path: str, expected: bool | None) -> None:
    assert matched(text, path) is expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (WRITES, Severity.HIGH),
        ("await db\n    .insert(notes)\n    .values({})", Severity.HIGH),
        (f"const found = await prisma.invite.findFirst({{ where: {{ token }} }})\n{WRITES}", Severity.LOW),
        (f"const id = (await cookies()).get('cartId')?.value\n{WRITES}", Severity.LOW),
        (f"const {{ success }} = await limiter.limit('x')\n{WRITES}", Severity.LOW),
    ],
)
def test_who_is_meant_to_call_decides_how_severe_it_is(body: str, expected: Severity, tmp_path: Path) -> None:
    top = "import { Ratelimit } from '@upstash/ratelimit'\nconst limiter = new Ratelimit({})"
    row = asked(tmp_path, endpoint_without_auth, action(body, "store", top=top))["ACTION app/actions.ts#store"]
    assert (row.state, row.severity) == (State.FAIL, expected)


@pytest.mark.parametrize(("path", "expected"), [("newsletter", Severity.LOW), ("notes", Severity.HIGH)])
def test_visitors_may_subscribe(path: str, expected: Severity, tmp_path: Path) -> None:
    files = {f"app/api/{path}/route.ts": f"export async function POST() {{ {WRITES} }}\n"}
    assert asked(tmp_path, endpoint_without_auth, files)[f"POST /api/{path}"].severity is expected


@pytest.mark.parametrize(
    ("name", "table", "expected"),
    [
        ("getTracks", "track", Severity.LOW),
        ("searchPeople", "user", Severity.MEDIUM),
        ("checkout", "track", Severity.LOW),
        ("publish", "track", Severity.MEDIUM),
    ],
)
def test_an_action_that_only_reads(name: str, table: str, expected: Severity, tmp_path: Path) -> None:
    files = action(f"return prisma.{table}.findMany()", name)
    assert asked(tmp_path, endpoint_without_auth, files)[f"ACTION app/actions.ts#{name}"].severity is expected


HELPED = """import express from 'express'
import { who, slow, shape } from '@ours/guards'
const app = express()
app.post('/login', who, async (req, res) => { await slow(req); const body = shape(req.body); WRITE; res.end() })
"""


@pytest.mark.parametrize("control", ["auth", "rate_limit", "validation"])
def test_helpers_that_the_settings_name(control: str, tmp_path: Path) -> None:
    files = {"src/app.ts": HELPED.replace("WRITE", WRITES.replace("'x'", "body"))}
    found = inventory(tmp_path, files)
    assert endpoint_rows(found)[0].controls[control].presence is Presence.ABSENT
    found = replace(found, helpers=Helpers(("who",), ("slow",), ("shape",)), _authentication={})
    row = endpoint_rows(found)[0].controls[control]
    assert (row.presence, row.shows[-29:]) == (Presence.PRESENT, "declared in backend-audit.toml"[-29:])


def test_the_routes_command_reads_their_names(tmp_path: Path) -> None:
    settings = "auth-helpers = ['who']\n"
    write(tmp_path, {"package.json": PACKAGE, "src/app.ts": HELPED, "backend-audit.toml": settings})
    assert "who, declared in backend-audit.toml" in run("routes", tmp_path, "--format", "json").out


@pytest.mark.parametrize("value", ["['a b']", "['f()']", "'who'", "['']"])
def test_a_helper_is_a_name(value: str, tmp_path: Path) -> None:
    write(tmp_path, {"backend-audit.toml": f"limit-helpers = {value}"})
    with pytest.raises(UsageError, match="limit-helpers"):
        read_settings(tmp_path)


def test_a_challenge_of_a_game_is_no_sign_in(tmp_path: Path) -> None:
    files = action("return prisma.challenge.findMany()", "getChallenge")
    assert asked(tmp_path, auth_endpoint_without_rate_limit, files) == {}


def test_an_id_of_a_named_type_needs_no_schema(tmp_path: Path) -> None:
    files = action(WRITES, parameters="id: Video.VideoId")
    assert asked(tmp_path, endpoint_without_validation, files) == {}
    files = action("await prisma.note.create({ data: input })", parameters="input: Note")
    row = asked(tmp_path, endpoint_without_validation, files)["ACTION app/actions.ts#save"]
    assert row.severity is Severity.HIGH


_LIMITED = """
import Fastify from "fastify";
import rateLimit from "@fastify/rate-limit";
const app = Fastify();
app.post("/login", { config: { rateLimit: { max: 3 } } }, async (req) => db.login(req.body));
app.register(async (inner) => {
  await inner.register(rateLimit, { max: 5, timeWindow: "1 minute" });
  inner.get("/notes", async () => db.notes());
  inner.get("/health", { config: { rateLimit: false } }, async () => "ok");
});
app.register(async (inner) => {
  await inner.register(require("@fastify/rate-limit"), { max: 5 });
  inner.get("/tags", async () => db.tags());
});
app.register(async (inner) => {
  await inner.register(rateLimit, { global: false });
  inner.get("/about", async () => "about");
});
app.get("/open", async () => "open");
app.listen({ port: 3000 });
"""


def test_limits_that_a_plugin_of_fastify_and_the_route_s_own_options_set(tmp_path: Path) -> None:
    found = inventory(tmp_path, {"src/server.ts": _LIMITED})
    limited = {each.path for each in found.endpoints if found.rate_limit(each).presence is Presence.PRESENT}
    assert limited == {"/login", "/notes", "/tags"}
    assert {each.path for each in found.endpoints} == limited | {"/health", "/about", "/open"}


def test_a_payload_that_a_client_of_the_sender_opens_is_verified(tmp_path: Path) -> None:
    body = (
        'import {{ Router }} from "express";\nconst router = Router();\n'
        'router.post("/webhooks/apple", async (req, res) => {{\n'
        "  const event = await {opened};\n  await db.orders.update(event.id);\n  res.sendStatus(200);\n}});\n"
        "export default router;\n"
    )
    verified = body.format(opened="verifier.verifyAndDecodeNotification(req.body.signedPayload)")
    read = body.format(opened="JSON.parse(req.body.signedPayload)")
    for text, expected in ((verified, Presence.PRESENT), (read, Presence.ABSENT)):
        folder = tmp_path / expected.value
        assert access(folder, {"src/app.ts": text}) == {"POST /webhooks/apple": expected}


def test_a_file_of_javascript_that_names_a_library_of_controllers(tmp_path: Path) -> None:
    files = {
        "src/app.js": 'const express = require("express");\nconst app = express();\n'
        'app.get("/notes", (req, res) => res.json([]));\n',
        "src/users.js": 'const { JsonController } = require("routing-controllers");\nclass Users {}\n',
    }
    assert list(access(tmp_path, files)) == ["GET /notes"]


@pytest.mark.parametrize(
    ("parameter", "body", "expected"),
    [
        (
            "@Ctx() { req: { user } }: Context",
            "if (!user || !user.id) throw new Error(t(keys.REQUIRED))",
            Presence.PRESENT,
        ),
        ("@Ctx() { user: _user }: Context", "const id = _user?.id\nif (!id) throw new Error('no')", Presence.ABSENT),
        (
            "@Ctx() { req: { user: _user } }: Context",
            "const userId = _user?.id\nconst user = await find(userId)\nif (!user) throw t(keys.UN_AUTHORIZED)",
            Presence.PRESENT,
        ),
        (
            "@Ctx() ctx: Context",
            "const id = ctx?.req?.user?.id\nconst donor = await find(id)\nif (!donor) throw t(keys.UN_AUTHORIZED)",
            Presence.PRESENT,
        ),
        (
            "@Ctx() ctx: Context",
            "const userId = ctx?.req?.user?.id\nconst note = await find(userId)\nif (!note) throw new Error('no note')",
            Presence.ABSENT,
        ),
        ("@Ctx() { req: { ip } }: Context", "if (!ip) throw new Error('who?')", Presence.ABSENT),
        (
            "@Ctx() ctx: Context",
            "const wallet = await find(id)\nif (!wallet) throw new Error(t(keys.UN_AUTHORIZED))",
            Presence.ABSENT,
        ),
    ],
)
def test_a_resolver_of_a_class_that_needs_the_caller_of_its_context(
    parameter: str, body: str, expected: Presence, tmp_path: Path
) -> None:
    text = f"""import {{ ApolloServer }} from '@apollo/server'
import {{ Arg, Ctx, Mutation, Resolver }} from 'type-graphql'
import {{ find, t, keys }} from './elsewhere'
@Resolver()
export class Notes {{
  @Mutation(() => Boolean)
  async addNote(@Arg('id') id: string, {parameter}): Promise<boolean> {{
    {body}
    return save(id)
  }}
}}
"""
    elsewhere = "export const find = (id) => rows.get(id)\nexport const t = (key) => key\nexport const keys = {}\n"
    found = access(tmp_path, {"src/notes.ts": text, "src/elsewhere.ts": elsewhere})
    assert found == {"MUTATION Mutation.addNote": expected}


def test_guards_that_the_class_of_a_router_is_made_with(tmp_path: Path) -> None:
    files = {
        "src/guard.ts": "async function apikey(req, res, next) {\n  const key = req.get('apikey')\n"
        "  if (key !== process.env.KEY) throw new UnauthorizedException()\n  next()\n}\n"
        "const noted = (req, res, next) => { console.log(req.path); next() }\nexport const guard = { apikey, noted }\n",
        "src/notes.ts": """import { Router } from 'express'
export class NotesRouter {
  readonly router: Router = Router()
  constructor(readonly settings: unknown, ...guards: RequestHandler[]) {
    this.router.get('/', ...guards, async (req, res) => res.json(await all()))
  }
}
""",
        "src/groups.ts": """import { Router } from 'express'
import { NotesRouter } from './notes'
import { OpenRouter } from './open'
export class GroupRouter {
  readonly router: Router
  constructor(settings: unknown, ...guards: RequestHandler[]) {
    this.router = Router()
    this.router.use('/notes', new NotesRouter(settings, ...guards).router)
    this.router.use('/open', new OpenRouter(settings).router)
  }
}
""",
        "src/open.ts": """import { Router } from 'express'
import { guard } from './guard'
export class OpenRouter {
  readonly router: Router = Router()
  constructor(settings: unknown, ...guards: RequestHandler[]) {
    this.router.get('/', ...guards, async (req, res) => res.json(await all()))
    this.router.get('/mine', guard['apikey'], async (req, res) => res.json(await mine()))
    this.router.get('/noted', guard['noted'], async (req, res) => res.json(await mine()))
  }
}
""",
        "src/app.ts": """import express from 'express'
import { GroupRouter } from './groups'
import { guard } from './guard'
const app = express()
const guards = [guard['noted'], guard['apikey']]
app.use('/api', new GroupRouter({}, ...guards).router)
""",
    }
    found = access(tmp_path, files)
    assert found == {
        "GET /api/notes": Presence.PRESENT,
        "GET /api/open": Presence.ABSENT,
        "GET /api/open/mine": Presence.PRESENT,
        "GET /api/open/noted": Presence.ABSENT,
    }


@pytest.mark.parametrize(("first", "counted", "known"), [(True, True, True), (False, False, False)])
def test_what_stands_before_a_server_of_graphql_stands_before_what_it_answers(
    first: bool, counted: bool, known: bool, tmp_path: Path
) -> None:
    guards = "app.use(rateLimit({ max: 3 }))\n  app.use('/graphql', requireUser)"
    host = "app.use('/graphql', express.json(), expressMiddleware(server, { context }))"
    files = {
        "src/app.ts": f"""import express from 'express'
import {{ ApolloServer }} from '@apollo/server'
import {{ expressMiddleware }} from '@apollo/server/express4'
import {{ rateLimit }} from 'express-rate-limit'
import {{ Notes }} from './notes'
function requireUser(req, res, next) {{ if (!req.session.user) return res.status(401).end(); next() }}
export async function start() {{
  const app = express()
  const server = new ApolloServer(schemaOf([Notes]))
  {guards if first else host}
  {host if first else guards}
  app.get('/health', (req, res) => res.send('ok'))
}}
""",
        "src/notes.ts": "import { Arg, Mutation, Resolver } from 'type-graphql'\n@Resolver()\nexport class Notes {\n"
        "  @Mutation(() => Boolean)\n  async addNote(@Arg('id') id: string) { return save(id) }\n}\n",
    }
    rows = {f"{row.method} {row.path}": row.controls for row in endpoint_rows(inventory(tmp_path, files))}
    assert set(rows) == {"GET /health", "MUTATION Mutation.addNote"}
    found = rows["MUTATION Mutation.addNote"]
    assert (found["rate_limit"].presence is Presence.PRESENT) is counted
    assert (found["auth"].presence is Presence.PRESENT) is known


@pytest.mark.parametrize(("path", "expected"), [("notes", Presence.PRESENT), ("open", Presence.ABSENT)])
def test_public_paths_that_a_helper_of_the_middleware_keeps(path: str, expected: Presence, tmp_path: Path) -> None:
    helper = """import { createServerClient } from '@supabase/ssr'
import { NextResponse } from 'next/server'
export async function updateSession(request) {
  const supabase = createServerClient(url, key, {})
  const { data: { user } } = await supabase.auth.getUser()
  const open = ['/login', '/api/open']
  const pathname = request.nextUrl.pathname
  if (!user && !open.some((each) => pathname.startsWith(each))) {
    return NextResponse.redirect(new URL('/login', request.url))
  }
  return NextResponse.next({ request })
}
"""
    files = {
        "middleware.ts": "import { updateSession } from './lib/session'\n"
        "export async function middleware(request) { return await updateSession(request) }\n",
        "lib/session.ts": helper,
        f"app/api/{path}/route.ts": f"export async function POST(request) {{ {WRITES} }}\n",
    }
    assert access(tmp_path, files) == {f"POST /api/{path}": expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (", { methods: ['POST'], user: true }", Presence.PRESENT),
        (", { methods: ['POST'] }", Presence.ABSENT),
        (", { methods: ['POST'], user: false }", Presence.ABSENT),
        ("", Presence.ABSENT),
        (", { ...shared }", Presence.PRESENT),
    ],
)
def test_a_wrapper_that_asks_where_its_options_say_so(given: str, expected: Presence, tmp_path: Path) -> None:
    helper = """import { timingSafeEqual } from 'node:crypto'
import { unsigned } from './cookies'
export const withApi = (handler, options: Options = { methods: ['GET'] }) => (req, res) => {
  // if the user is not logged in
  res.unauthorized = (message) => { res.status(401).json({ message }) }
  req.user = async () => {
    const id = unsigned(req.cookies.user, process.env.SECRET)
    return id ? prisma.user.findFirst({ where: { id } }) : null
  }
  if (!options.methods.includes(req.method)) return res.status(405).end()
  if (options.user) {
    return req.user().then((user) => {
      if (!user) return res.unauthorized('not logged in')
      return handler(req, res, user)
    })
  }
  return handler(req, res)
}
"""
    cookies = """import { timingSafeEqual } from 'node:crypto'
export function unsigned(value, secret) {
  const [id, given] = value.split('.')
  return timingSafeEqual(sign(id, secret), given) ? id : null
}
"""
    page = "import { withApi } from '../../lib/api'\nimport { shared } from '../../lib/unseen'\n"
    page += f"async function handler(req, res) {{ {WRITES} }}\nexport default withApi(handler{given})\n"
    files = {"lib/api.ts": helper, "lib/cookies.ts": cookies, "pages/api/notes.ts": page}
    assert set(access(tmp_path, files).values()) == {expected}


@pytest.mark.parametrize(("how", "expected"), [("decode", Presence.ABSENT), ("verify", Presence.PRESENT)])
def test_a_helper_that_only_decodes_a_token_knows_nobody(how: str, expected: Presence, tmp_path: Path) -> None:
    helper = f"""const jwt = require('jsonwebtoken')
module.exports = async req => {{
  if (!req.headers.authorization) return null
  const token = await jwt.{how}(req.headers.authorization.split(' ')[1], process.env.JWT_SECRET)
  return token || null
}}
"""
    routes = """const router = require('express').Router()
const checkAuth = require('./auth')
router.get('/notes', async (req, res) => {
  const who = await checkAuth(req)
  if (!who) return res.json([])
  res.json(await Note.find({ user: who.id }))
})
module.exports = router
"""
    assert access(tmp_path, {"auth.js": helper, "routes.js": routes}) == {"GET /notes": expected}
