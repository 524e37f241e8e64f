"""Other revisions are taken out of git's objects: nothing of the repository runs, and nothing is written outside."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from auditor.sources.git_folder import GitError
from auditor.sources.git_tree import tree_at
from tests.running import committed, git, run, write

if TYPE_CHECKING:
    from pathlib import Path

SQL = "supabase/migrations/1_notes.sql"
FILES = {SQL: "create table public.notes (id int primary key);\n", "a/b.txt": "b", "node_modules/x/1_a.sql": "x"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return committed(tmp_path / "project", FILES)


def files_at(root: Path, ref: str) -> dict[str, str]:
    with tree_at(root, ref) as (folder, _):
        assert folder.stat().st_mode & 0o077 == 0, "private"
        found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert not folder.exists()
    return found


def test_a_revision_is_read_whole_but_for_what_is_vendored(project: Path) -> None:
    write(project, {SQL: "changed", "new.sql": "untracked"})
    assert files_at(project, "main") == {SQL: FILES[SQL], "a/b.txt": "b"}
    assert files_at(project / "a", "main") == {"b.txt": "b"}


def test_more_than_one_batch(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sources.git_tree._CHUNK", 1)
    assert files_at(project, "main") == {SQL: FILES[SQL], "a/b.txt": "b"}
    monkeypatch.setattr("auditor.sources.git_tree._MOST", 10)
    with pytest.raises(GitError, match="larger than"):
        files_at(project, "main")


def test_a_hostile_repository_runs_and_writes_nothing(project: Path, tmp_path: Path) -> None:
    """Hooks, filters and a file system monitor of the repository, and a tree with links and names that lead out."""
    marker = tmp_path / "ran"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "filter.x.smudge", "filter.x.process", "core.pager", "diff.x.textconv"):
        git(project, "config", key, str(script))
    write(project, {".gitattributes": "* filter=x diff=x\n"})
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        place = project / ".git" / "hooks" / hook
        place.parent.mkdir(exist_ok=True)
        shutil.copy(script, place)
    blob = git(project, "rev-parse", f"HEAD:{SQL}")
    tree = os.fsencode(f"100644 blob {blob}\tok.sql\n120000 blob {blob}\tsupabase\n")
    found = git_with(project, ("mktree",), tree)
    commit = git_with(project, ("-c", "user.name=t", "-c", "user.email=t@e", "commit-tree", "-m", "x", found), b"")
    git(project, "update-ref", "refs/heads/hostile", commit)
    marker.unlink(missing_ok=True)  # plain git ran them while this was made
    before = sorted(path for path in tmp_path.rglob("*") if ".git/" not in str(path))
    assert files_at(project, "hostile") == {"ok.sql": FILES[SQL]}
    assert run("access", project, "--diff", "main").code == 0
    assert not marker.exists()
    assert sorted(path for path in tmp_path.rglob("*") if ".git/" not in str(path)) == before


def git_with(folder: Path, arguments: tuple[str, ...], given: bytes) -> str:
    answer = subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, check=True, timeout=30)
    return answer.stdout.decode().strip()


BAD = ["../../../etc/passwd", "/etc/passwd", "-x", "HEAD:README.md", "@{u}", "a b", "refs/../x", "HEAD~5", "main^2"]


@pytest.mark.parametrize("ref", BAD)
def test_a_ref_is_a_commit_and_nothing_else(project: Path, ref: str) -> None:
    with pytest.raises(GitError, match="no commit is named"):
        files_at(project, ref)


def test_commits_are_named_in_many_ways(project: Path) -> None:
    git(project, "tag", "-a", "v1", "-m", "annotated")
    oid = git(project, "rev-parse", "HEAD")
    git(project, "update-ref", "refs/remotes/origin/main", oid)
    git(project, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    for packed in (False, True):
        if packed:
            git(project, "pack-refs", "--all")
        for ref in ("v1", "main", "origin/main", "origin", "refs/heads/main", "HEAD", "@", "HEAD^0", oid, oid[:8]):
            with tree_at(project, ref) as (_, commit):
                assert commit == oid, ref


def test_a_folder_without_git_has_no_revisions(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    with pytest.raises(GitError, match="not in a git repository"):
        files_at(tmp_path, "main")


@pytest.mark.parametrize(
    "name", [".git/config", "a/.GIT/x", "../x", "/x", "a//b"], ids=["git", "git in capitals", "up", "root", "empty"]
)
def test_names_that_lead_out_stay_out(name: str) -> None:
    from auditor.sources.git_tree import is_harmless

    assert not is_harmless(name)
