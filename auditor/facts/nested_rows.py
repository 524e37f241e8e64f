"""Rows of a parent: `/projects/:projectId/files/:fileId` asks for the parent, and finds the row by its own id.

Whoever may see one project then names a file of any other, unless something ties the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}|<(?:[\w()]+:)?(\w+)>|:(\w+)|\[(?:\.\.\.)?(\w+)\]")
_OF_ID = re.compile(r"_?(?:id|uuid|guid|slug|pk|key|ref)$", re.IGNORECASE)
_EVERYWHERE = re.compile(
    r"super_?(?:user|admin)|IsAdminUser|is_?staff|admin_required|AdminGuard|require_?Admin\b|isAdmin\b", re.IGNORECASE
)
_JUDGED = re.compile(
    r"(?:can|may|require|check|assert|ensure|verify|authori[sz]e|validate|allow|enforce|belongs?|owns?|has|is)(?:$|_|[A-Z])"
    r"|permission|access(?!_?token)|member|owner|polic|abilit|guard",
)
_MOST = 400  # characters of a call: a longer one does much else


@dataclass(frozen=True, slots=True)
class Nested:
    """The last parameter of an address, and the one before it that the rows refer to."""

    row: str
    parent: str


def nested(path: str, columns: Collection[str]) -> Nested | None:
    """Whether an address names a row below a parent that its table has a column for."""
    found = [(next(filter(None, each.groups())), each.start()) for each in _PARAMETER.finditer(path)]
    if len(found) < 2 or found[-1][0] in {name for name, _ in found[:-1]}:  # noqa: PLR2004 - a parent and a row
        return None
    known = {folded(column) for column in columns}
    for name, start in reversed(found[:-1]):
        stem = folded(_OF_ID.sub("", name)) or _singular(path[:start])
        if stem and {stem, f"{stem}id", f"{stem}uuid", f"{stem}slug"} & known:
            return Nested(found[-1][0], name)
    return None


def _singular(before: str) -> str:
    """What the part of a path before a parameter says that it is one of."""
    parts = [part for part in before.split("/") if re.fullmatch(r"[\w-]+", part)]
    word = folded(parts[-1]) if parts else ""
    return f"{word[:-3]}y" if word.endswith("ies") else word.removesuffix("s")


def is_loose(of: Nested, lookup: str, text: str, calls: Iterable[tuple[str, str]], rows: Collection[str]) -> bool:
    """Whether a row is found by its own id, and nothing in the `text` of the handler ties it to its parent.

    `calls` are what else is called there: the name, and the call as it is written.
    """
    if not _says(lookup, of.row) or _says(lookup, of.parent):
        return False
    parent = re.escape(of.parent)
    if re.search(rf"[!=]==?\s*[\w.()]*\b{parent}\b|\b{parent}\b\)?\s*[!=]==?", text):
        return False
    if any(re.search(rf"(?<![\w.]){re.escape(row)}[!?]?\.\w+\)?\s*(?:[!=]==?|not in|in\b|is\b)", text) for row in rows):
        return False
    return not any(_ties(of, name, written, rows) for name, written in calls)


def for_everybody(guards: Iterable[str]) -> bool:
    """Whether a guard lets through who may see everything anyway."""
    return any(_EVERYWHERE.search(guard[:120]) for guard in guards)


def judges(name: str) -> bool:
    """Whether what is called is named for a check."""
    return _JUDGED.search(name.rpartition(".")[2]) is not None


def _ties(of: Nested, name: str, written: str, rows: Collection[str]) -> bool:
    """Whether a call is given the row and its parent, or judges the row."""
    given = written[len(name) :] if len(written) < _MOST else ""
    if _says(given, of.row) and _says(given, of.parent):
        return True
    return judges(name) and (_says(given, of.row) or any(_says(given, row) for row in rows))


def _says(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text) is not None
