"""The line on stderr that says what a scan is doing."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from auditor.cli.progress import Progress
from auditor.plan import Evidence, Source

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_says_which_lanes_run_and_how_long() -> None:
    clock = Clock()
    progress = Progress(quiet=False, stream=Terminal(), clock=clock)
    progress.say("shadow database")
    clock.now = 2
    progress.say("semgrep")
    progress.say("git history")
    clock.now = 5
    progress.say("git history: 3 of 9 former versions")
    assert progress.line(200) == "5 s: shadow database 5 s, semgrep 3 s, git history (3 of 9 former versions) 3 s"
    progress.say("shadow database: done")
    progress.say("git history: done")
    assert progress.line(200) == "5 s: semgrep 3 s"
    progress.say("semgrep: done")
    assert progress.line(200) == "5 s: judging"


def test_another_revision_has_lanes_of_its_own() -> None:
    progress = Progress(quiet=False, stream=Terminal(), clock=Clock())
    progress.say("semgrep")
    progress.say("semgrep at main")
    progress.say("semgrep: done at main")
    assert progress.line(80) == "0 s: semgrep 0 s"


def test_it_fits_the_terminal_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with Progress(quiet=False, stream=terminal) as progress:
        progress.say("shadow database")
        progress.say("a source with \x1b[31m a long name\n")
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines[-1] == ""
    assert len(lines) >= 4
    assert all(len(line) < 30 and "\x1b" not in line and "\n" not in line for line in lines)


def test_no_terminal_gets_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, quiet, kind in (
        (io.StringIO(), False, "xterm"),
        (Terminal(), True, "xterm"),
        (Terminal(), False, "dumb"),
    ):
        monkeypatch.setenv("TERM", kind)
        with Progress(quiet=quiet, stream=stream) as progress:
            progress.say("semgrep")
        assert stream.getvalue() == ""


def test_what_went_wrong_stays_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with Progress(quiet=False, stream=terminal) as progress:
        progress.say("semgrep")
        progress.warn("the history could not be kept\x1b[2J")
    assert "backend-audit: the history could not be kept\\x1b[2J\n" in terminal.getvalue()


def test_a_source_says_when_it_begins_and_when_it_is_done() -> None:
    said: list[str] = []
    source = Source((), lambda _evidence, _stack: 1, lambda _: ("available", {}, None))
    step = Source(("one",), lambda _evidence, _stack: 2)
    with Evidence({"one": source, "a step of our own": step}, said.append) as evidence:
        evidence.get("a step of our own")
    assert said == ["one", "one: done"]
