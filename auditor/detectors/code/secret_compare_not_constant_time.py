"""Signatures, and secrets of the server, that are compared character by character."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.code_values import NOTHING
from auditor.facts.environment_reads import is_secret_variable
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"createHmac|\bhmac\.|HmacSHA|compare_digest|timingSafeEqual|new\(|_(?:KEY|SECRET|TOKEN|PASSWORD)\b"
)
_MADE = re.compile(
    r"(?:createHmac\(\)(?:\.update\(\))*\.digest\(\)|hmac\.(?:new|digest)\(\)(?:\.\w+\(\))*$|HmacSHA\w+\(\)|createHmac)"
)
# What the environment or the settings are asked for, by the name that it has there.
_SETTING = re.compile(
    r"(?:^|[./\])])(?:env|environ|ENV|config|settings)(?:\.mjs|\.ts|\.js)?(?:\.\w+)*?(?:\.|\[[\"']?)(?P<name>[A-Z][A-Z0-9_]+)"
)
_GETTER = re.compile(
    r"(?:^|\.)(?:\w*[eE]nv\w*|environ|config\w*|configService|settings)(?:\.get\w*)?\(\)$|(?:^|\.)getenv\(\)$"
)
_GIVEN = re.compile(r"(?i)token|secret|key|auth|signature|header|passw|bearer|provided|received")
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
    if not made:
        return _of_setting(event)
    if len(made) != 1 or any(value.const is None or _LENGTH.search(value.name) for value in event.args):
        return None
    return Judged(
        f"a signature is compared with `{event.name}`, which takes longer the more of it is right", "not-constant-time"
    )


def _operands(node: Node) -> list[Node]:
    """The two sides of a comparison."""
    sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
    return [side for side in sides if side is not None] or list(node.named_children)


def _of_setting(event: Event) -> Judged | None:
    """A secret of the environment, compared with what a caller says it is."""
    sides = _operands(event.node)
    if len(sides) != 2 or any(_LENGTH.search(value.name) for value in event.args):  # noqa: PLR2004 - so many sides
        return None
    secret = [_is_secret(value) for value in event.args]
    if secret.count(True) != 1:
        return None
    other, text = event.args[secret.index(False)], text_of(sides[secret.index(False)])
    if other.const is not NOTHING or not (other.taint or _GIVEN.search(text)) or re.search(r"\benv\b|typeof", text):
        return None
    return Judged(
        f"a secret of the environment is compared with `{event.name}`, which takes longer the more of it is right",
        "setting-not-constant-time",
        Severity.INFO,
    )


def _is_secret(value: Value) -> bool:
    """Whether a value is a secret out of the environment, alone or with a word such as `Bearer` before it."""
    parts = [value, *(part for part in value.args if value.built)]
    for part in parts:
        if (match := _SETTING.search(part.name)) and is_secret_variable(match["name"]):
            return True
        if _GETTER.search(part.name):
            return any(isinstance(arg.const, str) and is_secret_variable(arg.const) for arg in part.args)
    return False
