"""Stand-ins for what a history leans on and does not make itself, and the replay that has them.

They come from the repository's other SQL files and from its generated types. No rule reports on them.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.assumptions import choose, made_by, made_in, made_of_types, missing_name
from auditor.sources.replay import Replayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from auditor.facts.assumptions import Assumed
    from auditor.sources.cluster import Cluster
    from auditor.sources.database import Database
    from auditor.sources.replay import Failure, Replay
    from auditor.sources.roles import RoleKeeper
    from auditor.sources.watchdog import Watchdog

FIRST_NUMBER = 1_000_000_000
"""The recorder's number of the first statement that makes a stand-in: no history has as many."""
_ROUNDS = 2
_PASSES = 6
_MAX_FILES = 400


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Files that may describe what is missing: SQL first, then generated types. Each path with what reads it."""

    sql: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    types: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)
    _known: dict[str, list[Assumed]] = field(default_factory=dict)

    def find(self, wanted: set[str]) -> list[Assumed]:
        return choose(wanted, self._describe(wanted)) if wanted else []

    def _describe(self, wanted: set[str]) -> Iterator[Assumed]:
        bare = [name.rpartition(".")[2].rpartition(" ")[2] for name in wanted]
        for files, read in ((self.sql, made_in), (self.types, made_of_types)):
            for path, content in list(files.items())[:_MAX_FILES]:
                text = content()
                if text and any(name in text for name in bare):
                    if path not in self._known:
                        self._known[path] = list(read(path, text))
                    yield from self._known[path]


@dataclass(slots=True)
class StandIns:
    """What is to be made before the history; `made` maps the name of each object to the file it is taken from."""

    elsewhere: Elsewhere
    wanted: set[str]
    made: dict[str, str] = field(default_factory=dict)

    def run(self, cluster: Cluster, watchdog: Watchdog, roles: RoleKeeper) -> None:
        """Make them, and what they need in turn, in whatever order works."""
        waiting, known = self.elsewhere.find(self.wanted), set(self.wanted)
        for turn in range(_PASSES):
            if not waiting:
                return
            replayer = Replayer(cluster, watchdog, roles, FIRST_NUMBER + turn * 100_000)
            replay = replayer.run((str(n), item.text) for n, item in enumerate(waiting))
            failed = {int(failure.statement.path) for failure in replay.failures}
            self.made |= {item.name: item.path for n, item in enumerate(waiting) if n not in failed}
            more = {name for failure in replay.failures if (name := missing_name(failure.message))} - known
            known |= more
            waiting = self.elsewhere.find(more) + [item for n, item in enumerate(waiting) if n in failed]


def build_with_stand_ins(
    build: Callable[[StandIns | None, ExitStack], Database], elsewhere: Elsewhere, stack: ExitStack
) -> Database:
    """The plain replay, or the one with stand-ins that leaves fewer statements failed."""
    kept = ExitStack()
    stack.enter_context(kept)
    best, wanted = build(None, kept), set[str]()
    first = _missing(best.replay)
    for _ in range(_ROUNDS):
        more = _missing(best.replay).keys() - wanted
        wanted |= more
        if not elsewhere.find(set(more)):
            break
        trial = ExitStack()
        stack.enter_context(trial)
        other = build(StandIns(elsewhere, set(wanted)), trial)
        if _failures(other) >= _failures(best):
            trial.close()
            break
        kept.close()
        best, kept = other, trial
    best.missing = {name: failure for name, failure in first.items() if name in best.assumed}
    return best


def _failures(database: Database) -> int:
    return len(database.replay.failures) if database.replay else 0


def _missing(replay: Replay | None) -> dict[str, Failure]:
    """Names that statements failed for and that nothing in the history makes, with the first such failure."""
    if replay is None or not replay.failures:
        return {}
    found: dict[str, Failure] = {}
    for failure in replay.failures:
        if name := missing_name(failure.message):
            found.setdefault(name, failure)
    own = {name for statement in replay.statements for name in made_by(statement)} if found else set()
    return {name: failure for name, failure in found.items() if name not in own}
