"""Policies that call a function which, with the caller's rights, reads the policy's own table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_functions, read_policies, serves
from auditor.facts.policy_functions import callees

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_functions import Function, Functions
    from auditor.facts.policy_terms import Term
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    functions = read_functions(database)
    for table, policy, clauses in read_policies(database):
        if not serves(policy, "select") or clauses.using is None:
            continue
        own = f"{table.schema}.{table.name}"
        guilty = [f for f in _with_callers_rights(clauses.written[0], functions) if own in f.reads]
        fault = None
        if guilty and table.rls:
            fault = f"calls {guilty[0].name}(), which reads {own} with the caller's rights: that asks this policy again"
        evidence = guilty[0].identity if guilty else ""
        yield policy_answer(
            table, policy, fault, ok="no function that it calls comes back to its table", evidence=evidence
        )


def _with_callers_rights(term: Term, functions: Functions) -> list[Function]:
    """The functions that run as the caller: from SECURITY DEFINER on, row level security is another role's."""
    found: dict[int, Function] = {}
    todo = [functions[name] for name in sorted(term.calls) if name in functions]
    while todo:
        function = todo.pop(0)
        if function.oid not in found and not function.definer:
            found[function.oid] = function
            todo += callees(function, functions)
    return list(found.values())
