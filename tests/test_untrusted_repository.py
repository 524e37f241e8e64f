"""A hostile repository: nothing in it may run, block the scan, or lead it out of the scanned folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from auditor.sources import git as git_module
from auditor.sources.repository import read_repository
from tests.running import committed, git, run, write

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a line of a file outside"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def program(tmp_path: Path, marker: Path) -> Path:
    """A program that leaves a mark wherever it is run from."""
    place = tmp_path / "evil.sh"
    place.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    place.chmod(0o755)
    return place


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    return write(tmp_path / "outside", {"secret.sql": SECRET})


def _hostile(folder: Path, config: str) -> Path:
    committed(folder, {"a.sql": "select 1;", "b.sql": ""})
    with (folder / ".git/config").open("a") as file:
        file.write(config)
    return folder


def _object(root: Path, name: str) -> Path:
    oid = git(root, "rev-parse", name)
    return root / ".git/objects" / oid[:2] / oid[2:]


def test_the_vectors_of_these_tests_do_run_programs(tmp_path: Path, program: Path, marker: Path) -> None:
    root = _hostile(tmp_path / "repo", f"[core]\n\tfsmonitor = {program}\n")
    git(root, "status")
    assert marker.exists()


@pytest.mark.parametrize(
    "config",
    [
        "[core]\n\tfsmonitor = {program}\n",
        "[core]\n\tsshCommand = {program}\n\tpager = {program}\n\teditor = {program}\n\tgitProxy = {program}\n",
        "[core]\n\thooksPath = {folder}\n",
        '[filter "x"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n\trequired = true\n',
        '[diff]\n\texternal = {program}\n[diff "x"]\n\ttextconv = {program}\n\tcommand = {program}\n',
        '[alias]\n\tls-files = "!{program}"\n\tls-tree = "!{program}"\n\tmerge-base = "!{program}"\n',
        "[pager]\n\tls-files = {program}\n[credential]\n\thelper = {program}\n[gpg]\n\tprogram = {program}\n",
        "[include]\n\tpath = {folder}/included\n",
        "[extensions]\n\tworktreeConfig = true\n",
    ],
)
def test_no_program_of_the_config_runs(tmp_path: Path, program: Path, marker: Path, config: str) -> None:
    said = config.format(program=program, folder=tmp_path)
    root = _hostile(tmp_path / "repo", said)
    (tmp_path / "included").write_text(f"[core]\n\tfsmonitor = {program}\n")
    (root / ".git/config.worktree").write_text(f"[core]\n\tfsmonitor = {program}\n")
    (root / ".gitattributes").write_text("* filter=x diff=x\n")
    for hook in ("post-index-change", "post-checkout", "fsmonitor-watchman", "reference-transaction"):
        (root / ".git/hooks" / hook).write_bytes(program.read_bytes())
        (root / ".git/hooks" / hook).chmod(0o755)
    (root / "a.sql").write_text("select 2;")
    assert run("scan", root, "--no-shadow", "-o", f"json={tmp_path / 'r.json'}").code == 4
    assert read_repository(root).listed_by == "git"
    assert not marker.exists()


def test_a_partial_clone_fetches_nothing(tmp_path: Path, program: Path, marker: Path) -> None:
    root = _hostile(
        tmp_path / "repo",
        '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n[remote "origin"]\n'
        f'\turl = ext::{program}\n\tpromisor = true\n[protocol "ext"]\n\tallow = always\n'
        "[protocol]\n\tallow = always\n",
    )
    _object(root, "HEAD^{tree}").unlink()
    found = read_repository(root)
    assert (found.listed_by, found.files, found.applied) == ("git", ("a.sql", "b.sql"), None)
    assert not marker.exists()
    git(root, "ls-tree", "-r", "HEAD", check=False)
    assert marker.exists(), "a plain git would have fetched"


def test_git_itself_does_not_come_from_the_tree(
    tmp_path: Path, program: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = committed(tmp_path / "repo", {"a.sql": "", "node_modules/.bin/git": program.read_text(), "git": ""})
    (root / "node_modules/.bin/git").chmod(0o755)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PATH", f"{root}/node_modules/.bin:.:node_modules/.bin:{os.environ['PATH']}")
    assert read_repository(root).listed_by == "git"
    assert not marker.exists()


def test_an_index_may_not_name_files_outside(tmp_path: Path) -> None:
    secret = tmp_path / "s.sql"
    secret.write_text(SECRET)
    decoy = "d" * len(str(secret))
    other = "../" + "u" * 20
    root = committed(tmp_path / "repo", {decoy: "", "u" * 23: ""})
    write(tmp_path, {"u" * 20: SECRET})
    data = (root / ".git/index").read_bytes()[:-20]
    data = data.replace(decoy.encode(), str(secret).encode()).replace(b"u" * 23, other.encode())
    (root / ".git/index").write_bytes(data + hashlib.sha1(data, usedforsecurity=False).digest())
    found = read_repository(root)
    assert found.skipped[str(secret)] == "outside the scanned folder"
    assert str(secret) not in found.files
    assert all(SECRET not in (found.text(path) or "") for path in found.files)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_git_folder_that_leads_elsewhere_is_not_followed(tmp_path: Path, kind: str) -> None:
    elsewhere = committed(tmp_path / "elsewhere", {"theirs.sql": ""})
    root = write(tmp_path / "root", {"mine.sql": ""})
    if kind == "file":
        (root / ".git").write_text(f"gitdir: {elsewhere / '.git'}\n")
    else:
        (root / ".git").symlink_to(elsewhere / ".git")
    found = read_repository(root)
    assert (found.files, found.commit) == (("mine.sql",), None)
    assert found.listed_by.startswith("walk (.git is a ")


def test_a_linked_work_tree_is_read_with_its_own_index_and_the_common_branches(tmp_path: Path) -> None:
    main = committed(tmp_path / "main", {"a.sql": ""})
    git(main, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = write(tmp_path / "side", {"b.sql": "", "new.sql": ""})
    git(side, "add", "b.sql")
    git(side, "commit", "-qm", "b")
    found = read_repository(side)
    assert (found.files, found.commit) == (("a.sql", "b.sql", "new.sql"), git(side, "rev-parse", "HEAD"))
    assert sorted(found.tracked or ()) == ["a.sql", "b.sql"]
    assert read_repository(main).files == ("a.sql",)


@pytest.mark.parametrize("missing", ["gitdir", "commondir"])
def test_a_work_tree_that_its_repository_does_not_know_is_not_followed(tmp_path: Path, missing: str) -> None:
    main = committed(tmp_path / "main", {"theirs.sql": ""})
    git(main, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    write(tmp_path / "other", {"mine.sql": ""})
    (tmp_path / "other" / ".git").write_bytes((tmp_path / "side" / ".git").read_bytes())
    (main / ".git" / "worktrees" / "side" / missing).write_text(f"{tmp_path}/elsewhere\n")
    for root in (tmp_path / "other", tmp_path / "side"):
        assert read_repository(root).listed_by.startswith("walk (.git is a file that leads elsewhere")


def test_the_work_tree_is_where_git_lies(tmp_path: Path, outside: Path) -> None:
    root = _hostile(tmp_path / "repo", f"[core]\n\tworktree = {outside}\n")
    assert read_repository(root).files == ("a.sql", "b.sql")


def test_neither_alternates_nor_a_common_folder_are_read(tmp_path: Path) -> None:
    donor = committed(tmp_path / "donor", {"theirs.sql": ""})
    commit = git(donor, "rev-parse", "HEAD")
    root = committed(tmp_path / "root", {"mine.sql": ""})
    (root / ".git/objects/info").mkdir(exist_ok=True)
    (root / ".git/objects/info/alternates").write_text(f"{donor / '.git/objects'}\n")
    (root / ".git/refs/heads/main").write_text(f"{commit}\n")
    assert git(root, "ls-tree", "--name-only", "main") == "theirs.sql", "a plain git follows"
    found = read_repository(root)
    assert (found.files, found.applied) == (("mine.sql",), None)
    (root / ".git/commondir").write_text(f"{donor / '.git'}\n")
    assert read_repository(root).applied is None


def test_links_in_the_git_folder_are_not_followed(tmp_path: Path) -> None:
    donor = committed(tmp_path / "donor", {"theirs.sql": ""})
    for name in ("objects", "refs", "index", "packed-refs"):
        root = committed(tmp_path / f"root-{name}", {"mine.sql": ""})
        place = root / ".git" / name
        if os.path.lexists(place):
            place.rename(tmp_path / f"moved-{name}")
        place.symlink_to(donor / ".git" / name)
        found = read_repository(root)
        assert found.files == ("mine.sql",)
        assert "theirs.sql" not in (found.applied or ())


def test_links_lead_nowhere(tmp_path: Path, outside: Path) -> None:
    root = committed(tmp_path / "root", {"a.sql": "", "real/b.sql": ""})
    (root / "tracked.sql").symlink_to(outside / "secret.sql")
    (root / "folder").symlink_to(outside)
    (root / "up").symlink_to("..")
    git(root, "add", "-A")
    (root / "untracked.sql").symlink_to("/etc/passwd")
    (root / "self").symlink_to("self")
    (root / "real/b.sql").unlink()
    (root / "real").rmdir()
    (root / "real").symlink_to(outside)  # a tracked folder that became a link
    (outside / "b.sql").write_text(SECRET)
    for who in ("git", "walk"):
        found = read_repository(root)
        assert (found.files, found.listed_by) == (("a.sql",), who)
        assert {"tracked.sql", "untracked.sql", "folder", "up", "self"} <= set(found.skipped)
        assert not any(SECRET in (found.text(path) or "") for path in (*found.files, *found.skipped))
        shutil.rmtree(root / ".git", ignore_errors=True)  # and once more by the walk


def test_what_is_no_file_is_named_and_not_opened(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.sql": ""})
    os.mkfifo(root / "pipe.sql")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(root / "socket.sql"))
    server.close()
    special = {"pipe.sql", "socket.sql"}
    if os.geteuid() == 0:
        os.mknod(root / "device.sql", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        special.add("device.sql")
    found = read_repository(root)
    assert (found.files, found.skipped) == (("a.sql",), dict.fromkeys(special, "not a regular file"))
    assert all(found.text(name) is None for name in special)
    git(root, "init", "-q", ".")
    assert read_repository(root).files == ("a.sql",)


def test_fifos_do_not_block_the_walk(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.sql": ""})
    for name in (".gitignore", "backend-audit.toml", "package.json"):
        os.mkfifo(root / name)
    assert ".gitignore" in read_repository(root).skipped
    assert run("scan", root, "--no-shadow").code == 2


@pytest.mark.parametrize("name", [".gitignore", "inner/.git/HEAD"])
def test_a_fifo_that_git_opens_ends_in_a_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    root = committed(tmp_path / "root", {"a.sql": ""})
    for folder in ("inner/.git/objects", "inner/.git/refs"):
        (root / folder).mkdir(parents=True)
    os.mkfifo(root / name)
    monkeypatch.setattr(git_module, "_SECONDS", 1)
    found = read_repository(root)
    assert (found.files, found.listed_by) == (("a.sql",), "walk (git did not answer within 1 s)")


@pytest.mark.parametrize(
    "name", ["HEAD", "config", "index", "packed-refs", "shallow", "refs/heads/main", "info/exclude"]
)
def test_fifos_in_the_git_folder_do_not_block(tmp_path: Path, name: str) -> None:
    root = committed(tmp_path / "root", {"a.sql": ""})
    (root / ".git" / name).unlink(missing_ok=True)
    os.mkfifo(root / ".git" / name)
    started = time.monotonic()
    assert read_repository(root).files == ("a.sql",)
    assert time.monotonic() - started < 5


def test_a_file_that_the_config_includes_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    root = _hostile(tmp_path / "root", f"[include]\n\tpath = {tmp_path / 'pipe'}\n")
    started = time.monotonic()
    assert read_repository(root).listed_by == "git"
    assert time.monotonic() - started < 5


def test_a_fifo_among_the_objects_does_not_block(tmp_path: Path) -> None:
    root = committed(tmp_path / "root", {"a.sql": ""})
    place = _object(root, "HEAD")
    place.unlink()
    os.mkfifo(place)
    started = time.monotonic()
    assert read_repository(root).applied is None
    assert time.monotonic() - started < 5


def test_folders_deeper_than_the_stack_are_walked(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)
        for _ in range(2500):
            os.mkdir("d")  # noqa: PTH102 - deeper than a path may be long
            os.chdir("d")
        os.fchdir(before)
        write(root, {"a.sql": ""})
        found = read_repository(root)
    finally:
        os.fchdir(before)
        os.close(before)
        subprocess.run(
            ["rm", "-rf", root / "d"], check=True, timeout=30
        )  # pytest's own clean-up calls itself per level
    assert found.files == ("a.sql",)
    assert any("cannot be read" in reason for reason in found.skipped.values())


@pytest.mark.parametrize("name", ["report.json", "out/report.json", "pipe.json"])
def test_no_link_of_the_tree_chooses_what_a_report_overwrites(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = write(tmp_path / "root", {"a.sql": ""})
    (root / "report.json").symlink_to(outside / "secret.sql")
    (root / "out").symlink_to(outside)
    os.mkfifo(root / "pipe.json")
    monkeypatch.chdir(root)
    found = run("scan", ".", "--no-shadow", "-o", f"json={name}")
    assert (found.code, "leads this file elsewhere" in found.err) == (2, True)
    assert (outside / "secret.sql").read_text() == SECRET
    assert not (outside / "report.json").exists()
