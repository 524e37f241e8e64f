"""Answers that hold the environment of the process, or a secret out of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"\bprocess\.env\b|\bos\.(?:environ|getenv)\b|\bDeno\.env\b")
_SENDS = re.compile(
    r"^(?:\w+\.)*(?:res|response|reply|_res|ctx|c)(?:\.\w+\(\))*\.(?:send|json|end|write|html|text|body)$"
    r"|^(?:Response\.json|(?:\w+\.)*NextResponse\.json|(?:\w+\.)*NextResponse|Response|HttpResponse"
    r"|(?:\w+\.)*JsonResponse|(?:\w+\.)*JSONResponse|(?:flask\.)?(?:jsonify|make_response|Response)|PlainTextResponse)$"
)
_ROUTED = re.compile(r"\.(?:route|get|post|put|patch|delete)\b|api_view")
_OF_CONTROLLER = re.compile(r"@(?:Get|Post|Put|Patch|Delete|All)\(")
_WHOLE = re.compile(r"^(?:process\.env|os\.environ|Deno\.env\.toObject\(\)|os\.environ\.(?:copy|items)\(\))$")
_MEMBER = re.compile(r"^(?:process\.env|os\.environ)\.(?P<name>\w+)$")
_READS = re.compile(r"^(?:os\.environ\.get|os\.getenv|Deno\.env\.get)\(\)$")
_HANDS_ON = re.compile(r"^(?:dict|JSON\.stringify|json\.dumps|Object\.(?:entries|assign|values))\(\)$")
_SECRET = re.compile(
    r"(?i)SECRET|PASSW(?:OR)?D|PRIVATE_?KEY|DATABASE_URL|SERVICE_ROLE|ENCRYPTION_KEY|SIGNING_KEY|MONGO\w*_UR[IL]"
)
_PUBLIC = re.compile(r"PUBLIC|PUBLISHABLE")
_MOST = 4

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "answer", (_WORDS,), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if not _answers(event):
        return None
    found = [one for value in (*event.args, *event.named.values()) for one in _of_environment(value, _MOST)]
    if not found:
        return None
    if "" in found:
        return Judged("the whole environment is sent, with every secret of the process", "environment")
    secret = next((name for name in found if _SECRET.search(name) and not _PUBLIC.search(name)), None)
    if secret is None:
        return Judged("what it names of the environment is no secret")
    return Judged(f"{secret} is sent to whoever asks", "secret")


def _answers(event: Event) -> bool:
    """Whether something is sent: by a response, or returned by a route."""
    if event.kind in {"call", "new"}:
        return _SENDS.match(event.name) is not None
    if event.kind != "return" or event.function is None:
        return False
    if any(_ROUTED.search(text_of(one.node)) for one in event.function.decorators):
        return True
    before = event.function.node.prev_named_sibling
    while before is not None and before.type in {"decorator", "comment"}:
        if _OF_CONTROLLER.match(text_of(before)):
            return True
        before = before.prev_named_sibling
    return False


def _of_environment(value: Value, depth: int) -> Iterator[str]:
    """The variables of the environment in a value; an empty name for all of them."""
    if _WHOLE.match(value.name) or (_HANDS_ON.match(value.name) and any(_WHOLE.match(one.name) for one in value.args)):
        yield ""
    elif match := _MEMBER.match(value.name):
        yield match["name"]
    elif _READS.match(value.name) and value.args and isinstance(value.args[0].const, str):
        yield value.args[0].const
    for one in (*(value.items or ()), *(value.keys or {}).values()) if depth else ():
        yield from _of_environment(one, depth - 1)
