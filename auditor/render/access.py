"""The access matrix by itself, and what changed in it: terminal, JSON and Markdown. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from auditor.facts.access_contract import caller_order, command_order
from auditor.render.html_access import letter_of, sign_of
from auditor.render.safe_text import one_line
from auditor.render.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from auditor.facts.access_contract import Change
    from auditor.model import FileSpan
    from auditor.report import AccessCell

_STYLES = {"allowed": "bold yellow", "own-rows": "green", "denied": "dim", "error": "magenta", "unknown": "magenta"}
_UNTRIED = "."
_GAP = 2
_LEAST = 12  # columns for the names of objects; longer ones stand on a line of their own
_LEGEND = "capital: rows of everybody, small: own rows only, - nothing, ! error, ? not known"
_FUNCTIONS_LEGEND = "X reaches what belongs to somebody else, - does not, ! error, ? not known"
_KINDS = {"widened": "Widened", "new": "New", "narrowed": "Narrowed", "gone": "Gone", "unknown": "Not known"}

_Cells = dict[tuple[str, str], dict[str, str]]


class _Block:
    """The rows and columns of one database, tables and functions apart."""

    def __init__(self, title: str, cells: Iterable[AccessCell]) -> None:
        self.title = title
        self.cells: _Cells = {}
        listed = list(cells)
        self.objects = list(dict.fromkeys(cell.object for cell in listed))
        self.callers = sorted({cell.caller for cell in listed}, key=caller_order)
        self.commands = sorted({cell.command for cell in listed}, key=command_order)
        for cell in listed:
            self.cells.setdefault((cell.object, cell.caller), {})[cell.command] = cell.state

    def signs(self, name: str, caller: str) -> list[tuple[str, str]]:
        """A sign and its style for every command."""
        states = self.cells.get((name, caller), {})
        return [
            (sign_of(c, states[c]), _STYLES.get(states[c], "")) if c in states else (_UNTRIED, "dim")
            for c in self.commands
        ]

    @property
    def legend(self) -> str:
        letters = ", ".join(f"{letter_of(command)} {command.lower()}" for command in self.commands)
        untried = any(sign == _UNTRIED for n in self.objects for c in self.callers for sign, _ in self.signs(n, c))
        legend = _FUNCTIONS_LEGEND if letters == "X execute" else f"{letters}; {_LEGEND}"
        return legend + (f", {_UNTRIED} not tried" if untried else "")


def _blocks(cells: Sequence[AccessCell]) -> list[_Block]:
    groups: dict[tuple[str, bool], list[AccessCell]] = {}
    for cell in cells:
        groups.setdefault((cell.database, cell.command.upper() == "EXECUTE"), []).append(cell)
    return [_Block(f"{name}, functions" if functions else name, found) for (name, functions), found in groups.items()]


def table(cells: Sequence[AccessCell], console: Console) -> None:
    """One line for each object, one column for each caller, and what the signs mean."""
    screen = Screen(console)
    for number, block in enumerate(_blocks(cells)):
        if number:
            screen.blank()
        _block(block, screen)
    if not cells:
        screen.line(("no table is exposed to an API role", ""))


def _block(block: _Block, screen: Screen) -> None:
    heads = [_head(caller) for caller in block.callers]
    widths = [max(len(block.commands), *map(len, lines)) for lines in heads]
    room = screen.width - sum(widths) - _GAP * len(widths)
    longest = max((len(one_line(name)) for name in block.objects), default=0)
    first = max(min(longest, room), min(longest, _LEAST))
    screen.line((block.title, "bold"))
    for level in range(max(map(len, heads))):
        words = [lines[level] if level < len(lines) else "" for lines in heads]
        columns = "".join(" " * _GAP + f"{word:<{width}}" for word, width in zip(words, widths, strict=True))
        screen.line((" " * first + columns, "bold"), fit="keep")
    for name in block.objects:
        _row(block, name, widths, first, screen)
    screen.line((block.legend, "dim"))


def _head(caller: str) -> list[str]:
    """The name of a caller on up to two lines, so that its column need not be wider than its signs."""
    shown = one_line(caller)
    start, mark, end = shown.partition("-") if "-" in shown else shown.partition("_")
    return [start + mark, end] if mark and end and len(shown) > _LEAST // 2 else [shown]


def _row(block: _Block, name: str, widths: list[int], first: int, screen: Screen) -> None:
    shown = one_line(name)
    if len(shown) > first:
        screen.line((shown, ""), fit="keep")
        shown = ""
    parts = [(f"{shown:<{first}}", "")]
    for caller, width in zip(block.callers, widths, strict=True):
        parts += [(" " * _GAP, ""), *block.signs(name, caller), (" " * (width - len(block.commands)), "")]
    screen.line(*parts, fit="keep")


def as_json(cells: Iterable[AccessCell]) -> str:
    return json.dumps([cell.model_dump(mode="json") for cell in cells], indent=2, ensure_ascii=False)


def as_markdown(cells: Sequence[AccessCell]) -> str:
    lines: list[str] = []
    for block in _blocks(cells):
        lines += [f"### {_plain(block.title)}", "", f"| object | {' | '.join(map(_plain, block.callers))} |"]
        lines.append("|---|" + "---|" * len(block.callers))
        for name in block.objects:
            signs = ["".join(sign for sign, _ in block.signs(name, caller)) for caller in block.callers]
            lines.append(f"| {_code(name)} | {' | '.join(map(_code, signs))} |")
        lines += ["", f"{block.legend}.", ""]
    return "\n".join(lines).rstrip("\n") or "No table is exposed to an API role."


def _code(text: str) -> str:
    return f"`{_safe(text)}`"


def _plain(text: str) -> str:
    return _safe(text).replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")


def _safe(text: str) -> str:
    return one_line(text).replace("`", "'").replace("|", "\\|")


Row = tuple[str, "Change", "FileSpan | None"]


def changes_as_text(rows: Sequence[Row], title: str, console: Console) -> None:
    """What changed, widened cells first: a line for each caller of an object."""
    screen = Screen(console)
    screen.line((title, "bold"))
    for kind, heading in _KINDS.items():
        found = [row for row in rows if row[1].kind == kind]
        if found:
            screen.line((heading, "bold red" if kind == "widened" else "bold"))
        for text, place, opens in map(_told, _gathered(found)):
            screen.line((text, "yellow" if opens else ""), (f"  {place}" if place else "", "dim"), indent=2, fit="keep")
    if not rows:
        screen.line(("nothing changed", ""))


def changes_as_markdown(rows: Sequence[Row], title: str) -> str:
    lines = [f"### {_plain(title)}", ""]
    for kind, heading in _KINDS.items():
        found = _gathered([row for row in rows if row[1].kind == kind])
        lines += [f"**{heading}**", ""] if found else []
        for text, place, _ in map(_told, found):
            lines.append(f"- {_code(text)}" + (f" since {_code(place)}" if place else ""))
        lines += [""] if found else []
    return "\n".join(lines if rows else [*lines, "Nothing changed."]).rstrip("\n")


def changes_as_json(rows: Sequence[Row], ref: str, commit: str, lost: Mapping[str, str]) -> str:
    document: dict[str, Any] = {"ref": ref, "commit": commit, "lost": dict(lost), "changes": [_entry(r) for r in rows]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _entry(row: Row) -> dict[str, Any]:
    database, change, since = row
    return {
        "kind": change.kind,
        "opens": change.opens,
        "database": database,
        "object": change.object,
        "caller": change.caller or None,
        "command": change.command or None,
        "before": change.before,
        "after": change.after,
        "since": {"path": since.path, "line": since.line} if since else None,
    }


def _gathered(rows: Sequence[Row]) -> list[list[Row]]:
    """The cells of one object together, callers with the same ones at once."""
    callers: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        callers.setdefault((row[0], row[1].object, row[1].caller), []).append(row)
    groups: dict[tuple[object, ...], list[Row]] = {}
    for (database, name, _), found in callers.items():
        key = (database, name, found[0][2], *(_step(row[1]) for row in found))
        groups.setdefault(key, []).extend(found)
    return list(groups.values())


def _told(rows: list[Row]) -> tuple[str, str, bool]:
    """`public.invoices: stranger SELECT denied -> allowed`, where it was opened, and whether that opens anything."""
    change, since = rows[0][1], next((row[2] for row in rows if row[2]), None)
    place = one_line(f"{since.path}:{since.line}") if since else ""
    callers = ", ".join(dict.fromkeys(row[1].caller for row in rows))
    steps = dict.fromkeys(_step(row[1]) for row in rows if row[1].command)
    text = f"{change.object}: " + (f"{callers} {', '.join(steps)}".strip() or "no caller reaches it")
    return text, place, any(row[1].opens for row in rows)


def _step(change: Change) -> str:
    before = f"{change.before} -> " if change.before else ""
    return f"{change.command} {before}{change.after}"
