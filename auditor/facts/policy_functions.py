"""The functions that policies call: what they read, and their bodies in place of the call where they are one query."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.policy_terms import query_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.facts.policy_terms import Term

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_RETURN = re.compile(r"^\s*begin\s+return\s+(?P<value>[^;]+);\s*end\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_STANDARD = re.compile(r"\bBEGIN ATOMIC\s+(?P<query>.*?);?\s*END\s*$|\bRETURN\s+(?P<value>.*)$", re.DOTALL)
_READ = re.compile(r'\b(?:from|join)\s+(?:only\s+)?"?(\w+)"?(?:\s*\.\s*"?(\w+)"?)?', re.IGNORECASE)
_WRITES = re.compile(r"\b(?:insert\s+into|update\s+\w|delete\s+from|perform\s+pg_notify)\b", re.IGNORECASE)
_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Function:
    """`volatility` is i, s or v; `arguments` are the names of its arguments, empty for those without."""

    oid: int
    identity: str
    schema: str
    name: str
    language: str
    source: str
    arguments: tuple[str, ...]
    definer: bool
    volatility: str
    leakproof: bool
    bypasses: bool

    @property
    def body(self) -> str:
        """The source without its comments."""
        return _COMMENT.sub(" ", self.source)

    @property
    def reads(self) -> frozenset[str]:
        """The relations of its queries, `schema.name`; `public` where the body names no schema."""
        pairs = _READ.findall(self.body)
        return frozenset(f"{one}.{two}" if two else f"public.{one}" for one, two in pairs if one.lower() != "select")

    @property
    def writes(self) -> bool:
        return bool(_WRITES.search(self.body))

    @property
    def query(self) -> Term | None:
        """The one query that its body is, None where it is more than that."""
        if self.language not in {"sql", "plpgsql"}:
            return None
        if self.language == "sql" and (standard := _STANDARD.search(self.body)):
            return query_of(standard["query"] or f"select {standard['value']}")
        if self.language == "sql":
            return query_of(self.body)
        returned = _RETURN.match(self.body)
        return query_of(f"select {returned['value']}") if returned else None


Functions = dict[str, Function]


def named(functions: Iterable[Function]) -> Functions:
    """By `schema.name`, and by the bare name too, as predicates and bodies call them."""
    found: Functions = {}
    for function in functions:
        found.setdefault(f"{function.schema}.{function.name}", function)
        if function.schema != "auth":
            found.setdefault(function.name, function)
    return found


def expand(term: Term, functions: Mapping[str, Function], depth: int = _DEPTH) -> Term:
    """The term with calls replaced by what the functions return, as far as that is one query."""
    parts = tuple(expand(part, functions, depth) for part in term.args)
    where = expand(term.where, functions, depth) if term.where else None
    term = replace(term, args=parts, where=where)
    function = functions.get(term.name) if term.kind == "call" and depth else None
    query = function.query if function else None
    if function is None or query is None or not query.args:
        return term
    given = {f".{name}": part for name, part in zip(function.arguments, parts, strict=False) if name}
    given |= {f"{function.name}{name}": part for name, part in given.items()}
    given |= {f"${number}": part for number, part in enumerate(parts, 1)}
    inner = expand(_filled(query, given), functions, depth - 1)
    bare = not inner.sources and not inner.where and len(inner.args) == 1 and not inner.name
    return inner.args[0] if bare else replace(inner, kind="scalar", args=(inner,), sources=(), where=None)


def _filled(term: Term, given: Mapping[str, Term]) -> Term:
    key = f"${term.name}" if term.kind == "param" else term.name
    if term.kind in {"param", "column"} and key in given:
        return given[key]
    where = _filled(term.where, given) if term.where else None
    return replace(term, args=tuple(_filled(part, given) for part in term.args), where=where)


def called(term: Term, functions: Mapping[str, Function]) -> list[Function]:
    """The application's own functions that a predicate calls, also through one another."""
    found: dict[int, Function] = {}
    todo = [functions[name] for name in sorted(term.calls) if name in functions]
    while todo:
        function = todo.pop(0)
        if function.oid not in found:
            found[function.oid] = function
            todo += callees(function, functions)
    return list(found.values())


def callees(function: Function, functions: Mapping[str, Function]) -> list[Function]:
    names = set(re.findall(r"([\w.]+)\s*\(", function.body.replace('"', "")))
    found = {functions[name].oid: functions[name] for name in sorted(names) if name in functions}
    return [other for other in found.values() if other.oid != function.oid]
