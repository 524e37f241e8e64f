"""What a refusal of the server says: which values to change, and for the reader which constraint or trigger it was."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

from auditor.facts.row_solver import solve
from auditor.facts.rows import first_value

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.row_solver import Draft
    from auditor.facts.schema import Table

_FUNCTION = re.compile(r"function (?:\"?(\w+)\"?\.)?\"?(\w+)\"?\(")
_QUOTED = re.compile(r'"([^"]*)"')
_MAX_GUESSES = 30
_LENGTH = re.compile(r"value too long for type (.+)$")


def learn(draft: Draft, error: psycopg.Error) -> bool:
    """Change the draft by what an error says; False when nothing can be learned."""
    if error.sqlstate == "23502" and (done := _fill(draft, error)) is not None:
        return done
    columns = blamed(draft, error)
    if not columns:
        return False
    draft.refuse(columns)
    if solve(draft):
        return True
    # Nothing is left that we think right: perhaps the server reads the constraints otherwise.
    fresh = {check.name for check in draft.checks if check.columns & set(columns)} - draft.mistrusted
    draft.mistrusted |= fresh
    return bool(fresh) and solve(draft)


def _fill(draft: Draft, error: psycopg.Error) -> bool | None:
    name = error.diag.column_name or ""
    column = draft.table.column(name) if error.diag.table_name == draft.table.name else None
    if column is None or column.generated or draft.values.get(name) is not None:
        return None if column is None else False
    draft.values[name] = first_value(draft, column)
    return solve(draft)


def blamed(draft: Draft, error: psycopg.Error) -> tuple[str, ...]:
    """The columns whose values were refused, taken together."""
    diag, table, state = error.diag, draft.table, error.sqlstate or ""
    name = diag.constraint_name or ""
    if diag.datatype_name and state[:2] == "23":
        return tuple(column.name for column in table.columns if column.domain == diag.datatype_name)
    if state in {"23514", "23505", "23P01", "23503"} and diag.table_name == table.name:
        return _of_constraint(table, name)
    if triggers_of(table, error):
        if state.startswith("42"):  # a mistake in the function, whatever the row
            return ()
        twins = _twins(draft)
        return twins if twins and state == "23505" else _listed(draft) or twins
    return _of_value(draft, diag.message_primary or "") if state[:2] == "22" else ()


def emptied(draft: Draft, error: psycopg.Error) -> bool:
    """Whether a trigger took a value away that was there, as one does that writes `auth.uid()` over it."""
    given = error.diag.table_name == draft.table.name and draft.values.get(error.diag.column_name or "") is not None
    return error.sqlstate == "23502" and given and bool(draft.table.triggers)


def triggers_of(table: Table, error: psycopg.Error) -> list[str]:
    """The triggers of the table in whose functions the error came up."""
    functions = {match[2] for match in _FUNCTION.finditer(error.diag.context or "")}
    return [name for name, function in table.triggers.items() if function.rpartition(".")[2] in functions]


def _listed(draft: Draft) -> tuple[str, ...]:
    """A trigger does not say what it wants: columns with a few allowed values (a status, a kind) are worth a change."""
    if len(draft.refused) > _MAX_GUESSES:
        return ()
    free = [c for c in draft.table.columns if c.name not in draft.fixed and not c.generated]
    checked = {name for check in draft.checks for name in check.columns}
    return tuple(c.name for c in free if c.elements or c.category == "B" or (c.category == "S" and c.name in checked))


def _twins(draft: Draft) -> tuple[str, ...]:
    """Two keys that lead to the same row, as if somebody played a match against themselves."""
    keys = [key for key in draft.table.foreign_keys if len(key.columns) == 1]
    for one, other in combinations(keys, 2):
        pair = (one.columns[0], other.columns[0])
        values = [draft.values.get(name) for name in pair]
        if one.target == other.target and pair[0] != pair[1] and values[0] is not None and values[0] == values[1]:
            return pair
    return ()


def _of_constraint(table: Table, name: str) -> tuple[str, ...]:
    keys = {key.name: key.columns for key in table.foreign_keys}
    if columns := table.indexes.get(name) or keys.get(name):
        return columns
    definition = table.checks.get(name) or table.exclusions.get(name) or (table.partition_key if not name else "")
    return tuple(c.name for c in table.columns if re.search(rf'(?<!\w)"?{re.escape(c.name)}"?(?!\w)', definition))


def _of_value(draft: Draft, message: str) -> tuple[str, ...]:
    """A value that its type does not take is in the message, or its type is; otherwise any may be to blame."""
    free = [name for name in draft.values if name not in draft.fixed and draft.values[name] is not None]
    quoted = set(_QUOTED.findall(message))
    if found := [name for name in free if str(draft.values[name]) in quoted]:
        return (found[0],)
    if match := _LENGTH.search(message):
        long = [name for name in free if (c := draft.table.column(name)) and c.declared == match[1]]
        return (max(long, key=lambda name: len(str(draft.values[name]))),) if long else ()
    return tuple(free)


def reason_of(table: Table, error: psycopg.Error) -> str:
    """One sentence for the report, with the trigger's name where the refusal came out of one."""
    message = (error.diag.message_primary or str(error) or type(error).__name__).splitlines()[0]
    if names := triggers_of(table, error):
        return f"trigger {names[0]}: {message}"
    place = error.diag.table_name
    elsewhere = f" (in {place}, which a trigger writes)" if place and place != table.name else ""
    constraint = error.diag.constraint_name
    named = f" ({constraint})" if constraint and constraint not in message else ""
    return f"{message}{named}{elsewhere}"
