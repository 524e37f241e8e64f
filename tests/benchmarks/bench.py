"""How long scans take, and how much memory: cold, unchanged, one file changed; beside what else one would run.

`python -m tests.benchmarks.bench` measures generated repositories of several sizes, and every folder that it is given.
The table goes to stdout as Markdown. Other tools are measured where they are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from auditor.facts.semgrep_rules import read_rules
from auditor.rulebook import load_rulebook
from auditor.sources.fleet_process import megabytes_of

FIXTURE = Path(__file__).parents[2] / "fixtures" / "sound"
_TICK = 0.1
_CODE = (".ts", ".tsx", ".js", ".py", ".sql")


@dataclass(frozen=True)
class Run:
    seconds: float
    megabytes: int
    lanes: dict[str, float]


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


def measured(command: list[str], **more: str) -> Run:
    """Run a command; its wall time, the most memory of all its processes, and its lanes where it is our scan."""
    peak, ended = [0], threading.Event()
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **more}
    )  # fmt: skip

    def watch() -> None:
        while not ended.wait(_TICK):
            peak[0] = max(peak[0], megabytes_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    return Run(seconds, peak[0], {})


def scan(root: Path, cache: Path, report: Path) -> Run:
    """One scan of ours, with the seconds of each source."""
    command = [
        sys.executable, "-m", "auditor", "scan", str(root), "--offline", "-q", "--cache-dir", str(cache),
        "-o", f"json={report}",
    ]  # fmt: skip
    found = measured(command)
    notes = json.loads(report.read_text("utf-8"))["evidence"]
    return Run(found.seconds, found.megabytes, {note["source"]: note["seconds"] for note in notes})


def lines_of(root: Path) -> int:
    files = (file for file in root.rglob("*") if file.suffix in _CODE and file.is_file() and ".git" not in file.parts)
    return sum(file.read_bytes().count(b"\n") for file in files)


def others(root: Path, folder: Path) -> dict[str, list[str]]:
    """What a user would run instead, of what is installed here."""
    rules = folder / "rules.json"
    read = [read_rules(page.id, page.yaml.read_text("utf-8")) for page in load_rulebook().pages if page.yaml]
    told = {"severity": "ERROR"}
    listed = [{**told, **rule.definition, "id": rule.id, "message": rule.message} for part in read for rule in part]
    rules.write_text(json.dumps({"rules": listed}), "utf-8")
    commands = {
        "semgrep": ["semgrep", "scan", "--config", str(rules), "--metrics", "off", "--quiet", "--json", str(root)],
        "bandit": ["bandit", "-q", "-r", str(root)],
        "detect-secrets": ["detect-secrets", "scan", "--all-files", str(root)],
        "squawk": ["squawk", *map(str, sorted(root.rglob("supabase/migrations/*.sql"))[:200])],
    }
    beside = Path(sys.executable).parent
    return {
        name: [str(beside / command[0]) if (beside / command[0]).exists() else command[0], *command[1:]]
        for name, command in commands.items()
        if (beside / command[0]).exists() or shutil.which(command[0])
    }


def touched(root: Path) -> Path:
    """The file that is changed between two scans: one in the middle of the list."""
    files = sorted(file for file in root.rglob("*.ts") if ".git" not in file.parts and "node_modules" not in file.parts)
    return files[len(files) // 2]


def row(name: str, root: Path, runs: int, folder: Path, *, compare: bool) -> list[str]:
    """One line of the table; every number is a median of so many runs."""
    cold, warm, changed = [], [], []
    file = touched(root)
    text = file.read_text("utf-8")
    for number in range(runs):
        cache = folder / f"cache-{name}-{number}"
        cold.append(scan(root, cache, folder / "report.json"))
        warm.append(scan(root, cache, folder / "report.json"))
        file.write_text(f"{text}\n// changed {number}\n", "utf-8")
        changed.append(scan(root, cache, folder / "report.json"))
        file.write_text(text, "utf-8")
    first = _median(cold)
    cells = [name, f"{lines_of(root):,}", f"{first:.1f} s"]
    cells += [f"{_median(found):.1f} s ({_median(found) / first:.0%})" for found in (warm, changed)]
    cells.append(f"{max(run.megabytes for run in cold)} MB")
    slowest = sorted(cold[0].lanes.items(), key=lambda item: -item[1])[:3]
    cells.append(", ".join(f"{lane} {seconds:.1f}" for lane, seconds in slowest))
    ratios = others(root, folder) if compare else {}
    found = [f"{tool} x{_median([measured(command)]) / first:.1f}" for tool, command in ratios.items()]
    return [*cells, ", ".join(found) or "-"]


def _median(runs: list[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument(
        "--copies", type=int, nargs="*", default=[1, 10, 100], help="services of generated repositories"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-others", action="store_true", help="measure this tool alone")
    given = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, medians of {given.runs}\n"
    )
    print("| repository | lines | cold | unchanged | one file changed | memory | slowest lanes | others, cold |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="backend-audit-bench-") as name:
        folder = Path(name)
        made = {f"generated, {count} services": generated(folder / f"made{count}", count) for count in given.copies}
        copied = {place.resolve().name: _copy(place, folder) for place in given.folders}
        for title, root in (made | copied).items():
            print(
                "| " + " | ".join(row(title, root, given.runs, folder, compare=not given.no_others)) + " |", flush=True
            )


def _copy(place: Path, folder: Path) -> Path:
    """A copy that may be written into."""
    return Path(shutil.copytree(place, folder / "copies" / place.resolve().name, symlinks=True))


if __name__ == "__main__":
    main()
