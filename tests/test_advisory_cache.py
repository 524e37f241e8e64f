"""Answers of services are kept for a day: whole ones, for the same packages, in the user's folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from auditor.facts.advisory_answers import Answers, Hit, Key
from auditor.facts.licences import denied_part
from auditor.facts.lock_graph import Package
from auditor.model import Severity
from auditor.sources import yanked
from auditor.sources.advisory_cache import kept
from auditor.sources.advisory_http import Unanswered
from auditor.sources.packages import Packages
from auditor.sources.user_cache import user_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PACKAGES = [
    Package("npm", "a", "1.0.0", path="package-lock.json", line=1),
    Package("npm", "b", "2.0.0", path="x", line=2),
]
KEYS: list[Key] = [("npm", "a", "1.0.0"), ("npm", "b", "2.0.0")]
HIT = Hit("GHSA-1", "bad", "1.0.1", Severity.HIGH, frozenset({"CVE-1"}), ("f",), "service")


class _Service:
    """Answers as told, and counts how often it was asked."""

    def __init__(self, *unanswered: Key) -> None:
        self.asked = 0
        self.unanswered = unanswered

    def __call__(self) -> Answers:
        self.asked += 1
        answered: dict[Key, tuple[Hit, ...]] = {KEYS[0]: (HIT,), KEYS[1]: ()}
        kept_back = {key: hits for key, hits in answered.items() if key not in self.unanswered}
        return Answers("service", kept_back, dict.fromkeys(self.unanswered, "it answered HTTP 500"))


def _file(folder: Path) -> Path:
    return next((folder / "advisories").glob("*.json"))


def test_the_second_scan_asks_nobody_and_says_so(tmp_path: Path) -> None:
    service = _Service()
    first = kept(tmp_path, "url", PACKAGES, service)
    second = kept(tmp_path, "url", PACKAGES, service)
    assert service.asked == 1
    assert first.source == "service"
    assert second.source == "service, 0 min ago"
    assert second.answered[KEYS[0]][0].names == HIT.names
    assert (second.answered[KEYS[0]][0].severity, second.answered[KEYS[0]][0].fixed) == (Severity.HIGH, "1.0.1")
    assert second.answered[KEYS[1]] == ()
    assert _file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_other_packages_or_another_service_are_asked_about(tmp_path: Path) -> None:
    service = _Service()
    kept(tmp_path, "url", PACKAGES, service)
    kept(tmp_path, "another", PACKAGES, service)
    kept(tmp_path, "url", [*PACKAGES, Package("npm", "c", "1.0.0", path="x", line=1)], service)
    assert service.asked == 3


def test_a_failure_is_never_kept(tmp_path: Path) -> None:
    service = _Service(KEYS[1])
    for _ in range(2):
        assert KEYS[1] in kept(tmp_path, "url", PACKAGES, service).unanswered
    assert service.asked == 2


def _older(place: Path) -> None:
    place.write_text(json.dumps(json.loads(place.read_text()) | {"asked": 0}))


def _later(place: Path) -> None:
    place.write_text(json.dumps(json.loads(place.read_text()) | {"asked": 9e12}))


def _fewer(place: Path) -> None:
    stored = json.loads(place.read_text())
    place.write_text(json.dumps(stored | {"answered": stored["answered"][1:]}))


def _linked(place: Path) -> None:
    place.rename(place.with_suffix(".other"))
    place.symlink_to(place.with_suffix(".other"))


@pytest.mark.parametrize(
    "spoil",
    [
        _older, _later, _fewer, _linked, lambda place: place.write_text("{"), lambda place: place.write_text("[]"),
        lambda place: place.chmod(0o666), lambda place: place.parent.chmod(0o777),
    ],
)  # fmt: skip
def test_what_is_old_or_could_be_somebody_elses_is_not_believed(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    service = _Service()
    kept(tmp_path, "url", PACKAGES, service)
    spoil(_file(tmp_path))
    assert kept(tmp_path, "url", PACKAGES, service).source == "service"
    assert service.asked == 2


def _info(name: str) -> object:
    told = {"back": {"info": {"yanked": True, "yanked_reason": "broken"}}, "odd": {"info": {}}, "list": []}
    return told.get(name, {"info": {"yanked": False, "yanked_reason": None}})


def test_releases_that_were_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def answer(url: str, *_: object) -> object:
        paths.append(url)
        name = url.split("/")[-3]
        if name == "lost":
            raise Unanswered("it answered HTTP 404")
        return _info(name)

    monkeypatch.setattr(yanked, "ask", answer)
    names = ("back", "fine", "odd", "list", "lost")
    found = Packages(packages=[Package("PyPI", name, "1.0", path="uv.lock", line=1) for name in names])
    yanked.look_for_yanked(found, [], None)
    assert found.yanked is None
    assert paths == []
    yanked.look_for_yanked(found, [Answers("PyPI, by pip-audit", {("PyPI", "fine", "1.0"): ()})], None)
    assert found.yanked is not None
    assert {key[1]: len(hits) for key, hits in found.yanked.answered.items()} == {"back": 1, "fine": 0}
    assert {key[1] for key in found.yanked.unanswered} == {"odd", "list", "lost"}
    assert "https://pypi.org/pypi/back/1.0/json" in paths


def test_the_scanned_tree_holds_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert user_folder(tmp_path) is None
    assert user_folder(tmp_path / "project") == tmp_path / "cache" / "backend-audit"


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "advisories").write_text("a file")
    assert kept(tmp_path, "url", PACKAGES, _Service()).source == "service"
    assert [place.name for place in tmp_path.iterdir()] == ["advisories"]


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("MIT", ""), ("AGPL-3.0-only", "AGPL-3.0-only"), ("agpl-3.0+", "agpl-3.0+"), ("(MIT OR AGPL-3.0)", ""),
        ("MIT AND AGPL-3.0", "AGPL-3.0"), ("SSPL-1.0 OR AGPL-3.0", "AGPL-3.0"), ("LGPL-3.0", ""), ("", ""),
        ("(MIT AND (SSPL-1.0 OR ISC)) OR SSPL-1.0", ""), ("AGPL-3.0 WITH exception", "AGPL-3.0"), ("MIT/SSPL-1.0", ""),
        ("((((", ""), (") OR MIT", ""), ("BUSL-1.1", "BUSL-1.1"),
    ],
)  # fmt: skip
def test_licence_expressions(expression: str, part: str) -> None:
    assert denied_part(expression, ("AGPL-3.0", "SSPL-1.0", "BUSL-*")) == part
