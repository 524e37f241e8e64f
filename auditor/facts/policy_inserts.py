"""The INSERT statements of a PL/pgSQL or SQL body: which column is given which expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.deep_syntax import parse_tree
from auditor.facts.policy_terms import read_term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term

_INSERT = re.compile(r"\binsert\s+into\b[^;]*", re.IGNORECASE)
_ASSIGNED = re.compile(r"\b(\w+)\s*(?:\w+\s*)?:=\s*([^;]+);")
_METADATA = re.compile(r"\braw_user_meta_data\b", re.IGNORECASE)
# What hands a value on unchanged; everything else may be a check of it.
_PASSES_ON = {"op", "coalesce", "nullif", "const", "column"}


@dataclass(frozen=True, slots=True)
class Given:
    """A column of a new row and the expression that fills it."""

    relation: str
    column: str
    value: Term


def inserted(body: str) -> Iterator[Given]:
    import postgast

    for match in _INSERT.finditer(body):
        try:
            parsed = parse_tree(match[0])
        except postgast.PgQueryError:
            continue
        insert = parsed.stmts[0].stmt.insert_stmt
        query = insert.select_stmt.select_stmt
        values = list(query.values_lists[0].list.items) if query.values_lists else []
        values = values or [target.res_target.val for target in query.target_list]
        for column, value in zip(insert.cols, values, strict=False):
            yield Given(insert.relation.relname, column.res_target.name, read_term(value))


def from_metadata(value: Term, body: str) -> bool:
    """Whether the value comes out of `raw_user_meta_data` as it is, directly or by a variable."""
    variables = {name for name, text in _ASSIGNED.findall(body) if _METADATA.search(text) and not _checked(name, body)}
    parts = list(value.walk())
    if any(part.kind not in _PASSES_ON for part in parts) or _checked("raw_user_meta_data", body):
        return False
    return any(
        part.kind == "column" and (part.name.endswith(".raw_user_meta_data") or part.name.lstrip(".") in variables)
        for part in parts
    )


def _checked(name: str, body: str) -> bool:
    """Whether an IF on it refuses, or sets something else."""
    return bool(re.search(rf"\bif\b[^;]*\b{name}\b[^;]*\bthen\s+(?:raise\b|\w+\s*:=)", body, re.IGNORECASE))
