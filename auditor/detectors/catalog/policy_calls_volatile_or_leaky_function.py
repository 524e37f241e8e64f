"""Policies that call a VOLATILE function, which runs for every row, or one of the application's that is LEAKPROOF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_functions, read_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_functions import Function
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    functions = read_functions(database)
    for table, policy, clauses in read_policies(database):
        names = {name for term in clauses.written for name in term.calls}
        called = [functions[name] for name in sorted(names) if name in functions]
        faults = [fault for function in called if (fault := _fault(function))]
        evidence = ",".join(function.identity for function in called if _fault(function))
        fault = faults[0] if faults else None
        yield policy_answer(table, policy, fault, ok="calls no volatile or leakproof function", evidence=evidence)


def _fault(function: Function) -> str | None:
    if function.leakproof:
        return f"calls {function.name}(), which is LEAKPROOF: it may run on rows before the policy has held them back"
    if function.volatility == "v":
        return f"calls {function.name}(), which is VOLATILE: it runs for every row, and no index can be used"
    return None
