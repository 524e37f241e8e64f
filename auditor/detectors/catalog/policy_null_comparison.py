"""Policies that compare with null by `=` or `<>`, which is never true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        found = sorted({found for term in clauses.both for found in null_comparisons(term)})
        fault = f"compares with null by {found[0]}, which is neither true nor false for any row" if found else None
        yield policy_answer(table, policy, fault, ok="compares nothing with null", evidence=",".join(found))


def null_comparisons(term: Term) -> Iterator[str]:
    for part in term.walk():
        if part.kind == "op" and part.name in {"=", "<>"} and any(side.name == "null" for side in part.args):
            yield part.name
        elif part.kind == "all" and part.args[1].kind == "list" and _has_null(part.args[1]):
            yield "not in"


def _has_null(items: Term) -> bool:
    return any(item.kind == "const" and item.name == "null" for item in items.args)
