"""Sign-ins that go on in the session that was there before: whoever planted its id is signed in as well."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.sites import innermost_function, outermost_function
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"\.session\.\w+\s*=(?!=)|\.session\[|\.session\.regenerate")
_STORE = re.compile(r"express-session|@fastify/session|koa-session|connect-\w+|\bsession\(")
_WHO = re.compile(
    r"(?:^|\.)(?:req|request|ctx)\.session\.(?:user(?:_?id|name|info|data)?|uid|account(?:_?id)?|admin(?:_?id)?|logged_?in|is_?logged_?in|is_?auth\w*|authenticated|member_?id)$",
    re.IGNORECASE,
)
# Somebody has just shown who he is.
_SHOWN = re.compile(
    r"\b(?:bcrypt\w*|argon2|scrypt|crypt)\.(?:compare|verify)|\bcompare(?:Sync|Password)?\(|[pP]assword\b|\bverifyPassword|\bauthenticate\("
)
_RENEWED = re.compile(r"\.regenerate\(|regenerateSession|session\.(?:reset|renew|rotate)\w*\(|req\.log[iI]n\(")


PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "sign-in", (_WORDS,), _judge, Severity.LOW)


def _judge(event: Event, text: str) -> Judged | None:
    if event.path.endswith(".py") or not _is_kept(event):
        return None
    around = text_of(outermost_function(event.node))
    inner = text_of(innermost_function(event.node))
    if not (_SHOWN.search(around) or _SHOWN.search(inner)):
        return None
    if _RENEWED.search(text):
        return Judged("a new session begins with the sign-in")
    return Judged("the session of before the sign-in goes on: who planted its id is signed in as well", "not-renewed")


def _is_kept(event: Event) -> bool:
    """`req.session.userId = …`."""
    return event.kind == "set" and _WHO.search(event.name) is not None
