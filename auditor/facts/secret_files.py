"""Which files are looked at for secrets, and the rows that come of it. Pure but for the reading of texts."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import re
from bisect import bisect_left
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Protocol

from auditor.facts.secret_formats import may_hold_token
from auditor.facts.secret_names import looks_random
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import Answer, Confidence, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MAX_CHARS = 1_000_000
# Text that a developer writes: what cannot be read of it is a gap. Other text is looked at where it can be read.
_WRITTEN = {
    ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".py", ".rb", ".go", ".java", ".kt", ".php", ".rs", ".cs", ".swift",
    ".dart", ".vue", ".svelte", ".astro", ".sql", ".prisma", ".yml", ".yaml", ".toml", ".ini", ".cfg", ".conf", ".properties",
    ".sh", ".bash", ".ps1", ".tf", ".tfvars", ".env",
}  # fmt: skip
_OPAQUE = {
    ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".icns", ".bmp", ".tiff", ".svg", ".pdf", ".zip", ".gz", ".tgz", ".bz2",
    ".xz", ".7z", ".rar", ".jar", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp3", ".mp4", ".webm", ".mov", ".wav", ".ogg",
    ".m4a", ".wasm", ".so", ".dylib", ".dll", ".exe", ".bin", ".pyc", ".node", ".parquet", ".sqlite", ".db", ".map", ".snap", ".lock",
    ".lockb", ".riv", ".psd", ".fig", ".csv", ".tsv", ".geojson", ".po", ".pot", ".xlf", ".docx", ".xlsx", ".pptx", ".patch", ".diff",
    ".secret", ".gpg", ".age", ".enc",  # encrypted by git-secret, gpg, age, sops
}  # fmt: skip
_LOCKFILES = {
    "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum", "deno.lock", "uv.lock", "backend-audit-baseline.json",
    ".secrets.baseline",
}  # fmt: skip
_GENERATED = re.compile(
    r"\.min\.(?:js|css)$|\.bundle\.js$|(?:^|/)(?:dist|build|out|\.next|__snapshots__|\.yarn|__generated__)/|\.generated\.\w+$"
)
_WORDS = re.compile(
    r"(?:^|/)(?:i18n|locales?|lang|languages|translations?|messages)(?:/|\.)|\.(?:mdx?|txt|rst|adoc|html?)$"
)
_ENV = re.compile(r"(?:^|/)(?:\.env(?:[._-][\w.-]+)?|[\w-]+\.env|\.dev\.vars|\.envrc)$")
_SETTING = re.compile(
    r"\.(?:ya?ml|toml|tf|tfvars|ini|cfg|conf|properties|dockerfile)$|(?:^|/)Dockerfile[\w.-]*$", re.IGNORECASE
)
_OTHER_TEST = re.compile(r"_test\.go$|_spec\.rb$|Tests?\.(?:java|kt|cs)$")  # languages that only this is read of
_ENV_TEMPLATE = re.compile(
    r"example|sample|template|dist\b|tpl|defaults?\b|schema|vault|\benc\b|encrypted|sops", re.IGNORECASE
)
_LOST = ("larger than", "not valid UTF-8", "cannot be read")


class Readable(Protocol):
    """What this module needs to know of a repository."""

    @property
    def files(self) -> tuple[str, ...]: ...

    @property
    def skipped(self) -> dict[str, str]: ...

    def text(self, path: str) -> str | None: ...


class Spotted(NamedTuple):
    """One finding in a file: what it is, the name it is assigned to, and how bad; never the value."""

    start: int
    kind: str
    detail: str
    severity: Severity
    confidence: Confidence | None = None
    name: str = ""


def is_env(path: str) -> bool:
    return _ENV.search(path) is not None


def is_setting(path: str) -> bool:
    """Files whose values need no quotes."""
    return is_env(path) or _SETTING.search(path) is not None


def is_env_template(path: str) -> bool:
    return is_env(path) and _ENV_TEMPLATE.search(PurePosixPath(path).name) is not None


def is_prose(path: str) -> bool:
    """Documentation and translations: keys of an exact format count there, what only looks random does not."""
    return _WORDS.search(path.lower()) is not None


def is_rehearsal(path: str) -> bool:
    """Tests, examples and documentation, where a key is more often made up."""
    other = path.lower().endswith((".md", ".mdx")) or _OTHER_TEST.search(path) is not None
    return other or is_test(path) or is_example(path) or is_env_template(path)


def lowered(severity: Severity, path: str) -> Severity:
    """One level lower in a test, an example or a document."""
    levels = list(Severity)
    return levels[max(0, severity.rank - 1)] if is_rehearsal(path) else severity


def looked_at(repository: Readable, chosen: Callable[[str], bool]) -> Iterator[tuple[str, str | None]]:
    """The files that are subjects, with their text; None where a file that somebody wrote cannot be read."""
    for path in repository.files:
        if not is_subject(path) or not chosen(path):
            continue
        text = repository.text(path)
        if text is None:
            if _is_written(path):
                yield path, None
        elif "\0" not in text and (len(text) <= _MAX_CHARS or _is_written(path)):
            yield path, text
    for path, reason in sorted(repository.skipped.items()):
        lost = path not in repository.files and reason.startswith(_LOST)
        if lost and _is_written(path) and is_subject(path) and chosen(path):
            yield path, None


def is_subject(path: str) -> bool:
    """Whether a file's name says that somebody may have written a secret into it."""
    place = PurePosixPath(path)
    return not (
        place.suffix.lower() in _OPAQUE or place.name in _LOCKFILES or is_vendored(path) or _GENERATED.search(path)
    )


def _is_written(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in _WRITTEN or is_env(path)


def rows(
    repository: Readable,
    look: Callable[[str, str], Iterable[Spotted]],
    sound: str,
    chosen: Callable[[str], bool] = lambda _: True,
) -> Iterator[Answer]:
    """One ok row for each file without a finding, a failing row for each finding, unknown where it cannot be read."""
    for path, text in looked_at(repository, chosen):
        if text is None:
            reason = repository.skipped.get(path, "could not be read")
            yield Answer(f"file {path}", State.UNKNOWN, reason, where=FileSpan(path, 1))
            continue
        found = sorted(look(path, text), key=lambda spotted: spotted.start)
        if not found:
            yield Answer(f"file {path}", State.OK, sound, where=FileSpan(path, 1))
        breaks = [match.start() for match in re.finditer("\n", text)] if found else []
        yield from (_failing(path, bisect_left(breaks, spotted.start) + 1, spotted) for spotted in found)


def _failing(path: str, line: int, spotted: Spotted) -> Answer:
    return Answer(
        f"file {path}",
        State.FAIL,
        spotted.detail,
        where=FileSpan(path, line),
        severity=spotted.severity,
        confidence=spotted.confidence,
        evidence=f"{spotted.kind} {spotted.name}".strip(),
    )


def name_before(text: str, start: int) -> str:
    """The name that stands before a value on its line, as in `const key = "…"`; empty where there is none."""
    line = text[max(0, start - 200) : start].rpartition("\n")[2]
    match = re.search(r"([\w.-]+)[\"'\]]*\s*(?::\s*\w+\s*)?(?:=>|[=:]|\|\||\?\?)\s*[\"'`]?\s*[^\s\"'`]{0,80}$", line)
    name = match[1].rpartition(".")[2] if match else ""
    # What stands there may be another secret, and a name goes into the detail and the fingerprint.
    return "" if may_hold_token(name) or looks_random(name) else name
