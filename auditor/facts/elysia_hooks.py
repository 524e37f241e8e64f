"""The hooks of Elysia: what runs before a handler, which inputs have a schema, and hooks that macros give names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.builder_chains import link_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_INPUTS = {"body": "json", "query": "query", "params": "param", "headers": "header", "cookie": "cookie"}
_BEFORE = {"beforeHandle", "resolve", "derive", "transform", "upgrade"}
_ANYTHING = re.compile(r"(?:t|z|v)\.(?:Any|Unknown|any|unknown)\(")
_MACRO_HOOKS = re.compile(r"onBeforeHandle|beforeHandle|resolve|derive")


@dataclass(frozen=True, slots=True)
class Hook:
    guards: tuple[Site, ...] = ()
    schemas: frozenset[str] = frozenset()


@dataclass(slots=True)
class Macros:
    """The macros of a repository, by name; read when the first hook is."""

    symbols: Symbols
    files: tuple[str, ...]
    _named: dict[str, list[Site]] | None = None

    def get(self, name: str) -> list[Site]:
        if self._named is None:
            self._named = {}
            for path in self.files:
                if ".macro(" in self.symbols.code.text(path):
                    for call in self.symbols.code.nodes(path, "call_expression"):
                        self._read(path, call)
        return self._named.get(name, [])

    def _read(self, path: str, call: Node) -> None:
        link, given = link_of(call), arguments_of(call)
        if link is None or link[0] != "macro" or not given or self._named is None:
            return
        if (name := string_of(given[0])) is not None and len(given) > 1:
            self._named.setdefault(name, []).extend(_of_macro(path, unwrap(given[1])))
        holder = unwrap(given[0])
        bodies = list(returned(holder)) if holder.type in FUNCTIONS else [holder]
        for body in bodies:
            for key, value in entries(unwrap(body)) if unwrap(body).type == "object" else ():
                self._named.setdefault(key, []).extend(_of_macro(path, value))


def _of_macro(path: str, value: Node) -> Iterator[Site]:
    """The functions that a macro runs: of `{ resolve() {} }`, or itself where it gives such an object back."""
    if value.type == "object":
        for key, inner in entries(value):
            if key in _BEFORE:
                yield Site(path, inner)
    elif value.type in {*FUNCTIONS, "method_definition"} and _MACRO_HOOKS.search(text_of(value)):
        yield Site(path, value)


def entries(holder: Node) -> Iterator[tuple[str, Node]]:
    """The names and values of an object; a method is its own value."""
    for child in holder.named_children:
        if child.type == "method_definition":
            yield text_of(child.child_by_field_name("name")), child
        elif child.type == "shorthand_property_identifier":
            yield text_of(child), child
        elif child.type == "pair" and (value := child.child_by_field_name("value")) is not None:
            yield text_of(child.child_by_field_name("key")).strip("\"'"), unwrap(value)


def hook_of(symbols: Symbols, macros: Macros, site: Site, depth: int = 3) -> Hook:
    """What an object of options says: `{ body: t.Object(…), beforeHandle: signedIn, isAdmin: true }`."""
    target = symbols.resolve(site.path, site.node) if depth else None
    if not isinstance(target, Site) or target.node.type != "object":
        return Hook()
    found = _Found(symbols, macros)
    for child in target.node.named_children:
        if child.type == "spread_element" and child.named_children:
            inner = hook_of(symbols, macros, Site(target.path, child.named_children[0]), depth - 1)
            found.guards += inner.guards
            found.schemas |= inner.schemas
    for key, value in entries(target.node):
        found.add(key, Site(target.path, value))
    return Hook(tuple(found.guards), frozenset(found.schemas))


@dataclass(slots=True)
class _Found:
    symbols: Symbols
    macros: Macros
    guards: list[Site] = field(default_factory=list)
    schemas: set[str] = field(default_factory=set)

    def add(self, key: str, value: Site) -> None:
        if (kind := _INPUTS.get(key)) is not None:
            self.schemas |= set() if _ANYTHING.match(text_of(value.node)) else {kind}
        elif key in _BEFORE:
            listed = value.node.named_children if value.node.type == "array" else [value.node]
            self.guards += [Site(value.path, each) for each in listed]
        elif text_of(value.node) != "false":
            self.guards += self.macros.get(key)


def scope_of(site: Site) -> str:
    """`global` or `scoped` where options say for whom a hook runs: `{ as: "scoped" }`."""
    named = property_of(site.node, "as") if site.node.type == "object" else None
    how = string_of(named) if named is not None else None
    return how if how in {"global", "scoped"} else ""


def context_parts(language: str, function: Node) -> Iterator[tuple[str, Node]]:
    """(kind of input, what takes it) of a handler: `({ body }) => …`, `(c) => c.query`."""
    given = function.child_by_field_name("parameters") or function.child_by_field_name("parameter")
    first = (
        given.named_children[0]
        if given is not None and given.type == "formal_parameters" and given.named_children
        else given
    )
    pattern = (first.child_by_field_name("pattern") or first) if first is not None else None
    for child in pattern.named_children if pattern is not None and pattern.type == "object_pattern" else ():
        if (kind := _INPUTS.get(re.split(r"[^\w]", text_of(child))[0])) in {"json", "query"}:
            value = child.child_by_field_name("value")
            yield str(kind), value if value is not None else child
    if pattern is not None and pattern.type == "identifier":
        for member in nodes(language, function, "member_expression"):
            if (match := re.fullmatch(rf"{re.escape(text_of(pattern))}\.(body|query)", text_of(member))) is not None:
                yield _INPUTS[match[1]], member
