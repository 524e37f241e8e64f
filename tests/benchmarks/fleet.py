"""A fleet of many repositories, and workers that are killed in the middle: nothing may be lost, nothing scanned twice.

`python -m tests.benchmarks.fleet` does it over a queue on a PostgreSQL of its own, then in the pool of one machine. It
prints its figures and ends with 1 where something was lost or twice.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.model import UsageError
from auditor.sources.cluster import SUPERUSER
from auditor.sources.fleet_store import SETTLED, FleetStore
from tests.benchmarks.measuring import FIXTURE, generated
from tests.shadow_support import shadow

if TYPE_CHECKING:
    from collections.abc import Callable

    _Starts = Callable[[Path], subprocess.Popen[bytes]]

_STALE = "5"
_PATIENCE = 3600.0
_SCANNED = re.compile(r"^(\S+): (?!stored already)", re.MULTILINE)


@dataclass(frozen=True)
class Trial:
    """`kept` were stored when the worker was killed; `lost` are not stored at the end, or without an answer; `twice`
    were said to be scanned more than once, or scanned again although they were stored.
    """

    seconds: float
    kept: int
    lost: list[str]
    twice: list[str]
    exit_codes: list[int]

    @property
    def is_sound(self) -> bool:
        return not self.lost and not self.twice and not any(self.exit_codes)


def make(folder: Path, count: int) -> Path:
    """The list of so many repositories: both fixtures, and generated ones of different sizes."""
    for name in ("sound", "leaky"):
        shutil.copytree(FIXTURE.parent / name, folder / name)
    names = ["sound", "leaky"]
    for number in range(count - len(names)):
        names.append(f"made{number:02d}")
        (generated(folder / names[-1], 1 + number % 3) / "NUMBER.md").write_text(f"{number}\n", "utf-8")
    file = folder / "repos.txt"
    file.write_text("".join(f"{name}\n" for name in names), "utf-8")
    return file


def by_queue(repos: Path, options: list[str], folder: Path, workers: int) -> Trial:
    """Several workers at one queue; the first is killed when a quarter is done."""
    with shadow("select 1;", supabase=False) as server:
        assert server.cluster
        url = f"postgresql://{SUPERUSER}@/postgres?host={server.cluster.folder / 's'}"
        more = ["--store", url, "--queue", url, "--stale", _STALE]
        return _trial(repos, url, folder, lambda log: _start(repos, [*more, "--jobs", "1"], options, log), workers)


def in_a_pool(repos: Path, options: list[str], folder: Path) -> Trial:
    """One process with two scans at a time, killed when a quarter is done, and begun again."""
    store = str(folder / "fleet.sqlite")
    return _trial(repos, store, folder, lambda log: _start(repos, ["--store", store, "--jobs", "2"], options, log), 1)


def _trial(repos: Path, store: str, folder: Path, start: _Starts, workers: int) -> Trial:
    names = repos.read_text("utf-8").split()
    begun, logs = time.monotonic(), [Path(tempfile.mkstemp(dir=folder)[1]) for _ in range(workers + 1)]
    first, *others = [start(log) for log in logs[:workers]]
    _wait_for(store, len(names) // 4, first)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = _finished(store)
    again = [start(logs[-1])]  # a new one takes the place of the dead
    codes = [process.wait(_PATIENCE) for process in (*others, *again)]
    seconds, ended = time.monotonic() - begun, _finished(store)
    said = Counter(name for log in logs for name in _SCANNED.findall(log.read_text("utf-8")) if name in names)
    if any(codes):
        print(logs[-1].read_text("utf-8").strip().splitlines()[-1:], file=sys.stderr)
    twice = {name for name, count in said.items() if count > 1} | {n for n, at in kept.items() if ended.get(n) != at}
    return Trial(seconds, len(kept), sorted(set(names) - ended.keys()), sorted(twice), codes)


def _start(repos: Path, more: list[str], options: list[str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "auditor", "fleet", "run", "--repos", str(repos), *more, "--", *options]
    with log.open("wb") as said:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True)


def _wait_for(store: str, count: int, worker: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while len(_finished(store)) < count and worker.poll() is None and time.monotonic() < until:
        time.sleep(0.2)


def _finished(store: str) -> dict[str, str]:
    """When each repository's scan ended, of those that have an answer."""
    try:
        with FleetStore(store) as opened:
            return {r.key.repository: r.finished for r in opened.results() if r.exit_code in SETTLED}
    except UsageError:
        return {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=50)
    parser.add_argument("--workers", type=int, default=3, help="at the queue")
    parser.add_argument("options", nargs="*", help="of each scan, after --")
    given = parser.parse_args()
    options = ["--offline", "--no-cache", "--no-history", *given.options]
    with tempfile.TemporaryDirectory(prefix="backend-audit-fleet-bench-") as name:
        folder = Path(name)
        repos = make(folder, given.repositories)
        print("| fleet | repositories | seconds | stored when one was killed | lost | twice | exit codes |")
        print("|---|---|---|---|---|---|---|", flush=True)
        trials = {
            f"queue, {given.workers} workers": by_queue(repos, options, folder, given.workers),
            "pool of one machine, 2 jobs": in_a_pool(repos, options, folder),
        }
        for title, trial in trials.items():
            lost, twice = (" ".join(found) or "none" for found in (trial.lost, trial.twice))
            cells = [title, given.repositories, f"{trial.seconds:.0f}", trial.kept, lost, twice, trial.exit_codes]
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return 0 if all(trial.is_sound for trial in trials.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
