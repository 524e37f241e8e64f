"""The sub-selects of a predicate: whether they can give more than one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.policy_terms import bare_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Source, Term
    from auditor.facts.schema import Schema

_ONE_ROW = {"array_agg", "avg", "bool_and", "bool_or", "count", "every", "json_agg", "jsonb_agg"} | {
    "max",
    "min",
    "string_agg",
}


def scalar_selects(term: Term) -> Iterator[Term]:
    """Sub-selects that stand where one value is wanted."""
    for part in term.walk():
        if part.kind == "scalar":
            yield part.args[0]


def may_give_more(select: Term, schema: Schema) -> bool:
    """Whether the tables' unique keys leave room for a second row; False where a relation is not known."""
    if select.name or select.limited or not select.sources or _aggregates(select):
        return False
    tables = {source.alias: _unique(source, schema) for source in select.sources}
    if any(keys is None for keys in tables.values()):
        return False
    fixed: set[str] = set()
    while more := {
        alias
        for alias, keys in tables.items()
        if alias not in fixed and any(set(key) <= _pinned(select.where, alias, fixed) for key in keys or ())
    }:
        fixed |= more
    return fixed != set(tables)


def _aggregates(select: Term) -> bool:
    return any(target.kind == "call" and target.name in _ONE_ROW for part in select.args for target in part.walk())


def _unique(source: Source, schema: Schema) -> tuple[tuple[str, ...], ...] | None:
    if source.relation == "auth.users":
        return (("id",), ("email",))
    named = [table for table in schema.tables.values() if table.name == bare_name(source.relation)]
    return named[0].unique if len(named) == 1 else None


def _pinned(where: Term | None, alias: str, fixed: set[str]) -> set[str]:
    """Columns of an alias that the condition holds equal to something that has one value."""
    if where is None:
        return set()
    if where.kind == "and":
        return set().union(*(_pinned(part, alias, fixed) for part in where.args))
    if where.kind == "op" and where.name == "=":
        for one, other in (where.args, where.args[::-1]):
            owner, _, column = one.name.partition(".")
            if one.kind == "column" and owner == alias and _known(other, fixed):
                return {column}
    return set()


def _known(term: Term, fixed: set[str]) -> bool:
    return all(part.name.partition(".")[0] in fixed for part in term.walk() if part.kind == "column")
