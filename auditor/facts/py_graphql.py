"""GraphQL in Python: the fields of the root types of graphene, strawberry and Ariadne, and of types that group them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.endpoints import Endpoint
from auditor.facts.graphql_groups import ROOTS, Group, is_group
from auditor.facts.py_ariadne import ariadne_fields
from auditor.facts.py_bindings import decorators, keyword, positional
from auditor.facts.py_graphql_classes import class_fields, returned_type
from auditor.facts.py_graphql_hosts import mounted_views
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import line_of, text_of
from auditor.facts.units import is_test
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.py_graphql_classes import PyField
    from auditor.facts.py_names import PyNames

_LIBRARIES = ("graphene", "strawberry", "ariadne")
_SCHEMA = re.compile(r"^(?:strawberry|graphene|strawberry_django)(?:\.\w+)*\.(?:Schema|build_schema)$")
_NAMED = re.compile(r"[sS]chema$")
_CALLED = re.compile(r"[sS]chema\(")
_TYPE = re.compile(r"^(?:graphene\w*|strawberry\w*)\.")
_MERGES = re.compile(r"^strawberry\.tools\.(?:\w+\.)*merge_types$")
_AS_WRITTEN = re.compile(r"auto_camel_?case\s*=\s*False")
_MAX_DEPTH = 4


def find_python_graphql(
    names: PyNames, paths: Iterable[str], text: Callable[[str], str | None], hosts: list[Endpoint]
) -> list[Endpoint]:
    """Every field of Query, Mutation and Subscription; what stands before each of the hosts stands before them, too."""
    if not names.mentions(*_LIBRARIES):
        return []
    before = _shared([*(host.guards for host in hosts), *mounted_views(names)])
    gateway = hosts[0].gateway if hosts and all(host.gateway for host in hosts) else ""
    listed = [*_of_classes(names), *ariadne_fields(names, paths, text)]
    found = [_endpoint(group, each, before, gateway) for group, each in listed]
    return list({(each.method, each.path, each.where): each for each in found}.values())


def _shared(found: list[tuple[Site, ...]]) -> tuple[Site, ...]:
    return tuple(site for site in found[0] if all(site in guards for guards in found)) if found else ()


def _endpoint(group: Group, each: PyField, before: tuple[Site, ...], gateway: str) -> Endpoint:
    at = each.handler if each.handler is not None and each.handler.node.type == "function_definition" else each.where
    return Endpoint(
        "GraphQL", group.root.upper(), f"{group.root}.{group.path(each.name)}", FileSpan(at.path, line_of(at.node)),
        each.handler, (*before, *each.guards), schemas=frozenset({"*"}),
        gateway=each.gateway or gateway, lost=each.lost,
    )  # fmt: skip


def _of_classes(names: PyNames) -> Iterator[tuple[Group, PyField]]:
    """The fields of the classes that schemas are made of, each below where it is reached."""
    seen: set[tuple[str, str, int]] = set()
    for root, owner, camel in _roots(names):
        key = root, owner.path, owner.node.start_byte
        if key not in seen:
            seen.add(key)
            yield from _below(names, Group(root, ""), owner, (), camel=camel)


def _below(
    names: PyNames, group: Group, owner: Site, guards: tuple[Site, ...], *, camel: bool
) -> Iterator[tuple[Group, PyField]]:
    for each in class_fields(names, owner, camel=camel):
        inner = _grouped(names, group, each) if group.prefix.count(".") < _MAX_DEPTH else None
        above = (*guards, *each.guards, *([each.handler] if each.handler is not None else []))
        below = list(_below(names, group.below(each.name), inner, above, camel=camel)) if inner is not None else []
        yield from below
        if not below:
            yield group, each.behind(guards)


def _grouped(names: PyNames, group: Group, each: PyField) -> Site | None:
    """The class of a field that is there for nothing but the fields of that class."""
    kind = returned_type(names, each) if not each.takes else None
    name = text_of(kind.node.child_by_field_name("name")) if kind is not None else ""
    return kind if name and is_group(name, group.root) else None


def _roots(names: PyNames) -> Iterator[tuple[str, Site, bool]]:
    """(root type, its class, whether names are written in camel case) of every schema."""
    for path in names.paths():
        text = names.code.text(path)
        if is_test(path) or not _CALLED.search(text):
            continue
        for call in names.code.nodes(path, "call"):
            if not _NAMED.search(text_of(call.child_by_field_name("function"))):
                continue
            if not _is_schema(names, Site(path, call)):
                continue
            camel = not _AS_WRITTEN.search(text)
            for place, root in enumerate(ROOTS):
                given = keyword(call, root.lower()) or next(iter(positional(call)[place : place + 1]), None)
                if given is not None:
                    yield from ((root, owner, camel) for owner in _classes(names, Site(path, given)))


def _is_schema(names: PyNames, call: Site) -> bool:
    """Whether a call makes a schema: by a library's name, or as a function that is given types of one."""
    called = names.resolve(call.path, call.node.child_by_field_name("function"))
    if isinstance(called, External):
        return bool(_SCHEMA.match(names.dotted(called)))
    known = names.bases(called) if isinstance(called, Site) and called.node.type == "class_definition" else []
    if any(_SCHEMA.match(names.dotted(each)) for each in known):
        return True
    given = [keyword(call.node, "query"), keyword(call.node, "mutation"), *positional(call.node)[:1]]
    found = [names.resolve(call.path, each) for each in given if each is not None]
    return any(isinstance(each, Site) and _is_type(names, each) for each in found)


def _is_type(names: PyNames, owner: Site) -> bool:
    if owner.node.type != "class_definition":
        return False
    written = (each.child_by_field_name("function") or each for each in decorators(owner.node))
    known = [*names.bases(owner), *(names.resolve(owner.path, each) for each in written)]
    return any(_TYPE.match(names.dotted(each)) for each in known)


def _classes(names: PyNames, given: Site, depth: int = _MAX_DEPTH) -> Iterator[Site]:
    """The class that a schema is given; of `merge_types("Query", (A, B))` all that are put together."""
    found = names.resolve(given.path, given.node)
    if not isinstance(found, Site) or depth <= 0:
        return
    if found.node.type == "class_definition":
        yield found
    elif found.node.type == "call":
        called = names.dotted(names.resolve(found.path, found.node.child_by_field_name("function")))
        if called.endswith("create_type"):
            yield found
        for each in positional(found.node)[1:2] if _MERGES.match(called) else ():
            for inner in names.items(found.path, each):
                yield from _classes(names, inner, depth - 1)
