"""Starts worker processes and talks to them; each is a desk elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from auditor.model import Unavailable
from auditor.sources.allocator import of_workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import ExitStack

    from auditor.facts.helper_names import Helpers
    from auditor.model import Target
    from auditor.rulebook import Page
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_PATIENCE = 5.0


class Worker:
    """A desk in a process of its own, which ends with the stack. `given` is what it is told at the start."""

    def __init__(self, given: dict[str, Any], stack: ExitStack) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "auditor.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**os.environ, **of_workers(), "PYTHONUTF8": "1"},
        )
        stack.callback(self._end)
        self._lock = threading.Lock()
        self._start = threading.Thread(target=self._write, args=(given,), daemon=True)
        self._start.start()  # the worker reads only when it has loaded what it needs

    def broken(self, paths: Sequence[str]) -> list[str]:
        return list(self._ask(do="broken", paths=list(paths)))

    def ask_files(
        self, pages: Sequence[Page], paths: Sequence[str], unread: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        return self._parts(do="files", pages=[page.id for page in pages], paths=list(paths), unread=unread)

    def ask_whole(self, pages: Sequence[Page], unread: dict[str, str]) -> Iterator[dict[str, Any]]:
        return self._parts(do="whole", pages=[page.id for page in pages], unread=unread)

    def endpoints(self, place: int, count: int) -> list[Any]:
        return list(self._ask(do="endpoints", place=place, count=count))

    def ask_history(self, pages: Sequence[Page], target: Target) -> dict[str, Any]:
        given = {
            "root": str(target.root), "cache": str(target.cache) if target.cache else None, "include": target.include,
            "exclude": target.exclude, "history_seconds": target.history_seconds,
        }  # fmt: skip
        return dict(self._ask(do="history", pages=[page.id for page in pages], target=given))

    def _parts(self, **question: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - what JSON knows
        with self._lock:
            self._put(**question)
            while "part" in (answer := self._read()):
                yield answer["part"]

    def _ask(self, **question: Any) -> Any:  # noqa: ANN401 - the answer to any question
        with self._lock:
            self._put(**question)
            return self._read()["value"]

    def _put(self, **question: Any) -> None:  # noqa: ANN401 - what JSON knows
        self._start.join()
        self._write(question)

    def _read(self) -> dict[str, Any]:
        """The next line of an answer. Raises Unavailable where the process has ended or says that it failed."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable(f"a worker process ended before it answered ({_ended(self._process)})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Unavailable(f"a worker process failed: {answer['error']}")
        return answer

    def _write(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError, ValueError):  # one that has ended is found out by what it answers
            self._process.stdin.write(json.dumps(message).encode("ascii") + b"\n")
            self._process.stdin.flush()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def worker_on(
    repository: Repository, code: Code, public: tuple[str, ...], helpers: Helpers | None, stack: ExitStack
) -> Worker:
    """A worker that knows these files, and what the settings say of endpoints."""
    given = {
        "repository": repository.described(), "files": code.files, "unread": code.unread, "public": public,
        "helpers": list(astuple(helpers)) if helpers else None,
    }  # fmt: skip
    return Worker(given, stack)


def _ended(process: subprocess.Popen[bytes]) -> str:
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(_PATIENCE)
        return f"signal {-code}" if code < 0 else f"exit code {code}"
    return "its pipe was closed"
