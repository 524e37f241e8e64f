"""Connexion: the OpenAPI file of an application names the function that answers each operation."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.py_flask_views import decorator_guards
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.py_names import PyNames

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_MAX_BYTES = 2_000_000
_MAX_PATHS = 2000


def find_connexion(names: PyNames, paths: Iterable[str], text: Callable[[str], str | None]) -> Iterator[Endpoint]:
    """The operations of every OpenAPI file that a Connexion application can read."""
    if not any("connexion" in names.code.text(path) for path in names.paths()):
        return
    for path in paths:
        written = (text(path) or "") if PurePosixPath(path).suffix in {".yml", ".yaml"} else ""
        if "operationId" in written and len(written) < _MAX_BYTES:
            yield from _operations(names, path, written)


def _operations(names: PyNames, path: str, written: str) -> Iterator[Endpoint]:
    document = _read(written)
    base = _base(document)
    listed = document.get("paths")
    for route, operations in islice(listed.items(), _MAX_PATHS) if isinstance(listed, dict) else ():
        for method in _METHODS:
            operation = operations.get(method) if isinstance(operations, dict) else None
            if isinstance(operation, dict) and isinstance(operation.get("operationId"), str):
                shared = operations.get("x-openapi-router-controller") or ""
                yield _endpoint(names, path, method, join_paths(base, str(route)), document, operation, shared)


def _read(written: str) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if re.search(r"[:\-]\s*&\w+", written):  # aliases can make a small file endless
        return {}
    try:
        found = YAML(typ="safe", pure=True).load(written)
    except (YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _base(document: dict[str, Any]) -> str:
    """The path below which the operations are served."""
    servers = document.get("servers")
    first = servers[0].get("url") if isinstance(servers, list) and servers and isinstance(servers[0], dict) else None
    if isinstance(document.get("basePath"), str):
        return str(document["basePath"])
    return re.sub(r"^\w+://[^/]*", "", str(first)) if first else ""


def _endpoint(
    names: PyNames, path: str, method: str, route: str, document: dict[str, Any], operation: dict[str, Any], shared: str
) -> Endpoint:
    named = ".".join(
        filter(None, [str(operation.get("x-openapi-router-controller") or shared), operation["operationId"]])
    )
    handler = _function(names, path, named)
    security = operation.get("security", document.get("security"))
    return Endpoint(
        framework="Connexion",
        method=method.upper(),
        path=route,
        where=FileSpan(handler.path, line_of(handler.node)) if handler else FileSpan(path, 1),
        handler=handler,
        guards=tuple(decorator_guards(handler)) if handler else (),
        schemas=_schemas(operation),
        gateway=_checked(document, security),
        lost="" if handler else named,
    )


def _function(names: PyNames, path: str, named: str) -> Site | None:
    module, _, name = named.rpartition(".")
    for start in dict.fromkeys([path, *sorted(names.paths(), key=lambda each: each.count("/"))[:50]]):
        found = names.member(names.module(start, module), name) if module else None
        if isinstance(found, Site) and found.node.type == "function_definition":
            return found
    return None


def _checked(document: dict[str, Any], security: object) -> str:
    """The security scheme that Connexion enforces itself: one that names the function which checks it."""
    if not isinstance(security, list) or not security or {} in security:
        return ""
    components = document.get("components")
    schemes = (components if isinstance(components, dict) else {}).get("securitySchemes") or document.get(
        "securityDefinitions"
    )
    for each in security:
        for name in each if isinstance(each, dict) else ():
            scheme = schemes.get(name) if isinstance(schemes, dict) else None
            if isinstance(scheme, dict) and any(re.fullmatch(r"x-\w+InfoFunc", str(key)) for key in scheme):
                return f"security scheme {name} of the OpenAPI file"
    return ""


def _schemas(operation: dict[str, Any]) -> frozenset[str]:
    """The inputs that Connexion holds against the file's schemas."""
    found = set()
    body = operation.get("requestBody")
    content = body.get("content") if isinstance(body, dict) else None
    for kind in content if isinstance(content, dict) else ():
        found.add("form" if "form" in str(kind) else "json")
    given = operation.get("parameters")
    for each in given if isinstance(given, list) else ():
        place = each.get("in") if isinstance(each, dict) else None
        found |= {"json"} if place == "body" else {"query"} if place == "query" else set()
    return frozenset(found)
