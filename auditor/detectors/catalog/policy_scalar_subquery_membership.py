"""Policies that compare with a sub-select of which only one row may come, and more can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.policies import policy_answer, read_policies
from auditor.facts.policy_selects import may_give_more, scalar_selects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for table, policy, clauses in read_policies(database):
        selects = [select for term in clauses.written for select in scalar_selects(term)]
        wide = [select for select in selects if may_give_more(select, database.schema)]
        fault = None
        if wide:
            name = wide[0].sources[0].relation
            fault = f"compares with a sub-select on {name} that fails (21000) as soon as a caller has two rows there"
        yield policy_answer(table, policy, fault, ok="its sub-selects give one row or are asked by IN", evidence="=")
