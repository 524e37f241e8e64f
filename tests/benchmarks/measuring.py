"""What is measured and how: repositories that grow by a number, runs of a command with their time and memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.sources.fleet_process import family_of

if TYPE_CHECKING:
    from collections.abc import Iterable

FIXTURE = Path(__file__).parents[2] / "fixtures" / "sound"
_TICK = 0.2  # seconds: each look at the processes costs some time itself
_CODE = (".ts", ".tsx", ".js", ".py", ".sql")


@dataclass(frozen=True)
class Run:
    """`seconds` on the clock, `cpu` seconds and the most `megabytes` of all processes together, `lanes` of a scan."""

    seconds: float
    cpu: float
    megabytes: int
    lanes: dict[str, float] = field(default_factory=dict)
    exit_code: int = 0


def generated(folder: Path, copies: int) -> Path:
    """A repository of so many services, each the sound fixture's code with names of its own."""
    shutil.copytree(FIXTURE, folder, ignore=shutil.ignore_patterns("src"))
    for number in range(copies):
        service = folder / "services" / f"s{number:04d}"
        for file in sorted((FIXTURE / "src").rglob("*.ts")):
            place = service / "src" / file.relative_to(FIXTURE / "src")
            place.parent.mkdir(parents=True, exist_ok=True)
            text = re.sub(r"\b(router|service|handler|schema|client)\b", rf"\g<1>{number}", file.read_text("utf-8"))
            place.write_text(text, "utf-8")
        shutil.copy(FIXTURE / "package.json", service / "package.json")
    return folder


def _megabytes(process: int) -> int:
    """The memory of a process and of all that it started, a page that several share counted once (PSS)."""
    return sum(_proportional(pid, resident) for pid, resident in family_of(process).items()) // 1024


def _proportional(pid: int, resident: int) -> int:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    except OSError:
        return resident  # not Linux, or the process has ended
    found = re.search(r"^Pss:\s+(\d+)", told, re.MULTILINE)
    return int(found[1]) if found else resident


def measured(command: list[str]) -> Run:
    """Run a command to its end."""
    peak, ended = [0], threading.Event()
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def watch() -> None:
        while not ended.wait(_TICK):
            peak[0] = max(peak[0], _megabytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak[0], exit_code=process.returncode)


def scan(root: Path, cache: Path, report: Path) -> Run:
    """One scan of ours, with the seconds of each source."""
    report.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "auditor", "scan", str(root), "--offline", "-q", "--cache-dir", str(cache),
        "--history-budget", "120", "-o", f"json={report}",  # a budget that runs out makes runs that cannot be compared
    ]  # fmt: skip
    found = measured(command)
    notes = json.loads(report.read_text("utf-8"))["evidence"]
    return Run(found.seconds, found.cpu, found.megabytes, {note["source"]: note["seconds"] for note in notes})


def lines_of(root: Path) -> int:
    files = (file for file in root.rglob("*") if file.suffix in _CODE and file.is_file() and ".git" not in file.parts)
    return sum(file.read_bytes().count(b"\n") for file in files)


def median(runs: Iterable[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def lanes(runs: list[Run]) -> dict[str, float]:
    """The median seconds of each source, the slowest first."""
    names = {name for run in runs for name in run.lanes}
    found = {name: statistics.median(run.lanes[name] for run in runs if name in run.lanes) for name in names}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
