"""Runs the command line inside the test's process, and git outside of it."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - beside runtime imports
from typing import TYPE_CHECKING, Any
from unittest import mock

from auditor.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Mapping

TOOL = [sys.executable, "-m", "auditor"]


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


def run(*arguments: str | Path) -> Run:
    """One run of `backend-audit`, as a terminal would start it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    before = signal.getsignal(signal.SIGTERM)
    argv = mock.patch.object(sys, "argv", ["backend-audit", *map(str, arguments)])
    code: Any = 0
    try:
        with argv, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as stop:
                code = stop.code
    finally:
        signal.signal(signal.SIGTERM, before)
    return Run(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode("utf-8")


def git(folder: Path, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None) -> str:
    """A plain git, which trusts its repository."""
    names = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
    answer = subprocess.run(
        ["git", *names, *arguments],
        cwd=folder,
        check=check,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
    )
    return answer.stdout.strip()


def committed(folder: Path, files: Mapping[str, str]) -> Path:
    """A repository whose one commit holds these files."""
    write(folder, files)
    git(folder, "init", "-q", ".")
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    return folder
