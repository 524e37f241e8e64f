"""Releases that their authors took back, as PyPI's own index tells of each version; asked online only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from auditor.facts.advisory_answers import Answers, Hit, Key, key_of
from auditor.facts.lock_graph import PYPI
from auditor.sources.advisory_cache import kept
from auditor.sources.advisory_http import Budget, Unanswered, ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from auditor.facts.lock_graph import Package
    from auditor.sources.packages import Packages

PYPI_INDEX = "https://pypi.org/pypi"
_SECONDS = 10.0
_LANES = 6
_MAX_REASON = 200


def look_for_yanked(found: Packages, online: Sequence[Answers], cache: Path | None, base: str = PYPI_INDEX) -> None:
    """Ask about the locked packages of PyPI, if a service was reached that answered about any of them."""
    if any(key[0] == PYPI for answers in online for key in answers.answered):
        packages = [package for package in found.packages if package.ecosystem == PYPI and package.public]
        found.yanked = kept(cache, f"{base} yanked", packages, partial(ask_yanked, packages, base))


def ask_yanked(packages: Iterable[Package], base: str = PYPI_INDEX, seconds: float = _SECONDS) -> Answers:
    """One hit for each release that was yanked; the project's own choices are asked about first."""
    ordered = sorted(packages, key=lambda package: (package.direct is False, package.name))
    wanted = list(dict.fromkeys(map(key_of, ordered)))
    budget = Budget.of(seconds)
    found = Answers("PyPI")

    def one(key: Key) -> tuple[Key, tuple[Hit, ...] | str]:
        try:
            return key, _hits(ask(f"{base}/{quote(key[1], safe='')}/{quote(key[2], safe='')}/json", None, budget))
        except Unanswered as error:
            return key, f"PyPI was asked whether it was yanked, and {error}"

    with ThreadPoolExecutor(_LANES) as pool:
        for key, said in pool.map(one, wanted):
            if isinstance(said, str):
                found.unanswered[key] = said
            else:
                found.answered[key] = said
    return found


def _hits(answer: object) -> tuple[Hit, ...]:
    info = answer.get("info") if isinstance(answer, dict) else None
    yanked = info.get("yanked") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(yanked, bool):
        raise Unanswered("it answered something of another shape")
    return (Hit("yanked", str(info.get("yanked_reason") or "")[:_MAX_REASON]),) if yanked else ()
