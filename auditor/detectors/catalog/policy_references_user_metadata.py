"""Policies that trust `user_metadata`, which every user can write; also through the functions that they call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.policies import exposed_policies, policy_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Policy
    from auditor.model import Answer
    from auditor.sources.database import Database

_METADATA = re.compile(r"(?<![\w])'?(?:user_metadata|raw_user_meta_data)'?(?!\w)", re.IGNORECASE)
# Comments in a function's body are no evidence.
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_FUNCTIONS = """
select f.oid::bigint, f.identity, f.schema || '.' || f.name as name, f.name as short, p.prosrc as body
from own_function f join pg_proc p on p.oid = f.oid
"""


def ask(database: Database) -> Iterator[Answer]:
    bodies = {row["name"]: _COMMENT.sub("", row["body"] or "") for row in database.select(_FUNCTIONS)}
    guilty = _guilty(bodies)
    for table, policy in exposed_policies(database):
        fault = _fault(policy, guilty)
        yield policy_answer(
            table, policy, fault, ok="reads no user_metadata", evidence="user_metadata" if fault else ""
        )


def _guilty(bodies: dict[str, str]) -> set[str]:
    """Functions that read user_metadata themselves or through another, by `schema.name`."""
    guilty = {name for name, body in bodies.items() if _METADATA.search(body)}
    while more := {name for name, body in bodies.items() if name not in guilty and _calls(body, guilty)}:
        guilty |= more
    return guilty


def _calls(text: str, functions: set[str]) -> str | None:
    """The first of `functions` that a text calls, with or without its schema."""
    for name in sorted(functions):
        schema, _, short = name.partition(".")
        if re.search(rf'(?<![\w."])(?:"?{re.escape(schema)}"?\.)?"?{re.escape(short)}"?\s*\(', text):
            return name
    return None


def _fault(policy: Policy, guilty: set[str]) -> str | None:
    text = f"{policy.using or ''} {policy.check or ''}"
    if _METADATA.search(text):
        return "decides by user_metadata, which every signed-in user can set to anything through the Auth API"
    if function := _calls(text, guilty):
        return f"decides by {function}(), which reads user_metadata: every signed-in user can set it"
    return None
