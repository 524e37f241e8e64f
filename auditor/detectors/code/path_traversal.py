"""Paths of files that a request chooses: read, written, removed or sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import Value, content
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"\bfs\b|fs/promises|fs-extra|sendFile|\.download\(|\bDeno\.|\bBun\.file|\bopen\(|\bos\.|\bshutil\b|pathlib|send_file"
    r"|send_from_directory|FileResponse|aiofiles|zipfile|tarfile|\.render\("
    r"|\.files\b"
)
_FS = re.compile(
    r"^(?:fs|fs/promises|fs\.promises|fs-extra|graceful-fs|Deno|fse|fsp)\.(?:readFile|readFileSync|createReadStream|writeFile"
    r"|writeFileSync|createWriteStream|appendFile|appendFileSync|unlink|unlinkSync|rm|rmSync|rmdir|rmdirSync|mkdir|mkdirSync"
    r"|readdir|readdirSync|open|openSync|copyFile|copyFileSync|copy|copySync|move|remove|removeSync|rename|renameSync"
    r"|outputFile|readJson|readJSON|writeJson|readTextFile|readTextFileSync|writeTextFile|readDir|symlink|link|truncate|cp|opendir|exists|existsSync|stat|statSync|access|accessSync|lstat)$"
    r"|^Bun\.(?:file|write)$"
)
_SENT = re.compile(
    r"^(?:\w+\.)*(?:res|response|reply|_res)(?:\.\w+\(\))*\.(?P<what>sendFile|sendfile|download|render)$"
)
_PYTHON = re.compile(
    r"^(?:open|io\.open|codecs\.open|aiofiles\.open|anyio\.open_file|file|os\.(?:remove|unlink|rmdir|removedirs|mkdir|makedirs"
    r"|rename|replace|listdir|scandir|open|walk|chmod|symlink)|shutil\.(?:copy|copy2|copyfile|move|rmtree|copytree|unpack_archive)|os\.path\.(?:exists|isfile|isdir|getsize)"
    r"|glob\.glob|glob\.iglob|zipfile\.ZipFile|tarfile\.open|send_file|flask\.send_file|flask\.helpers\.send_file"
    r"|django\.http\.FileResponse|(?:\w+\.)*FileResponse|web\.FileResponse|aiohttp\.web\.FileResponse|(?:\w+\.)?static_file)$"
)
_DIRECTORY = re.compile(r"^(?:flask\.)?(?:helpers\.)?send_from_directory$")
_METHODS = {
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "unlink", "mkdir", "rmdir", "iterdir", "rename",
    "replace",
    "glob", "rglob", "touch", "exists", "is_file", "stat",
}  # fmt: skip
_ASKED = re.compile(r"\.(?:exists|existsSync|isfile|isdir|getsize|is_file|stat|statSync|lstat|access|accessSync)$")
_UPLOAD = re.compile(r"(?:^|\.)req(?:uest)?\.(?:files|FILES)\b")
_OBJECT = re.compile(r"\.(?:files|FILES)(?:\.[^.]+|\[\])?$")  # an upload itself, which no path is made of
_BOTH = re.compile(r"(?:copy|copyFile\w*|rename\w*|move|copytree|copy2|copyfile|symlink|link|cp)$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "path", (_WORDS, ENTERS), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:
    del text
    paths = paths_of(event) if event.kind in {"call", "new"} else []
    if not paths:
        return None
    found = frozenset().union(*(event.data(content(path), "path") for path in paths))
    data = frozenset(path for path in found if not _OBJECT.search(path))
    if data:
        only_asked = Severity.MEDIUM if _ASKED.search(event.name) else None
        return Judged(
            f"{named(data)} becomes part of the path that {event.name.lstrip('.')} is given", "request-data", only_asked
        )
    return Judged("no request data seen in the path")


def paths_of(event: Event) -> list[Value]:
    """The paths that a call is given; none for any other call, and none where a folder keeps them inside."""
    if match := _SENT.match(event.name):
        return _sent(event, match["what"])
    if _FS.match(event.name) or _PYTHON.match(event.name):
        count = 2 if _BOTH.search(event.name) else 1
        return list(event.args[:count]) or [
            value for name, value in event.named.items() if "path" in name or name == "file"
        ]
    if _DIRECTORY.match(event.name):
        return list(event.args[:1])
    method = event.name.rpartition(".")[2]
    if method in {"save", "mv"} and event.args and _UPLOAD.search(event.receiver.name):
        return list(event.args[:1])
    if method in _METHODS and re.search(r"(?:^|\.)(?:Path|PurePath)\(\)", event.receiver.name):
        return [event.receiver]
    return []


def _sent(event: Event, what: str) -> list[Value]:
    """A `root` keeps the file inside of it, when what was asked for is relative to it."""
    if not event.args or any("root" in (arg.keys or {}) for arg in event.args[1:]):
        return []
    path = event.args[0]
    return [path] if what != "render" or path.taint else []
