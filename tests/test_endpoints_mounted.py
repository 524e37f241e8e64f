"""Where endpoints are put: by modules, by functions that make paths, by loaders of folders, and by loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.facts.py_django_patterns import cleaned
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

Files = dict[str, str]
NAMES = ("next", "fastify", "express", "@nestjs/core")
PACKAGE = '{"dependencies": {' + ", ".join(f'"{name}": "11.0.0"' for name in NAMES) + "}}"


def listed(root: Path, files: Files) -> set[str]:
    repository = read_repository(write(root, {"package.json": PACKAGE, **files}))
    code = read_code(repository)
    found = find_endpoints(code, repository.files, repository.text, repository.units)
    return {f"{row.method} {row.path}" for row in endpoint_rows(found)}


def controller(name: str) -> str:
    return f"""import {{ Controller, Get, Post }} from '@nestjs/common'
@Controller('notes')
export class {name} {{
  @Get(':id')
  one() {{ return 1 }}
  @Post()
  add() {{ return 2 }}
}}
"""


_MODULES = """import { Module } from '@nestjs/common'
import { InsideController } from './inside.controller'
import { OutsideController } from './outside.controller'
@Module({ controllers: [InsideController] })
export class InsideModule {}
@Module({ controllers: [OutsideController] })
export class OutsideModule {}
"""
_ROUTES = """import { Module } from '@nestjs/common'
import { RouterModule, Routes } from '@nestjs/core'
import { InsideModule, OutsideModule } from './modules'
export const PUBLIC = '/api/v2'
const routes: Routes = [
  { path: PUBLIC, module: OutsideModule },
  { path: '/api', children: [{ path: 'private', module: InsideModule }] },
]
@Module({ imports: [RouterModule.register(routes), InsideModule, OutsideModule] })
export class AppModule {}
"""


def test_a_tree_of_routes_puts_the_controllers_of_a_module_below_its_path(tmp_path: Path) -> None:
    files = {
        "src/inside.controller.ts": controller("InsideController"),
        "src/outside.controller.ts": controller("OutsideController"),
        "src/modules.ts": _MODULES,
        "src/app.module.ts": _ROUTES,
    }
    assert listed(tmp_path, files) == {
        "GET /api/v2/notes/:id", "POST /api/v2/notes", "GET /api/private/notes/:id", "POST /api/private/notes",
    }  # fmt: skip


_BROKER = """export abstract class Broker {
  public routerPath(path: string, param = true) {
    let route = '/' + path;
    param ? (route += '/:tenant') : null;
    return route;
  }
}
"""
_BY_METHOD = """import { Router } from 'express'
import { Broker } from './broker'
export class Notes extends Broker {
  constructor() {
    super()
    this.router
      .get(this.routerPath('find'), (req, res) => res.json([]))
      .post(this.routerPath('hook', false), (req, res) => res.json({}))
  }
  public readonly router = Router()
}
"""
_BY_FUNCTION = """import express from 'express'
import { Notes } from './notes'
const below = (path) => (path.startsWith('/') ? `/v1${path}` : `/v1/${path}`)
function versioned(path, old) {
  if (old) { return '/old' + path }
  return `/new${path}`
}
const around = `${again()}/x`
function again() { return around + '/y' }
const app = express()
app.head(again(), (req, res) => res.end())
app.use('/notes', new Notes().router)
app.get(below('/tags'), (req, res) => res.json([]))
app.get(below('users'), (req, res) => res.json([]))
app.put(versioned('/tags'), (req, res) => res.json([]))
app.put(versioned('/tags', true), (req, res) => res.json([]))
app.all(below(process.env.OPEN ? '/a' : '/b'), (req, res) => res.json([]))
app.listen(3000)
"""


def test_a_function_that_makes_the_path(tmp_path: Path) -> None:
    files = {"src/broker.ts": _BROKER, "src/notes.ts": _BY_METHOD, "src/app.ts": _BY_FUNCTION}
    known = {each for each in listed(tmp_path, files) if not each.startswith(("ALL", "HEAD"))}  # what cannot be known
    assert known == {
        "GET /notes/find/:tenant", "POST /notes/hook", "GET /v1/tags", "GET /v1/users", "PUT /new/tags",
        "PUT /old/tags",
    }  # fmt: skip


_HELPER = """import express from 'express'
const router = express.Router()
function route(method, path, handler) {
  router[method](path, (req, res) => handler(req, res))
}
route('put', '/options/:name/:value', (req, res) => res.json({}))
const app = express()
app.use('/api', router)
app.listen(3000)
"""


def test_a_parameter_of_a_path_that_is_called_value(tmp_path: Path) -> None:
    assert listed(tmp_path, {"src/app.ts": _HELPER}) == {"PUT /api/options/:name/:value"}


@pytest.mark.parametrize(
    ("route", "path"),
    [
        (r"^things/(?P<id>\d+)/$", "things/<id>/"),
        (r"^tokens/(?P<id>\d+)?$", "tokens/<id>"),
        (
            r"^(?P<user>[^/]+)/(?P<site>[^/]+)(?:/(?P<id>[0-9a-f-]{8,36})(?:/(?P<rest>.*))?)?$",
            "<user>/<site>/<id>/<rest>",
        ),
        (r"^web\/(?P<url>(?!\d{4}(?:\d{2})?(?:/|$)).+)$", "web/<url>"),
        (r"^a/(b|c)/$", "a/(b|c)/"),
        ("things/<int:id>/", "things/<int:id>/"),
    ],
)
def test_paths_of_regular_expressions(route: str, path: str) -> None:
    assert cleaned(route) == path


_NINJA = """from ninja import NinjaAPI

def register(api: NinjaAPI) -> NinjaAPI:
    api.add_router("/notes/", "shop.notes.router")
    return api

class NinjaAPIWithLog(NinjaAPI):
    pass

api = NinjaAPIWithLog(title="shop")
api = register(api)
urls = api.urls
"""
_NINJA_URLS = """from django.urls import path
from .api import urls as api_urls

urlpatterns = [path("api/v1/", api_urls)]
"""
_NINJA_NOTES = """from ninja import Router

router = Router()

@router.get("/{note_id}")
def one(request, note_id: int):
    return {}
"""


def test_an_api_of_ninja_that_a_function_fills_and_a_module_keeps(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "", "shop/api.py": _NINJA, "shop/urls.py": _NINJA_URLS, "shop/notes.py": _NINJA_NOTES,
        "requirements.txt": "django==5.0\ndjango-ninja==1.1\n",
    }  # fmt: skip
    assert listed(tmp_path, files) == {"GET /api/v1/notes/{note_id}"}


_OWN_ENTRY = """from django.urls import include, re_path
from rest_framework import routers
from . import views

def optional_slash_path(route, view, name=None):
    return re_path(route="^{}/?$".format(route), view=view, name=name)

router = routers.SimpleRouter()
router.register("notes", views.NoteViewSet)
urlpatterns = [
    optional_slash_path("profile", views.Profile.as_view(), name="profile"),
    re_path("^", include(router.urls)),
]
"""
_OWN_VIEWS = """from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.views import APIView

class Profile(APIView):
    def get(self, request):
        return {}

class NoteViewSet(viewsets.GenericViewSet):
    @action(methods=["delete"], detail=True, url_path=r"tags/(?P<tag>(?:a|b)(?:[0-9]{2}(?:x)?)?)")
    def untag(self, request, pk, tag):
        return {}
"""


def test_an_entry_of_the_projects_own_and_the_path_of_an_action(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "", "shop/urls.py": _OWN_ENTRY, "shop/views.py": _OWN_VIEWS,
        "requirements.txt": "django==5.0\ndjangorestframework==3.15\n",
    }  # fmt: skip
    assert listed(tmp_path, files) == {"GET /profile", "DELETE /notes/<pk>/tags/<tag>"}


def loaded(method: str) -> str:
    return f"""import {{ Router }} from 'express'
const router = Router({{ mergeParams: true }})
router.{method}('/', (req, res) => res.json([]))
export default router
"""


_LOADER = """import { traverseDirectory } from 'lambert-server'
export function registerRoutes(server, root, router) {
  return traverseDirectory({ dirname: root }, (file) => server.registerRoute(root, file, router))
}
"""
_SERVER = """import { Router } from 'express'
import { Server } from 'lambert-server/Server'
import path from 'path'
import { registerRoutes } from './loader'
export class Api extends Server {
  async start() {
    const app = this.app
    const api = Router()
    await registerRoutes(this, path.join(__dirname, 'routes', '/'), api)
    await registerRoutes(this, path.join(__dirname, 'top'))
    app.use('/api/v2', api)
  }
}
"""
_FOLDER = {"routes/ping.ts": "get", "routes/users/index.ts": "post", "routes/users/#user_id/notes.ts": "get",
           "top/health.ts": "get", "top/%2Ewell-known/shop.ts": "get"}  # fmt: skip


def test_a_loader_puts_routers_where_their_files_lie(tmp_path: Path) -> None:
    files = {f"src/{file}": loaded(method) for file, method in _FOLDER.items()}
    assert listed(tmp_path, {"src/loader.ts": _LOADER, "src/server.ts": _SERVER, **files}) == {
        "GET /api/v2/ping", "POST /api/v2/users", "GET /api/v2/users/:user_id/notes", "GET /health",
        "GET /.well-known/shop",
    }  # fmt: skip


_LOOPS = """import express from 'express'
const app = express()
const kinds = ['user', 'note']
for (const kind of kinds) {
  app.get(`/reports/${kind}`, (req, res) => res.json({ kind }))
}
kinds.forEach((kind) => app.post(`/${kind}/report`, (req, res) => res.json({ kind })))
app.listen(3000)
"""
_PLUGIN = """import fastify from 'fastify'
const server = fastify()
const columns = ['city', 'country']
for (const column of columns) {
  server.route({ method: 'GET', url: `/:project/${column}`, handler: async () => column })
}
server.listen({ port: 3000 })
"""


def test_a_path_that_a_loop_fills(tmp_path: Path) -> None:
    assert listed(tmp_path / "express", {"src/app.ts": _LOOPS}) == {
        "GET /reports/user", "GET /reports/note", "POST /user/report", "POST /note/report",
    }  # fmt: skip
    assert listed(tmp_path / "fastify", {"src/app.ts": _PLUGIN}) == {"GET /:project/city", "GET /:project/country"}


_BRANCHES = """if (req.method === 'POST') {
    return res.json(await add(req.body))
  } else if (req.method === 'DELETE') {
    return res.json(await drop(req.query.id))
  }"""
_PAGE = """import {{ withApi }} from '../../with'
async function handler(req, res) {{
  {body}
}}
export default {export}
"""


@pytest.mark.parametrize(
    ("body", "export", "methods"),
    [
        (_BRANCHES + " else {\n    return res.json(await all())\n  }", "withApi(handler)", {"GET", "POST", "DELETE"}),
        (_BRANCHES + " else {\n    return res.status(405).end()\n  }", "withApi(handler)", {"POST", "DELETE"}),
        (_BRANCHES, "handler", {"POST", "DELETE"}),
        (_BRANCHES, "withApi(handler, { methods: ['PUT', 'POST', 'DELETE'] })", {"PUT", "POST", "DELETE"}),
        ("return res.json({})", "withApi(handler, { methods: ['GET'] })", {"GET"}),
    ],
)
def test_the_methods_of_a_page(body: str, export: str, methods: set[str], tmp_path: Path) -> None:
    page = _PAGE.format(body=body, export=export)
    files = {"with.ts": "export const withApi = (handler, options) => handler\n", "pages/api/notes.ts": page}
    assert listed(tmp_path, files) == {f"{method} /api/notes" for method in methods}


_DESCRIBED = """import { OpenAPIHono, createRoute } from '@hono/zod-openapi'
import { both, describe } from './both'
const app = new OpenAPIHono()
const update = { path: '/notes/{id}', summary: 'x', request: { body: {} } }
both(app, update, async (c) => c.json({}), { operationId: 'x' })
describe(app, createRoute({ method: 'get', path: '/notes', responses: {} }), (c) => c.json([]))
const base = { path: '/tags', responses: {} }
app.openapi(createRoute({ ...base, method: 'post' }), (c) => c.json({}))
app.openapi(createRoute({ method: 'get', path: '/health', responses: {} }), (c) => c.json({}))
export default app
"""
_HELPERS = """import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
export function both(app: OpenAPIHono, config: object, handler, options) {
  const { canonical = 'patch' } = options
  const legacy = canonical === 'patch' ? 'put' : 'patch'
  app.openapi(createRoute({ ...config, method: canonical } as any), handler as any)
  app.openapi(createRoute({ ...config, method: legacy } as any), handler as any)
}
export function describe(app: OpenAPIHono, route, handler) {
  app.openapi(route, handler)
}
"""


def test_routes_that_a_helper_describes(tmp_path: Path) -> None:
    package = '{"dependencies": {"hono": "4.0.0", "@hono/zod-openapi": "1.0.0"}}'
    files = {"package.json": package, "src/app.ts": _DESCRIBED, "src/both.ts": _HELPERS}
    assert listed(tmp_path, files) == {"ALL /notes/:id", "GET /notes", "POST /tags", "GET /health"}
