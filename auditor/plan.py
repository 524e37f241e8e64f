"""Evidence as futures: which sources a scan needs, each started at most once, all that can start at once."""

from __future__ import annotations

import math
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.model import Kind, NotApplicable, Unavailable
from auditor.report import EvidenceNote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from auditor.rulebook import Page

_CLOSING_SECONDS = 0.2
_INTERRUPTED_SECONDS = 3.0
_SWITCH_SECONDS = 0.0003
_THREADS = 40  # more than there are sources: each may wait for others
# What each kind of rule reads. A source that nobody needs is not started.
NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.CATALOG: ("databases",),
    Kind.PROBE: ("databases", "probes"),
    Kind.MIGRATION: ("databases",),
    Kind.CODE: ("repository", "code"),
    Kind.ROUTE: ("repository", "code", "endpoints"),
    Kind.SECRET: ("repository",),
    Kind.REPOSITORY: ("repository",),
    Kind.DEPENDENCY: ("repository", "packages"),
    Kind.SETTINGS: ("repository",),
}

# What one rule reads beside what its kind does.
ALSO: dict[str, tuple[str, ...]] = {"secret-in-git-history": ("git history",)}


def needs(page: Page) -> tuple[str, ...]:
    """The sources that one rule reads."""
    return (*NEEDS[page.kind], *(("semgrep",) if page.yaml else ()), *ALSO.get(page.id, ()))


@dataclass(frozen=True, slots=True)
class Source:
    """One input: the sources it reads, how it loads (given the evidence and the stack that closes what it opened),
    and how it describes what it got; nothing is said of a source that is a step of this tool's own.
    """

    needs: tuple[str, ...]
    load: Callable[[Evidence, ExitStack], Any]
    describe: Callable[[Any], tuple[str, dict[str, Any], str | None]] | None = None


@dataclass(slots=True)
class Evidence:
    """Loads the sources asked for, as futures; one owner that closes everything in reverse order."""

    sources: Mapping[str, Source]
    progress: Callable[[str], None] = lambda _: None
    _futures: dict[str, Future[Any]] = field(default_factory=dict)
    _notes: dict[str, EvidenceNote] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _starting: threading.RLock = field(default_factory=threading.RLock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "evidence"))

    def __enter__(self) -> Self:
        # A replay is thousands of short answers; each would wait its turn behind threads that parse.
        sys.setswitchinterval(_SWITCH_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        # Whoever interrupts a scan does not wait for a file that is being parsed: the process ends without it.
        most = _INTERRUPTED_SECONDS if kind is KeyboardInterrupt else math.inf
        until = time.monotonic() + most
        pending: Iterable[Future[Any]] = self._futures.values()
        while pending and time.monotonic() < until:
            self._stack.close()  # servers first: what still waits for them then ends
            # A source may open another while the first is closing: that one is closed in the next round.
            pending = wait(pending, timeout=_CLOSING_SECONDS).not_done
        if not pending:
            self._pool.shutdown(wait=True)
        self._stack.close()

    def start(self, names: Iterable[str]) -> None:
        """Start these sources and all that they need."""
        with self._starting:
            for name in names:
                if name not in self._futures:
                    self.start(self.sources[name].needs)
                    self._futures[name] = self._pool.submit(self._load, name)

    def get(self, name: str) -> Any:  # noqa: ANN401 - each source has a type of its own
        """Wait for a source; raises Unavailable or NotApplicable with the reason."""
        if name not in self._futures:
            self.start([name])
        return self._futures[name].result()

    def started(self, name: str) -> bool:
        """Whether anybody asked for a source."""
        return name in self._futures

    def notes(self, names: Iterable[str] | None = None) -> list[EvidenceNote]:
        """What each started source (of these) gave, in the order of the table of sources."""
        wanted = self.sources.keys() if names is None else set(names)
        return [self._notes[name] for name in self.sources if name in self._notes and name in wanted]

    def recall(self, notes: Iterable[EvidenceNote]) -> None:
        """Take over what an earlier scan noted of sources that this one has no need to load."""
        self.adopt(note.model_copy(update={"seconds": 0.0}) for note in notes)

    def adopt(self, notes: Iterable[EvidenceNote]) -> None:
        """Take over what another process noted of the sources that it loaded for this scan."""
        for note in notes:
            self._notes.setdefault(note.source, note)

    def _load(self, name: str) -> Any:  # noqa: ANN401 - each source has a type of its own
        for needed in self.sources[name].needs:
            self.get(needed)
        started = time.monotonic()
        if self.sources[name].describe:
            self.progress(name)
        try:
            value = self.sources[name].load(self, self._stack)
        except (Unavailable, NotApplicable) as reason:
            self._note(name, started, ("unavailable", {}, str(reason)))
            raise
        except Exception as error:
            # A crashed source is evidence that could not be had: its rules are unknown, and the reason is printed.
            text = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            self._note(name, started, ("unavailable", {}, text))
            raise Unavailable(f"{name} could not be read: {text}") from error
        if describe := self.sources[name].describe:
            self._note(name, started, describe(value))
        return value

    def _note(self, name: str, started: float, described: tuple[str, dict[str, Any], str | None]) -> None:
        status, facts, reason = described
        self.progress(f"{name}: done")
        self._notes[name] = EvidenceNote.model_validate(
            {
                "source": name,
                "status": status,
                "reason": reason,
                "seconds": round(time.monotonic() - started, 2),
                "facts": facts,
            }
        )
