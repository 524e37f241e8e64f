"""Rights that a cookie decides about, which its bearer may write as he likes."""

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

_RIGHT = (
    r"(?:is_?)?(?:super_?)?admin|(?:user_?|account_?)?roles?|user_?type|access_?level|privileges?|is_?staff"
    r"|permissions?"
)
_WORDS = re.compile(rf"(?i)cookie[\s\S]*\b(?:{_RIGHT})\b|\b(?:{_RIGHT})\b[\s\S]*cookie")
_COOKIE = re.compile(rf"(?i)(?<!signed)cookies?\b\)?(?:\(\))?\.(?:get\()?(?:{_RIGHT})\)?$|\bgetCookie\((?:{_RIGHT})\)$")
_SAID = re.compile(r"(?i)^(?:super_?)?(?:admin\w*|owner|staff|true|yes|1|root|manager|moderator|editor)$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "comparison", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind != "compare" or len(event.args) != 2:  # noqa: PLR2004 - two sides
        return None
    said = [arg.const for arg in event.args if isinstance(arg.const, str | int)]
    read = [path for arg in event.args for path in arg.taint if _COOKIE.search(path)]
    if not said or not _SAID.match(str(said[0])) or not any(arg.taint for arg in event.args):
        return None
    if not read:
        return Judged("no cookie of the caller's own says it")
    return Judged("a cookie that nobody has signed says what the caller may do", "role-in-cookie")
