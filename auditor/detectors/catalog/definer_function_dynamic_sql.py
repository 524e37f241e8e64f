"""PL/pgSQL functions that run SQL put together from text that their caller gave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.detectors.functions import function_answer, read_functions, whom
from auditor.facts.built_sql import run_texts, tainted_by
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.functions import Function
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for function in read_functions(database):
        runs = run_texts(function.definition) if function.definition else None
        if runs is not None and runs.executed:
            yield _judge(function, runs)


def _judge(function: Function, runs: Any) -> Answer:  # noqa: ANN401 - Runs of auditor.facts.built_sql
    free = {p.name for p in function.parameters if p.name and _carries_sql(p.type) and not _checked(function, p.name)}
    found = tainted_by(runs, free)
    if not found:
        return function_answer(function, None, ok="no text of its caller becomes part of the SQL that it runs")
    name = min(found)
    return function_answer(
        function,
        f"runs SQL in which {name} stands as it was given, so it can be any SQL; {_reach(function)}",
        severity=_severity(function),
        evidence=f"execute with {name}",
    )


def _carries_sql(type_name: str) -> bool:
    return type_name.removesuffix("[]") in {"text", "character varying", "character", "citext", "json", "jsonb", "name"}


def _checked(function: Function, name: str) -> bool:
    """Whether the body compares the parameter with a list, a pattern, or what the catalog holds."""
    word = rf"\b{re.escape(name)}\b"
    listed = rf"{word}\s*(?:not\s+)?in\s*\(|{word}\s*!?~|{word}\s*(?:=|<>|!=)\s*(?:any|all)\s*\(|\bcase\s+{word}\s+when"
    held = r"\b(?:information_schema\.|pg_tables|pg_class|pg_attribute|to_regclass)\b"
    text = function.body
    return bool(re.search(listed, text, re.IGNORECASE)) or bool(
        re.search(held, text, re.IGNORECASE)
        and re.search(rf"=\s*{word}|to_regclass\s*\(\s*{word}", text, re.IGNORECASE)
    )


def _reach(function: Function) -> str:
    rights = "its owner's rights" if function.definer else "its caller's own rights"
    who = f"{whom(function)} can call it through the API" if function.callers else "no API role can call it"
    return f"it runs with {rights}, and {who}"


def _severity(function: Function) -> Severity:
    if not function.definer or not function.callers:
        return Severity.LOW
    return Severity.CRITICAL if "anon" in function.callers else Severity.HIGH
