# ruff: noqa: E501 - tables of examples are easier to read in long lines
from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.detectors.ask import ask_files
from auditor.facts.advisories import Advisories
from auditor.facts.lockfiles import LockfileError, Package, read_lockfile
from auditor.model import Severity, State, Unavailable
from auditor.rulebook import load_rulebook
from auditor.sources.packages import read_advisories, read_packages
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path

WANTED = {("@scope/b", "2.0.0-rc.1"), ("lodash", "4.17.15")}
SAME = {
    "package-lock.json": json.dumps(
        {
            "lockfileVersion": 3,
            "packages": {
                "": {},
                "node_modules/lodash": {"version": "4.17.15"},
                "node_modules/alias": {"name": "@scope/b", "version": "2.0.0-rc.1"},
                "node_modules/linked": {"link": True, "resolved": "x"},
                "node_modules/fork": {"version": "1.0.0", "resolved": "git+ssh://example.com/x.git#abc"},
            },
        }
    ),
    "npm-shrinkwrap.json": json.dumps(
        {
            "lockfileVersion": 1,
            "dependencies": {
                "lodash": {"version": "4.17.15", "dependencies": {"@scope/b": {"version": "2.0.0-rc.1"}}},
            },
        }
    ),
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  '@scope/b@2.0.0-rc.1(react@18)': {}\n  lodash@4.17.15: {}\n",
    "yarn.lock": '# yarn lockfile v1\n\n"@scope/b@^2":\n  version "2.0.0-rc.1"\n\nlodash@^4, lodash@4:\n  version "4.17.15"\n',
    "bun.lock": '{"packages": {"@scope/b": ["@scope/b@2.0.0-rc.1", {},], "lodash": ["lodash@4.17.15", "", {},],},}',
}


@pytest.mark.parametrize("name", SAME)
def test_every_format_gives_the_same_packages(name: str) -> None:
    assert {(package.name, package.version) for package in read_lockfile(name, SAME[name])} == WANTED


@pytest.mark.parametrize(
    ("version", "key"), [("5.4", "/lodash/4.17.15_react@18"), ("'6.0'", "/lodash@4.17.15(react@18)")]
)
def test_older_versions_of_pnpm(version: str, key: str) -> None:
    (package,) = read_lockfile("pnpm-lock.yaml", f"lockfileVersion: {version}\npackages:\n  {key}:\n    dev: true\n")
    assert (package.name, package.version, package.dev) == ("lodash", "4.17.15", True)


def test_yarn_berry() -> None:
    text = '__metadata:\n  version: 8\n\n"lodash@npm:^4":\n  version: 4.17.15\n\n"a@workspace:.":\n  version: 0.0.0\n'
    assert [(p.name, p.version, p.line) for p in read_lockfile("yarn.lock", text)] == [("lodash", "4.17.15", 4)]


def test_python_lockfiles() -> None:
    poetry = '[[package]]\nname = "Jinja2"\nversion = "2.10"\n\n[[package]]\nname = "mine"\nversion = "1"\n[package.source]\ntype = "git"\n'
    assert [(p.name, p.version) for p in read_lockfile("poetry.lock", poetry)] == [("jinja2", "2.10")]
    text = "# pinned\nJinja2[i18n]==2.10 ; python_version > '3.8' \\\n    --hash=sha256:abc\nflask == 2.0.1  # why\n"
    assert [(p.name, p.line) for p in read_lockfile("requirements.txt", text)] == [("flask", 4), ("jinja2", 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", "{"),
        ("package-lock.json", '{"lockfileVersion": 99, "packages": {}}'),
        ("package-lock.json", "[" * 200_000),
        ("pnpm-lock.yaml", "lockfileVersion: '99.0'"),
        ("pnpm-lock.yaml", "a: &a [x]\nb: &b [*a,*a]\nc:\n  - *b\n"),
        ("pnpm-lock.yaml", "a: [\n"),
        ("poetry.lock", "[[package]"),
        ("bun.lockb", "\0"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, text: str) -> None:
    with pytest.raises(LockfileError, match=r"\w"):
        read_lockfile(name, text)


def _advisories(*ranges: list[dict[str, str]], **more: object) -> Advisories:
    database = Advisories()
    affected = [
        {"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": e} for e in ranges]}
    ]
    database.add({"id": "GHSA-1", "affected": affected, **more})
    return database


@pytest.mark.parametrize(
    ("version", "fixed"),
    [
        ("1.0.0", "1.5.0"),
        ("1.5.0", None),
        ("1.5.0-rc.1", "1.5.0"),
        ("2.0.1", "2.1.0"),
        ("1.9.0", None),
        ("2.1.0", None),
    ],
)
def test_the_nearest_version_that_mends_it(version: str, fixed: str | None) -> None:
    two = _advisories([{"introduced": "0"}, {"fixed": "1.5.0"}], [{"introduced": "2.0.0"}, {"fixed": "2.1.0"}])
    found = two.concerning(Package("npm", "a", version, "x", 1))
    assert [version_ for _, version_ in found] == ([fixed] if fixed else [])


def test_last_affected_and_aliases_and_withdrawn() -> None:
    database = _advisories([{"introduced": "1.0.0"}, {"last_affected": "1.2.0"}], aliases=["CVE-1"])
    twin = {"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1.2.0"]}
    database.add({"id": "CVE-1", "affected": [twin]})
    database.add({"id": "GHSA-2", "withdrawn": "2026-01-01", "affected": [twin]})
    assert [a.id for a, _ in database.concerning(Package("npm", "a", "1.2.0", "x", 1))] == ["GHSA-1"]
    assert database.concerning(Package("npm", "a", "1.2.1", "x", 1)) == []


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        (
            {"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]},
            Severity.CRITICAL,
        ),
        (
            {"severity": [{"type": "CVSS_V3", "score": "nonsense"}], "database_specific": {"severity": "LOW"}},
            Severity.LOW,
        ),
        ({"id": "MAL-2026-1"}, Severity.CRITICAL),
        ({}, Severity.MEDIUM),
    ],
)
def test_severity(more: dict[str, object], severity: Severity) -> None:
    ((advisory, _),) = _advisories([{"introduced": "0"}], **more).concerning(Package("npm", "a", "1.0.0", "x", 1))
    assert advisory.severity is severity


def test_a_database_is_read_from_a_zip_and_a_bad_record_costs_itself(tmp_path: Path) -> None:
    good = {"id": "X", "affected": [{"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1.0.0"]}]}
    with zipfile.ZipFile(tmp_path / "db.zip", "w") as archive:
        archive.writestr("../../escape.json", json.dumps(good))
        archive.writestr("bad.json", "{")
        archive.writestr("odd.json", "[" * 100_000)
        archive.writestr("readme.txt", "nothing")
    database = read_advisories([str(tmp_path / "db.zip")])
    assert (dict(database.records), len(database.refused)) == ({"npm": 1}, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db.zip"]
    for bad in ("nowhere", str(tmp_path)):
        with pytest.raises(Unavailable):
            read_advisories([bad])


def test_nothing_is_clean_without_proof(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(SAME["package-lock.json"])
    (tmp_path / "requirements.txt").write_text("flask==2.0.1\n")
    (tmp_path / "bun.lockb").write_bytes(b"\0")
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    repository = read_repository(tmp_path)
    unasked = ask_files(page, repository, read_packages(repository, None))
    assert unasked.unavailable
    assert "--advisories" in unasked.unavailable
    (tmp_path / "db").mkdir()
    record = {"id": "X", "affected": [{"package": {"ecosystem": "npm", "name": "other"}, "versions": ["1.0.0"]}]}
    (tmp_path / "db" / "x.json").write_text(json.dumps(record))
    asked = ask_files(page, repository, read_packages(repository, (str(tmp_path / "db"),)))
    states = {answer.subject: answer.state for answer in asked.answers}
    assert states["package npm:lodash@4.17.15"] is State.OK
    assert states["package PyPI:flask@2.0.1"] is State.UNKNOWN
    assert states["lockfile bun.lockb"] is State.UNKNOWN


@pytest.mark.parametrize("loose", ["flask>=2", "-r other.txt", "git+https://example.com/x.git", "requests"])
def test_pinned_requirements_count_although_others_are_loose(tmp_path: Path, loose: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"# why\nJinja2==2.10\n{loose}\n")
    found = read_packages(read_repository(tmp_path), None)
    assert [package.name for package in found.packages] == ["jinja2"]
    assert "not pinned (first: line 3)" in found.unread["requirements.txt"]


def test_a_python_manifest_without_a_lockfile_is_unknown_and_not_left_out(tmp_path: Path) -> None:
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\ndependencies = ["flask"]\n')
    repository = read_repository(tmp_path)
    asked = ask_files(page, repository, read_packages(repository, None))
    assert asked.unavailable
    assert "no lockfile" in asked.unavailable
    (tmp_path / "package-lock.json").write_text(SAME["package-lock.json"])
    repository = read_repository(tmp_path)
    advisories = _advisories([{"introduced": "0"}])
    asked = ask_files(page, repository, replace(read_packages(repository, None), advisories=advisories))
    assert {a.subject for a in asked.answers if a.state is State.UNKNOWN} == {"manifest pyproject.toml"}
    (tmp_path / "uv.lock").write_text('version = 1\n[[package]]\nname = "flask"\nversion = "2.0.1"\n')
    assert read_packages(read_repository(tmp_path), None).unlocked == []


def test_nothing_to_audit_is_not_applicable(tmp_path: Path) -> None:
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    (tmp_path / "a.sql").write_text("select 1")
    repository = read_repository(tmp_path)
    assert ask_files(page, repository, read_packages(repository, None)).not_applicable
