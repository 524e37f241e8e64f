"""The inventory of Python endpoints: where each is mounted, which code answers, and what stands before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.listed import EndpointRow

Files = dict[str, str]
Rows = list[tuple[str, str, str]]

_SECURITY = """
import jwt
from typing import Annotated
from fastapi import Depends, HTTPException
from fastapi.security import OAuth2PasswordBearer

oauth2 = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)

def get_db():
    yield Session()

def get_current_user(token: Annotated[str, Depends(oauth2)]):
    try:
        return jwt.decode(token, KEY, algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(status_code=401)

def get_user_or_none(token: Annotated[str, Depends(oauth2)]):
    try:
        return jwt.decode(token, KEY, algorithms=["HS256"])
    except jwt.PyJWTError:
        return None

CurrentUser = Annotated[dict, Depends(get_current_user)]
"""

_FASTAPI: Files = {
    "backend/app/__init__.py": "",
    "backend/app/core/__init__.py": "",
    "backend/app/core/config.py": 'class Settings:\n    API: str = "/api/v1"\n\nsettings = Settings()\n',
    "backend/app/core/security.py": _SECURITY,
    "backend/app/main.py": """from fastapi import FastAPI
from app.core.config import settings
from app.api import api_router
from app.admin import make_admin

app = FastAPI()
app.include_router(api_router, prefix=settings.API)
app.mount("/admin", make_admin())

@app.get("/health")
def health():
    return {}
""",
    "backend/app/api/__init__.py": """from fastapi import APIRouter, Depends
from . import items as item_routes
from .open import router as open_router
from ..core.security import get_current_user

api_router = APIRouter()
closed = APIRouter(prefix="/closed", dependencies=[Depends(get_current_user)])
for each in [item_routes.router]:
    api_router.include_router(each, prefix=f"{item_routes.PREFIX}/things", tags=["x"])
closed.include_router(open_router)
api_router.include_router(closed)
api_router.include_router(open_router, prefix="/open")
""",
    "backend/app/api/items.py": """from fastapi import APIRouter, Request
from pydantic import BaseModel
from ..core.security import CurrentUser, get_user_or_none
from fastapi import Depends

PREFIX = "/v2"
router = APIRouter()

class Item(BaseModel):
    name: str

@router.post("/")
async def create(item: Item, user: CurrentUser):
    session.add(item)

@router.put("/{id}")
async def replace(id: int, item: dict, user=Depends(get_user_or_none)):
    session.add(Row(**item))

@router.api_route("/raw", methods=["POST", "DELETE"])
async def raw(request: Request):
    data = await request.json()
    session.add(Row(**data))

@router.post("/checked")
async def checked(request: Request):
    data = await request.json()
    item = Item.model_validate(data)

@router.websocket("/ws")
async def live(socket):
    ...
""",
    "backend/app/api/open.py": """from fastapi import APIRouter
from slowapi import Limiter

limiter = Limiter(key_func=lambda r: r)
router = APIRouter()

@router.post("/login")
@limiter.limit("5/minute")
def login(request):
    ...

def ping():
    ...

router.add_api_route("/ping", ping, methods=["GET"])
""",
    "backend/app/admin.py": """from fastapi import FastAPI

def make_admin():
    sub = FastAPI()

    @sub.get("/stats")
    def stats():
        return {}

    return sub
""",
}

_FLASK: Files = {
    "shop/__init__.py": """from flask import Flask

def create_app():
    app = Flask(__name__)
    from shop.views import api
    from .admin import admin as admin_bp
    app.register_blueprint(api, url_prefix="/api")
    app.register_blueprint(admin_bp)
    app.add_url_rule("/about", view_func=about, methods=["GET"])
    return app

def about():
    return ""
""",
    "shop/auth.py": """from functools import wraps
from flask import abort, request
import jwt

def token_required(f):
    @wraps(f)
    def wrapper(*args, **kwargs):
        token = request.headers.get("Authorization")
        if not token:
            return {"error": "no token"}, 401
        jwt.decode(token, "k", algorithms=["HS256"])
        return f(*args, **kwargs)
    return wrapper

def logged(f):
    @wraps(f)
    def wrapper(*args, **kwargs):
        print("called")
        return f(*args, **kwargs)
    return wrapper
""",
    "shop/views.py": """from flask import Blueprint, request
from flask.views import MethodView
from flask_restful import Api, Resource
from flask_login import login_required
from flask_jwt_extended import jwt_required
from shop.auth import token_required, logged
from shop.schemas import OrderSchema

api = Blueprint("api", __name__, url_prefix="/ignored")
rest = Api(api)

@api.route("/orders", methods=["GET", "POST"])
@token_required
def orders():
    data = OrderSchema().load(request.get_json())
    db.session.add(data)

@api.post("/raw")
@logged
def raw():
    data = request.get_json()
    db.session.add(Order(**data))

@login_required
@api.delete("/wrong/<int:id>")
def wrong(id):
    db.session.delete(Order.query.get(id))

@api.patch("/maybe")
@jwt_required(optional=True)
def maybe():
    db.session.commit()

class Things(MethodView):
    decorators = [login_required]

    def get(self, id):
        return {}

    def post(self):
        return {}

api.add_url_rule("/things", view_func=Things.as_view("things"))

class Pay(Resource):
    @jwt_required()
    def post(self):
        return {}

rest.add_resource(Pay, "/pay", "/v2/pay")
""",
    "shop/schemas.py": "from marshmallow import Schema\n\nclass OrderSchema(Schema):\n    pass\n",
    "shop/admin.py": """from flask import Blueprint, abort, session

admin = Blueprint("admin", __name__, url_prefix="/admin")

@admin.before_request
def guard():
    if "user_id" not in session:
        abort(401)

@admin.route("/users")
def users():
    return User.query.all()
""",
}

_DJANGO: Files = {
    "proj/__init__.py": "",
    "proj/settings.py": """ROOT_URLCONF = "proj.urls"
REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
}
""",
    "proj/urls.py": """from django.urls import include, path, re_path
from django.contrib import admin
from shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("shop.urls")),
    re_path(r"^old/(?P<year>[0-9]{4})/$", views.archive),
]
urlpatterns += [path("plain/", views.plain)]
""",
    "shop/__init__.py": "",
    "shop/urls.py": """from django.contrib.auth.decorators import login_required
from django.urls import include, path
from rest_framework.routers import DefaultRouter
from . import views
from .views import OrderViewSet

router = DefaultRouter()
router.register(r"orders", OrderViewSet, basename="order")
router.register("logs", views.LogViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("open/", views.open_view),
    path("things/", login_required(views.ThingView.as_view())),
    path("forms/<int:pk>/", views.FormView.as_view()),
    path("bulk/", views.BulkViewSet.as_view({"post": "load"})),
]
""",
    "shop/views.py": """from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import JsonResponse
from django.views import View
from django.views.decorators.http import require_POST
from django.views.generic import UpdateView
from rest_framework import permissions, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from .serializers import OrderSerializer

class IsOwner(permissions.BasePermission):
    def has_permission(self, request, view):
        return request.user.is_authenticated

class Anybody(permissions.BasePermission):
    def has_permission(self, request, view):
        return True

class OrderViewSet(viewsets.ModelViewSet):
    permission_classes = [permissions.IsAuthenticatedOrReadOnly]
    http_method_names = ["get", "post"]

    def create(self, request):
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save()

    @action(detail=True, methods=["post"], permission_classes=[Anybody])
    def pay(self, request, pk=None):
        Order.objects.filter(pk=pk).update(**request.data)

class LogViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Log.objects.all()

class BulkViewSet(viewsets.ViewSet):
    permission_classes = (IsOwner,)

    def load(self, request):
        Order.objects.bulk_create(request.data)

@api_view(["POST"])
@permission_classes([permissions.AllowAny])
def open_view(request):
    Order.objects.create(**request.data)

class ThingView(View):
    def get(self, request):
        return JsonResponse({})

class FormView(LoginRequiredMixin, UpdateView):
    model = Order

@require_POST
def plain(request):
    Order.objects.create(name=request.POST["name"])

def archive(request, year):
    return JsonResponse({})
""",
    "shop/serializers.py": """from rest_framework import serializers

class OrderSerializer(serializers.ModelSerializer):
    pass
""",
}

_CONNEXION: Files = {
    "app.py": 'import connexion\n\napp = connexion.App(__name__)\napp.add_api("specs/api.yml")\n',
    "api/users.py": "from flask import request\n\ndef create():\n    db.session.add(request.get_json())\n\n"
    "def me():\n    return {}\n",
    "specs/api.yml": """openapi: 3.0.0
servers: [{url: "https://example.com/base"}]
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer, x-bearerInfoFunc: api.users.check}
paths:
  /users:
    post:
      operationId: api.users.create
      requestBody: {content: {application/json: {schema: {type: object}}}}
  /me:
    get:
      operationId: api.users.me
      security: [{bearer: []}]
  /lost:
    get:
      operationId: api.gone.lost
""",
}


def _rows(folder: Path, files: Files) -> list[EndpointRow]:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    repository = read_repository(folder)
    return endpoint_rows(find_endpoints(read_code(repository), repository.files, repository.text, repository.units))


_PLACES: list[tuple[Files, Rows]] = [
    (
        _FASTAPI,
        [
            ("GET", "/admin/stats", "backend/app/admin.py:7"),
            ("POST", "/api/v1/closed/login", "backend/app/api/open.py:9"),
            ("GET", "/api/v1/closed/ping", "backend/app/api/open.py:12"),
            ("POST", "/api/v1/open/login", "backend/app/api/open.py:9"),
            ("GET", "/api/v1/open/ping", "backend/app/api/open.py:12"),
            ("POST", "/api/v1/v2/things", "backend/app/api/items.py:13"),
            ("POST", "/api/v1/v2/things/checked", "backend/app/api/items.py:26"),
            ("DELETE", "/api/v1/v2/things/raw", "backend/app/api/items.py:21"),
            ("POST", "/api/v1/v2/things/raw", "backend/app/api/items.py:21"),
            ("WS", "/api/v1/v2/things/ws", "backend/app/api/items.py:31"),
            ("PUT", "/api/v1/v2/things/{id}", "backend/app/api/items.py:17"),
            ("GET", "/health", "backend/app/main.py:11"),
        ],
    ),
    (
        _FLASK,
        [
            ("GET", "/about", "shop/__init__.py:12"),
            ("GET", "/admin/users", "shop/admin.py:11"),
            ("PATCH", "/api/maybe", "shop/views.py:31"),
            ("GET", "/api/orders", "shop/views.py:14"),
            ("POST", "/api/orders", "shop/views.py:14"),
            ("POST", "/api/pay", "shop/views.py:47"),
            ("POST", "/api/raw", "shop/views.py:20"),
            ("GET", "/api/things", "shop/views.py:37"),
            ("POST", "/api/things", "shop/views.py:40"),
            ("POST", "/api/v2/pay", "shop/views.py:47"),
            ("DELETE", "/api/wrong/<int:id>", "shop/views.py:26"),
        ],
    ),
    (
        _DJANGO,
        [
            ("POST", "/api/bulk", "shop/views.py:37"),
            ("GET", "/api/forms/<int:pk>", "shop/views.py:49"),
            ("POST", "/api/forms/<int:pk>", "shop/views.py:49"),
            ("GET", "/api/logs", "shop/views.py:31"),
            ("GET", "/api/logs/<pk>", "shop/views.py:31"),
            ("POST", "/api/open", "shop/views.py:42"),
            ("GET", "/api/orders", "shop/views.py:18"),
            ("POST", "/api/orders", "shop/views.py:22"),
            ("GET", "/api/orders/<pk>", "shop/views.py:18"),
            ("POST", "/api/orders/<pk>/pay", "shop/views.py:28"),
            ("GET", "/api/things", "shop/views.py:46"),
            ("GET", "/old/<year>", "shop/views.py:56"),
            ("POST", "/plain", "shop/views.py:53"),
        ],
    ),
    (
        _CONNEXION,
        [
            ("GET", "/base/lost", "specs/api.yml:1"),
            ("GET", "/base/me", "api/users.py:6"),
            ("POST", "/base/users", "api/users.py:3"),
        ],
    ),
]


@pytest.mark.parametrize(("files", "expected"), _PLACES, ids=["fastapi", "flask", "django", "connexion"])
def test_where_endpoints_are(files: Files, expected: Rows, tmp_path: Path) -> None:
    rows = _rows(tmp_path, files)
    assert sorted((r.path, r.method, f"{r.where.path}:{r.where.line}" if r.where else "") for r in rows) == sorted(
        (path, method, where) for method, path, where in expected
    )


_STATES: list[tuple[Files, str, str, str, str]] = [
    (_FASTAPI, "POST /api/v1/closed/login", "present", "not_applicable", "present"),
    (_FASTAPI, "POST /api/v1/open/login", "absent", "not_applicable", "present"),
    (_FASTAPI, "POST /api/v1/v2/things", "present", "present", "absent"),
    (_FASTAPI, "PUT /api/v1/v2/things/{id}", "absent", "absent", "absent"),
    (_FASTAPI, "POST /api/v1/v2/things/raw", "absent", "absent", "absent"),
    (_FASTAPI, "POST /api/v1/v2/things/checked", "absent", "present", "absent"),
    (_FLASK, "GET /admin/users", "present", "not_applicable", "absent"),
    (_FLASK, "POST /api/orders", "present", "present", "absent"),
    (_FLASK, "POST /api/raw", "absent", "absent", "absent"),
    (_FLASK, "DELETE /api/wrong/<int:id>", "absent", "not_applicable", "absent"),
    (_FLASK, "PATCH /api/maybe", "absent", "not_applicable", "absent"),
    (_FLASK, "GET /api/things", "present", "not_applicable", "absent"),
    (_FLASK, "POST /api/v2/pay", "present", "not_applicable", "absent"),
    (_DJANGO, "GET /api/orders", "absent", "not_applicable", "present"),
    (_DJANGO, "POST /api/orders", "present", "present", "present"),
    (_DJANGO, "POST /api/orders/<pk>/pay", "absent", "absent", "present"),
    (_DJANGO, "GET /api/logs", "present", "not_applicable", "present"),
    (_DJANGO, "POST /api/bulk", "present", "absent", "present"),
    (_DJANGO, "POST /api/open", "absent", "absent", "present"),
    (_DJANGO, "GET /api/things", "present", "not_applicable", "absent"),
    (_DJANGO, "POST /api/forms/<int:pk>", "present", "present", "absent"),
    (_DJANGO, "POST /plain", "absent", "absent", "absent"),
    (_CONNEXION, "POST /base/users", "absent", "present", "absent"),
    (_CONNEXION, "GET /base/me", "present", "not_applicable", "absent"),
    (_CONNEXION, "GET /base/lost", "unresolved", "unresolved", "absent"),
]


@pytest.mark.parametrize(("files", "which", "auth", "validation", "limit"), _STATES, ids=[case[1] for case in _STATES])
def test_what_stands_before_them(
    files: Files, which: str, auth: str, validation: str, limit: str, tmp_path: Path
) -> None:
    found = next(row for row in _rows(tmp_path, files) if f"{row.method} {row.path}" == which)
    seen = {name: found.controls[name].presence.value for name in ("auth", "validation", "rate_limit")}
    assert seen == {"auth": auth, "validation": validation, "rate_limit": limit}, found.controls


def test_routers_of_several_modules_in_a_loop(tmp_path: Path) -> None:
    files = {
        "app/__init__.py": "",
        "app/notes.py": "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/notes')\ndef all(): ...\n",
        "app/tags.py": "from fastapi import APIRouter\nrouter = APIRouter()\n@router.post('/tags')\ndef add(): ...\n",
        "app/main.py": "from fastapi import FastAPI\nfrom app import notes, tags\napp = FastAPI()\n"
        "for module in (notes, tags):\n    app.include_router(module.router, prefix='/api')\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    repository = read_repository(tmp_path)
    found = find_endpoints(read_code(repository), repository.files, repository.text, repository.units)
    assert sorted(f"{each.method} {each.path}" for each in found.endpoints) == ["GET /api/notes", "POST /api/tags"]


_HANDLER_CLASSES = {
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["flask"]\n',
    "site/base.py": """from flask import session
from werkzeug.exceptions import Forbidden

class Handler:
    def process(self):
        self._check_access()
        return self._process()

    def _check_access(self):
        pass

class SignedIn(Handler):
    def _require_user(self):
        if session.user is None:
            raise Forbidden

    def _check_access(self):
        self._require_user()
""",
    "site/views.py": """from site.base import Handler, SignedIn

class About(Handler):
    def _process(self):
        return ""

class Notes(SignedIn):
    def _process_GET(self):
        return ""

    def _process_POST(self):
        return ""
""",
    "site/blueprint.py": """from flask import Blueprint
from site.views import About, Notes

class SiteBlueprint(Blueprint):
    pass

_bp = SiteBlueprint("site", __name__, url_prefix="/site")
_bp.add_url_rule("/about", "about", About)
_bp.add_url_rule("/notes", "notes", Notes, methods=("GET", "POST"))
""",
}


def test_classes_that_a_blueprint_of_the_project_makes_views_of(tmp_path: Path) -> None:
    rows = _rows(tmp_path, _HANDLER_CLASSES)
    assert {(row.method, row.path, row.controls["auth"].presence.value) for row in rows} == {
        ("GET", "/site/about", "absent"),
        ("GET", "/site/notes", "present"),
        ("POST", "/site/notes", "present"),
    }


_PREFIXED: Files = {
    "pyproject.toml": '[project]\nname = "x"\ndependencies = ["flask"]\n',
    "site/blueprint.py": """from contextlib import contextmanager
from flask import Blueprint
from site.views import settings, tokens, people

class SiteBlueprint(Blueprint):
    @contextmanager
    def add_prefixed_rules(self, prefix, default_prefix=""):
        yield

bp = SiteBlueprint("site", __name__, url_prefix="/site")
with bp.add_prefixed_rules("/user/<int:user_id>", "/user"):
    bp.add_url_rule("/settings", "settings", settings)
with bp.add_prefixed_rules("/<int:user_id>"):
    bp.add_url_rule("/tokens", "tokens", tokens)
bp.add_url_rule("!/people", "people", people)
""",
    "site/views.py": "def settings(): ...\ndef tokens(): ...\ndef people(): ...\n",
}


def test_rules_behind_the_prefixes_of_a_block(tmp_path: Path) -> None:
    assert sorted(row.path for row in _rows(tmp_path, _PREFIXED)) == [
        "/people",
        "/site/<int:user_id>/tokens",
        "/site/tokens",
        "/site/user/<int:user_id>/settings",
        "/site/user/settings",
    ]


_SECRET_PATHS: Files = {
    "app/__init__.py": "",
    "app/config.py": "import os\nHOOK_TOKEN = os.environ['BOT_TOKEN']\nVERSION = os.getenv('API_VERSION', 'v1')\n",
    "app/main.py": """from fastapi import APIRouter, FastAPI
from app.config import HOOK_TOKEN, VERSION
from app.settings import settings

app = FastAPI()
router = APIRouter()

@app.post(f"/telegram/{HOOK_TOKEN}")
def telegram(update: dict):
    return save(update)

@app.post(f"/{VERSION}/notes")
def notes(note: dict):
    return save(note)

@app.post("/hook/" + settings.WEBHOOK_SECRET)
def hook(event: dict):
    return save(event)

@app.post("/by/{token}")
def by_token(token: str):
    return save(token)

@router.post("/paid")
def paid(event: dict):
    return save(event)

app.include_router(router, prefix=f"/{settings.ADMIN_KEY}")
""",
    "app/settings.py": "class Settings:\n    WEBHOOK_SECRET: str\n    ADMIN_KEY: str\n\nsettings = Settings()\n",
}


def test_a_secret_of_the_environment_in_the_path(tmp_path: Path) -> None:
    rows = _rows(tmp_path, _SECRET_PATHS)
    seen = {row.where.line: row.controls["auth"].presence.value for row in rows if row.where is not None}
    assert seen == {9: "present", 13: "absent", 17: "present", 21: "absent", 25: "present"}
