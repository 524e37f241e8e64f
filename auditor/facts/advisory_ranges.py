"""Versions and ranges by the rules of their ecosystem: semantic versions for npm, PEP 440 for PyPI."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from auditor.facts.lock_graph import PYPI

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Introduced, fixed, last affected.
Interval = tuple[str, str | None, str | None]
_SEMVER = re.compile(r"[v=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_COMPARATOR = re.compile(r"(>=|<=|>|<|=)?\s*v?(\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)")
_ANY = {"", "*", "x"}


def version_key(ecosystem: str, version: str) -> Any:  # noqa: ANN401 - each ecosystem has a type of its own
    """The version as its ecosystem orders it; raises ValueError."""
    return _pep440(version) if ecosystem == PYPI else _semver(version)


@lru_cache(50_000)
def _semver(version: str) -> tuple[int, int, int, tuple[tuple[int, int, str], ...]]:
    match = _SEMVER.fullmatch(version)
    if match is None:
        raise ValueError(f"{version[:80]!r} is no semantic version")
    parts = (_identifier(part) for part in match[4].split(".")) if match[4] else [(2, 0, "")]  # a release comes last
    return int(match[1]), int(match[2] or 0), int(match[3] or 0), tuple(parts)


def _identifier(part: str) -> tuple[int, int, str]:
    """Numbers come before words; of two that agree so far, the shorter comes first, as tuples do it."""
    return (0, int(part), "") if part.isdecimal() else (1, 0, part)


@lru_cache(50_000)
def _pep440(version: str) -> Any:  # noqa: ANN401 - each ecosystem has a type of its own
    from packaging.version import Version

    return Version(version)


def intervals(ecosystem: str, events: Iterable[dict[str, Any]]) -> Iterator[Interval]:
    """The intervals that OSV's events describe, in whatever order they stand; raises ValueError."""
    introduced: str | None = None
    for kind, version in _ordered(ecosystem, events):
        if kind == "introduced":
            introduced = introduced if introduced is not None else version
        elif introduced is not None:
            yield (introduced, version, None) if kind == "fixed" else (introduced, None, version)
            introduced = None
    if introduced is not None:
        yield introduced, None, None


def _ordered(ecosystem: str, events: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    kinds = ("fixed", "last_affected", "introduced")
    listed = [(kind, event[kind]) for event in events for kind in kinds if isinstance(event.get(kind), str)]
    rank = {"fixed": 0, "introduced": 1, "last_affected": 2}

    def order(item: tuple[str, str]) -> Any:  # noqa: ANN401 - each ecosystem has a type of its own
        return (0,) if item[1] == "0" else (1, version_key(ecosystem, item[1]), rank[item[0]])

    return sorted(listed, key=order)


def holds(ecosystem: str, version: str, interval: Interval) -> bool:
    """Whether an interval contains a version; raises ValueError where the version is not one of its ecosystem."""
    introduced, fixed, last = interval
    installed = version_key(ecosystem, version)
    if introduced != "0" and installed < version_key(ecosystem, introduced):
        return False
    if fixed is not None:
        return bool(installed < version_key(ecosystem, fixed))
    return last is None or bool(installed <= version_key(ecosystem, last))


def in_npm_range(version: str, wanted: str) -> bool:
    """Whether a version is in an advisory's range; pre-releases count as what they are, as `npm audit` has it.

    Raises ValueError for a range of another shape than advisories have.
    """
    installed = _semver(version)
    return any(_all_hold(installed, part.strip()) for part in wanted.split("||"))


def _all_hold(installed: Any, part: str) -> bool:  # noqa: ANN401 - each ecosystem has a type of its own
    if part in _ANY:
        return True
    found = list(_COMPARATOR.finditer(part))
    if not found or _COMPARATOR.sub("", part).strip(" ,"):
        raise ValueError(f"{part[:80]!r} is no range of an advisory")
    return all(_holds(installed, match[1] or "=", _semver(match[2])) for match in found)


def _holds(installed: Any, sign: str, bound: Any) -> bool:  # noqa: ANN401 - each ecosystem has a type of its own
    if sign == "=":
        return bool(installed == bound)
    if sign in {"<", "<="}:
        return bool(installed < bound or (sign == "<=" and installed == bound))
    return bool(installed > bound or (sign == ">=" and installed == bound))


def fixed_in_npm_range(version: str, wanted: str) -> str | None:
    """The version that ends the part of a range which contains the installed one."""
    installed = _semver(version)
    for part in wanted.split("||"):
        if _all_hold(installed, part.strip()):
            ends = [match[2] for match in _COMPARATOR.finditer(part) if match[1] == "<"]
            return min(ends, key=_semver) if ends else None
    return None
