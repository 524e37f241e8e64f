"""Request data that is merged deeply into an object, with the names it came with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.detectors.validated_bodies import by_contract
from auditor.facts.code_requests import ENTERS
from auditor.facts.sites import innermost_function
from auditor.facts.syntax import enclosing_function, text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"\bfor\s*\(\s*(?:const|let|var)\s+\w+\s+in\b|\bmerge|defaultsDeep|deepmerge|extend|\.set\(|setWith|dot-prop|object-path|setValue|zipObjectDeep|\]\["
)
_MERGES = re.compile(
    r"^(?:lodash|_|lodash/fp)\.(?:merge|mergeWith|defaultsDeep|set|setWith|zipObjectDeep|update)$|^lodash/(?:merge|mergeWith|defaultsDeep|set)$"
    r"|^lodash\.(?:merge|mergewith|defaultsdeep|set)$|^(?:deep-extend|merge-deep|merge-objects|defaults-deep|set-value|mixin-deep"
    r"|assign-deep|merge-options|deeply|node\.extend|just-extend|extend|hoek\.\w+|@hapi/hoek\.(?:merge|applyToDefaults)"
    r"|dot-prop\.set|dot-prop\.setProperty|object-path\.set|objectPath\.set|merge\.recursive|jquery\.extend|\$\.extend|deepMerge|mergeDeep|deep_merge)$"
)
_BY_PATH = re.compile(r"\.(?:set|setWith|update|setProperty)$|^set-value$|/set$")

_LOOKS_OUT = re.compile(
    r"__proto__|prototype|Object\.create\(\s*null|hasOwn(?:Property\.call)?\(\s*(?:target|dest\w*|obj|a|out\w*|result)\b"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "merge", (_WORDS, ENTERS), _judge, Severity.MEDIUM, _excused)


def _excused(code: Code, home: str, event: Event, judged: Judged) -> str:
    del event, judged
    return "the contract of its route sees the request" if by_contract(code, home) else ""


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind == "put":
        return _nested(event)
    if event.kind != "call" or not event.args or not _MERGES.match(event.name):
        return None
    if event.name in {"extend", "$.extend", "jquery.extend"} and event.args[0].const is not True:
        return None
    by_path = _BY_PATH.search(event.name) is not None
    asked = event.args[1:2] if by_path else event.args
    data = frozenset().union(*(event.data(value, "structure") for value in asked if by_path or value.whole))
    if data:
        return Judged(f"{named(data)} is merged with every name in it, `__proto__` among them", "request-data")
    return Judged("no request data seen in the merge that names its own members")


def _merges_itself(event: Event) -> bool:
    """Whether a member is set in a function that goes into both objects by itself, and looks out for no name."""
    around = innermost_function(event.node)
    name = enclosing_function(event.node).rpartition(".")[2]
    text = text_of(around) if around is not None else ""
    again = re.search(rf"(?<![\w$.]){re.escape(name)}\(\s*\w+\[[^\]]+\]\s*,\s*\w+\[", text)
    return again is not None and not _LOOKS_OUT.search(text)


def _nested(event: Event) -> Judged | None:
    """`target[a][b] = value`, both names chosen by the request: the first may be `__proto__`."""
    key = event.args[0]
    if key.taint and _merges_itself(event):
        if not (data := event.data(key, "structure")):
            return None
        return Judged(f"{named(data)} is merged with every name in it, `__proto__` among them", "own-merge")
    first = event.receiver.name.endswith("[]") and "[" in event.receiver.name
    if not key.taint or not first:
        return None
    data = event.data(key, "structure")
    around = event.node.child_by_field_name("object")
    if not data or around is None or around.type != "subscript_expression":
        return None
    return Judged(f"{named(data)} names a member of a member: `__proto__` is one, too", "nested-name")
