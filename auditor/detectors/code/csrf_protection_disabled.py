"""Protection against forged requests that is switched off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.sites import ancestors
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)csrf")
_SETTINGS = re.compile(r"^(?:WTF_CSRF_ENABLED|WTF_CSRF_CHECK_DEFAULT|CSRF_ENABLED|JWT_COOKIE_CSRF_PROTECT)$")
_EXEMPT = re.compile(r"(?:^|\.)csrf_exempt$|(?:^|\.)csrf\.exempt$|CSRFProtect\(\)\.exempt$")
_SIGNED = re.compile(
    r"(?i)webhook|signature|hmac|callback|bearer|authorization|api_?key|token_?auth|construct_event|verify"
)
_TOKEN = re.compile(r"(?i)\b\w*(?:auth_?token|api_?key|access_?token|bearer)\w*\b|headers\W+(?:get\W+)?authorization")
_DEVELOPMENT = re.compile(r"(?i)test|dev|local")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "setting", (_WORDS,), _judge, Severity.MEDIUM, _excused)


def _excused(code: Code, home: str, event: Event, judged: Judged) -> str:
    """A view whose other decorator looks for a token, which no site has that only borrows a visitor's cookies."""
    del home
    if judged.fault != "exempt" or event.function is None:
        return ""
    names = {text_of(one.node).partition("(")[0].rpartition(".")[2] for one in event.function.decorators}
    guards = [name for name in names if re.search(r"(?i)auth|token|key|require|verif", name)]
    return "its decorator asks for a token" if any(_asks_token(code, name) for name in guards) else ""


def _asks_token(code: Code, name: str) -> bool:
    defined = re.compile(rf"^def {re.escape(name)}\(.*\n(?:(?:[ \t].*)?\n){{1,40}}", re.MULTILINE)
    texts = (code.text(path) for path, language in code.files.items() if language == "python")
    return any(_TOKEN.search(match[0]) for text in texts if name in text and (match := defined.search(text)))


def _judge(event: Event, text: str) -> Judged | None:
    del text
    key, value = _setting(event)
    if key and _SETTINGS.match(key):
        off = value is not None and value.const is False
        holder = next((outer for outer in ancestors(event.node) if outer.type == "class_definition"), None)
        if off and holder is not None and _DEVELOPMENT.search(text_of(holder.child_by_field_name("name"))):
            return Judged("for tests only")
        return (
            Judged(f"{key} is off: any site can send forms in a visitor's name", "off") if off else Judged("it is on")
        )
    function = _exempted(event)
    if function is None:
        return None
    if _SIGNED.search(function):
        return Judged("the caller is checked in another way")
    return Judged("the view is exempt: any site can call it in a visitor's name", "exempt")


def _setting(event: Event) -> tuple[str, Value | None]:
    if event.kind == "assign":
        return event.name, event.args[0]
    if event.kind == "put":
        return (event.args[0].const, event.args[1]) if isinstance(event.args[0].const, str) else ("", None)
    for key, value in event.named.items():
        if _SETTINGS.match(key):
            return key, value
    return "", None


def _exempted(event: Event) -> str | None:
    """The text of a view that a decorator exempts."""
    if event.kind != "function" or event.function is None:
        return None
    if any(re.search(r"csrf_exempt|csrf\.exempt", text_of(one.node)) for one in event.function.decorators):
        outer = event.function.node.parent
        return text_of(outer if outer is not None else event.function.node)
    return None
