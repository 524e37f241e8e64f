"""Connections that accept versions of TLS which are broken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"TLSv1|SSLv|PROTOCOL_|minVersion|secureProtocol|minimum_version")
_OLD = re.compile(r"^(?:TLSv1(?:\.[01])?|TLSv1_1|TLSv1_method|TLSv1_1_method|SSLv\d+(?:_method)?|SSLv23_method)$")
_CONSTANT = re.compile(
    r"(?:^|\.)(?:PROTOCOL_(?:SSLv2|SSLv3|TLSv1|TLSv1_1)|TLSVersion\.(?:SSLv3|TLSv1|TLSv1_1)|(?:SSLv2|SSLv3|TLSv1|TLSv1_1)_METHOD)$"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "version", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind == "set" and event.name.endswith(".minimum_version"):
        return _verdict(event.args[0])
    if event.kind not in {"call", "new"}:
        return None
    for arg in (*event.args, *event.named.values()):
        for name in ("minVersion", "secureProtocol"):
            if name in (arg.keys or {}):
                return _verdict((arg.keys or {})[name])
        if re.search(r"(?:^|\.)(?:PROTOCOL_\w+|\w+_METHOD)$", arg.name):
            return _verdict(arg)
    return None


def _verdict(value: Value) -> Judged:
    if (isinstance(value.const, str) and _OLD.match(value.const)) or _CONSTANT.search(value.name):
        named = value.const if isinstance(value.const, str) else value.name.rpartition(".")[2]
        return Judged(f"{named} is accepted: its encryption can be broken on the way", "old-version")
    return Judged("the versions are sound")
