"""Columns by which policies tell one tenant from another: compared with a claim, or looked up in a table of members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.policy_terms import bare_name, terms_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Schema, Table

_CLAIMS = {"auth.jwt", "current_setting"}
_USERS = {"auth.uid", "uid"}
_OF_THE_USER = re.compile(r"^'(?:sub|email|role|phone|aal|aud|session_id|is_anonymous|user_id|user_role)'$")


def tenant_columns(table: Table, schema: Schema) -> list[str]:
    """In the order of the policies; keys of the table itself are no tenant of its rows."""
    found: list[str] = []
    for policy in table.policies:
        for text in (policy.using, policy.check):
            term = terms_of(text, table.name) if text else None
            found += _compared(term, schema) if term else []
    return [name for name in dict.fromkeys(found) if name not in table.primary_key]


def _compared(term: Term, schema: Schema) -> Iterator[str]:
    for part in term.walk():
        sides = part.args[:2]
        if part.kind == "op" and part.name == "=" and len(sides) == 2:  # noqa: PLR2004 - left and right
            for own, other in (sides, sides[::-1]):
                if own.kind == "own" and _is_claim(other):
                    yield own.name
        if part.kind in {"in", "any"} and sides[0].kind == "own" and any(_of_members(s, schema) for s in sides[1:]):
            yield sides[0].name
        if part.kind == "exists" and _asks_the_user(part):
            yield from _joined(part.args[0], schema)


def _is_claim(term: Term) -> bool:
    constants = [leaf.name for leaf in term.walk() if leaf.kind == "const" and leaf.name.startswith("'")]
    return bool(term.calls & _CLAIMS) and not any(_OF_THE_USER.match(name) for name in constants)


def _asks_the_user(term: Term) -> bool:
    return bool(term.calls & _USERS)


def _of_members(select: Term, schema: Schema) -> bool:
    """`select team_id from members where user_id = auth.uid()`: not the key of what it reads (a parent)."""
    if select.kind != "select" or not select.args or not _asks_the_user(select):
        return False
    column = select.args[0].name.rpartition(".")[2]
    tables = [_table(source.relation, schema) for source in select.sources]
    return any(table and table.column(column) and table.primary_key != (column,) for table in tables)


def _joined(select: Term, schema: Schema) -> Iterator[str]:
    """`exists (select from members m where m.team_id = docs.team_id and m.user_id = auth.uid())`."""
    tables = {source.alias: _table(source.relation, schema) for source in select.sources}
    for part in select.where.walk() if select.where else ():
        if part.kind != "op" or part.name != "=":
            continue
        for own, other in (part.args, part.args[::-1]):
            alias, _, column = other.name.partition(".")
            table = tables.get(alias) if other.kind == "column" else None
            if own.kind == "own" and table and table.primary_key != (column,):
                yield own.name


def _table(relation: str, schema: Schema) -> Table | None:
    return next((table for table in schema.tables.values() if table.name == bare_name(relation)), None)
