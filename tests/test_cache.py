"""The cache: the same report with it and without it, whatever happened to the files or to the cache in between."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor import audit as audit_module
from auditor.audit import Request, audit
from auditor.config import Config, Settings
from auditor.detectors.secret import hardcoded_provider_token
from auditor.facts.imports_index import uses_of
from auditor.facts.secret_formats import find_tokens
from auditor.model import Target
from auditor.render import json_report
from auditor.rulebook import load_rulebook
from auditor.sources import imports_kept, semgrep, shadow
from auditor.sources.store import FILE_NAME, Store, key_of
from tests.running import write
from tests.secret_samples import noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.report import Report

FIXTURES = Path(__file__).parents[1] / "fixtures"
_ONLY = ("code", "route", "secret", "repository", "dependency", "rls-disabled", "sql-injection")


def _request(root: Path, cache: Path | None) -> Request:
    return Request(Target(root, offline=True, cache=cache), only=_ONLY)


def _scan(root: Path, cache: Path | None) -> Report:
    return audit(_request(root, cache), load_rulebook())[0]


def _shown(report: Report) -> str:
    notes = [note.model_copy(update={"seconds": 0.0}) for note in report.evidence]
    return json_report.render(report.model_copy(update={"evidence": notes}))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(FIXTURES / "leaky", root)
    return root


def _edit(root: Path) -> None:
    file = min(root.glob("src/**/*.ts"))
    file.write_text(file.read_text("utf-8") + "\ntry { work() } catch {}\n", "utf-8")


def _add(root: Path) -> None:
    (root / "src" / "added.ts").write_text("import { sign } from 'jsonwebtoken'\nsign({}, 'secret-in-code')\n", "utf-8")


def _delete(root: Path) -> None:
    min(root.glob("src/**/*.ts")).unlink()


def _rename(root: Path) -> None:
    file = max(root.glob("src/**/*.ts"))
    file.rename(file.with_name("renamed.ts"))


def _migrate(root: Path) -> None:
    (root / "supabase/migrations/29990101000000_more.sql").write_text("create table public.more (id int);\n", "utf-8")


def _break(root: Path) -> None:
    min(root.glob("src/**/*.ts")).write_text("export const x = ((;\n", "utf-8")


def _nothing(root: Path) -> None:
    assert root.is_dir()


@pytest.mark.parametrize("change", [_nothing, _edit, _add, _delete, _rename, _migrate, _break])
def test_a_scan_says_the_same_with_and_without_the_cache(
    project: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    first = _scan(project, tmp_path / "cache")
    change(project)
    again, fresh = _scan(project, tmp_path / "cache"), _scan(project, None)
    assert _shown(again) == _shown(fresh)
    assert (_shown(first) == _shown(again)) == (change is _nothing)


def test_an_unchanged_scan_starts_no_server_and_parses_nothing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scan(project, tmp_path / "cache")

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("worked out again")

    monkeypatch.setattr(shadow, "build_shadow", forbidden)
    monkeypatch.setattr("auditor.sources.code.parse", forbidden)
    monkeypatch.setattr("auditor.sources.semgrep._run", forbidden)
    assert _scan(project, tmp_path / "cache").findings
    _edit(project)
    broken = _scan(project, tmp_path / "cache")
    assert any("worked out again" in (rule.reason or "") for rule in broken.rules), "the guard itself would be seen"


def test_another_version_of_the_tool_asks_again(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _scan(project, tmp_path / "cache")
    monkeypatch.setattr(audit_module, "tool_id", lambda: "another")
    monkeypatch.setattr("auditor.sources.code.parse", lambda *_: (_ for _ in ()).throw(AssertionError("parsed")))
    assert any("parsed" in (rule.reason or "") for rule in _scan(project, tmp_path / "cache").rules)


def test_suppressions_are_looked_at_anew(project: Path, tmp_path: Path) -> None:
    before = _scan(project, tmp_path / "cache")
    held = next(finding for finding in before.findings if finding.rule == "rls-disabled")
    text = f'[[ignore]]\nrule = "rls-disabled"\nsubject = "{held.subject}"\nreason = "tried"\nuntil = 2999-01-01\n'
    file = project / "backend-audit.toml"
    file.write_text((file.read_text("utf-8") if file.exists() else "") + text, "utf-8")
    settings = Settings.model_validate(
        {"ignore": [{"rule": "rls-disabled", "subject": held.subject, "reason": "tried", "until": "2999-01-01"}]}
    )
    after = audit(replace(_request(project, tmp_path / "cache"), config=Config(settings)), load_rulebook())[0]
    states = {finding.status for finding in after.findings if finding.fingerprint == held.fingerprint}
    assert states == {"accepted"}


def _rot(file: Path) -> None:
    file.write_bytes(b"this is no database" * 500)


def _garble(file: Path) -> None:
    with sqlite3.connect(file) as store:
        store.execute("update entry set value = x'00ff'")


def _forge(file: Path) -> None:
    import zlib

    with sqlite3.connect(file) as store:
        store.execute("update entry set value = ?", (zlib.compress(b'{"read": {}, "answers": [1], "broken": 3}'),))


def _lock_away(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.write_text("a file where the folder was")


@pytest.mark.parametrize("damage", [_rot, _garble, _forge, _lock_away])
def test_a_damaged_cache_costs_time_and_nothing_else(
    project: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    cache = tmp_path / "cache"
    first = _scan(project, cache)
    damage(cache / FILE_NAME)
    assert _shown(_scan(project, cache)) == _shown(first)


def test_nothing_is_kept_where_others_could_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with Store(tmp_path) as store:
        assert not store.usable


def test_files_are_the_users_own(tmp_path: Path) -> None:
    with Store(tmp_path / "cache") as store:
        store.put({b"k": 1})
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "cache" / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_the_oldest_entries_go_first(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put({key_of(number): "x" * 20_000 + str(number) for number in range(30)})
    with sqlite3.connect(tmp_path / FILE_NAME) as file:
        file.execute("update entry set used = 1 where key != ?", (key_of(7),))
    with Store(tmp_path, max_bytes=1000):
        pass
    with Store(tmp_path) as store:
        assert store.get(key_of(8)) is None


def test_two_scans_at_once_share_the_file(tmp_path: Path) -> None:
    def fill(start: int) -> None:
        with Store(tmp_path) as store:
            for number in range(start, start + 50):
                store.put({key_of(number): number})

    threads = [threading.Thread(target=fill, args=(start,)) for start in (0, 50, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(tmp_path) as store:
        assert [store.get(key_of(number)) for number in range(150)] == list(range(150))


_ROUTE = """import express from 'express'
import { load } from './service'
const app = express()
app.get('/file', (req, res) => { res.send(load(req.query.name)) })
"""
_FIRST = _ROUTE.replace("load", "size")  # reads the service before the other one does
_SAFE = "export function size(name: string) { return 1 }\nexport function load(name: string) { return 2 }\n"
_OPEN = "import fs from 'fs'\n" + _SAFE.replace("2", "fs.readFileSync('/data/' + name)")


def test_what_a_file_hands_to_another_is_followed_again_when_the_other_changes(tmp_path: Path) -> None:
    root = write(
        tmp_path / "app", {"src/a.ts": _FIRST, "src/routes.ts": _ROUTE, "src/service.ts": _SAFE, "src/z.ts": ""}
    )

    def found() -> list[str]:
        report = _scan(root, tmp_path / "cache")
        assert _shown(report) == _shown(_scan(root, None))
        return [f.detail for f in report.findings if f.rule == "path-traversal"]

    assert found() == []
    write(root, {"src/service.ts": _OPEN})
    assert [detail.rpartition(", from ")[2] for detail in found()] == ["src/routes.ts:4"]
    write(root, {"src/z.ts": "export const unrelated = 1\n"})
    assert len(found()) == 1
    write(root, {"src/routes.ts": _ROUTE.replace("req.query.name", "'fixed'")})
    assert found() == []


_QUERY = "export async function find(a: string) {\n  await pool.query(`select * from t where a = ${a}`);\n}\n"


def test_semgrep_is_given_only_what_it_has_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path / "app", {f"src/{name}.ts": _QUERY for name in "abc"})
    given: list[int] = []
    real = semgrep._lay_out  # noqa: SLF001 - what reaches the engine is the point

    def counted(folder: Path, names: dict[str, str], *rest: Any) -> None:  # noqa: ANN401 - as it is called
        given.append(len(names))
        real(folder, names, *rest)

    monkeypatch.setattr(semgrep, "_lay_out", counted)
    first = _scan(root, tmp_path / "cache")
    write(root, {"src/b.ts": _QUERY.replace("find", "found")})
    second = _scan(root, tmp_path / "cache")
    assert given == [3, 1]
    assert _shown(second) == _shown(_scan(root, None))
    assert len([f for f in first.findings if f.rule == "sql-injection"]) == 3


_TOKEN = "sk_live_" + noise(24)


def test_files_are_looked_through_for_secrets_and_imports_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = {"lockfileVersion": 3, "packages": {"node_modules/left-pad": {"version": "1.3.0", "integrity": "sha512-x"}}}
    root = write(tmp_path / "app", {f"src/{name}.ts": 'import pad from "left-pad"\n' for name in "abc"})
    write(root, {"package.json": '{"dependencies": {"left-pad": "1.3.0"}}', "package-lock.json": json.dumps(lock)})
    looked: list[str] = []
    imports: list[str] = []

    def tokens(text: str) -> Any:  # noqa: ANN401 - as it is called
        looked.append(text)
        return find_tokens(text)

    def uses(path: str, text: str | None) -> Any:  # noqa: ANN401 - as it is called
        imports.append(path)
        return uses_of(path, text)

    monkeypatch.setattr(hardcoded_provider_token, "find_tokens", tokens)
    monkeypatch.setattr(imports_kept, "uses_of", uses)
    _scan(root, tmp_path / "cache")
    assert len(looked) >= 4
    assert sorted(imports) == ["src/a.ts", "src/b.ts", "src/c.ts"]
    looked.clear()
    imports.clear()
    write(root, {"src/b.ts": f'import pad from "left-pad"\nconst key = "{_TOKEN}"\n'})
    again = _scan(root, tmp_path / "cache")
    assert (len(looked), imports) == (1, ["src/b.ts"])
    assert [f.location and f.location.path for f in again.findings if f.rule == "hardcoded-provider-token"] == [
        "src/b.ts"
    ]
    assert _shown(again) == _shown(_scan(root, None))
    write(root, {"src/package.json": '{"name": "inner"}'})
    moved = _scan(root, tmp_path / "cache")
    assert [f.unit for f in moved.findings if f.rule == "hardcoded-provider-token"] == ["src"]
