"""Security frameworks as views on the checklist: which verdicts are evidence on which requirement.

Only ids are taken over; what a requirement asks is said in this tool's own words. Nothing here says "compliant".
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.data import data_folder
from auditor.model import UsageError, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.rulebook import Rulebook

CWE = "cwe"


@dataclass(frozen=True, slots=True)
class Requirement:
    """`controls` of the checklist are evidence on it; one that has none stays with people."""

    id: str
    says: str
    controls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Framework:
    id: str
    title: str
    note: str
    requirements: tuple[Requirement, ...]
    manual: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement with the verdicts it rests on; `state` is what they come to."""

    requirement: Requirement
    state: str
    verdicts: dict[str, Verdict]


@dataclass(frozen=True, slots=True)
class View:
    """`known` of `applicable` requirements have evidence for or against them."""

    framework: Framework
    rows: tuple[Row, ...]
    known: int
    applicable: int


def names() -> list[str]:
    """The ids of all frameworks."""
    return [CWE, *sorted(file.stem for file in (data_folder("rules") / "frameworks").glob("*.toml"))]


def load_framework(name: str, book: Rulebook) -> Framework:
    """One framework; raises UsageError for a name that is none."""
    if name == CWE:
        return _weaknesses(book)
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(names())}"
        raise UsageError(f"--framework: none is named '{name}'; {hint}")
    text = (data_folder("rules") / "frameworks" / f"{name}.toml").read_text("utf-8")
    values: dict[str, Any] = tomllib.loads(text)
    made = [
        tuple(Requirement(item["id"], item["says"], tuple(item.get("controls", ()))) for item in values.get(key, ()))
        for key in ("requirement", "manual")
    ]
    return Framework(name, values["title"], values["note"], *made)


def _weaknesses(book: Rulebook) -> Framework:
    """The weaknesses that rules name, each with the controls of those rules."""
    numbers = sorted({number for page in book.pages for number in page.cwe})
    found = []
    for number in numbers:
        pages = [page for page in book.pages if number in page.cwe]
        rules = ", ".join(page.id for page in pages)
        found.append(Requirement(f"CWE-{number}", rules, tuple(dict.fromkeys(page.control for page in pages))))
    note = "A control's verdict rests on all of its rules, not only on those that look for the weakness."
    return Framework(CWE, "Common Weakness Enumeration", note, tuple(found))


def view(framework: Framework, verdicts: Mapping[str, Verdict]) -> View:
    """What the verdicts of a scan say on each requirement."""
    rows = tuple(_row(requirement, verdicts) for requirement in framework.requirements)
    applicable = [row for row in rows if row.state not in {"not applicable", "not asked"}]
    known = [row for row in applicable if row.state != "not known"]
    return View(framework, rows, len(known), len(applicable))


def _row(requirement: Requirement, verdicts: Mapping[str, Verdict]) -> Row:
    found = {control: verdicts[control] for control in requirement.controls if control in verdicts}
    return Row(requirement, _state(list(found.values())), found)


def _state(found: Sequence[Verdict]) -> str:
    if {Verdict.FAIL, Verdict.PARTIAL} & set(found):
        return "evidence against"
    if Verdict.UNKNOWN in found:
        return "not known"
    if {Verdict.PASS, Verdict.ACCEPTED} & set(found):
        return "evidence for"
    return "not applicable" if Verdict.NOT_APPLICABLE in found else "not asked"
