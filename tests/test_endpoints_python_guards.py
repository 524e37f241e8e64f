"""Who a Python endpoint asks where factories, base classes, hooks and helpers of the project stand between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path

Files = dict[str, str]

_FACTORY: Files = {
    "app/__init__.py": "",
    "app/auth.py": """from fastapi import Depends, Header, HTTPException

def strict(authorization: str = Header()):
    if not authorization:
        raise HTTPException(status_code=401)
    return authorization

def lenient(authorization: str = Header(default="")):
    return authorization or None

def authorizer(*, required: bool = True):
    return strict if required else lenient

def scoped(scopes):
    def dependency(user=Depends(strict)):
        return user
    return dependency

reader = scoped({"read"})
""",
    "app/main.py": """from fastapi import Depends, FastAPI
from app.auth import authorizer, reader
app = FastAPI()

@app.get("/strict")
def one(user=Depends(authorizer())):
    return user

@app.get("/lenient")
def two(user=Depends(authorizer(required=False))):
    return user

@app.get("/scoped")
def three(user=Depends(reader)):
    return user
""",
}

_CLASSES: Files = {
    "app/__init__.py": "",
    "app/routing.py": """from fastapi import APIRouter, Depends, Header, HTTPException

def get_user(authorization: str = Header(default="")):
    if not authorization:
        raise HTTPException(status_code=401)
    return authorization

class UserRouter(APIRouter):
    def __init__(self, prefix: str = "", **kwargs):
        super().__init__(prefix=prefix, dependencies=[Depends(get_user)], **kwargs)

def router_class(route):
    class _Router(APIRouter):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, route_class=route, **kwargs)
    return _Router

PlainRouter = router_class(object)

class Base:
    user: str = Depends(get_user)
""",
    "app/main.py": """from fastapi import FastAPI
from app.routing import Base, PlainRouter, UserRouter
app = FastAPI()
members = UserRouter(prefix="/members")
views = PlainRouter(prefix="/views")

@members.get("/me")
def me():
    return {}

@views.get("/open")
def opened():
    return {}

@controller(views)
class Things(Base):
    @views.get("/things")
    def things(self):
        return self.user

app.include_router(members)
app.include_router(views)
""",
}

_FLASK: Files = {
    "shop/__init__.py": """from flask import Flask, abort, redirect, request, session
from flask_restful import Api
from shop.config import Config
from shop import views

class OwnApi(Api):
    def add_org_resource(self, resource, *urls, **kwargs):
        return self.add_resource(resource, *[scoped(url) for url in urls], **kwargs)

def scoped(rule):
    return "/<org>" + rule

def register_view(bp, routes, view_func):
    for route in routes:
        bp.add_url_rule(route, view_func=view_func)

app = Flask(__name__)
api = OwnApi(app)
api.add_org_resource(views.Orders, "/orders", "/orders/<id>")
register_view(app, routes=["/about"], view_func=views.About.as_view("about"))
app.register_blueprint(views.admin, url_prefix=app.config["ADMIN_PREFIX"])

@app.before_request
def track():
    token = request.headers.get("Authorization")
    if token and (request.is_json or request.method == "POST"):
        if token != session["token"]:
            abort(401)
    if authed():
        if banned():
            abort(403)
""",
    "shop/config.py": 'class Config:\n    ADMIN_PREFIX = "/back"\n',
    "shop/views.py": """from functools import wraps
from flask import Blueprint, redirect, session, url_for
from flask.views import MethodView
from flask_restful import Resource
admin = Blueprint("admin", __name__)

def needs(role):
    def outer(f):
        @wraps(f)
        def inner(*args, **kwargs):
            if session.get("name"):
                response = f(*args, **kwargs)
            else:
                response = "Forbidden", 403
            return response
        return inner
    return outer

class Orders(Resource):
    def get(self, id=None):
        return []

class About(MethodView):
    def get(self):
        return ""

@admin.route("/users")
@needs("admin")
def users():
    return []
""",
    "shop/more.py": """from shop.views import admin

@admin.route("/more")
def more():
    return []
""",
}

_DJANGO: Files = {
    "shop/__init__.py": "",
    "shop/urls.py": """from django.urls import path
from shop import views
urlpatterns = [path("things", views.things), path("jobs", views.Jobs.as_view()), path("wild", views.wild)]
""",
    "shop/views.py": """from functools import wraps
from django.contrib.auth.mixins import UserPassesTestMixin
from django.http import HttpResponse, JsonResponse
from django.views import View

def authorize(f):
    @wraps(f)
    def wrapper(request, *args):
        if "X-Api-Key" not in request.headers:
            return JsonResponse({}, status=401)
        return f(request, *args)
    return wrapper

@authorize
def make(request):
    return JsonResponse({})

@authorize
def show(request):
    return JsonResponse({})

def free(request):
    return JsonResponse({})

def things(request):
    if request.method == "POST":
        return make(request)
    return show(request)

def wild(request):
    if request.method == "POST":
        return make(request)
    return free(request)

class BaseView(UserPassesTestMixin, View):
    def test_func(self):
        return self.request.user.is_superuser

class Jobs(BaseView):
    def get(self, request):
        return HttpResponse("")
""",
}

_THROUGH: Files = {
    "app/main.py": """from fastapi import FastAPI
from .notes import router
from .forgery import CSRFMiddleware

app = FastAPI()
app.add_middleware(CSRFMiddleware)
app.include_router(router, prefix="/api")
""",
    "app/forgery.py": """class CSRFMiddleware:
    async def __call__(self, scope, receive, send):
        raise HTTPException(status_code=403)
""",
    "app/routing.py": """from fastapi import HTTPException

def protected(method, path, scopes=None, **given):
    def decorator(function):
        def wrapper(request):
            if not request.user.is_authenticated:
                raise HTTPException(status_code=401)
            return function(request)
        return method(path, **given)(wrapper)
    return decorator
""",
    "app/notes.py": """from fastapi import APIRouter
from .routing import protected

router = APIRouter(prefix="/notes")

@protected(router.post, "/{id}", ["write"])
def change(request, id: int):
    return {}

@router.get("/all")
def everything(request):
    return {}
""",
}

_SETTINGS: Files = {
    "app.py": """from functools import wraps
from flask import Flask, current_app, jsonify, make_response, request
from flask_login import current_user

app = Flask(__name__)

def login_optionally_required(view):
    @wraps(view)
    def decorated(*args, **kwargs):
        if current_app.config.get("PASSWORD") and not current_user.is_authenticated:
            return current_app.login_manager.unauthorized()
        return view(*args, **kwargs)
    return decorated

def check_token(view):
    @wraps(view)
    def decorated(*args, **kwargs):
        if current_app.store["api_token_enabled"]:
            if request.headers.get("x-api-key") != current_app.store["api_token"]:
                return make_response(jsonify("no"), 403)
        return view(*args, **kwargs)
    return decorated

@app.post("/signed-in")
@login_optionally_required
def one():
    return ""

@app.post("/by-key")
@check_token
def two():
    return ""
""",
}

_ABSTRACT: Files = {
    "app/__init__.py": "",
    "app/auth.py": """from abc import ABC, abstractmethod
from typing import Annotated
from fastapi import Depends, Request

class AuthHandler(ABC):
    @abstractmethod
    async def __call__(self, request: Request) -> User: ...

class Nobody(AuthHandler):
    async def __call__(self, request: Request) -> User:
        return User("anybody")

def get_auth_handler() -> AuthHandler:
    return handlers[settings.kind]()

async def auth_user(request: Request, handler: AuthHandler = Depends(get_auth_handler)):
    return await handler(request)

AuthedUser = Annotated[User, Depends(auth_user)]
""",
    "app/main.py": """from fastapi import FastAPI
from app.auth import AuthedUser
app = FastAPI()

@app.post("/notes")
def add(user: AuthedUser):
    return user
""",
}

_RESTX: Files = {
    "app/__init__.py": "",
    "app/api/__init__.py": """from flask import Blueprint, Flask
from flask_restx import Api
from .notes import notes_list

app = Flask(__name__)
bp = Blueprint("api", __name__, url_prefix="/api")
api = Api(bp)
namespaces = [notes_list]
for listed in namespaces:
    for each in listed:
        api.add_namespace(each, "/")
app.register_blueprint(bp)
""",
    "app/api/auth.py": """from functools import wraps
from flask import abort, request

def authenticate(method):
    @wraps(method)
    def wrapper(*args, **kwargs):
        if request.headers.get("X-API-KEY") == settings.apikey:
            return method(*args, **kwargs)
        return abort(401)
    return wrapper
""",
    "app/api/notes.py": """from flask_restx import Namespace, Resource
from .auth import authenticate

ns = Namespace("All Notes")
notes_list = [ns]

@ns.route("notes")
class Notes(Resource):
    @authenticate
    def get(self):
        return []
""",
}

_PREPROCESSOR: Files = {
    "web.py": """from flask import Blueprint, Flask, redirect, session, url_for

app = Flask(__name__)
main = Blueprint("main", __name__)

@main.url_value_preprocessor
def pull_project(endpoint, values):
    project = (values or {}).pop("project_id", None)
    values.pop("project_id", None)
    if project and not session.get(project) and endpoint != "main.join":
        raise Redirect(url_for(".authenticate"))

@main.get("/<project_id>/bills")
def bills():
    return ""

@main.get("/<string:project_id>/join")
def join():
    return ""

@main.get("/about")
def about():
    return ""

app.register_blueprint(main)
""",
}

_ROW: Files = {
    "shop/settings.py": 'ROOT_URLCONF = "shop.urls"\n'
    'MIDDLEWARE = ["shop.middleware.RequireLoginNearlyEverywhere"]\nINSTALLED_APPS = []\n',
    "shop/middleware.py": """from django.contrib.auth.decorators import login_required
from shop.models import Site

class RequireLoginNearlyEverywhere:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if Site.get().closed and not is_api_request(request):
            if not request.user.is_authenticated:
                return login_required(self.get_response)(request)
        return self.get_response(request)
""",
    "shop/views.py": """from django.contrib.auth.decorators import login_required

def about(request):
    return render(request)

@login_required
def orders(request):
    return render(request)
""",
    "shop/urls.py": "from django.urls import path\nfrom . import views\n"
    'urlpatterns = [path("about", views.about), path("orders", views.orders)]\n',
}

_TO_ORDER: Files = {
    "app/__init__.py": "",
    "app/refusals.py": "from fastapi import HTTPException\n\ndef forbidden(detail):\n"
    "    return HTTPException(status_code=403, detail=detail)\n",
    "app/access.py": """from typing import Annotated
from fastapi import Depends, Header, HTTPException
from app.refusals import forbidden

async def _check(token, roles):
    if not token:
        raise HTTPException(status_code=401)
    return token

def allow(*roles):
    if "admin" in roles:
        async def admins(authorization: str = Header()):
            return await _check(authorization, roles)
        return Depends(admins)
    async def everybody(authorization: str = Header()):
        return await _check(authorization, roles)
    return Depends(everybody)

def paged(size):
    def page(cursor: int = 0):
        return cursor, size
    return Depends(page)

def by_session(authorization: str = Header()):
    if (session := find_session(authorization)) is None:
        raise forbidden("Invalid session token")
    return session

Member = Annotated[dict, allow("member")]
""",
    "app/main.py": """from fastapi import Depends, FastAPI
from app.access import Member, allow, by_session, paged
app = FastAPI()

@app.get("/by-alias")
async def one(member: Member):
    return member

@app.get("/by-default")
async def two(member=allow("admin")):
    return member

@app.get("/listed", dependencies=[allow("member")])
async def three():
    return []

@app.get("/paged")
async def four(page=paged(20)):
    return page

@app.get("/by-session")
async def five(session=Depends(by_session)):
    return session
""",
}

_MORE_FOR_THE_KNOWN: Files = {
    "manage.py": "import django\n",
    "shop/__init__.py": "",
    "shop/views.py": """from django.http import JsonResponse
from django.shortcuts import render

def catalogue(request):
    things = Thing.objects.all()
    if request.user.is_authenticated:
        things = things.union(request.user.things())
    return render(request, "shop/catalogue.html", {"things": things})

def seen(request):
    who = request.user if request.user.is_authenticated else None
    return render(request, "shop/seen.html", {"things": Thing.objects.seen_by(who)})

def counted(request):
    limit = 10
    if not request.user.is_authenticated:
        limit = 3
    return render(request, "shop/counted.html", {"things": Thing.objects.all()[:limit]})

def orders(request):
    if request.user.is_authenticated:
        return render(request, "shop/orders.html")
    return JsonResponse({"detail": "please log in to see your own orders"}, status=400)

def bills(request):
    if not request.user.is_authenticated:
        return JsonResponse([])
    return render(request, "shop/bills.html", {"bills": Bill.objects.filter(user=request.user)})

def mine(request):
    if request.user.is_authenticated:
        return render(request, "shop/mine.html", {"things": request.user.things()})
    return JsonResponse([])
""",
    "shop/permissions.py": """from rest_framework import permissions

class MayAdd(permissions.BasePermission):
    def has_permission(self, request, view):
        if request.method in permissions.SAFE_METHODS:
            return True
        return may_add(request.user)

class MayAsk(permissions.BasePermission):
    def has_permission(self, request, view):
        if request.user.is_anonymous:
            return False
        if request.method in permissions.SAFE_METHODS:
            return True
        return may_add(request.user)
""",
    "shop/api.py": """from jwcrypto import jwk
from rest_framework.views import APIView
from rest_framework.response import Response
from .permissions import MayAdd, MayAsk

class Questions(APIView):
    permission_classes = [MayAsk]

    def get(self, request):
        return Response(Question.objects.count())

class Comments(APIView):
    permission_classes = (MayAdd,)

    def get(self, request):
        return Response(Comment.objects.count())

    def post(self, request):
        return Response(Comment.objects.create(text=request.data["text"]).pk)

class PublicKey(APIView):
    def get(self, request):
        return Response(jwk.JWK(**load()).export_to_pem().decode("utf-8"))
""",
    "shop/urls.py": """from django.urls import path
from . import api, views
urlpatterns = [
    path("catalogue", views.catalogue), path("seen", views.seen), path("counted", views.counted),
    path("orders", views.orders), path("bills", views.bills), path("mine", views.mine),
    path("comments", api.Comments.as_view()), path("key", api.PublicKey.as_view()),
    path("questions", api.Questions.as_view()),
]
""",
}

_WITHOUT_TOKEN: Files = {
    "app.py": """from flask import Flask, jsonify, request
import jwt
app = Flask(__name__)

def decoded(request):
    token = request.headers.get("Authorization")
    if not token:
        return None
    try:
        return jwt.decode(token, KEY, algorithms=["HS256"])
    except Exception:
        return {"error": "invalid_token"}

@app.before_request
def who_calls():
    claims_token = decoded(request)
    if not claims_token:
        request.claims = None
    elif "error" in claims_token:
        return jsonify(claims_token), 401
    elif app.config["MODE"] == "sso" and denied(claims_token):
        return jsonify({"message": "session revoked"}), 401
    return None

@app.route("/config")
def config():
    return jsonify({"mode": app.config["MODE"]})
""",
}

_CASES: list[tuple[Files, str, str]] = [
    (_MORE_FOR_THE_KNOWN, "GET /catalogue", "absent"),
    (_MORE_FOR_THE_KNOWN, "GET /seen", "absent"),
    (_MORE_FOR_THE_KNOWN, "GET /counted", "absent"),
    (_MORE_FOR_THE_KNOWN, "GET /orders", "present"),
    (_MORE_FOR_THE_KNOWN, "GET /bills", "present"),
    (_MORE_FOR_THE_KNOWN, "GET /mine", "present"),
    (_MORE_FOR_THE_KNOWN, "GET /comments", "absent"),
    (_MORE_FOR_THE_KNOWN, "POST /comments", "present"),
    (_MORE_FOR_THE_KNOWN, "GET /key", "absent"),
    (_MORE_FOR_THE_KNOWN, "GET /questions", "present"),
    (_WITHOUT_TOKEN, "GET /config", "absent"),
    (_TO_ORDER, "GET /by-alias", "present"),
    (_TO_ORDER, "GET /by-default", "present"),
    (_TO_ORDER, "GET /listed", "present"),
    (_TO_ORDER, "GET /paged", "absent"),
    (_TO_ORDER, "GET /by-session", "present"),
    (_RESTX, "GET /api/notes", "present"),
    (_PREPROCESSOR, "GET /<project_id>/bills", "present"),
    (_PREPROCESSOR, "GET /<string:project_id>/join", "absent"),
    (_PREPROCESSOR, "GET /about", "absent"),
    (_ROW, "GET /about", "absent"),
    (_ROW, "GET /orders", "present"),
    (_SETTINGS, "POST /signed-in", "present"),
    (_SETTINGS, "POST /by-key", "present"),
    (_ABSTRACT, "POST /notes", "unresolved"),
    (_THROUGH, "POST /api/notes/{id}", "present"),
    (_THROUGH, "GET /api/notes/all", "absent"),
    (_FACTORY, "GET /strict", "present"),
    (_FACTORY, "GET /lenient", "absent"),
    (_FACTORY, "GET /scoped", "present"),
    (_CLASSES, "GET /members/me", "present"),
    (_CLASSES, "GET /views/open", "absent"),
    (_CLASSES, "GET /views/things", "present"),
    (_FLASK, "GET /orders", "absent"),
    (_FLASK, "GET /orders/<id>", "absent"),
    (_FLASK, "GET /about", "absent"),
    (_FLASK, "GET /back/users", "present"),
    (_FLASK, "GET /back/more", "absent"),
    (_DJANGO, "GET /things", "present"),
    (_DJANGO, "POST /things", "present"),
    (_DJANGO, "POST /wild", "absent"),
    (_DJANGO, "GET /jobs", "present"),
]


@pytest.mark.parametrize(("files", "which", "auth"), _CASES, ids=[case[1] for case in _CASES])
def test_who_is_asked(files: Files, which: str, auth: str, tmp_path: Path) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    repository = read_repository(tmp_path)
    found = find_endpoints(read_code(repository), repository.files, repository.text, repository.units)
    rows = {f"{row.method} {row.path}": row for row in endpoint_rows(found)}
    assert which in rows, sorted(rows)
    assert rows[which].controls["auth"].presence.value == auth, rows[which].controls["auth"]
