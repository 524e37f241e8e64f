"""Uploads without a largest size."""

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

_WORDS = re.compile(r"\bmulter\b|express-fileupload|fileUpload\(|formidable|@fastify/multipart|busboy|Busboy")
_PARSERS = re.compile(r"^(?:multer|multer\.default|express-fileupload|fileUpload|Busboy|busboy)$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "upload", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    if event.kind not in {"call", "new"} or not _PARSERS.match(event.name):
        return None
    options = event.args[0].keys if event.args else {}
    if options is None or "*" in options or "limits" in options:
        return Judged("its size is limited, or its options come from elsewhere")
    return Judged("nothing limits the size of what is uploaded", "no-limit")
