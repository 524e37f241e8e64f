"""Many repositories: each is scanned in a process of its own, what is stored is not scanned again."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditor import __version__
from auditor.model import UsageError
from auditor.sources.fleet_process import Limits, scan_in_process
from auditor.sources.fleet_store import FleetStore, Key, Result
from auditor.sources.repository import read_repository
from auditor.sources.store import key_of
from auditor.sources.tool import files_id, tool_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_UNSCANNED = 3


@dataclass(frozen=True, slots=True)
class Member:
    """One repository of the fleet: a name, by which results are compared over time, and a folder of this machine."""

    name: str
    root: Path


@dataclass(frozen=True, slots=True)
class Orders:
    """How each member is scanned: more options of `scan`, the advisories among them, and the limits."""

    options: tuple[str, ...] = ()
    advisories: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def arguments(self) -> tuple[str, ...]:
        return (*self.options, *(part for name in self.advisories for part in ("--advisories", name)))


def read_members(file: Path) -> list[Member]:
    """The members that a file lists, one folder in each line, `NAME = FOLDER` where the name is not the folder's.

    Folders are relative to the file. Raises UsageError with the line.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--repos {file}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    found: dict[str, Member] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, separator, folder = (part.strip() for part in text.partition(" = "))
        root = (file.parent / (folder if separator else text)).resolve()
        member = Member(name if separator else root.name, root)
        if member.name in found:
            raise UsageError(f"--repos {file}:{number}: two are named '{member.name}'; write NAME = FOLDER")
        found[member.name] = member
    if not found:
        raise UsageError(f"--repos {file}: it names no folder")
    return list(found.values())


def key_for(member: Member, orders: Orders) -> tuple[Key, str]:
    """What a result of this member now would belong to, and its commit. Raises UsageError where there is no folder."""
    if not member.root.is_dir():
        raise UsageError(f"{member.root}: no such folder")
    repository = read_repository(member.root)
    content = key_of(repository.stamp, [repository.digest(path) for path in repository.files]).hex()
    rules = key_of(tool_id(), orders.options).hex()
    advisories = key_of(files_id(orders.advisories)).hex() if orders.advisories else ""
    return Key(member.name, content, __version__, rules, advisories), repository.commit or ""


def scan_member(member: Member, orders: Orders, store: FleetStore) -> Result | None:
    """Scan one member and keep the result; None where it is there already."""
    try:
        key, commit = key_for(member, orders)
    except (UsageError, OSError) as error:
        lost = Result(Key(member.name, "", __version__, "", ""), "", _now(), _UNSCANNED, str(error), 0.0)
        store.put(lost)
        return lost
    if store.settled(key):
        return None
    ended = scan_in_process(member.root, orders.arguments(), orders.limits)
    shown = _summary(ended.report)
    result = Result(key, commit, _now(), ended.exit_code, ended.reason, ended.seconds, report=ended.report, **shown)
    store.put(result)
    return result


def run_fleet(
    members: Sequence[Member],
    orders: Orders,
    store: FleetStore,
    jobs: int,
    say: Callable[[Member, Result | None], None],
) -> None:
    """Scan all members, so many at a time; `say` is told of each as it ends."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [(member, pool.submit(scan_member, member, orders, store)) for member in members]
        try:
            for member, future in waiting:
                say(member, future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def ranking(results: Sequence[Result]) -> list[Result]:
    """The last result of each repository, the worst first; one that could not be scanned comes before all."""
    last: dict[str, Result] = {}
    for result in sorted(results, key=lambda result: result.finished):
        last[result.key.repository] = result
    return sorted(last.values(), key=_rank)


def _rank(result: Result) -> tuple[float, ...] | tuple[Any, ...]:
    counts = result.summary.get("findings", {})
    worst = tuple(-counts.get(severity, 0) for severity in ("critical", "high", "medium"))
    return (-1.0 if result.score is None else result.score, *worst, result.key.repository)


def _summary(report: str) -> dict[str, Any]:
    if not report:
        return {}
    told = json.loads(report)
    findings = Counter(item["severity"] for item in told["findings"] if item["status"] == "open")
    verdicts = {item["id"]: item["verdict"] for item in told["controls"]}
    score = told["score"]
    return {"score": score["min"], "grade": score["grade"], "summary": {"findings": findings, "controls": verdicts}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
