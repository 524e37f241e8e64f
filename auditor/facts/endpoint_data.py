"""What an endpoint reaches in the database, and each thing that it takes out of the request with its schema."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of
from auditor.facts.declared_inputs import declared_schemas
from auditor.facts.effects import READ, WRITE, supabase_table
from auditor.facts.inputs import parses, reads, unvalidated
from auditor.facts.lookups import by_service
from auditor.facts.py_routes import is_python
from auditor.facts.sites import outermost
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.listed import EndpointData, EndpointInput
from auditor.model import FileSpan, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.reach import Call

_ORDER = ("param", "query", "header", "cookie", "json", "form", "arguments", "*")
_IN_PATH = re.compile(r"[:\[{<]\w")
_SQL = r"\(?\s*(?:text\(\s*)?[fr]?(?:\"\"\"|'''|[\"'`])\s*(?:select|insert|update|delete|with|call|merge)\b"
_RAW = re.compile(
    r"\.\$(?:query|execute)Raw(?:Unsafe)?\b|\bsql(?:<[^()`]{0,200}>)?`"
    rf"|\.(?:query|execute|raw|unsafe|prepare|fetch\w*|executemany)\s*{_SQL}",
    re.IGNORECASE,
)
_LOOSE = re.compile(
    r"\b(?:z|v|t|yup|joi|Joi|Type)\.(?:any|unknown|Any|Unknown|mixed)\(|\.passthrough\(|\blooseObject\(|\.catchall\("
    r"|\.unknown\(\s*(?:true)?\s*\)|\bextra\s*=\s*[\"']allow|additionalProperties\s*:\s*true|\bdict\[str,\s*Any\]"
)
_OPEN = re.compile(
    r"^(?:z|v|t|Type)\.(?:any|unknown|record|Any|Unknown|Record)\(|\.passthrough\(|\blooseObject\(|\.catchall\(|\.loose\("
)
_SCHEMA = re.compile(r"[sS]chema|[vV]alidat|\b[A-Z]\w*|\b(?:z|v|t|yup|Joi|joi|Type)\.")
_MAX_HOPS = 2


def reached(inventory: Inventory, endpoint: Endpoint) -> EndpointData:
    """The tables, whose rights the client has that asks for them, and raw SQL in the handler itself."""
    found = inventory.effects(endpoint)
    kinds = {kind: sorted({e.table for e in found if e.kind == kind and e.table}) for kind in (READ, WRITE)}
    clients = sorted({_client(inventory, each) for each in found if each.kind in kinds} - {""})
    return EndpointData(tuple(kinds[READ]), tuple(kinds[WRITE]), tuple(clients), _raw(inventory, endpoint))


def _client(inventory: Inventory, effect: Effect) -> str:
    """Whose rights hold: policies decide about a caller's, and about nobody else's."""
    if inventory.is_python(effect.call.path):
        return "connection"
    if supabase_table(effect.call.node) is not None or effect.call.name.endswith(".rpc"):
        return "service-role" if by_service(inventory.reacher, effect) else "caller"
    return "connection"


def _raw(inventory: Inventory, endpoint: Endpoint) -> FileSpan | None:
    if endpoint.handler is None:
        return None
    match = inventory.reacher.says(endpoint.handler, _first_raw)
    return None if match is None else FileSpan(endpoint.handler.path, line_of(endpoint.handler.node) + match)


def _first_raw(text: str) -> int | None:
    """How many lines below its beginning a handler has its first SQL statement; comments are blank already."""
    match = _RAW.search(text)
    return text.count("\n", 0, match.start()) if match else None


def taken(inventory: Inventory, endpoint: Endpoint) -> tuple[EndpointInput, ...]:
    """Every source of input, and whether a schema sees it."""
    declared = declared_schemas(inventory.reacher, endpoint)
    found = {kind: EndpointInput(kind, Presence.PRESENT) for kind in declared if kind in _ORDER[:-1]}
    read = reads(inventory.reacher, endpoint)
    open_kinds = {each.kind for each in unvalidated(read, declared)}
    for each in read:
        presence = Presence.ABSENT if each.kind in open_kinds else Presence.PRESENT
        found[each.kind] = EndpointInput(each.kind, presence)
    if "*" in declared and not found:
        found["json"] = EndpointInput("arguments", Presence.PRESENT)
    if _IN_PATH.search(endpoint.path) and "param" not in found and endpoint.method != "ACTION":
        found["param"] = EndpointInput("param", Presence.PRESENT if "*" in declared else Presence.ABSENT)
    schemas = dict(_schemas(inventory, endpoint))
    listed = sorted(found.values(), key=lambda each: _ORDER.index(each.source))
    return tuple(_with_schema(each, schemas) if each.presence is Presence.PRESENT else each for each in listed)


def _with_schema(each: EndpointInput, schemas: dict[str, tuple[FileSpan, bool]]) -> EndpointInput:
    if (known := schemas.get(each.source) or schemas.get("*")) is None:
        return each
    return replace(each, schema=known[0], loose=known[1])


def _schemas(inventory: Inventory, endpoint: Endpoint) -> Iterator[tuple[str, tuple[FileSpan, bool]]]:
    """(source or `*`, place and looseness) of the schemas in front of an endpoint and in it."""
    if is_python(endpoint) or endpoint.handler is None:
        return
    calls = inventory.reacher.reach(endpoint.handler, _MAX_HOPS).calls
    for call in calls:
        if parses(call) and (schema := _schema_of(inventory, call)) is not None:
            yield "*", schema
    for guard in endpoint.guards:
        given = arguments_of(guard.node) if guard.node.type == "call_expression" else []
        source = text_of(given[0]).strip("\"'`") if given and given[0].type == "string" else "*"
        if (
            given
            and _SCHEMA.search(text_of(guard.node))
            and (schema := _at(inventory, guard.path, given[-1])) is not None
        ):
            yield source if source in _ORDER else "*", schema


def open_schema(inventory: Inventory, endpoint: Endpoint) -> tuple[bool, FileSpan | None]:
    """Whether the handler or what stands before it has a schema of its own, and the place of one that lets further
    keys through.
    """
    assert endpoint.handler
    sites = [
        found for call in inventory.reacher.own(endpoint.handler) if parses(call) for found in _site_of(inventory, call)
    ]
    for guard in endpoint.guards:
        given = arguments_of(guard.node) if guard.node.type == "call_expression" else []
        if given and _SCHEMA.search(text_of(guard.node)):
            sites += _schema_site(inventory, guard.path, given[-1])
    loose = next((site for site in sites if _OPEN.search(outermost(text_of(site.node)))), None)
    return bool(sites), FileSpan(loose.path, line_of(loose.node)) if loose else None


def _site_of(inventory: Inventory, call: Call) -> list[Site]:
    """The schema of `Note.parse(body)`, or of a library's `parse(Note, body)`."""
    function = call.node.child_by_field_name("function")
    held = function.child_by_field_name("object") if function is not None else None
    if held is not None and _SCHEMA.search(text_of(held)):
        return _schema_site(inventory, call.path, held)
    given = arguments_of(call.node)
    return _schema_site(inventory, call.path, given[0]) if given and _SCHEMA.search(text_of(given[0])) else []


def _schema_site(inventory: Inventory, path: str, node: Node) -> list[Site]:
    target = inventory.reacher.symbols.resolve(path, node)
    known = isinstance(target, Site) and target.node.type in {"call_expression", "object", "new_expression"}
    return [target] if isinstance(target, Site) and known else []


def _schema_of(inventory: Inventory, call: Call) -> tuple[FileSpan, bool] | None:
    """Where the schema of a parsing call stands, and whether it lets anything pass."""
    return next((_told(site) for site in _site_of(inventory, call)), None)


def _at(inventory: Inventory, path: str, node: Node) -> tuple[FileSpan, bool] | None:
    return next((_told(site) for site in _schema_site(inventory, path, node)), None)


def _told(site: Site) -> tuple[FileSpan, bool]:
    return FileSpan(site.path, line_of(site.node)), _LOOSE.search(text_of(site.node)) is not None
