"""The transcript of one cell of the access matrix: what every one of its database begins with, and its own attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.render.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.report import AccessCell, AccessSetup

WHOSE = {
    "own": "the caller's own row",
    "others": "a row of somebody else",
    "join": "a new row of the caller's in another tenant",
    "reads": "what belongs to somebody else",
    "changes": "what belongs to somebody else",
    "joins": "what belongs to somebody else",
}


def setup_of(cell: AccessCell, setups: Sequence[AccessSetup]) -> AccessSetup | None:
    return next((s for s in setups if (s.unit, s.database) == (cell.unit, cell.database)), None)


def script_of(cell: AccessCell, setup: AccessSetup | None) -> str:
    """A script for psql that stands by itself, or only comments where nothing was run."""
    title = one_line(f"{cell.caller}: {cell.command} on {cell.object}: {cell.state}")
    steps = [step for step in cell.steps if step.statement]
    if setup is None or not steps or cell.caller not in setup.callers:
        return "\n".join([f"-- {title}", *(f"-- {one_line(step.seen)}" for step in cell.steps)])
    acts = setup.callers[cell.caller]
    lines = [f"-- {title}", "begin;", *([setup.rows] if setup.rows else []), acts]
    for step in steps:
        lines += [f"-- {one_line(WHOSE.get(step.rows, step.rows))}; seen: {one_line(step.seen)}"]
        lines += ["savepoint attempt;", f"{step.statement};", "rollback to savepoint attempt;"]
    return "\n".join([*lines, "rollback;"])
