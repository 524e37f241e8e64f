"""Signatures that are compared character by character."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"createHmac|\bhmac\.|HmacSHA|compare_digest|timingSafeEqual|new\(")
_MADE = re.compile(
    r"(?:createHmac\(\)(?:\.update\(\))*\.digest\(\)|hmac\.(?:new|digest)\(\)(?:\.\w+\(\))*$|HmacSHA\w+\(\)|createHmac)"
)

_LENGTH = re.compile(r"\.(?:length|byteLength|size)$")
PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "comparison", (_WORDS,), _judge, Severity.LOW)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind == "call" and re.search(
        r"(?:^|\.)(?:timingSafeEqual|compare_digest|constant_time_compare|safe_str_cmp|timing_safe_compare)$",
        event.name,
    ):
        return Judged("compared in constant time")
    if event.kind != "compare" or event.name not in {"===", "==", "!==", "!="}:
        return None
    made = [
        value for value in event.args if _MADE.search(value.name) or any(_MADE.search(arg.name) for arg in value.args)
    ]
    if len(made) != 1 or any(value.const is None or _LENGTH.search(value.name) for value in event.args):
        return None
    return Judged(
        f"a signature is compared with `{event.name}`, which takes longer the more of it is right", "not-constant-time"
    )
