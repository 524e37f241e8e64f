"""Which part of the request the libraries of Python put through a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.guarded import endpoint_rows
from auditor.facts.inventory import find_endpoints
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

_FLASK = """from dateutil import parser as dates
from flask import Flask, request
from flask_wtf import FlaskForm
from webargs import fields
from webargs.flaskparser import parser, use_args
from wtforms import StringField
app = Flask(__name__)

class NoteForm(FlaskForm):
    title = StringField()

@app.post("/args")
@use_args({"title": fields.Str(required=True)})
def args(given):
    db.save(given)

@app.post("/args-of-the-query")
@use_args({"page": fields.Int()}, location="query")
def beside(given):
    db.save(given, request.get_json())

@app.post("/parsed")
def parsed():
    db.save(parser.parse({"title": fields.Str()}, request))

@app.post("/parsed-query")
def parsed_query():
    found = parser.parse({"page": fields.Int()}, request, location="query")
    db.save(found, request.get_json())

@app.post("/date")
def date():
    db.save(dates.parse(request.get_json()["day"]))

@app.post("/form")
def form():
    form = NoteForm()
    if form.validate_on_submit():
        db.save(form.title.data)

@app.post("/form-unseen")
def form_unseen():
    form = NoteForm()
    db.save(form.title.data)
"""
_APIFLASK = """from apiflask import APIFlask, Schema
from apiflask.fields import String
from flask import request
app = APIFlask(__name__)

class In(Schema):
    title = String()

@app.post("/input")
@app.input(In)
def one(json_data):
    db.save(json_data)

@app.post("/input-query")
@app.input(In, location="query")
def two(query_data):
    db.save(query_data, request.json)
"""
_DRF = """from django.urls import path
from rest_framework import serializers
from rest_framework.decorators import api_view

class Note(serializers.Serializer):
    title = serializers.CharField()

@api_view(["POST"])
def checked(request):
    note = Note(data=request.data)
    note.is_valid(raise_exception=True)
    db.save(note.validated_data)

@api_view(["POST"])
def unchecked(request):
    note = Note(data=request.data)
    db.save(note.initial_data)

urlpatterns = [path("checked", checked), path("unchecked", unchecked)]
"""


def validation(root: Path, files: dict[str, str]) -> dict[str, str]:
    repository = read_repository(write(root, files))
    found = find_endpoints(read_code(repository), repository.files, repository.text, repository.units)
    return {row.path: row.controls["validation"].presence.value for row in endpoint_rows(found)}


def test_webargs_and_forms_count_for_the_part_that_they_take(tmp_path: Path) -> None:
    assert validation(tmp_path, {"requirements.txt": "flask\n", "app.py": _FLASK}) == {
        "/args": "present",
        "/args-of-the-query": "absent",
        "/parsed": "present",
        "/parsed-query": "absent",
        "/date": "absent",
        "/form": "present",
        "/form-unseen": "absent",
    }


def test_the_location_of_an_input_of_apiflask(tmp_path: Path) -> None:
    found = validation(tmp_path, {"requirements.txt": "apiflask\n", "app.py": _APIFLASK})
    assert found == {"/input": "present", "/input-query": "absent"}


def test_a_serializer_counts_where_somebody_asks_it(tmp_path: Path) -> None:
    files = {"requirements.txt": "django\ndjangorestframework\n", "app/urls.py": _DRF, "app/__init__.py": ""}
    files["app/settings.py"] = 'ROOT_URLCONF = "app.urls"\n'
    assert validation(tmp_path, files) == {"/checked": "present", "/unchecked": "absent"}
