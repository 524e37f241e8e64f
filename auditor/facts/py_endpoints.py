"""The endpoints of Python frameworks, and which code of an inventory is Python's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.endpoints import Listed
from auditor.facts.py_connexion import find_connexion
from auditor.facts.py_django import find_django
from auditor.facts.py_fastapi import find_fastapi
from auditor.facts.py_flask import find_flask
from auditor.facts.py_graphql import find_python_graphql
from auditor.facts.py_graphql_hosts import hosts_graphql
from auditor.facts.py_names import PyNames
from auditor.facts.units import unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.parsed_files import Files
    from auditor.facts.units import UnitFacts


def find_python(
    code: Files, paths: Iterable[str], text: Callable[[str], str | None], units: tuple[UnitFacts, ...]
) -> Iterator[Endpoint]:
    """All endpoints of FastAPI, Flask, Connexion and Django, and the fields of GraphQL in the stead of its hosts."""
    names = PyNames(code)
    if not names.paths():
        return
    finders = (find_fastapi(names), find_flask(names), find_django(names), find_connexion(names, paths, text))
    listed = Listed(code, (endpoint for found in finders for endpoint in found))
    hosts = [endpoint for endpoint in listed if hosts_graphql(names, endpoint)]
    fields = find_python_graphql(names, paths, text, hosts)
    kept = [each for each in listed if each not in hosts] if fields else listed
    for endpoint in (*kept, *fields):
        yield replace(endpoint, unit=unit_of(endpoint.where.path, units))
