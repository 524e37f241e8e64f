"""One scan of a fleet: a process of its own, with a limit on its time and on the memory of all that it starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_TICK = 0.5
_GRACE = 15.0  # seconds that a scan has to stop its servers
_KILOBYTES = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one scan: seconds, and megabytes of all of its processes together."""

    seconds: float = 900.0
    megabytes: int = 4000


@dataclass(frozen=True, slots=True)
class Ended:
    """`report` is empty where none was written; `exit_code` is 3 for a scan that was stopped."""

    exit_code: int
    reason: str
    seconds: float
    report: str


def scan_in_process(root: Path, options: tuple[str, ...], limits: Limits) -> Ended:
    """Scan one folder and wait for the end, however it comes."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="backend-audit-fleet-") as name:
        file = Path(name) / "report.json"
        command = [sys.executable, "-P", "-m", "auditor", "scan", "-q", *options, "-o", f"json={file}", "--", str(root)]
        with (Path(name) / "said").open("w+b") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, cwd=name,
                start_new_session=True,
            )  # fmt: skip
            try:
                stopped = _watch(process, limits, started)
            except BaseException:
                _stop(process)
                raise
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
        report = file.read_text("utf-8") if file.is_file() and not stopped else ""
    seconds = round(time.monotonic() - started, 1)
    if stopped:
        return Ended(3, stopped, seconds, "")
    code = process.returncode
    reason = lines[-1].removeprefix("backend-audit: ") if lines else ""
    return Ended(code if code >= 0 else 3, reason or f"ended by signal {-code}", seconds, report)


def _watch(process: subprocess.Popen[bytes], limits: Limits, started: float) -> str:
    """Wait; returns why the scan was stopped, empty where it ended by itself."""
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TICK)
            return ""
        if time.monotonic() - started > limits.seconds:
            _stop(process)
            return f"stopped after {limits.seconds:.0f} s"
        if megabytes_of(process.pid) > limits.megabytes:
            _stop(process)
            return f"stopped: it took more than {limits.megabytes} MB of memory"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # a scan that is told to end stops its servers
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def megabytes_of(process: int) -> int:
    """Resident memory of a process and of all that it started; shared pages count for each."""
    return sum(family_of(process).values()) // _KILOBYTES


def family_of(process: int) -> dict[int, int]:
    """A process and all that it started, with the resident kilobytes of each."""
    listed = subprocess.run(
        ["/bin/ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=False, timeout=20
    )  # fmt: skip
    rows = [tuple(map(int, row.split())) for row in listed.stdout.splitlines() if len(row.split()) == 3]  # noqa: PLR2004
    family = {process}
    for _ in range(8):  # deeper than any tree of a scan
        family |= {pid for pid, parent, _ in rows if parent in family}
    return {pid: size for pid, _, size in rows if pid in family}
