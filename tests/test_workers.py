"""Worker processes: the same answers as one process, unknown where one ends, nothing of the repository run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from auditor import code_lane, routes
from auditor.audit import Request, audit
from auditor.config import Config, Settings
from auditor.model import Target, Unavailable
from auditor.render import json_report
from auditor.rulebook import load_rulebook
from auditor.sources import allocator, workers
from auditor.sources.code import list_code
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.report import Endpoint, Report

FIXTURES = Path(__file__).parents[1] / "fixtures"


def _scan(jobs: int) -> Report:
    target = Target(FIXTURES / "leaky", offline=True, shadow=False, history_seconds=60.0)
    config = Config(Settings.model_validate({"base-paths": {".": "/api"}, "auth-helpers": ["whoever"]}))
    only = ("code", "route", "secret-in-git-history")
    return audit(Request(target, config, only, jobs=jobs), load_rulebook())[0]


def _shown(report: Report) -> str:
    notes = [note.model_copy(update={"seconds": 0.0}) for note in report.evidence]
    return json_report.render(report.model_copy(update={"evidence": notes}))


@pytest.fixture
def _small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_lane, "WORTH_A_PROCESS", 3)


@pytest.mark.usefixtures("_small_shares")
def test_several_processes_say_what_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    real = workers.Worker.__init__

    def counted(self: workers.Worker, *rest: object) -> None:
        started.append(self)
        real(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(workers.Worker, "__init__", counted)
    assert _shown(_scan(3)) == _shown(_scan(1))
    assert len(started) == 4, "three for the code, one for git's history"


@pytest.mark.usefixtures("_small_shares")
def test_a_process_that_is_killed_makes_its_rules_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    real = workers.Worker.ask_files

    def killed(self: workers.Worker, *rest: object) -> Iterator[dict[str, Any]]:
        self._process.send_signal(signal.SIGKILL)
        return real(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(workers.Worker, "ask_files", killed)
    rules = {rule.id: rule for rule in _scan(3).rules}
    assert rules["empty-catch"].outcome == "unknown"
    assert "a worker process ended before it answered (signal 9)" in (rules["empty-catch"].reason or "")


@pytest.mark.usefixtures("_small_shares")
def test_of_a_process_that_is_killed_half_way_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = workers.Worker.ask_whole

    def killed(self: workers.Worker, *rest: object) -> Iterator[dict[str, Any]]:
        yield next(real(self, *rest))  # type: ignore[arg-type]
        raise Unavailable("a worker process ended before it answered (signal 9)")

    assert _scan(3).endpoints
    monkeypatch.setattr(workers.Worker, "ask_whole", killed)
    report = _scan(3)
    rules = {rule.id: rule for rule in report.rules}
    assert {rules[name].outcome for name in ("endpoint-without-auth", "n-plus-one-read")} == {"unknown"}
    assert not [each for each in report.endpoints if each.location is not None]


def test_no_process_outlives_its_stack() -> None:
    repository = read_repository(FIXTURES / "sound")
    code = list_code(repository)
    given: dict[str, Any] = {
        "repository": repository.described(), "files": code.files, "unread": {}, "public": [], "helpers": None,
    }  # fmt: skip

    def asked() -> None:
        with pytest.raises(Unavailable):
            worker.broken(list(code.files))

    with ExitStack() as stack:
        worker = workers.Worker(given, stack)
        assert worker.broken(list(code.files)[:2]) == []
        os.kill(worker._process.pid, signal.SIGSTOP)  # noqa: SLF001 - it will not answer
        waiting = threading.Thread(target=asked)
        waiting.start()
        time.sleep(0.1)
    waiting.join(5)
    assert not waiting.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(worker._process.pid, 0)  # noqa: SLF001 - whether it is really gone


def test_a_module_of_the_scanned_folder_is_never_imported(tmp_path: Path) -> None:
    for name in ("json", "auditor", "signal", "sitecustomize", "contextlib"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(9)\n", "utf-8")
    for number in range(400):
        (tmp_path / f"page{number}.ts").write_text(f"export const x{number} = 1\n", "utf-8")
    command = [sys.executable, "-P", "-m", "auditor", "scan", ".", "--offline", "-q", "--jobs", "3", "--no-cache"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert ended.returncode in {0, 1, 4}, ended.stderr
    assert not (tmp_path / "ran").exists()


def _killed(*_: object, **__: object) -> None:
    raise Unavailable("a worker process ended before it answered (signal 9)")


def _listed() -> list[Endpoint]:
    return routes.list_routes(Target(FIXTURES / "leaky", offline=True, shadow=False)).endpoints


def test_a_second_process_takes_half_of_the_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _listed()
    asked: list[tuple[int, int]] = []
    real = workers.Worker.endpoints

    def counted(self: workers.Worker, place: int, count: int) -> list[Any]:
        asked.append((place, count))
        return real(self, place, count)

    monkeypatch.setattr(routes, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(workers.Worker, "endpoints", counted)
    assert _listed() == alone
    assert asked == [(1, 2)]
    monkeypatch.setattr(workers.Worker, "_ask", _killed)
    assert _listed() == alone, "what it did not say is worked out here"


def test_a_worker_keeps_little_memory_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert allocator.of_workers() == {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "1000000"}
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda name, value: asked.append((name, value)))
    monkeypatch.setattr("ctypes.CDLL", lambda _: library)
    allocator.of_this_process()
    assert asked == [(-8, 1)]
    monkeypatch.setattr("ctypes.CDLL", lambda _: SimpleNamespace())
    allocator.of_this_process()  # a C library without the setting
