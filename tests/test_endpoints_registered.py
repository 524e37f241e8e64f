"""Registrations and guards in the forms of products: routers in contexts, tables, wrappers with a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.facts.units import is_example
from auditor.model import Presence
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.listed import EndpointRow

Files = dict[str, str]
NAMES = ("next", "hono", "fastify", "express", "@trpc/server")
PACKAGE = '{"dependencies": {' + ", ".join(f'"{name}": "11.0.0"' for name in NAMES) + "}}"


def rows(root: Path, files: Files) -> dict[str, EndpointRow]:
    repository = read_repository(write(root, {"package.json": PACKAGE, **files}))
    code = read_code(repository)
    found = find_endpoints(code, repository.files, repository.text, repository.units)
    return {f"{row.method} {row.path}": row for row in endpoint_rows(found)}


def control(root: Path, name: str, files: Files) -> dict[str, Presence]:
    return {key: row.controls[name].presence for key, row in rows(root, files).items()}


CONTEXT: Files = {
    "src/server.ts": """import { Hono } from 'hono'
import { registerRoutes } from './routes'
export function createServer(dependencies) {
  const app = new Hono()
  registerRoutes({ app, ...dependencies })
  return app
}
""",
    "src/routes.ts": """import { registerNotes } from './notes'
import { registerTags } from './tags'
export function registerRoutes(context) {
  registerNotes(context)
  registerTags({ ...context, limit: 5 })
}
""",
    "src/notes.ts": """export function registerNotes(context) {
  setupList(context)
}
function setupList({ app, db }) {
  app.get('/api/notes', async (c) => c.json(await db.all()))
}
""",
    "src/tags.ts": "export function registerTags({ app }) {\n  app.post('/api/tags', (c) => c.json({}))\n}\n",
}


def test_a_router_that_goes_on_with_the_object_that_holds_it(tmp_path: Path) -> None:
    assert set(rows(tmp_path, CONTEXT)) == {"GET /api/notes", "POST /api/tags"}


TRPC = """import { initTRPC, TRPCError } from '@trpc/server'
const t = initTRPC.context().create()
const readOnly = t.middleware(({ next }) => next())
const base = process.env.DEMO ? t.procedure.use(readOnly) : t.procedure
const known = t.middleware(({ ctx, next }) => {
  if (!ctx.session) throw new TRPCError({ code: 'UNAUTHORIZED' })
  return next()
})
export const protectedProcedure = base.use(known)
export const permitted = { requires: (right: string) => protectedProcedure.use(({ next }) => next()) }
export const appRouter = t.router({
  open: base.query(() => 1),
  own: protectedProcedure.query(() => 2),
  admin: permitted.requires('admin').mutation(() => 3),
})
"""


def test_a_procedure_that_a_setting_or_a_method_chooses(tmp_path: Path) -> None:
    assert control(tmp_path, "auth", {"src/trpc.ts": TRPC}) == {
        "QUERY open": Presence.ABSENT,
        "QUERY own": Presence.PRESENT,
        "MUTATION admin": Presence.PRESENT,
    }


def test_a_plugin_whose_instance_has_a_type_of_the_project(tmp_path: Path) -> None:
    plugin = """import type { FastifyInstanceTyped } from './types'
const plugin = async (fastify: FastifyInstanceTyped) => {
  fastify.register(async (inner: AppServer) => {
    inner.get('/', async () => [])
  }, { prefix: '/tags' })
}
export default plugin
"""
    app = """import Fastify from 'fastify'
import tags from './tags'
const app = Fastify()
app.register(tags, { prefix: '/api' })
"""
    assert set(rows(tmp_path, {"src/app.ts": app, "src/tags.ts": plugin})) == {"GET /api/tags"}


RESOURCES: Files = {
    "app/resources.py": "from flask_restful import Resource\n\nclass Notes(Resource):\n    def get(self): ...\n"
    "    def post(self): ...\n\nclass Tags(Resource):\n    def get(self): ...\n",
    "app/routes.py": "from app.resources import Notes, Tags\n\n"
    'ROUTES = [(Notes, "/notes/", "/notes/all/"), (Tags, "/tags/")]\n',
    "app/views.py": "def health(): ...\n\ndef ping(): ...\n",
    "app/__init__.py": "",
}


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        (
            "for route in ROUTES:\n        api.add_resource(*route)",
            {"GET /v1/notes", "POST /v1/notes", "GET /v1/notes/all", "POST /v1/notes/all", "GET /v1/tags"},
        ),
        (
            "for resource, path in [(Notes, '/n'), (Tags, '/t')]:\n        api.add_resource(resource, path)",
            {"GET /v1/n", "POST /v1/n", "GET /v1/t"},
        ),
        (
            "for path, view in (('/health', health), ('/ping', ping)):\n        app.add_url_rule(path, view_func=view)",
            {"GET /health", "GET /ping"},
        ),
    ],
)
def test_a_table_of_resources(loop: str, expected: set[str], tmp_path: Path) -> None:
    main = (
        "from flask import Flask\nfrom flask_restful import Api\nfrom app.resources import Notes, Tags\n"
        "from app.routes import ROUTES\nfrom app.views import health, ping\n\n"
        "def create_app():\n    app = Flask(__name__)\n"
        f"    api = Api(app, prefix='/v1')\n    {loop}\n    return app\n"
    )
    assert set(rows(tmp_path, {**RESOURCES, "app/main.py": main})) == expected


def test_a_page_that_hands_a_table_of_methods_on(tmp_path: Path) -> None:
    page = """import { answer } from '../../lib/answer'
export default async function handler(req, res) {
  await answer(req, res, { GET: list, POST: async (req, res) => res.json({}) })
}
const list = async (req, res) => res.json([])
"""
    answer = "export const answer = (req, res, handlers) => handlers[req.method](req, res)\n"
    found = rows(tmp_path, {"pages/api/notes.ts": page, "lib/answer.ts": answer})
    assert {key: row.where.line for key, row in found.items() if row.where} == {
        "GET /api/notes": 5,
        "POST /api/notes": 3,
    }


@pytest.mark.parametrize("asked", ["'POST' !== req.method", "req.method !== 'POST'"])
def test_a_page_that_answers_one_method(asked: str, tmp_path: Path) -> None:
    page = (
        f"export default function handler(req, res) {{\n  if ({asked}) return res.status(405).end()\n  res.end()\n}}\n"
    )
    assert set(rows(tmp_path, {"pages/api/upload.ts": page})) == {"POST /api/upload"}


def test_a_page_whose_handler_stands_elsewhere(tmp_path: Path) -> None:
    body = "  switch (req.method) {\n    case 'GET': return res.end()\n  }\n"
    handler = f"export default function handler(req, res) {{\n{body}}}\n"
    page = "import handler from '../../ee/sso'\nexport default handler\n"
    assert set(rows(tmp_path, {"pages/api/sso.ts": page, "ee/sso.ts": handler})) == {"GET /api/sso"}


def test_templates_among_the_sources_are_a_subject() -> None:
    assert not is_example("actions/campaigns/templates/create.ts")
    assert is_example("templates/shop/create.ts")


GUARDED = """import Fastify from 'fastify'
import { PUBLIC } from './open'
const OWN = new Set(['/own'])
const app = Fastify()
app.addHook('onRequest', async (request, reply) => {
  const url = request.raw.url
  if (PUBLIC.some((path) => url.startsWith(path))) return
  const own = OWN.has(url)
  if (own) return
  if (!request.session) return reply.status(401).send({ error: 'unauthorized' })
})
app.get('/health', async () => 1)
app.get('/docs/index', async () => 1)
app.get('/own', async () => 1)
app.get('/notes', async () => 1)
"""


def test_a_guard_with_a_list_of_those_who_need_not_ask(tmp_path: Path) -> None:
    files = {"src/app.ts": GUARDED, "src/open.ts": "export const PUBLIC = ['/health', '/docs/*']\n"}
    assert control(tmp_path, "auth", files) == {
        "GET /health": Presence.ABSENT,
        "GET /docs/index": Presence.ABSENT,
        "GET /own": Presence.ABSENT,
        "GET /notes": Presence.PRESENT,
    }


PASSPORT = """const express = require('express')
const passport = require('passport')
const app = express()
const wrap = (f) => (req, res, next) => Promise.resolve(f(req, res, next)).catch(next)
const looseJwt = (req, res, next) => passport.authenticate('loose')(req, res, next)
const optionalUser = passport.authenticate('any')
const jwt = passport.authenticate('jwt')
app.get('/a', wrap(looseJwt), (req, res) => res.send())
app.get('/b', optionalUser, (req, res) => res.send())
app.get('/c', jwt, (req, res) => res.send())
"""


def test_a_guard_that_is_named_for_asking_nobody(tmp_path: Path) -> None:
    assert control(tmp_path, "auth", {"app.js": PASSPORT}) == {
        "GET /a": Presence.ABSENT,
        "GET /b": Presence.ABSENT,
        "GET /c": Presence.PRESENT,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("verifySession", Presence.PRESENT),
        ("launchSession", Presence.ABSENT),
        ("handleExitSession", Presence.ABSENT),
        ("areCredentialsPresent", Presence.ABSENT),
        ("throwIfCredentialsDisabled", Presence.ABSENT),
        ("signAccessToken", Presence.ABSENT),
        ("checkUsernameTaken", Presence.ABSENT),
    ],
)
def test_a_name_says_whether_it_asks_who_calls(name: str, expected: Presence, tmp_path: Path) -> None:
    text = f"""import express from 'express'
const app = express()
async function {name}(store) {{ if (!store.session) throw new Error('no session') }}
app.post('/notes', async (req, res) => {{ await {name}(store); res.send() }})
"""
    assert control(tmp_path, "auth", {"src/app.ts": text}) == {"POST /notes": expected}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if (isNil(authorizationHeader)) {\n    return next()\n  }", Presence.ABSENT),
        ("if (isNil(authorizationHeader)) {\n    throw new Unauthorized(401)\n  }", Presence.PRESENT),
    ],
)
def test_a_middleware_that_hands_on_those_without_a_header(body: str, expected: Presence, tmp_path: Path) -> None:
    text = f"""import {{ Hono }} from 'hono'
import {{ createMiddleware }} from 'hono/factory'
const keys = createMiddleware(async (c, next) => {{
  const authorizationHeader = c.req.header('authorization')
  {body}
  if (!authorizationHeader.startsWith('Bearer ')) throw new Unauthorized(401)
  await next()
}})
const app = new Hono()
app.use(keys)
app.get('/notes', (c) => c.json([]))
"""
    assert control(tmp_path, "auth", {"src/app.ts": text}) == {"GET /notes": expected}


def test_a_resolver_that_asks_its_context(tmp_path: Path) -> None:
    text = """import { createSchema, createYoga } from 'graphql-yoga'
export const yoga = createYoga({ schema: createSchema({
  typeDefs: `type Query { own: Int mine: Int open: Int }`,
  resolvers: { Query: {
    own: (_, args, ctx) => { if (!ctx.currentClient.isAuthenticated) throw new Error('no'); return 1 },
    mine: (_, args, ctx) => { if (!ctx.currentClient.user?.id) throw new Error('no'); return 1 },
    open: () => 2,
  } },
}) })
"""
    found = control(
        tmp_path, "auth", {"src/graphql.ts": text, "package.json": '{"dependencies": {"graphql-yoga": "5.0.0"}}'}
    )
    assert {key.split()[-1].split(".")[-1]: value for key, value in found.items() if key.startswith("QUERY")} == {
        "own": Presence.PRESENT,
        "mine": Presence.PRESENT,
        "open": Presence.ABSENT,
    }


def test_a_column_that_is_called_like_a_limit_limits_nothing(tmp_path: Path) -> None:
    text = """import { Hono } from 'hono'
import { boolean } from 'drizzle-orm/pg-core'
const column = () => boolean("rate_limit_enabled").default(true)
const app = new Hono()
app.post('/login', async (c) => { column(); return c.json({}) })
"""
    assert control(tmp_path, "rate_limit", {"src/app.ts": text}) == {"POST /login": Presence.ABSENT}


@pytest.mark.parametrize(
    ("guard", "does", "expected"),
    [
        ("validateApiKey", "check(req.get('x-api-key'))", Presence.ABSENT),
        ("validateNote", "check(req.body)", Presence.PRESENT),
        ("validateNote", "find(req.params.id)", Presence.ABSENT),
    ],
)
def test_to_validate_who_calls_is_not_to_validate_what_is_sent(
    guard: str, does: str, expected: Presence, tmp_path: Path
) -> None:
    text = f"""import express from 'express'
import {{ {guard} }} from './guards'
const app = express()
app.post('/notes', {guard}, async (req, res) => {{ await prisma.note.create({{ data: req.body }}); res.send() }})
"""
    guards = f"export const {guard} = (req, res, next) => {{ {does}; next() }}\n"
    assert control(tmp_path, "validation", {"src/app.ts": text, "src/guards.ts": guards}) == {"POST /notes": expected}


def test_a_wrapper_that_is_given_the_schema(tmp_path: Path) -> None:
    safe = """export const safeAction = (schema, handler) => async (data) => {
  const found = schema.safeParse(data)
  if (!found.success) return { error: 'no' }
  return handler(found.data)
}
"""
    action = """'use server'
import { safeAction } from './safe'
import { Note } from './schema'
const handler = async (data) => { await prisma.note.create({ data }) }
export const save = safeAction(Note, handler)
"""
    files = {"app/safe.ts": safe, "app/actions.ts": action, "app/schema.ts": "export const Note = z.object({})\n"}
    assert control(tmp_path, "validation", files) == {"ACTION app/actions.ts#save": Presence.PRESENT}


def test_the_sender_that_a_library_verifies_as_it_receives(tmp_path: Path) -> None:
    text = """import { Hono } from 'hono'
import { App } from 'octokit'
const github = new App({})
const app = new Hono()
app.post('/webhook/github', async (c) => {
  const body = await c.req.text()
  await github.webhooks.verifyAndReceive({ payload: body, signature: c.req.header('x-hub-signature-256') })
  return c.json({})
})
"""
    assert control(tmp_path, "signature", {"src/app.ts": text}) == {"POST /webhook/github": Presence.PRESENT}


def test_a_page_to_sign_in_at_sends_on_who_has_done_so(tmp_path: Path) -> None:
    text = """from flask import Flask, redirect
from flask_login import current_user
app = Flask(__name__)

@app.route("/login")
def login():
    if current_user.is_authenticated:
        return redirect("/")
    return "form"

@app.route("/own")
def own():
    if not current_user.is_authenticated:
        return redirect("/")
    return "yours"
"""
    assert control(tmp_path, "auth", {"app.py": text}) == {"GET /login": Presence.ABSENT, "GET /own": Presence.PRESENT}


MEMBERS = """import { initTRPC, TRPCError } from '@trpc/server'
const t = initTRPC.context().create()
const known = t.procedure.use(({ ctx, next }) => {
  if (!ctx.session) throw new TRPCError({ code: 'UNAUTHORIZED' })
  return next()
})
const ofGroup = known.input(z.object({ groupId: z.number() })).use(async ({ ctx, input, next }) => {
  const found = await prisma.groupUser.findFirst({ where: { groupId: input.groupId, userId: ctx.session.user.id } })
  if (!found) throw new TRPCError({ code: 'FORBIDDEN' })
  return next()
})
export const appRouter = t.router({
  rename: PROCEDURE.input(z.object({ groupId: z.number() })).mutation(async ({ input }) => {
    return prisma.group.update({ where: { id: input.groupId }, data: {} })
  }),
})
"""


@pytest.mark.parametrize(("procedure", "expected"), [("ofGroup", Presence.PRESENT), ("known", Presence.ABSENT)])
def test_a_middleware_that_looks_for_a_membership(procedure: str, expected: Presence, tmp_path: Path) -> None:
    schema = "model Group {\n  id Int @id\n  userId Int\n}\nmodel GroupUser {\n  groupId Int @id\n  userId Int\n}\n"
    files = {"src/trpc.ts": MEMBERS.replace("PROCEDURE", procedure), "prisma/schema.prisma": schema}
    assert control(tmp_path, "ownership", files) == {"MUTATION rename": expected}


CLASSFUL = """from flask import Blueprint, Flask
from flask_classful import FlaskView, route

class Base(FlaskView):
    route_prefix = "/v1/"

class Removes:
    def delete(self, object_id, **kwargs): ...

class NotesView(Base, Removes):
    route_base = "notes"
    def index(self): ...
    def get(self, object_id): ...
    @route("/<int:note>/run", methods=["POST"])
    def run(self, note): ...
    def _own(self): ...

class SharedView(NotesView):
    route_prefix = "/v1/ws/<name>/"
    base_args = ["name"]
    excluded_methods = ["run"]
    def get(self, object_id, name=None): ...

class TagsView(FlaskView):
    def index(self): ...

api = Blueprint("api", __name__)
NotesView.register(api)
SharedView.register(api)
TagsView.register(api)

def create_app():
    app = Flask(__name__)
    app.config["PREFIX"] = "/_api" if not TESTING else ""
    app.register_blueprint(api, url_prefix=app.config["PREFIX"])
    return app
"""


def test_classes_whose_methods_are_routes(tmp_path: Path) -> None:
    assert set(rows(tmp_path, {"app.py": CLASSFUL})) == {
        "GET /_api/v1/notes",
        "GET /_api/v1/notes/<object_id>",
        "DELETE /_api/v1/notes/<object_id>",
        "POST /_api/v1/notes/<int:note>/run",
        "GET /_api/v1/ws/<name>/notes",
        "GET /_api/v1/ws/<name>/notes/<object_id>",
        "DELETE /_api/v1/ws/<name>/notes/<object_id>",
        "GET /_api/tags",
    }


NEST = """import { Controller, Get, Version } from '@nestjs/common'
@Controller({ path: 'notes', version: '2' })
export class Notes {
  @Get() all() { return [] }
  @Version('3') @Get('new') fresh() { return [] }
}
@Controller('tags')
export class Tags {
  @Get() all() { return [] }
}
"""


@pytest.mark.parametrize(
    ("enabled", "expected"),
    [
        ("", {"GET /notes", "GET /notes/new", "GET /tags"}),
        ("app.enableVersioning();", {"GET /v2/notes", "GET /v3/notes/new", "GET /tags"}),
        (
            "app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1', prefix: 'api/v' });",
            {"GET /api/v2/notes", "GET /api/v3/notes/new", "GET /api/v1/tags"},
        ),
        (
            "app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' });",
            {"GET /notes", "GET /notes/new", "GET /tags"},
        ),
    ],
)
def test_versions_stand_in_paths_where_they_are_enabled(enabled: str, expected: set[str], tmp_path: Path) -> None:
    main = (
        f"import {{ NestFactory }} from '@nestjs/core'\nconst app = await NestFactory.create(AppModule);\n{enabled}\n"
    )
    package = '{"dependencies": {"@nestjs/common": "11.0.0"}}'
    files = {"package.json": package, "src/main.ts": main, "src/notes.controller.ts": NEST}
    assert set(rows(tmp_path, files)) == expected


def test_which_files_of_a_folder_are_loaded(tmp_path: Path) -> None:
    app = """import Fastify from 'fastify'
import AutoLoad from '@fastify/autoload'
import { join } from 'node:path'
const app = Fastify()
const left = /.*\\.no-load\\.js$/i
const dir = join(__dirname, 'routes')
app.register(AutoLoad, { dir: dir, matchFilter: /^.*\\.schema\\.js$/i, dirNameRoutePrefix: false })
app.register(AutoLoad, { dir: join(__dirname, 'routes'), indexPattern: /^.*routes(?:\\.js)$/, ignorePattern: left })
"""
    plugin = "export default async function (fastify) {\n  fastify.get('/', async () => 1)\n}\n"
    files = {"app.js": app, "routes/notes/routes.js": plugin, "routes/notes/list.js": plugin}
    found = set(rows(tmp_path, {**files, "routes/old/a.no-load.js": plugin}))
    assert found == {"GET /notes", "GET /"}  # what nothing loads stands by itself


def test_who_may_change_a_row_is_asked_of_the_row(tmp_path: Path) -> None:
    views = """from rest_framework import permissions, viewsets

class IsSelf(permissions.BasePermission):
    def has_object_permission(self, request, view, obj):
        if request.method in permissions.SAFE_METHODS:
            return True
        return obj == request.user

class Users(viewsets.ModelViewSet):
    permission_classes = [IsSelf]
"""
    urls = """from rest_framework.routers import DefaultRouter
from app.views import Users
router = DefaultRouter()
router.register("users", Users)
urlpatterns = router.urls
"""
    settings = "ROOT_URLCONF = 'app.urls'\nINSTALLED_APPS = ['rest_framework']\n"
    files = {"app/__init__.py": "", "app/views.py": views, "app/urls.py": urls, "app/settings.py": settings}
    found = control(tmp_path, "auth", files)
    assert found["PATCH /users/<pk>"] is Presence.PRESENT
    assert found["GET /users/<pk>"] is Presence.ABSENT
    assert found["POST /users"] is Presence.ABSENT


def test_a_view_whose_methods_a_package_has_keeps_its_row(tmp_path: Path) -> None:
    urls = """from django.urls import path
from chunked_upload.views import ChunkedUploadView
class Upload(ChunkedUploadView):
    def on_completion(self): ...
urlpatterns = [path("upload/", Upload.as_view())]
"""
    files = {"app/__init__.py": "", "app/urls.py": urls, "app/settings.py": "ROOT_URLCONF = 'app.urls'\n"}
    assert control(tmp_path, "auth", files) == {"ALL /upload": Presence.UNRESOLVED}


ORIGIN = """from fastapi import Depends, FastAPI, HTTPException, Request
app = FastAPI()

def NAME(request: Request):
    if not request.headers.get("token"):
        raise HTTPException(status_code=401)

@app.post("/notes", dependencies=[Depends(NAME)])
def add():
    return 1
"""


@pytest.mark.parametrize(("name", "expected"), [("trusted_origin", Presence.ABSENT), ("known", Presence.PRESENT)])
def test_to_ask_from_where_is_not_to_ask_who(name: str, expected: Presence, tmp_path: Path) -> None:
    assert control(tmp_path, "auth", {"app.py": ORIGIN.replace("NAME", name)}) == {"POST /notes": expected}


def test_a_list_that_a_package_filters(tmp_path: Path) -> None:
    urls = """from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import path
from django_filters.views import FilterView
class Notes(LoginRequiredMixin, FilterView):
    model = Note
urlpatterns = [path("notes/", Notes.as_view())]
"""
    files = {"app/__init__.py": "", "app/urls.py": urls, "app/settings.py": "ROOT_URLCONF = 'app.urls'\n"}
    assert control(tmp_path, "auth", files) == {"GET /notes": Presence.PRESENT}
