"""Definer functions that act for whichever user or tenant their caller names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.functions import CHANGES, asked_secret, caller_id, function_answer, read_functions, whom
from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.functions import Function
    from auditor.model import Answer
    from auditor.sources.database import Database

# The first administrator of an installation: it stops as soon as there is one.
_ONCE = re.compile(
    r"\bbegin\s+if\s+exists\s*\(\s*select\b[^;]{0,200}?\brole\b[^;]{0,40}?'(?:\w*admin\w*|owner)'[^;]{0,60}?\)\s*then\s+"
    r"(?:raise\s+exception\b|return\s+(?:false|null)\b)",
    re.IGNORECASE,
)


def ask(database: Database) -> Iterator[Answer]:
    for function in read_functions(database):
        if function.definer and function.callers and not function.by_trigger and caller_id(function):
            yield _judge(function)


def trusts_caller(function: Function) -> bool:
    """Whether it acts for the user or tenant that its caller names, and never asks who that caller is."""
    return bool(caller_id(function)) and not function.asks and not _harmless(function)


def _judge(function: Function) -> Answer:
    parameter = caller_id(function)
    assert parameter
    if function.asks:
        return function_answer(function, None, ok="it asks who is calling")
    if function.reads_open:
        return function_answer(function, None, ok="it reads only what its callers may read without it")
    if _harmless(function):
        return function_answer(function, None, ok="it only answers yes or no, or touches no table")
    does = CHANGES if function.writes else "reads data"
    fault = (
        f"{does} with its owner's rights for whatever {parameter.name} it is given and never asks who is calling; "
        f"{whom(function)} can call it through the API"
    )
    sure = None if not function.calls_unknown_check else Confidence.SUSPECTED
    return function_answer(
        function, fault, severity=_severity(function), confidence=sure, evidence=f"trusts {parameter.name}"
    )


def _harmless(function: Function) -> bool:
    return not function.touches_data or function.reads_open or (function.yes_or_no and not function.writes)


def _severity(function: Function) -> Severity:
    if asked_secret(function) or _ONCE.search(function.body):
        return Severity.MEDIUM
    if not function.writes and (function.single_value or function.in_policy):
        return Severity.LOW
    ranks = (Severity.HIGH, Severity.CRITICAL) if function.writes else (Severity.MEDIUM, Severity.HIGH)
    return ranks["anon" in function.callers]
