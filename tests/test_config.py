from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import read_settings
from auditor.model import UsageError
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

NAME = "backend-audit.toml"


def test_both_places_are_read_and_the_file_wins(tmp_path: Path) -> None:
    assert read_settings(tmp_path).fail_on is None
    write(tmp_path, {"pyproject.toml": '[tool.backend-audit]\nfail-on = "low"\nallow-unknown = ["all"]\n'})
    assert (read_settings(tmp_path).fail_on, read_settings(tmp_path).allow_unknown) == ("low", ("all",))
    write(tmp_path, {NAME: '\ufefffail-on = "never"\r\nexclude = ["docs/"]\r\n'})
    assert (read_settings(tmp_path).fail_on, read_settings(tmp_path).exclude) == ("never", ("docs/",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail-onn = 'low'", "unknown key 'fail-onn'; did you mean 'fail-on'?"),
        ("[[ignore]]\nrule = 'x'\nreason = 'because'\nuntill = 2030-01-01", "did you mean 'until'?"),
        ("[[ignore]]\nrule = 'x'", "'ignore.0.reason': Field required"),
        ("[[ignore]]\nrule = 'x'\nreason = ''", "'ignore.0.reason'"),
        ("fail-on = 'sometimes'", "'fail-on'"),
        ("exclude = 'docs'", "'exclude'"),
        ("fail-on = ", "backend-audit.toml: Invalid"),
        ("a = " + "[" * 50_000, "nested too deep"),
        ("a = " + "9" * 10_000, "backend-audit.toml: Exceeds the limit"),
        ("a = 1979-13-45", "backend-audit.toml: "),
        ("#" * 1_000_001, "larger than 1 MB"),
        ("\x1b[31m = 1", "backend-audit.toml: "),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, {NAME: text})
    with pytest.raises(UsageError) as error:
        read_settings(tmp_path)
    assert said in str(error.value)
    found = run("scan", tmp_path)
    assert found.code == 2
    assert "\x1b" not in found.err


@pytest.mark.parametrize(
    "key", ["database", "pg-bin", "pg_bin", "cache", "advisories", "offline", "Output", "database_url"]
)
def test_the_repository_may_not_choose_programs_or_places(tmp_path: Path, key: str) -> None:
    for name, head in ((NAME, ""), ("pyproject.toml", "[tool.backend-audit]\n")):
        folder = write(tmp_path / name, {name: f"{head}{key} = 'x'\n", "a.sql": ""})
        found = run("scan", folder, "--no-shadow")
        assert found.code == 2
        assert f"{name}: '{key}' may not be set by a repository" in found.err


def test_a_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"# \xff\n")
    with pytest.raises(UsageError, match=r"backend-audit\.toml"):
        read_settings(tmp_path)


def test_a_link_is_refused_and_a_folder_too(tmp_path: Path) -> None:
    write(tmp_path, {"outside.toml": 'fail-on = "never"\n'})
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / NAME).symlink_to(tmp_path / "outside.toml")
    (tmp_path / "other" / NAME).mkdir(parents=True)
    for folder in ("root", "other"):
        with pytest.raises(UsageError, match="links are not followed"):
            read_settings(tmp_path / folder)


def test_a_foreign_pyproject_is_its_owners_matter(tmp_path: Path) -> None:
    for text in ("not toml at all", "a = " + "[" * 50_000, "[tool]\nother = 1\n", "tool = 3\n"):
        write(tmp_path, {"pyproject.toml": text})
        assert read_settings(tmp_path).fail_on is None
    write(tmp_path, {"pyproject.toml": "[tool]\nbackend-audit = 3\n"})
    with pytest.raises(UsageError, match="is not a table"):
        read_settings(tmp_path)


def test_names_in_settings_are_checked(tmp_path: Path) -> None:
    write(tmp_path, {NAME: 'allow-unknown = ["rls-on-all-table"]\n', "a.sql": ""})
    found = run("scan", tmp_path, "--no-shadow")
    assert (found.code, "did you mean 'rls-on-all-tables'?" in found.err) == (2, True)
