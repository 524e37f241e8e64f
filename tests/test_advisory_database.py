from __future__ import annotations

import io
import json
import sqlite3
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from auditor.facts.lockfiles import Package
from auditor.model import Severity, Unavailable
from auditor.sources import advisory_files
from auditor.sources.advisory_files import read_advisories
from auditor.sources.advisory_sqlite import build, read_meta
from tests.advisory_server import serving_files
from tests.dependency_support import record as _record
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

LOCK = json.dumps({"lockfileVersion": 3, "packages": {"node_modules/lodash": {"version": "4.17.15"}}})


RECORDS = [_record("a"), _record("B_c", "PyPI"), _record("lodash")]


def _as_folder(place: Path) -> Path:
    write(place, {f"db/{n}.json": json.dumps(record) for n, record in enumerate(RECORDS)})
    return place / "db"


def _as_yaml(place: Path) -> Path:
    write(place, {f"db/{n}.yaml": json.dumps(record) for n, record in enumerate(RECORDS)})
    return place / "db"


def _as_zip(place: Path) -> Path:
    with zipfile.ZipFile(place / "db.zip", "w") as archive:
        for n, record in enumerate(RECORDS):
            archive.writestr(f"../../{n}.json", json.dumps(record))
    return place / "db.zip"


def _as_tar(place: Path) -> Path:
    with tarfile.open(place / "db.tar.gz", "w:gz") as archive:
        for n, record in enumerate(RECORDS):
            data = json.dumps(record).encode()
            member = tarfile.TarInfo(f"../../{n}.json")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return place / "db.tar.gz"


def _as_cache(place: Path) -> Path:
    for ecosystem in ("npm", "PyPI"):
        (place / "cache" / ecosystem).mkdir(parents=True)
        with zipfile.ZipFile(place / "cache" / ecosystem / "all.zip", "w") as archive:
            for n, record in enumerate(RECORDS):
                if record["affected"][0]["package"]["ecosystem"] == ecosystem:
                    archive.writestr(f"{n}.json", json.dumps(record))
    return place / "cache"


def _as_sqlite(place: Path) -> Path:
    build(read_advisories([str(_as_folder(place))]), place / "advisories.sqlite", "2026-06-01T00:00:00Z")
    return place / "advisories.sqlite"


def _as_list(place: Path) -> Path:
    (place / "all.json").write_text(json.dumps(RECORDS))
    return place / "all.json"


@pytest.mark.parametrize("make", [_as_folder, _as_yaml, _as_zip, _as_tar, _as_cache, _as_sqlite, _as_list])
def test_a_database_is_the_same_in_every_form(tmp_path: Path, make: Any) -> None:  # noqa: ANN401 - options and functions of several shapes
    source = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    database = read_advisories([str(source)])
    assert dict(database.records) == {"npm": 2, "PyPI": 1}
    assert database.newest == "2026-05-30T00:00:00Z"
    for package in (Package("npm", "a", "1.0.0", "x", 1), Package("PyPI", "b-c", "1.0.0", "x", 1)):
        (hit,) = database.concerning(package)
        assert hit.id in {"X-a", "X-B_c"}
    assert sorted(tmp_path.rglob("*")) == before, "nothing is unpacked"


def test_retirejs_is_read_through_an_adapter(tmp_path: Path) -> None:
    entry = {
        "below": "3.0.0",
        "atOrAbove": "2.0.0",
        "severity": "high",
        "identifiers": {"summary": "lets scripts in", "CVE": ["CVE-1"], "githubID": "GHSA-1"},
    }
    (tmp_path / "npmrepository.json").write_text(json.dumps({"thing": {"vulnerabilities": [entry, {"odd": 1}]}}))
    (hit,) = read_advisories([str(tmp_path)]).concerning(Package("npm", "thing", "2.5.0", "x", 1))
    assert (hit.id, set(hit.aliases), hit.severity, hit.fixed) == ("GHSA-1", {"CVE-1"}, Severity.HIGH, "3.0.0")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.json", "{"),
        ("odd.json", "[" * 100_000),
        ("none.json", '{"id": 3}'),
        (
            "range.json",
            json.dumps(
                {
                    "id": "Y",
                    "affected": [
                        {
                            "package": {"ecosystem": "npm", "name": "a"},
                            "ranges": [{"type": "SEMVER", "events": [{"introduced": "soon"}]}],
                        }
                    ],
                }
            ),
        ),
        ("bad.yaml", "a: [\n"),
        ("large.json", json.dumps({"id": "Y", "details": "x" * 3_000_000})),
    ],
)
def test_a_record_that_does_not_parse_costs_that_record(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, {f"db/{name}": text, "db/good.json": json.dumps(_record())})
    database = read_advisories([str(tmp_path / "db")])
    assert (dict(database.records), database.refusals) == ({"npm": 1}, 1)
    assert database.refused[0].startswith(f"{name}: ")


def test_an_alias_bomb_costs_no_time(tmp_path: Path) -> None:
    text = f"{BOMB}id: Y\naliases: *i\nsummary: *i\naffected:\n- package: {{ecosystem: npm, name: a}}\n  versions: *i\n"
    write(tmp_path, {"db/bomb.yaml": text, "db/good.json": json.dumps(_record())})
    started = time.monotonic()
    assert read_advisories([str(tmp_path / "db")]).records["npm"] >= 1
    assert time.monotonic() - started < 3


def test_a_zip_bomb_costs_that_record_and_an_endless_one_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "db.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.json", json.dumps(_record()))
        archive.writestr("bomb.json", json.dumps(_record("b", details="0" * 30_000_000)))
    started = time.monotonic()
    database = read_advisories([str(place)])
    assert (database.records["npm"], database.refusals) == (1, 1)
    assert "larger than 2 MB" in database.refused[0]
    assert time.monotonic() - started < 3
    monkeypatch.setattr(advisory_files, "_MAX_TOTAL", 1_000_000)
    with pytest.raises(Unavailable, match="unpacks to more"):
        read_advisories([str(place)])


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("create table t (a)")
    connection.close()
    for bad in ("nowhere", "text.txt", "empty", "other.sqlite"):
        with pytest.raises(Unavailable, match="--advisories"):
            read_advisories([str(tmp_path / bad)])


def test_a_database_is_built_and_describes_itself(tmp_path: Path) -> None:
    target = tmp_path / "advisories.sqlite"
    built = run("advisories", "build", _as_folder(tmp_path), "-o", target)
    assert built.code == 0, built.err
    assert {"npm", "PyPI"} <= set(read_meta(target)["record_count"])
    shown = run("advisories", "info", target)
    assert shown.code == 0
    assert "npm" in shown.out
    assert "2026-05-30" in shown.out
    assert run("advisories", "build", tmp_path / "nowhere", "-o", target).code == 2
    assert run("advisories", "update", "-o", target, "--offline").code == 2


def test_a_database_is_renewed_from_a_server(tmp_path: Path) -> None:
    for ecosystem in ("npm", "PyPI"):
        (tmp_path / "served" / ecosystem).mkdir(parents=True)
        with zipfile.ZipFile(tmp_path / "served" / ecosystem / "all.zip", "w") as archive:
            archive.writestr("1.json", json.dumps(_record("a", ecosystem)))
    target = tmp_path / "advisories.sqlite"
    with serving_files(tmp_path / "served") as url:
        found = run("advisories", "update", "-o", target, "--url", url)
        lost = run("advisories", "update", "-o", tmp_path / "other.sqlite", "--url", f"{url}/nowhere")
    assert found.code == 0, found.err
    assert read_meta(target)["record_count"] == {"npm": 1, "PyPI": 1}
    assert lost.code == 2
    assert "HTTP 404" in lost.err
    assert not (tmp_path / "other.sqlite").exists()


def test_a_database_is_read_quickly(tmp_path: Path) -> None:
    vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:{}"
    for n in range(2500):
        events = [{"introduced": "0"}, {"fixed": f"{n % 9}.{n % 7}.{n % 5}"}]
        affected = {"package": {"ecosystem": "npm", "name": f"p{n}"}, "ranges": [{"type": "SEMVER", "events": events}]}
        record = _record() | {
            "id": f"GHSA-{n}",
            "aliases": [f"CVE-{n}"],
            "affected": [affected],
            "severity": [{"type": "CVSS_V3", "score": vector.format("NLH"[n % 3])}],
        }
        (tmp_path / f"{n}.json").write_text(json.dumps(record))
    packages = [Package("npm", f"p{n}", "3.3.3", "x", 1) for n in range(2500)]
    wanted = {(package.ecosystem, package.name) for package in packages}
    files = _seconds(lambda: read_advisories([str(tmp_path)], wanted))
    database = read_advisories([str(tmp_path)])
    build(database, tmp_path / "a.sqlite", "2026-06-01")
    compiled = min(_seconds(lambda: read_advisories([str(tmp_path / "a.sqlite")], wanted)) for _ in range(3))
    matched = _seconds(lambda: [database.concerning(package) for package in packages])
    assert files < 2 * SLOW
    assert compiled < 0.05 * SLOW
    assert matched < 0.1 * SLOW


SLOW = 3  # how much slower than intended a busy machine may be


def _seconds(action: Any) -> float:  # noqa: ANN401 - options and functions of several shapes
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
