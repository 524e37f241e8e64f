"""The inventory of Django: views that a router's class, a model's registry or a class of the same name brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.guarded import validation
from auditor.facts.inventory import find_endpoints
from auditor.model import Presence
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.facts.inventory import Inventory

_ROUTER = """from rest_framework.routers import DefaultRouter, Route

class BulkRouter(DefaultRouter):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.routes[0].mapping.update({"put": "bulk_update", "delete": "bulk_destroy"})
        self.routes[2].mapping.update({"post": "copy"})
        self.labels = {"put": 1}
"""

_VIEWSETS = """from rest_framework import viewsets

class NoteViewSet(viewsets.ReadOnlyModelViewSet):
    def bulk_update(self, request):
        Note.objects.update(**request.data)

    def copy(self, request, pk=None):
        return Note.objects.get(pk=pk)
"""

_REGISTERED = """from netbox.views import generic
from utilities.views import register_model_view
from shop.models import Shelf

class Base:
    def get(self, request):
        return render(request)

@register_model_view(Shelf, "list", path="", detail=False)
class ShelfListView(Base):
    pass

@register_model_view(Shelf)
class ShelfView(Base):
    pass

@register_model_view(Shelf, "edit")
@register_model_view(Shelf, "add", detail=False)
class ShelfEditView(Base):
    def post(self, request):
        Shelf.objects.create(**request.POST)
"""

_LISTS = """from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.views import View
from django.views.generic import ListView
from formtools.preview import FormPreview

class ListView(LoginRequiredMixin, ListView):
    model = Note

class ConfirmMixin:
    def get(self, request):
        return render(request)

    def post(self, request):
        Note.objects.update(on=True)

class SwitchView(LoginRequiredMixin, ConfirmMixin, View):
    pass

class NotePreview(FormPreview):
    def parse_params(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            raise PermissionDenied

    def done(self, request, cleaned_data):
        Note.objects.create(**cleaned_data)
"""


def _inventory(folder: Path, files: dict[str, str]) -> Inventory:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    repository = read_repository(folder)
    return find_endpoints(read_code(repository), repository.files, repository.text, repository.units)


def _found(inventory: Inventory) -> list[str]:
    return sorted(f"{each.method} {each.path}" for each in inventory.endpoints)


def test_a_routers_class_adds_methods_to_those_view_sets_that_have_them(tmp_path: Path) -> None:
    files = {
        "shop/routers.py": _ROUTER,
        "shop/views.py": _VIEWSETS,
        "shop/urls.py": "from .routers import BulkRouter\nfrom . import views\nrouter = BulkRouter()\n"
        'router.register("notes", views.NoteViewSet)\nurlpatterns = router.urls\n',
    }
    wanted = ["GET /notes", "GET /notes/<pk>", "POST /notes/<pk>", "PUT /notes"]
    assert _found(_inventory(tmp_path, files)) == wanted


def test_views_that_are_registered_for_a_model(tmp_path: Path) -> None:
    files = {
        "shop/models.py": "class Shelf:\n    pass\n",
        "shop/views.py": _REGISTERED,
        "shop/urls.py": "from django.urls import include, path\nfrom utilities.urls import get_model_urls\n"
        "urlpatterns = [\n"
        '    path("shelves/", include(get_model_urls("shop", "shelf", detail=False))),\n'
        '    path("shelves/<int:pk>/", include(get_model_urls("shop", "shelf"))),\n'
        '    path("others/", include(get_model_urls("other", "shelf", detail=False))),\n]\n',
    }
    wanted = ["GET /shelves", "GET /shelves/<int:pk>", "GET /shelves/<int:pk>/edit", "GET /shelves/add",
              "POST /shelves/<int:pk>/edit", "POST /shelves/add"]  # fmt: skip
    assert _found(_inventory(tmp_path, files)) == wanted


def test_a_class_with_the_name_of_its_base_and_methods_behind_a_mixin_of_a_package(tmp_path: Path) -> None:
    files = {
        "shop/lists.py": _LISTS,
        "shop/urls.py": "from django.urls import path\nfrom . import lists\nurlpatterns = [\n"
        '    path("notes/", lists.ListView.as_view()),\n'
        '    path("switch/", lists.SwitchView.as_view()),\n'
        '    path("preview/", lists.NotePreview(lists.NoteForm)),\n]\n',
    }
    inventory = _inventory(tmp_path, files)
    wanted = ["GET /notes", "GET /preview", "GET /switch", "POST /preview", "POST /switch"]
    assert _found(inventory) == wanted
    assert {inventory.authentication(each).presence for each in inventory.endpoints} == {Presence.PRESENT}


def test_patterns_by_keyword_and_views_of_packages(tmp_path: Path) -> None:
    """A project whose folder is a package; its pages without code of their own, and its documents."""
    files = {
        "backend/__init__.py": "",
        "backend/manage.py": "",
        "backend/config/__init__.py": "",
        "backend/config/settings.py": 'ROOT_URLCONF = "config.urls"\n',
        "backend/config/urls.py": "from django.urls import include, path\n"
        "from django.views.generic import TemplateView\nfrom drf_yasg.views import get_schema_view\n"
        "from rest_framework_simplejwt.views import TokenVerifyView\nverify = TokenVerifyView.as_view()\n"
        "schema_view = get_schema_view(public=True)\nurlpatterns = []\nurlpatterns += [\n"
        '    path("v1/", include("notes.urls")),\n    path("", TemplateView.as_view(template_name="index.html")),\n'
        '    path("verify/", verify),\n    path("docs/", schema_view.with_ui("swagger")),\n]\n',
        "backend/notes/urls.py": "from django.urls import path\nfrom . import views\n"
        'urlpatterns = [path(route="notes/<int:pk>", view=views.note, name="note")]\n',
        "backend/notes/views.py": "def note(request, pk):\n    return Note.objects.get(pk=pk)\n",
    }
    inventory = _inventory(tmp_path, files)
    assert _found(inventory) == ["GET /", "GET /v1/notes/<int:pk>", "POST /verify"]
    page = next(each for each in inventory.endpoints if each.path == "/")
    assert inventory.authentication(page).presence is Presence.ABSENT


_NINJA = {
    "proj/__init__.py": "",
    "proj/urls.py": 'from django.urls import path\nfrom .api import api\nurlpatterns = [path("api/", api.urls)]\n',
    "proj/api.py": """from ninja import NinjaAPI
from ninja.security import HttpBearer
from notes.api import router

class Bearer(HttpBearer):
    def authenticate(self, request, token):
        return token == settings.TOKEN

api = NinjaAPI(auth=Bearer())
api.add_router("/notes", router)
api.add_router("/tags", "tags.views.router", auth=None)

@api.get("/ping", auth=None)
def ping(request):
    return "pong"
""",
    "notes/__init__.py": "",
    "notes/api.py": """from ninja import Router, Schema
router = Router()

class NoteIn(Schema):
    text: str

@router.post("/")
def add(request, data: NoteIn):
    return Note.objects.create(**data.dict())

@router.api_operation(["PUT", "PATCH"], "/{id}")
def change(request, id: int, data: dict):
    Note.objects.filter(pk=id).update(**data)
""",
    "tags/__init__.py": "",
    "tags/views.py": """from ninja import Router
router = Router()

@router.delete("/{id}")
def remove(request, id: int):
    Tag.objects.filter(pk=id).delete()
""",
}


def test_django_ninja_says_by_auth_who_may_call(tmp_path: Path) -> None:
    inventory = _inventory(tmp_path, _NINJA)
    asked = {f"{each.method} {each.path}": inventory.authentication(each).presence for each in inventory.endpoints}
    assert asked == {
        "GET /api/ping": Presence.ABSENT,
        "POST /api/notes": Presence.PRESENT,
        "PUT /api/notes/{id}": Presence.PRESENT,
        "PATCH /api/notes/{id}": Presence.PRESENT,
        "DELETE /api/tags/{id}": Presence.ABSENT,
    }
    checked = {f"{each.method} {each.path}": validation(inventory, each).presence for each in inventory.endpoints}
    assert checked["POST /api/notes"] is Presence.PRESENT
    assert checked["PUT /api/notes/{id}"] is Presence.ABSENT


def test_another_method_of_an_action_of_a_view_set(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/views.py": "from rest_framework import viewsets\nfrom rest_framework.decorators import action\n"
        "class NoteViewSet(viewsets.GenericViewSet):\n"
        '    @action(detail=True, methods=["post"], url_path="tags")\n    def tag(self, request, pk): ...\n'
        "    @tag.mapping.delete\n    def untag(self, request, pk): ...\n",
        "shop/urls.py": "from rest_framework.routers import DefaultRouter\nfrom . import views\n"
        'router = DefaultRouter()\nrouter.register("notes", views.NoteViewSet)\nurlpatterns = router.urls\n',
    }
    assert _found(_inventory(tmp_path, files)) == ["DELETE /notes/<pk>/tags", "POST /notes/<pk>/tags"]


def test_a_form_of_any_class_that_is_asked_whether_it_is_valid(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/views.py": "from django.views import View\n"
        "class EditView(View):\n    form = None\n\n    def post(self, request):\n"
        "        form = self.form(data=request.POST)\n        if form.is_valid():\n            form.save()\n\n"
        "class LooseView(View):\n    def post(self, request):\n"
        "        note = self.make(data=request.POST)\n        note.save()\n",
        "shop/urls.py": "from django.urls import path\nfrom . import views\nurlpatterns = [\n"
        '    path("edit/", views.EditView.as_view()),\n    path("loose/", views.LooseView.as_view()),\n]\n',
    }
    inventory = _inventory(tmp_path, files)
    assert {each.path: validation(inventory, each).presence for each in inventory.endpoints} == {
        "/edit": Presence.PRESENT,
        "/loose": Presence.ABSENT,
    }


_INHERITED = """from rest_framework import viewsets
from rest_framework.decorators import action
from thirdparty.views import ReadAndDeleteViewSet

class ConfigViewSet(viewsets.GenericViewSet):
    @action(detail=True, methods=["post"], url_path="organization")
    def disable(self, request, pk): ...

    @disable.mapping.delete
    def enable(self, request, pk): ...

    @action(detail=False)
    def health(self, request): ...

class NoteViewSet(ConfigViewSet):
    def health(self, request):
        raise NotFound()

    @ConfigViewSet.disable.mapping.put
    def toggle(self, request, pk): ...

class JobViewSet(ReadAndDeleteViewSet):
    @action(detail=True, methods=["patch"], url_path="retry/(?P<step>[^/.]+)")
    def retry(self, request, pk, step): ...
"""


def test_actions_that_a_view_set_inherits_and_a_view_set_of_a_package(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/views.py": _INHERITED,
        "shop/urls.py": "from rest_framework.routers import DefaultRouter\nfrom . import views\n"
        'router = DefaultRouter()\nrouter.register("notes", views.NoteViewSet)\n'
        'router.register("jobs", views.JobViewSet)\nurlpatterns = router.urls\n',
    }
    wanted = ["ALL /jobs", "ALL /jobs/<pk>", "DELETE /notes/<pk>/organization", "PATCH /jobs/<pk>/retry/<step>"]
    wanted += ["POST /notes/<pk>/organization", "PUT /notes/<pk>/organization"]
    assert _found(_inventory(tmp_path, files)) == wanted
