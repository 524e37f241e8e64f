from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditor.sources.repository import read_repository
from tests.running import committed, git, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_files_are_tracked_and_untracked_but_not_ignored(tmp_path: Path) -> None:
    committed(tmp_path, {"a.sql": "", ".gitignore": "*.log\n", "b/c.py": "", "tracked.log": ""})
    write(tmp_path, {"new.ts": "", "new.log": "", "b/.gitignore": "!kept.log\n", "b/kept.log": ""})
    found = read_repository(tmp_path)
    assert found.files == (".gitignore", "a.sql", "b/.gitignore", "b/c.py", "b/kept.log", "new.ts", "tracked.log")
    assert (found.listed_by, found.commit) == ("git", git(tmp_path, "rev-parse", "HEAD"))


def test_a_folder_of_a_repository_sees_itself_only(tmp_path: Path) -> None:
    committed(tmp_path, {"above.sql": "", "app/[slug]/a.sql": "", "app/s/b.sql": ""})
    found = read_repository(tmp_path / "app/[slug]")
    assert (found.files, found.git_prefix, found.applied) == (("a.sql",), "app/[slug]/", frozenset({"a.sql"}))


def test_what_the_default_branch_has_is_applied(tmp_path: Path) -> None:
    committed(tmp_path, {"1.sql": ""})
    git(tmp_path, "pack-refs", "--all")
    git(tmp_path, "checkout", "-q", "-b", "work")
    write(tmp_path, {"2.sql": ""})
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "second")
    found = read_repository(tmp_path)
    assert (found.files, found.applied) == (("1.sql", "2.sql"), frozenset({"1.sql"}))


def test_the_remote_head_outranks_a_local_branch(tmp_path: Path) -> None:
    first = git(committed(tmp_path, {"1.sql": ""}), "rev-parse", "HEAD")
    git(tmp_path, "update-ref", "refs/remotes/origin/main", first)
    git(tmp_path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    write(tmp_path, {"2.sql": ""})
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "second")
    git(tmp_path, "gc", "-q")
    assert read_repository(tmp_path).applied == frozenset({"1.sql"})


def test_a_fresh_repository_and_one_with_other_hashes(tmp_path: Path) -> None:
    fresh = write(tmp_path / "fresh", {"a.sql": ""})
    git(fresh, "init", "-q", ".")
    found = read_repository(fresh)
    assert (found.files, found.commit, found.applied, found.listed_by) == (("a.sql",), None, None, "git")
    other = write(tmp_path / "other", {"a.sql": ""})
    git(other, "init", "-q", "--object-format=sha256", ".")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "first")
    found = read_repository(other)
    assert (found.files, found.applied, len(found.commit or "")) == (("a.sql",), frozenset({"a.sql"}), 64)


def test_a_folder_that_git_ignores_is_walked(tmp_path: Path) -> None:
    committed(tmp_path, {".gitignore": "build/\n"})
    write(tmp_path, {"build/x.sql": ""})
    found = read_repository(tmp_path / "build")
    assert (found.files, found.listed_by) == (("x.sql",), "walk (git lists no file here)")


def test_a_repository_inside_is_named(tmp_path: Path) -> None:
    committed(tmp_path, {"a.sql": ""})
    committed(tmp_path / "inner", {"b.sql": ""})
    found = read_repository(tmp_path)
    assert found.files == ("a.sql",)
    assert found.skipped == {"inner": "a git repository of its own: scan it by itself"}


def test_what_was_deleted_is_counted_and_not_read(tmp_path: Path) -> None:
    committed(tmp_path, {"a.sql": "", "b/c.sql": "", "d.sql": ""})
    (tmp_path / "a.sql").unlink()
    (tmp_path / "b/c.sql").unlink()
    (tmp_path / "b").rmdir()
    found = read_repository(tmp_path)
    assert (found.files, found.missing, found.skipped) == (("d.sql",), 2, {})


def test_without_git_the_walk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed(tmp_path / "repo", {"a.sql": "", ".gitignore": "*.log\n", "x.log": ""})
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    found = read_repository(tmp_path / "repo")
    assert (found.files, found.listed_by) == ((".gitignore", "a.sql"), "walk (git is not on PATH)")
    assert (found.commit, found.applied) == (None, None)


def test_the_walk_honours_gitignore_as_git_does(tmp_path: Path) -> None:
    files = {
        ".gitignore": "*.log\n/only-here\nbuild/\n!important.log\n# no pattern\n!\n[z-a]\n\n",
        "a.log": "", "important.log": "", "only-here": "", "sub/only-here": "", "sub/a.log": "",
        "sub/.gitignore": "!a.log\nsecret.sql\n", "sub/secret.sql": "", "secret.sql": "", "build/x.sql": "",
        "sub/build/y.sql": "", "build.sql": "", "node_modules/p/i.sql": "", "deep/er/b.log": "",
    }  # fmt: skip
    walked = read_repository(write(tmp_path / "walked", files))
    listed = read_repository(write(tmp_path / "listed", files))
    assert walked.listed_by == listed.listed_by == "walk"
    git(tmp_path / "listed", "init", "-q", ".")
    listed = read_repository(tmp_path / "listed")
    assert listed.listed_by == "git"
    assert walked.files == tuple(path for path in listed.files if not path.startswith("node_modules/"))
    assert "sub/a.log" in walked.files


def test_include_and_exclude_count_what_they_leave_out(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": "", "b.ts": "", "docs/c.sql": ""})
    found = read_repository(tmp_path, include=("*.sql",), exclude=("docs/",))
    assert (found.files, found.excluded) == (("a.sql",), 2)


def test_names_that_are_not_utf8_are_spelt_out_and_still_read(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.sql")).write_text("one")
    (tmp_path / "a\\xff.sql").write_text("two")
    for _ in range(2):
        found = read_repository(tmp_path)
        assert found.files == ("a\\xff.sql", "a\\xff.sql'")
        assert [found.text(path) for path in found.files] == ["two", "one"]
        git(tmp_path, "init", "-q", ".")
