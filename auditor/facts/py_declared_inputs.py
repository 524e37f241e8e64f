"""Inputs of a Python endpoint that a library takes out of the request itself: webargs, smorest, APIFlask, Flask-WTF."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.inputs import Read
from auditor.facts.py_bindings import decorators
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import PyNames

_DECLARED = re.compile(
    r"(?:^|\.)(?:use_args|use_kwargs|arguments|input|validate|expect|validate_json|validate_body|validate_request|validated|parameters|pydantic_api"
    r"|validate_schema|json_schema|expects_json|with_schema|schema_required|body)$"
)
# These take one part of the request, the body where nothing else is said.
_OF_ONE_PART = re.compile(r"(?:^|\.)(?:use_args|use_kwargs|arguments|input|parse)$")
_LOCATION = re.compile(r"\blocation\s*=\s*[\"'](\w+)[\"']|,\s*[\"'](query|form|files|headers|cookies|path)[\"']\s*\)?$")
_PARTS = {
    "query": "query", "querystring": "query", "json_or_form": "json", "form": "form", "files": "form",
    "form_and_files": "form", "headers": "header", "cookies": "cookie", "path": "param", "view_args": "param",
}  # fmt: skip
_PARSER = re.compile(r"(?:^|[\w.]*[pP]arser)\.parse$")
_REQUEST = re.compile(r",\s*(?:self\.|flask\.)?request\s*[,)]|\blocation\s*=|\breq(?:uest)?\s*=")
_VALID = re.compile(r"\.(?:validate_on_submit|validate)\(")
_CHANGING = {"POST", "PUT", "PATCH", "ALL"}


def declared_parts(handler: Site) -> set[str]:
    """The parts of the request that the decorators of a handler put through a schema; `*` for all of it."""
    return {_part(each) for each in decorators(handler.node) if _is_declared(text_of(each))}


def parsed_parts(handler: Site) -> Iterator[tuple[str, Node]]:
    """The parts that `parser.parse(schema, request)` of webargs takes."""
    for call in nodes("python", handler.node, "call"):
        given = text_of(call.child_by_field_name("arguments"))
        if _PARSER.search(text_of(call.child_by_field_name("function"))) and _REQUEST.search(given):
            yield _part(call), call


def form_reads(names: PyNames, endpoint: Endpoint, handler: Site) -> Iterator[Read]:
    """A form of Flask-WTF, which takes the fields that were sent by itself: `form = NoteForm()`."""
    if endpoint.method not in _CHANGING:
        return
    text = text_of(handler.node)
    for call in nodes("python", handler.node, "call"):
        made = names.resolve(handler.path, call.child_by_field_name("function"))
        if not isinstance(made, Site) or made.node.type != "class_definition":
            continue
        if not any(names.dotted(base).startswith("flask_wtf") for base in names.bases(made)):
            continue
        valid = bool(_VALID.search(text))
        if valid or re.search(r"\.\w+\.data\b|\.populate_obj\(", text):
            yield Read("form", handler.path, call, validated=valid)


def _is_declared(written: str) -> bool:
    return "(" in written and _DECLARED.search(written.partition("(")[0]) is not None


def _part(call: Node) -> str:
    written = text_of(call)
    if not _OF_ONE_PART.search(written.partition("(")[0]):
        return "*"
    match = _LOCATION.search(written)
    return _PARTS.get(match[1] or match[2], "json") if match else "json"
