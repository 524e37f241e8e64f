"""git's history of the scanned folder: every former version of a file, read once, for the secrets in it.

Env files before all and then the newest commits first, as far as the time goes: what was not read is counted. Only
the objects of this clone are read; nothing is fetched.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.facts.secret_files import is_env, is_prose, is_subject, looked_at
from auditor.facts.secret_history import find_remnants, may_hold_secret
from auditor.model import Commit, NotApplicable, Unavailable
from auditor.sources.git import run_git
from auditor.sources.git_folder import GitError, git_top, private_git
from auditor.sources.git_seen import kept_listing, name_of, remember, seen_before
from auditor.sources.globs import chosen_spec
from auditor.sources.repository import presentable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.facts.secret_history import Remnant
    from auditor.model import Target
    from auditor.sources.git_folder import GitFolder
    from auditor.sources.git_versions import Version
    from auditor.sources.repository import Repository

    _Contents = list[tuple[Version, bytes]]

_MAX_BYTES = 1_000_000
_CHUNK_BYTES, _CHUNK_BLOBS = 8_000_000, 500
_LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret of a former version, and the oldest commit that was seen to hold it."""

    remnant: Remnant
    version: Version

    @property
    def commit(self) -> Commit:
        day = datetime.fromtimestamp(self.version.when, UTC).date().isoformat()
        return Commit(self.version.commit, presentable(self.version.path), day)


@dataclass(slots=True)
class History:
    """What was read: the objects of all versions, and as `leaks` the secrets in them that no file holds any more;
    `clean` names the versions that need no second look.

    Of the former versions, `unread` were left for want of time, `absent` are not in this clone, and `opaque` are
    binary or too large to be written by hand; of the commits, `commits_unread` were not even listed.
    """

    commits: int = 0
    commits_unread: int = 0
    read: list[str] = field(default_factory=list)
    clean: set[str] = field(default_factory=set)
    leaks: list[Leak] = field(default_factory=list)
    unread: int = 0
    absent: int = 0
    opaque: int = 0
    shallow: bool = False
    budget: float = 0.0


@dataclass(frozen=True, slots=True)
class _Reader:
    """What reading needs at every step: git, the tree that stands now, and the time that is left."""

    folder: GitFolder
    repository: Repository
    left: Callable[[], float]
    progress: Callable[[str], None]


def read_history(
    repository: Repository, target: Target, going: Callable[[], bool], progress: Callable[[str], None]
) -> History:
    """The history below the scanned folder, within `target.history_seconds`; raises NotApplicable without one.

    It ends early once the scan is not `going` on.
    """
    until = time.monotonic() + target.history_seconds

    def left() -> float:
        return until - time.monotonic() if going() else 0.0

    try:
        top = git_top(repository.root)
        if top is None:
            raise NotApplicable("the folder is in no git repository: it has no history")
        with private_git(top) as folder:
            return _read(_Reader(folder, repository, left, progress), target)
    except (GitError, OSError) as error:
        raise Unavailable(f"git's history could not be read: {error}") from error


def _read(reader: _Reader, target: Target) -> History:
    inside = reader.repository.root.relative_to(reader.folder.top).as_posix()
    listed = kept_listing(target.cache, reader.folder, inside, reader.left)
    if not listed.commits:
        raise NotApplicable("no commit of git's history touches this folder")
    shallow = (reader.folder.private / "shallow").exists()
    found = History(listed.commits, listed.commits_unread, shallow=shallow, budget=target.history_seconds)
    wanted = _wanted(listed.versions, target)
    total = len(wanted)
    seen = seen_before(target.cache, reader.folder.top)
    found.read = [version.oid for version in wanted if name_of(version) in seen]
    wanted = [version for version in wanted if name_of(version) not in seen]
    leaks: dict[tuple[str, ...], Leak] = {}
    for contents in _ahead(reader, list(_chunks(_sized(reader, wanted, found), found)), found):
        _scan(reader, contents, leaks, found)
        reader.progress(f"git history: {len(found.read)} of {total} former versions")
    if found.clean:
        remember(target.cache, reader.folder.top, seen | found.clean)
    found.leaks = _gone([leaks[key] for key in sorted(leaks)], reader.repository)
    return found


def _wanted(versions: list[Version], target: Target) -> list[Version]:
    """What somebody may have written by hand and was not left out: env files first, texts for people last."""
    chosen = chosen_spec(target.include, "--include") if target.include else None
    left_out = chosen_spec(target.exclude, "--exclude") if target.exclude else None
    turns: dict[str, int] = {}
    for path in {version.path for version in versions}:  # many versions are of one file
        wanted = chosen is None or chosen.match_file(path)
        if wanted and is_subject(path) and not (left_out and left_out.match_file(path)):
            turns[path] = 0 if is_env(path) else 1 + is_prose(path)
    return sorted((v for v in versions if v.path in turns), key=lambda version: turns[version.path])


def _sized(reader: _Reader, versions: list[Version], found: History) -> list[tuple[Version, int]]:
    """Those that this clone has, with their sizes."""
    given = "".join(f"{version.oid}\n" for version in versions).encode()
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
    seconds = max(reader.left(), _LEAST_SECONDS)
    raw = run_git(reader.folder, "cat-file", form, given=given, seconds=seconds).decode("ascii", "replace")
    sizes = {words[0]: int(words[2]) for line in raw.split("\n") if (words := line.split())[1:2] == ["blob"]}
    found.absent = sum(version.oid not in sizes for version in versions)
    return [(version, sizes[version.oid]) for version in versions if version.oid in sizes]


def _chunks(sized: list[tuple[Version, int]], found: History) -> Iterator[list[Version]]:
    chunk: list[Version] = []
    total = 0
    for version, size in sized:
        if size > _MAX_BYTES:
            found.opaque += 1
            continue
        if chunk and (total + size > _CHUNK_BYTES or len(chunk) == _CHUNK_BLOBS):
            yield chunk
            chunk, total = [], 0
        chunk.append(version)
        total += size
    if chunk:
        yield chunk


def _ahead(reader: _Reader, chunks: list[list[Version]], found: History) -> Iterator[_Contents]:
    """The contents of each chunk, for as long as there is time; git reads the next while one is looked through."""
    found.unread += sum(map(len, chunks))
    with ThreadPoolExecutor(1, "git-history") as pool:
        coming = [pool.submit(_contents, reader, chunk) for chunk in chunks[:1]]
        for number in range(1, len(chunks) + 1):
            if reader.left() <= 0:
                break
            contents = coming.pop().result()
            coming = [pool.submit(_contents, reader, chunk) for chunk in chunks[number : number + 1]]
            yield contents


def _scan(reader: _Reader, contents: _Contents, leaks: dict[tuple[str, ...], Leak], found: History) -> None:
    """Look through some versions; the time may end among them."""
    for version, data in contents:
        if reader.left() <= 0:
            return
        found.unread -= 1
        text = _text(data)
        if text is None:
            found.opaque += 1
            continue
        found.read.append(version.oid)
        remnants = list(find_remnants(version.path, text)) if may_hold_secret(version.path, text) else []
        found.clean |= set() if remnants else {name_of(version)}
        for remnant in remnants:
            key = (version.path, *((remnant.kind,) if remnant.is_env_file else remnant.values))
            if key not in leaks or leaks[key].version.age < version.age:
                leaks[key] = Leak(remnant, version)


def _contents(reader: _Reader, chunk: list[Version]) -> _Contents:
    """The contents that git gives; one that cannot be had stays among the unread."""
    given = "".join(f"{version.oid}\n" for version in chunk).encode()
    try:
        raw = run_git(reader.folder, "cat-file", "--batch", given=given, seconds=max(reader.left(), _LEAST_SECONDS))
    except GitError:
        return []
    return list(_split(raw, chunk))


def _split(raw: bytes, chunk: list[Version]) -> Iterator[tuple[Version, bytes]]:
    """The answer by version: a line with object, type and size, the content, and a line break."""
    start = 0
    for version in chunk:
        end = raw.find(b"\n", start)
        words = raw[start:end].split() if end >= 0 else []
        if words[1:2] != [b"blob"]:
            start = end + 1
            continue
        size = int(words[2])
        yield version, raw[end + 1 : end + 1 + size]
        start = end + size + 2


def _text(data: bytes) -> str | None:
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _gone(leaks: list[Leak], repository: Repository) -> list[Leak]:
    """Without what a file of today still holds: the rules on files report that."""
    if not leaks:
        return []
    texts = [text for _, text in looked_at(repository, lambda _: True) if text]
    tracked = repository.tracked or frozenset()
    return [leak for leak in leaks if not _stands(leak, texts, tracked)]


def _stands(leak: Leak, texts: list[str], tracked: frozenset[str]) -> bool:
    if leak.remnant.is_env_file and presentable(leak.version.path) in tracked:
        return True
    return all(any(value in text for text in texts) for value in leak.remnant.values)
