# ruff: noqa: E501 - tables of examples are easier to read in long lines
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.detectors.ask import ask_files
from auditor.facts.advisories import Advisories
from auditor.facts.advisory_answers import Hit, merged
from auditor.facts.advisory_ranges import fixed_in_npm_range, in_npm_range, version_key
from auditor.facts.lockfiles import Package
from auditor.model import Severity, State
from auditor.rulebook import load_rulebook
from auditor.sources.packages import read_packages
from auditor.sources.repository import read_repository
from tests.dependency_support import asked_of as _asked
from tests.dependency_support import database_of as _advisories
from tests.dependency_support import record as _record
from tests.dependency_support import states as _states
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

LOCK = json.dumps({"lockfileVersion": 3, "packages": {"node_modules/lodash": {"version": "4.17.15"}}})


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("1.0.0", "1.5.0"),
        ("1.5.0", None),
        ("1.5.0-rc.1", "1.5.0"),
        ("2.0.1", "2.1.0"),
        ("1.9.0", None),
        ("2.0.0-beta", None),
        ("2.1.0", None),
        ("2.1.0+build.5", None),
    ],
)
def test_the_nearest_version_that_mends_it(version: str, fixed: str | None) -> None:
    two = _advisories([{"introduced": "0"}, {"fixed": "1.5.0"}], [{"introduced": "2.0.0"}, {"fixed": "2.1.0"}])
    found = two.concerning(Package("npm", "a", version, "x", 1))
    assert [hit.fixed for hit in found] == ([fixed] if fixed else [])


def test_events_may_stand_in_any_order() -> None:
    events = [{"fixed": "2.1.0"}, {"introduced": "2.0.0"}, {"fixed": "1.5.0"}, {"introduced": "0"}]
    found = {
        v: bool(_advisories(events).concerning(Package("npm", "a", v, "x", 1)))
        for v in ("1.4.0", "1.6.0", "2.0.5", "3.0.0")
    }
    assert found == {"1.4.0": True, "1.6.0": False, "2.0.5": True, "3.0.0": False}


@pytest.mark.parametrize(
    ("version", "vulnerable"),
    [
        ("1.0rc1", True),
        ("1.0", False),
        ("1.0.post1", False),
        ("1!0.1", False),
        ("0.9.9", True),
        ("v0.5", True),
        ("1.0.dev3", True),
    ],
)
def test_python_versions_are_ordered_as_pep_440_has_it(version: str, *, vulnerable: bool) -> None:
    database = _advisories([{"introduced": "0"}, {"fixed": "1.0"}], ecosystem="PyPI")
    assert bool(database.concerning(Package("PyPI", "a", version, "x", 1))) is vulnerable


def test_semantic_versions_are_ordered_as_the_specification_has_it() -> None:
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.10",
    ]
    assert sorted(ordered, key=lambda v: version_key("npm", v)) == ordered


@pytest.mark.parametrize(
    ("version", "wanted", "inside", "fixed"),
    [
        ("4.17.4", "<4.17.12", True, "4.17.12"),
        ("4.17.12", "<4.17.12", False, None),
        ("5.0.1", "<4.17.12 || >=5.0.0 <5.0.2", True, "5.0.2"),
        ("5.0.2-rc.1", ">= 5.0.0 < 5.0.2", True, "5.0.2"),
        ("1.0.0", "*", True, None),
        ("1.0.0", "1.0.0", True, None),
        ("1.0.1", "<=1.0.0", False, None),
        ("0.0.8", "<0.2.4 || >=1.0.0, <1.2.3", True, "0.2.4"),
    ],
)
def test_npm_ranges(version: str, wanted: str, *, inside: bool, fixed: str | None) -> None:
    assert in_npm_range(version, wanted) is inside
    assert fixed_in_npm_range(version, wanted) == fixed


def test_a_second_beginning_inside_a_range_changes_nothing() -> None:
    events = [{"introduced": "1.0.0"}, {"introduced": "1.5.0"}, {"fixed": "2.0.0"}]
    assert _advisories(events).concerning(Package("npm", "a", "1.2.0", "x", 1))


def test_a_fault_without_a_mend_ends_where_it_was_last_seen() -> None:
    item = {
        "package": {"ecosystem": "npm", "name": "a"},
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
        "database_specific": {"last_known_affected_version_range": "<= 1.4.0"},
    }
    database = Advisories()
    database.add({"id": "GHSA-1", "affected": [item]})
    found = {v: bool(database.concerning(Package("npm", "a", v, "x", 1))) for v in ("1.4.0", "1.4.1")}
    assert found == {"1.4.0": True, "1.4.1": False}


def test_last_affected_and_aliases_and_withdrawn() -> None:
    database = _advisories([{"introduced": "1.0.0"}, {"last_affected": "1.2.0"}], aliases=["CVE-1"])
    twin = {"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1.2.0"]}
    database.add({"id": "CVE-1", "affected": [twin]})
    database.add({"id": "GHSA-2", "withdrawn": "2026-01-01", "affected": [twin]})
    assert [hit.id for hit in database.concerning(Package("npm", "a", "1.2.0", "x", 1))] == ["GHSA-1"]
    assert database.concerning(Package("npm", "a", "1.2.1", "x", 1)) == []


def test_records_that_share_a_name_by_whatever_way_are_one_fault() -> None:
    hits = [
        Hit("PYSEC-1", aliases=frozenset({"CVE-1"}), fixed="1.2"),
        Hit("SNYK-1", aliases=frozenset({"CVE-2"}), severity=Severity.HIGH),
        Hit("GHSA-1", aliases=frozenset({"CVE-1", "CVE-2"}), fixed="1.10", severity=Severity.LOW),
        Hit("GHSA-9", aliases=frozenset({"CVE-9"})),
    ]
    first, second = merged(hits, "PyPI")
    assert (first.id, first.severity, first.fixed) == ("GHSA-1", Severity.HIGH, "1.10")
    assert first.aliases == {"PYSEC-1", "SNYK-1", "CVE-1", "CVE-2"}
    assert (second.id, second.severity) == ("GHSA-9", None)


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}, Severity.CRITICAL),
        (
            {"severity": [
                {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
                {"type": "CVSS_V4", "score": "CVSS:4.0/AV:L/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N"},
            ]},
            Severity.LOW,
        ),
        ({"severity": [{"type": "CVSS_V3", "score": "nonsense"}], "database_specific": {"severity": "LOW"}}, Severity.LOW),
        ({"database_specific": {"severity": "MODERATE"}}, Severity.MEDIUM),
        ({"id": "MAL-2026-1", "database_specific": {"severity": "LOW"}}, Severity.CRITICAL),
        ({}, None),
    ],
)  # fmt: skip
def test_severity(more: dict[str, Any], severity: Severity | None) -> None:
    (hit,) = _advisories([{"introduced": "0"}], **more).concerning(Package("npm", "a", "1.0.0", "x", 1))
    assert hit.severity is severity


def test_an_advisory_without_severity_takes_the_pages(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "package-lock.json": LOCK,
            "db/x.json": json.dumps(
                _record("lodash")
                | {"affected": [{"package": {"ecosystem": "npm", "name": "lodash"}, "versions": ["4.17.15"]}]}
            ),
        },
    )
    (answer,) = [a for a in _asked(tmp_path, tmp_path / "db").answers if a.state is State.FAIL]
    assert answer.severity is None


def test_nothing_is_clean_without_proof(tmp_path: Path) -> None:
    write(tmp_path, {"package-lock.json": LOCK, "requirements.txt": "flask==2.0.1\n", "bun.lockb": "\0"})
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    repository = read_repository(tmp_path)
    unasked = ask_files(page, repository, read_packages(repository, None))
    assert unasked.unavailable
    assert "--advisories" in unasked.unavailable
    write(tmp_path, {"db/x.json": json.dumps(_record("other"))})
    states = _states(_asked(tmp_path, tmp_path / "db"))
    assert states["package npm:lodash@4.17.15"] is State.OK
    assert states["package PyPI:flask@2.0.1"] is State.UNKNOWN
    assert states["lockfile bun.lockb"] is State.UNKNOWN


def test_an_old_database_finds_and_clears_nothing(tmp_path: Path) -> None:
    hit = {"package": {"ecosystem": "npm", "name": "lodash"}, "versions": ["4.17.15"]}
    old = {"modified": "2026-05-01T00:00:00Z"}
    write(tmp_path, {"package-lock.json": LOCK, "db/x.json": json.dumps(_record("other") | old)})
    asked = _asked(tmp_path, tmp_path / "db")
    assert asked.unavailable
    assert "31 days old" in asked.unavailable
    assert _states(_asked(tmp_path, tmp_path / "db", max_age=40)) == {"package npm:lodash@4.17.15": State.OK}
    write(tmp_path, {"db/x.json": json.dumps(_record("lodash") | old | {"affected": [hit]})})
    assert _states(_asked(tmp_path, tmp_path / "db")) == {"package npm:lodash@4.17.15": State.FAIL}
    fixture = _record("other") | old | {"database_specific": {"fixture": True}}
    write(tmp_path, {"db/x.json": json.dumps(fixture)})
    assert _states(_asked(tmp_path, tmp_path / "db")) == {"package npm:lodash@4.17.15": State.OK}


def test_packages_that_no_registry_serves(tmp_path: Path) -> None:
    packages = {
        "": {"dependencies": {"lodash": "4", "forked": "x/y"}},
        "node_modules/lodash": {"version": "4.17.15", "dependencies": {"deep": "x/z"}},
        "node_modules/forked": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/x/y.git#abc"},
        "node_modules/deep": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/x/z.git#abc"},
    }
    write(
        tmp_path,
        {
            "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": packages}),
            "db/x.json": json.dumps(_record("other")),
        },
    )
    states = _states(_asked(tmp_path, tmp_path / "db"))
    assert states == {"package npm:lodash@4.17.15": State.OK, "package npm:forked@1.0.0": State.UNKNOWN}
    states = _states(_asked(tmp_path, tmp_path / "db", complete=True))
    assert states["package npm:deep@1.0.0"] is State.UNKNOWN


@pytest.mark.parametrize("loose", ["flask>=2", "-r other.txt", "requests"])
def test_pinned_requirements_count_although_others_are_loose(tmp_path: Path, loose: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"# why\nJinja2==2.10\n{loose}\n")
    found = read_packages(read_repository(tmp_path), None)
    assert [package.name for package in found.packages] == ["jinja2"]
    assert "not pinned (first: line 3)" in found.unread["requirements.txt"]


def test_a_python_manifest_without_a_lockfile_is_unknown_and_not_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"pyproject.toml": '[project]\nname = "a"\ndependencies = ["flask"]\n', "db/x.json": json.dumps(_record())},
    )
    asked = _asked(tmp_path, tmp_path / "db")
    assert asked.unavailable
    assert "no lockfile" in asked.unavailable
    write(tmp_path, {"package-lock.json": LOCK})
    states = _states(_asked(tmp_path, tmp_path / "db"))
    assert {subject for subject, state in states.items() if state is State.UNKNOWN} == {"manifest pyproject.toml"}
    write(tmp_path, {"uv.lock": 'version = 1\n[[package]]\nname = "flask"\nversion = "2.0.1"\n'})
    assert read_packages(read_repository(tmp_path), None).unlocked == []


def test_nothing_to_audit_is_not_applicable(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "select 1", "db/x.json": json.dumps(_record())})
    assert _asked(tmp_path, tmp_path / "db").not_applicable
