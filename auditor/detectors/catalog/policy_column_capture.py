"""Policies whose sub-select compares the inner table with itself, where the row of the policy was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_functions, read_policies
from auditor.facts.policy_functions import called
from auditor.facts.policy_terms import Term, bare_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_functions import Function
    from auditor.facts.schema import Schema, Table
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    functions = read_functions(database)
    for table, policy, clauses in read_policies(database):
        found = [pair for term in clauses.written for pair in captured(term, table, database.schema)]
        inside = [
            (f, name) for term in clauses.written for f in called(term, functions) for name in captured_argument(f)
        ]
        fault = None
        if found:
            one, other = found[0]
            fault = f"its sub-select compares the inner table with itself ({one} = {other}), not with the row"
        elif inside:
            function, name = inside[0]
            fault = f"{function.name}() compares the column {name} with itself: its argument has the same name"
        evidence = "=".join(found[0]) if found else inside[0][1] if inside else ""
        yield policy_answer(table, policy, fault, ok="compares no inner table with itself", evidence=evidence)


def captured(term: Term, table: Table, schema: Schema) -> Iterator[tuple[str, str]]:
    """The two sides of comparisons within one alias: a column with itself, or the key to this table with another."""
    for select in term.walk():
        if select.kind != "select":
            continue
        keys = {
            f"{source.alias}.{key.columns[0]}": key.target_columns[0]
            for source in select.sources
            for inner in schema.tables.values()
            if inner.name == bare_name(source.relation) and inner.oid != table.oid
            for key in inner.foreign_keys
            if key.target == table.oid and len(key.columns) == 1
        }
        tied = set(_tied(select.where))
        for one, other in _pairs(select.where):
            if one == other and one not in tied:
                yield one, other
            elif not select.own_columns and one.partition(".")[0] == other.partition(".")[0]:
                for key, counterpart in ((one, other), (other, one)):
                    if keys.get(key) == counterpart.partition(".")[2]:
                        yield key, counterpart


def captured_argument(function: Function) -> Iterator[str]:
    """Columns of an SQL function that hide its argument of the same name; PL/pgSQL refuses that at run time."""
    query = function.query if function.language == "sql" else None
    for select in query.walk() if query else ():
        names = {f".{argument}" for argument in function.arguments}
        yield from (one[1:] for one, other in _pairs(select.where) if one == other and one in names and select.sources)


def _tied(where: Term | None) -> Iterator[str]:
    """Inner columns that the condition compares with the policy's row: beside that, one with itself says nothing."""
    for sides in _equalities(where):
        if {side.kind for side in sides} == {"own", "column"}:
            yield from (side.name for side in sides if side.kind == "column")


def _pairs(where: Term | None) -> Iterator[tuple[str, str]]:
    """The equalities of two columns that a condition joins by AND."""
    for sides in _equalities(where):
        if all(side.kind == "column" for side in sides):
            yield sides[0].name, sides[1].name


def _equalities(where: Term | None) -> Iterator[tuple[Term, ...]]:
    """The equalities that a condition joins by AND."""
    if where is None:
        return
    for part in where.args if where.kind == "and" else (where,):
        if part.kind == "and":
            yield from _equalities(part)
        elif part.kind == "op" and part.name == "=" and len(part.args) == 2:  # noqa: PLR2004 - two sides
            yield part.args
