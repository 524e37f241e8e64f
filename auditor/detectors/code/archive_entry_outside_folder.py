"""Files that an archive is unpacked to, under names that the archive chooses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code.path_traversal import paths_of
from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_values import ENTRY, content
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"adm-zip|unzipper|yauzl|yazl|tar-stream|node-stream-zip|jszip|fflate|\bzipfile\b|\btarfile\b|[\"']tar[\"']|[\"']unzip"
)
_LIBRARIES = (
    (".path", re.compile(r"unzipper|[\"']tar[\"']")),
    (".fileName", re.compile(r"yauzl|unzip")),
    ("header.name", re.compile(r"tar-stream|tar-fs")),
)
_WRITES = re.compile(
    r"(?:createWriteStream|writeFile\w*|outputFile\w*|appendFile\w*|writeTextFile\w*|^open|\.open|mkdir\w*|makedirs|write_bytes"
    r"|write_text|rename\w*|copyfile|Bun\.write)$"
)
_EXTRACTS = re.compile(r"^tarfile\.(?:open|TarFile)(?:\.open)?\(\)\.(?P<how>extractall|extract)$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "unpacking", (_WORDS,), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind not in {"call", "new"}:
        return None
    if match := _EXTRACTS.search(event.name):
        return _extracted(event, match["how"], text)
    paths = [content(path) for path in paths_of(event)] if _WRITES.search(event.name) else []
    if not any(_is_entry(path, text) for value in paths for path in value.taint):
        return None
    found = frozenset().union(*(event.entries(value) for value in paths))
    entries = frozenset(path for path in found if _is_entry(path, text))
    if not entries:
        return Judged("the name of the entry is kept inside of the folder")
    return Judged(f"{named(entries)} of the archive, such as `../../app.js`, says which file is written", "entry-name")


def _is_entry(path: str, text: str) -> bool:
    """Whether a library of this file gives the name to entries of an archive, and not to those of a folder."""
    library = next((needed for end, needed in _LIBRARIES if path.endswith(end)), None)
    return path.startswith(ENTRY) and (library is None or library.search(text) is not None)


def _extracted(event: Event, how: str, text: str) -> Judged | None:
    """`tarfile` before Python 3.14 keeps nothing inside of its folder unless a filter is asked for."""
    if "filter" in event.named or "members" in event.named or re.search(r"extraction_filter|data_filter", text):
        return Judged("entries are filtered")
    if how == "extract" and event.args and not event.entries(content(event.args[0])):
        return Judged("the entry was looked at")
    given = [content(value) for value in (*event.receiver.args, *event.receiver.named.values())]
    if not any(event.data(value, "archive") for value in given):
        return Judged("no archive of a request seen")
    return Judged("an archive that a request brings is unpacked, and says itself where its entries go", "no-filter")
