"""Policies that compare with null by `=` or `<>`, which is never true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Policy
    from auditor.model import Answer
    from auditor.sources.database import Database


_NULL = r"null\b(?:::[\w .\"]+)?"
_AS_ARGUMENT = re.compile(rf"[(,]\s*{_NULL}\s*[,)]", re.IGNORECASE)
_COMPARED = re.compile(
    rf"(?:[=<>]|\bin)\s*\(*\s*{_NULL}|{_NULL}\s*\)*\s*(?:[=<>]|\bin\b)|(?:\bin|all|any)\s*\([^()]*\b{_NULL}"
    rf"|array\[[^\]]*{_NULL}",
    re.IGNORECASE,
)


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        found = sorted({found for term in clauses.both for found in null_comparisons(term)})
        found = [] if _is_given(policy) else found
        fault = f"compares with null by {found[0]}, which is neither true nor false for any row" if found else None
        yield policy_answer(table, policy, fault, ok="compares nothing with null", evidence=",".join(found))


def _is_given(policy: Policy) -> bool:
    """Whether a null only is what a function is given for a parameter: what that compares it with is its own affair."""
    written = f"{policy.using or ''} {policy.check or ''}"
    return _AS_ARGUMENT.search(written) is not None and _COMPARED.search(written) is None


def null_comparisons(term: Term) -> Iterator[str]:
    for part in term.walk():
        if part.kind == "op" and part.name in {"=", "<>"} and any(side.name == "null" for side in part.args):
            yield part.name
        elif part.kind == "all" and part.args[1].kind == "list" and _has_null(part.args[1]):
            yield "not in"


def _has_null(items: Term) -> bool:
    return any(item.kind == "const" and item.name == "null" for item in items.args)
