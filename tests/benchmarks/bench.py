"""How long scans take, and how much memory: cold, unchanged, one file changed; beside what else one would run.

`python -m tests.benchmarks.bench` measures generated repositories of several sizes, and every folder that it is given.
The tables go to stdout as Markdown. The other tools are installed into an environment of their own, `.venv-bench`.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import others
from tests.benchmarks.measuring import Run, generated, lanes, lines_of, measured, median, scan

_LINES = 100_000


@dataclass(frozen=True)
class Measured:
    """Every run on one repository; `others` by tool."""

    name: str
    lines: int
    cold: list[Run]
    unchanged: list[Run]
    changed: list[Run]
    others: dict[str, list[Run]]


def measure(name: str, root: Path, runs: int, folder: Path, programs: Path | None) -> Measured:
    """So many rounds; in each of them everything once, so that a busy minute of the machine is everybody's."""
    file = _touched(root)
    text = file.read_text("utf-8")
    compared = others.commands(programs, root, folder) if programs else {}
    found = Measured(name, lines_of(root), [], [], [], {tool: [] for tool in compared})
    for number in range(runs):
        cache, report = folder / f"cache-{number}", folder / "report.json"
        found.cold.append(scan(root, cache, report))
        found.unchanged.append(scan(root, cache, report))
        file.write_text(f"{text}\n// changed {number}\n", "utf-8")
        found.changed.append(scan(root, cache, report))
        file.write_text(text, "utf-8")
        shutil.rmtree(cache)
        for tool, command in compared.items():
            found.others[tool].append(measured(command))
    return found


def _touched(root: Path) -> Path:
    """The file that is changed between two scans: one in the middle of the list."""
    listed = (file for suffix in ("*.ts", "*.js", "*.py", "*.sql") for file in sorted(root.rglob(suffix)))
    files = [file for file in listed if not {".git", "node_modules"} & set(file.parts)]
    return files[len(files) // 2]


def _row(found: Measured) -> list[str]:
    """Seconds are medians, shares are ratios of medians; memory is the most that any run took."""
    cold = median(found.cold)
    cells = [found.name, f"{found.lines:,}", f"{cold:.1f} s"]
    cells += [f"{median(runs):.1f} s ({median(runs) / cold:.0%})" for runs in (found.unchanged, found.changed)]
    cells.append(f"{max(run.megabytes for run in found.cold)} MB")
    return [*cells, ", ".join(_compared(tool, runs, cold) for tool, runs in found.others.items()) or "-"]


def _compared(tool: str, runs: list[Run], cold: float) -> str:
    if failed := [run.exit_code for run in runs if run.exit_code not in {0, 1}]:  # 1 says that there are findings
        return f"{tool} failed (exit code {failed[0]})"
    return f"{tool} {median(runs):.1f} s (x{median(runs) / cold:.2f}), {max(run.megabytes for run in runs)} MB"


def _lane_row(found: Measured) -> list[str]:
    return [found.name, ", ".join(f"{lane} {seconds:.1f}" for lane, seconds in lanes(found.cold).items())]


def _growth(counts: list[int], folder: Path) -> None:
    """One cold scan of each size, and what 100,000 lines more than at the size before took: a constant, if it grows
    by the number of lines.
    """
    _print_head("lines", "cold", "processor time", "memory", "time of 100,000 more", "memory of 100,000 more")
    before: tuple[int, Run] | None = None
    for count in counts:
        root = generated(folder / f"grown{count}", count)
        now = lines_of(root), scan(root, folder / "cache", folder / "report.json")
        _print_row(_growth_row(*now, before))
        before = now
        shutil.rmtree(folder / "cache")
        shutil.rmtree(root)


def _growth_row(lines: int, run: Run, before: tuple[int, Run] | None) -> list[str]:
    cells = [f"{lines:,}", f"{run.seconds:.1f} s", f"{run.cpu:.1f} s", f"{run.megabytes} MB"]
    if before is None:
        return [*cells, "-", "-"]
    parts = (lines - before[0]) / _LINES
    return [
        *cells,
        f"{(run.cpu - before[1].cpu) / parts:.1f} s",
        f"{(run.megabytes - before[1].megabytes) / parts:.0f} MB",
    ]


def _print_row(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _print_head(*names: str) -> None:
    print()
    _print_row(list(names))
    print("|" + "---|" * len(names), flush=True)


def main() -> None:
    given = _parser().parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, medians of {given.runs}")
    programs = None if given.no_others else others.install()
    with tempfile.TemporaryDirectory(prefix="backend-audit-bench-") as name:
        folder = Path(name)
        made = {f"generated, {count} services": generated(folder / f"made{count}", count) for count in given.copies}
        copied = {place.resolve().name: _copy(place, folder) for place in given.folders}
        _print_head("repository", "lines", "cold", "unchanged", "one file changed", "memory", "others, cold")
        found = []
        for title, root in (made | copied).items():
            found.append(measure(title, root, given.runs, folder, programs))
            _print_row(_row(found[-1]))
        _print_head("repository", "seconds of each source, cold")
        for each in found:
            _print_row(_lane_row(each))
        if given.growth:
            _growth(given.growth, folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--copies", type=int, nargs="*", default=[1, 10, 100], help="services of generated folders")
    parser.add_argument("--runs", type=int, default=5, help="of which medians are taken")
    parser.add_argument("--no-others", action="store_true", help="measure this tool alone")
    parser.add_argument(
        "--growth", type=int, nargs="*", default=[1, 10, 100, 1000], help="services of each step of the growth table"
    )
    return parser


def _copy(place: Path, folder: Path) -> Path:
    """A copy that may be written into."""
    return Path(shutil.copytree(place, folder / "copies" / place.resolve().name, symlinks=True))


if __name__ == "__main__":
    main()
