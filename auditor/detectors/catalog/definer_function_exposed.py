"""Definer functions that the API lets its roles call and that never ask who is calling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.catalog.definer_function_trusts_caller_id import trusts_caller
from auditor.detectors.functions import CHANGES, asked_secret, function_answer, read_functions, whom
from auditor.facts.ownership import data_class, find_owned
from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.detectors.functions import Function
    from auditor.facts.schema import Schema
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    shared = _shared_tables(database.schema)
    for function in read_functions(database):
        if function.definer:
            yield _judge(function, shared)


def _shared_tables(schema: Schema) -> dict[str, bool]:
    """For each name of a table whether its rows belong to nobody and hold nothing personal, whatever its schema."""
    owned = find_owned(schema)
    shared: dict[str, bool] = {}
    for table in schema.tables.values():
        nobodys = table.oid not in owned and data_class(table) == "plain"
        shared[table.name.lower()] = nobodys and shared.get(table.name.lower(), True)
    return shared


def _judge(function: Function, shared: Mapping[str, bool]) -> Answer:
    if reason := _sound(function):
        return function_answer(function, None, ok=reason)
    does = CHANGES if function.writes else "works"
    fault = (
        f"{does} with its owner's rights and never asks who is calling; {whom(function)} can call it through the API"
    )
    sure = Confidence.SUSPECTED if function.calls_unknown_check else None
    return function_answer(
        function, fault, severity=_severity(function, shared), confidence=sure, evidence=f"callable by {whom(function)}"
    )


def _sound(function: Function) -> str | None:
    """Why nothing is wrong with it; the order is that of how sure it is."""
    secret = asked_secret(function)
    reasons = {
        "only triggers call it": function.by_trigger,
        "no API role can call it through the API": not function.callers,
        "it asks who is calling": function.asks,
        "it reads and writes no table": not function.touches_data,
        "it reads only what its callers may read without it": function.reads_open,
        "policies use it, and it answers yes or no": function.in_policy and function.yes_or_no and not function.writes,
        "it takes the caller's word for an id, which is a finding of its own": trusts_caller(function),
        f"its caller has to know a {secret}": secret is not None,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _severity(function: Function, shared: Mapping[str, bool]) -> Severity:
    """One value read is little; what is written, or read as rows of somebody, is the caller's to take."""
    if _hands_out_secrets(function):
        return Severity.HIGH
    if _only_clears(function):
        return Severity.LOW
    if not function.writes and (function.single_value or function.in_policy):
        return Severity.INFO if function.yes_or_no else Severity.LOW
    asked_for = not function.writes and (
        _reads_shared(function, shared) or any(function.mentions(parameter) for parameter in function.parameters)
    )
    return Severity.HIGH if "anon" in function.callers and not asked_for else Severity.MEDIUM


def _reads_shared(function: Function, shared: Mapping[str, bool]) -> bool:
    """It names tables, all of them of rows that belong to nobody: a catalogue, a count of pages."""
    if _ELSEWHERE.search(function.body):
        return False
    named = [shared[word] for word in set(re.findall(r"\w+", function.body.lower())) if word in shared]
    return bool(named) and all(named)


_ELSEWHERE = re.compile(r"\b(?:auth|storage|vault|cron|net|pgmq|realtime|supabase_\w+)\s*\.|\bexecute\b", re.IGNORECASE)
_EXPIRED = re.compile(
    r"\bdelete\s+from\s+[\w.\"]+(?:\s+(?:as\s+)?\w+)?\s+where\s+[\w.\"]*expir\w*\s*<=?\s*"
    r"(?:now\s*\(\s*\)|current_timestamp)\s*(?:;|\Z)",
    re.IGNORECASE,
)
_CHANGES = re.compile(r"\b(?:insert\s+into|update|delete|truncate|perform|execute|call|merge)\b", re.IGNORECASE)


def _only_clears(function: Function) -> bool:
    """It deletes what has expired and nothing else, whoever calls: a caller can only do early what is to be done."""
    left, cleared = _EXPIRED.subn(" ", function.body)
    return not function.parameters and bool(cleared) and not _CHANGES.search(left)


def _hands_out_secrets(function: Function) -> bool:
    """It returns text, changes nothing, and reads the vault: what else should it return."""
    reads = re.search(r"\bvault\s*\.\s*(?:decrypted_)?secrets\b", function.body, re.IGNORECASE)
    return bool(reads) and not function.writes and function.result in {"text", "varchar", "json", "jsonb"}
