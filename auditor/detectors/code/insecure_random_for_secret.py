"""Tokens, codes and keys that are made with a source of randomness somebody can follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.code_values import GUESSABLE, Value
from auditor.facts.purpose import runs_once
from auditor.facts.sites import outermost_function
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"\bMath\.random\b|\brandom\b|np\.random")
_SECRET = re.compile(
    r"(?i)(?:^|[^a-z])(?:\w*(?:secret|passw|token|otp|nonce|salt|session|csrf|verification|invite_?code|reset_?code|recovery|api_?key"
    r"|auth_?code|access_?code|pin_?code|one_?time|magic|remember_?me|security_?code|license_?key|private_?key|sid\b)\w*)"
)
_NOT_SECRET = re.compile(
    r"(?i)tokens?_?(?:count|limit|used|usage|size|length|cost|price)|session_?(?:count|duration|length|time|data|storage)|color|colour|animation|jitter|delay|backoff|shuffle|sample"
    r"|placeholder|mock|fake|demo|skeleton|session_?title|tokenize|max_?tokens|design_?token"
)
_BROWSER = re.compile(
    r"(?:^|/)(?:client|frontend|web-?app|mobile)/.*\.[cm]?[jt]sx?$"
)  # numbers of requests, keys of lists
_STORES = re.compile(r"(?i)session|cookie|token|secret")

# A page counts its own visitor; what is kept there opens nothing.
_IN_PAGE = re.compile(r"\b(?:session|local)Storage\.(?:get|set)Item\(")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "value", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    value, name = _used(event)
    if (
        value is None
        or _BROWSER.search(event.path)
        or value.items is not None
        or value.keys is not None
        or not event.guessable(value)
        or _handed_on(event)
        or runs_once(text)
        or _IN_PAGE.search(text_of(outermost_function(event.node)))
    ):
        return None
    if not _SECRET.search(name) or _NOT_SECRET.search(name):
        return Judged("what is made at random is no secret")
    source = next(path for path in sorted(value.taint) if path.startswith(GUESSABLE))[1:]
    return Judged(
        f"{source} makes what is kept as `{name[:40]}`: who has seen some of its values can tell the next",
        "weak-random",
    )


def _handed_on(event: Event) -> bool:
    """Whether a variable is passed on, or a function is called, by whose name it was judged where it was made."""
    for node in (event.node, event.node.parent):
        if node and (node.type in {"pair", "variable_declarator"} or node.type.startswith("assignment")):
            source = node.child_by_field_name("value") or node.child_by_field_name("right")
            called = source and source.type in {"call", "call_expression"} and source.child_by_field_name("function")
            name = text_of(called or source).rpartition(".")[2]
            return bool(source and (called or source.type == "identifier") and _SECRET.search(name))
    return False


def _used(event: Event) -> tuple[Value | None, str]:
    """A value with the name that it gets: of a variable, a member, an element, a function that returns it."""
    if event.kind in {"assign", "set"}:
        return event.args[0], event.name.rpartition(".")[2]
    if event.kind == "put":
        key = event.args[0].const if isinstance(event.args[0].const, str) else ""
        name = event.receiver.name.rpartition(".")[2]
        return event.args[1], f"{name} {key}" if _STORES.search(name) else str(key)
    if event.kind == "return" and event.function is not None:
        return event.args[0], event.function.name or _assigned(event)
    if event.kind == "pair":
        return event.args[0], event.name
    if (
        event.kind == "call"
        and re.search(r"(?:^|\.)(?:set_cookie|cookie|setCookie)$", event.name)
        and len(event.args) > 1
    ):
        return event.args[-2] if event.args[-1].keys is not None and len(event.args) > 2 else event.args[  # noqa: PLR2004 - so many arguments or parts
            1
        ], f"session {event.args[0].const}"
    return None, ""


def _assigned(event: Event) -> str:
    """The name of an unnamed function: what it is assigned to."""
    assert event.function is not None
    parent = event.function.node.parent
    holder = parent.child_by_field_name("name") or parent.child_by_field_name("key") if parent is not None else None
    return text_of(holder)
