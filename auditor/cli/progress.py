"""What a scan is doing, on one line of stderr that goes away: which lanes run, and for how long."""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Self, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = "done"
_TICK = 0.5
_CLEAR = "\r\033[K"
# `semgrep`, `semgrep: done`, `git history: 3 of 9 former versions`, each with ` at REF` where another revision is read.
_SAID = re.compile(r"(?P<lane>[^:]+?)(?:: (?P<what>.*?))?(?P<ref> at \S+)?")


class Progress:
    """Nothing is written when stderr is no terminal: a log of a pipeline has no use for a line that moves."""

    def __init__(
        self, *, quiet: bool, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._clock = clock
        self._shown = self._stream.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._started = clock()
        self._lanes: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ticking = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> Self:
        if self._shown:
            self._ticking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._ticking.is_alive():
            self._ticking.join()
        with self._lock:
            self._write("")

    def say(self, text: str) -> None:
        """A lane has begun, has come further, or is done; called from the threads of all of them."""
        with self._lock:
            self._note(text)
            self._draw()

    def warn(self, text: str) -> None:
        """Say what of the scan's own affairs went wrong: on a line that stays."""
        if not self._quiet:
            from auditor.render.safe_text import one_line

            with self._lock:
                self._write("")
                click.echo(f"backend-audit: {one_line(text)}", file=self._stream)

    def _note(self, text: str) -> None:
        said = _SAID.fullmatch(text)
        lane = f"{said['lane']}{said['ref'] or ''}" if said else text
        what = (said["what"] if said else None) or ""
        if what == DONE:
            self._lanes.pop(lane, None)
        else:
            self._lanes[lane] = (self._lanes.get(lane, (self._clock(), ""))[0], what)

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        self._write(self.line(shutil.get_terminal_size().columns - 1))

    def line(self, width: int) -> str:
        """`12 s: shadow database 11 s, semgrep 3 s`, the lane that has run longest first; cut to `width`."""
        from auditor.render.safe_text import one_line

        now = self._clock()
        running = sorted(self._lanes.items(), key=lambda item: item[1][0])
        parts = [f"{lane}{f' ({what})' if what else ''} {now - since:.0f} s" for lane, (since, what) in running]
        text = one_line(f"{now - self._started:.0f} s: {', '.join(parts) or 'judging'}")
        return text if len(text) <= width else f"{text[: max(0, width - 3)]}..."

    def _write(self, text: str) -> None:
        if self._shown:
            self._stream.write(f"{_CLEAR}{text}")
            self._stream.flush()
