"""requirements files: pins, hashes, markers, addresses, and the further files that they include."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.lock_graph import FOLDER, GIT, PYPI, URL, Lock, Node, is_public, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(.*)", re.DOTALL)
_PIN = re.compile(r"={2,3}\s*([A-Za-z0-9.!+_-]+)$")
_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable|-i|--index-url|--extra-index-url)(?:\s+|=)(.+)")
_FILE = re.compile(r"requirements[\w.-]*\.txt$")
_DEV = re.compile(r"(?:^|[._-])(?:dev|test|tests|lint|docs|ci)(?:[._-]|$)")
_MAX_FILES = 50


@dataclass(slots=True)
class Requirements:
    """What one file asks for, includes and all: `pins` of (name, version) to (file, line, hashed), `loose` what is not
    pinned, as (file, line); `others` have an address instead of a version; `missing` are includes that are not there.
    """

    pins: dict[tuple[str, str], tuple[str, int, bool]] = field(default_factory=dict)
    loose: dict[str, tuple[str, int]] = field(default_factory=dict)
    others: list[tuple[str, str, str, str, int]] = field(default_factory=list)
    missing: list[tuple[str, int]] = field(default_factory=list)
    constraints: dict[tuple[str, str], tuple[str, int, bool]] = field(default_factory=dict)
    public: bool = True


def is_requirements(path: str) -> bool:
    place = PurePosixPath(path)
    return bool(_FILE.match(place.name)) or (place.parent.name == "requirements" and place.suffix == ".txt")


def read_requirements(path: str, text: str, other: Callable[[str], str | None] = lambda _: None) -> Requirements:
    """`other` gives the text of another file of the repository, None where there is none."""
    found = Requirements()
    _read(path, text, other, found, {path})
    for (name, version), (_, _, hashed) in found.constraints.items():
        if name in found.loose:  # the line that asks for it is the one to blame, not the constraint
            found.pins[name, version] = (*found.loose.pop(name), hashed)
    return found


def requirements_lock(path: str, found: Requirements) -> Lock:
    """Only what this very file, or one that it includes, pins; what includes bring is listed at their own line."""
    lock = Lock(path, PYPI)
    dev = bool(_DEV.search(PurePosixPath(path).stem.lower()))
    for (name, version), (file, line, hashed) in found.pins.items():
        if file == path:
            node = Node(name, version, line, public=found.public, dev=dev, integrity=True if hashed else None)
            lock.nodes[f"{name}@{version}"] = node
    for name, origin, address, file, line in found.others:
        if file == path:
            lock.nodes[f"{name}@{address}"] = Node(name, "", line, origin=origin, dev=dev, resolved=address)
    return lock


def loose_reason(path: str, found: Requirements) -> str | None:
    """Why a file does not say all that is installed; None where it does."""
    lines = [line for file, line in [*found.loose.values(), *found.missing] if file == path]
    return f"{len(lines)} requirements are not pinned (first: line {min(lines)})" if lines else None


def _read(path: str, text: str, other: Callable[[str], str | None], found: Requirements, seen: set[str]) -> None:
    for number, line in _logical(text):
        if option := _OPTION.match(line):
            _option(option[1], option[2].strip(), (path, number), other, found, seen)
        elif not line.startswith("-"):
            _requirement(line, path, number, found)


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines joined where a backslash continues them, without comments."""
    start, parts = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        parts.append(re.sub(r"(?:^|\s)#.*$", "", line.rstrip().removesuffix("\\")).strip())
        start = start or number
        if not line.rstrip().endswith("\\"):
            if joined := " ".join(part for part in parts if part):
                yield start, joined
            start, parts = 0, []
    if joined := " ".join(parts):
        yield start, joined


def _option(
    name: str,
    value: str,
    place: tuple[str, int],
    other: Callable[[str], str | None],
    found: Requirements,
    seen: set[str],
) -> None:
    if name in {"-i", "--index-url", "--extra-index-url"}:
        found.public = found.public and is_public(value.split(maxsplit=1)[0])
    elif name in {"-e", "--editable"}:
        _address(value, place, found)
    else:
        _include(value, place, other, found, seen, constraint=name in {"-c", "--constraint"})


def _include(
    value: str,
    place: tuple[str, int],
    other: Callable[[str], str | None],
    found: Requirements,
    seen: set[str],
    *,
    constraint: bool,
) -> None:
    target = _joined(PurePosixPath(place[0]).parent, value)
    text = other(target) if target and target not in seen and len(seen) < _MAX_FILES else None
    if target in seen:
        return
    if text is None:
        if not constraint:
            found.missing.append(place)
        return
    seen.add(str(target))
    if constraint:
        inner = Requirements()
        _read(str(target), text, other, inner, seen)
        found.constraints |= inner.pins
    else:
        _read(str(target), text, other, found, seen)


def _joined(folder: PurePosixPath, value: str) -> str | None:
    """A path of the repository; None for one that leads out of it."""
    parts = [part for part in folder.parts if part != "."]
    for part in PurePosixPath(value).parts:
        if part == "/" or (part == ".." and not parts):
            return None
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _requirement(line: str, path: str, number: int, found: Requirements) -> None:
    if re.match(r"(?:git|hg|svn|bzr)\+|https?:|file:|\.{0,2}/|\.$", line):
        _address(line, (path, number), found)
        return
    match = _NAMED.match(line)
    if match is None:
        return
    name, rest = normalised(match[1]), match[2]
    hashed = "--hash=" in rest
    wanted = re.split(r"\s--|;", f" {rest}")[0].strip().strip("()").strip()
    if wanted.startswith("@"):
        _address(wanted[1:].strip(), (path, number), found, name)
    elif pin := _PIN.match(wanted):
        found.pins[name, pin[1]] = (path, number, hashed)
    else:
        found.loose.setdefault(name, (path, number))


def _address(value: str, place: tuple[str, int], found: Requirements, name: str = "") -> None:
    address = value.split(maxsplit=1)[0].split(";", maxsplit=1)[0]
    origin = GIT if "+" in address.split(":")[0] else URL if "://" in address else FOLDER
    if origin == FOLDER and not address.endswith((".whl", ".tar.gz", ".zip")):
        return  # a folder of the repository itself
    egg = re.search(r"#egg=([\w.-]+)", address)
    title = name or (normalised(egg[1]) if egg else re.sub(r"(?:\.git)?(?:[@#].*)?$", "", address).rpartition("/")[2])
    found.others.append((title, origin, address, *place))
