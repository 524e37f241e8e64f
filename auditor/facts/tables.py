"""Tables and their columns as the text of schemas says them: SQL of any dialect, and Prisma."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = r"(?:[\"`\[]?\w+[\"`\]]?\.)?[\"`\[]?(\w+)[\"`\]]?"
_STATEMENT = re.compile(
    rf"\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?{_NAME}\s*(?P<open>\()"
    rf"|\balter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?{_NAME}\s+(?P<actions>[^;]*)"
    rf"|\bdrop\s+table\s+(?:if\s+exists\s+)?{_NAME}",
    re.IGNORECASE,
)
_BLANKED = re.compile(r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'", re.DOTALL)
_COLUMN = re.compile(r"\s*[\"`\[]?(\w+)[\"`\]]?\s+[\"`]?(\w+)")
_NO_COLUMN = {"constraint", "primary", "foreign", "unique", "check", "exclude", "key", "index", "like"}
_ACTION = re.compile(
    r"\s*(?:(?P<add>add)\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?(?P<column>[\"`\[]?\w+[\"`\]]?\s+[\"`]?\w+)"
    r"|drop\s+(?:column\s+)?(?:if\s+exists\s+)?[\"`\[]?(?P<drop>\w+)"
    r"|rename\s+to\s+[\"`\[]?(?P<table>\w+)"
    r"|rename\s+(?:column\s+)?[\"`\[]?(?P<old>\w+)[\"`\]]?\s+to\s+[\"`\[]?(?P<new>\w+))",
    re.IGNORECASE,
)
_MODEL = re.compile(r"^[ \t]*model[ \t]+(\w+)[ \t]*\{", re.MULTILINE)
_FIELD = re.compile(r"^[ \t]*(\w+)[ \t]+(\w+)([\[\]?]*)([^\n]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `code` is its name in the program, `name` in the database."""

    name: str
    code: str
    type: str
    path: str
    line: int


@dataclass(slots=True)
class Table:
    """A table: `code` is what the program calls it (a model, a variable, a class), the name in SQL itself."""

    name: str
    code: str
    path: str
    line: int
    columns: dict[str, Column] = field(default_factory=dict)

    def add(self, column: Column) -> None:
        self.columns[column.name.lower()] = column


def sql_tables(files: dict[str, str]) -> dict[str, Table]:
    """The tables that SQL files leave behind in their order, by lower-case name without schema."""
    tables: dict[str, Table] = {}
    for path, text in files.items():
        change_tables(tables, path, text)
    return tables


def change_tables(tables: dict[str, Table], path: str, text: str) -> None:
    """What one text makes of the tables that there are."""
    plain = _BLANKED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for match in _STATEMENT.finditer(plain):
        _apply(tables, path, plain, match)


def _apply(tables: dict[str, Table], path: str, text: str, match: re.Match[str]) -> None:
    if match["open"]:
        table = Table(match[1], match[1], path, _line(text, match.start()))
        for part, start in _parts(text, match.end()):
            if column := _column(part, path, _line(text, start + len(part) - len(part.lstrip()))):
                table.add(column)
        tables.setdefault(match[1].lower(), table)
    elif match["actions"] is not None:
        if known := tables.get((match[3] or "").lower()):
            _alter(tables, known, path, text, match)
    else:
        tables.pop((match[5] or "").lower(), None)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _parts(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The pieces of a list between commas, up to the bracket or semicolon that ends it, with their offsets."""
    depth, first = 0, start
    for match in re.compile(r"[(),;]").finditer(text, start):
        mark = match[0]
        if mark == "(":
            depth += 1
        elif mark == ")" and depth:
            depth -= 1
        elif not depth:
            yield text[first : match.start()], first
            first = match.end()
            if mark != ",":
                return
    yield text[first:], first


def _column(part: str, path: str, line: int) -> Column | None:
    match = _COLUMN.match(part)
    quoted = part.lstrip()[:1] in {'"', "`", "["}
    # A column may be called `key`; `key idx (…)` is MySQL's word for an index.
    if match is None or (not quoted and match[1].lower() in _NO_COLUMN - {"key"}):
        return None
    if (
        not quoted
        and match[1].lower() == "key"
        and "(" in part
        and not re.match(r"\s*key\s+\w*char", part, re.IGNORECASE)
    ):
        return None
    return Column(match[1], match[1], match[2].lower(), path, line)


def _alter(tables: dict[str, Table], table: Table, path: str, text: str, match: re.Match[str]) -> None:
    for part, start in _parts(text, match.start("actions")):
        action = _ACTION.match(part)
        if action is None:
            continue
        line = _line(text, start + len(part) - len(part.lstrip()))
        if action["add"] and (column := _column(action["column"], path, line)):
            table.add(column)
        elif action["drop"]:
            table.columns.pop(action["drop"].lower(), None)
        elif action["table"]:
            tables.pop(table.name.lower(), None)
            table.name = table.code = action["table"]
            tables[table.name.lower()] = table
        elif action["old"] and (held := table.columns.pop(action["old"].lower(), None)):
            table.add(Column(action["new"], action["new"], held.type, held.path, held.line))


def prisma_tables(path: str, text: str) -> Iterator[Table]:
    """The models of a Prisma schema, with the names that `@@map` and `@map` give them in the database."""
    plain = re.sub(r"//[^\n]*", lambda match: " " * len(match[0]), text)
    position = 0
    while (match := _MODEL.search(plain, position)) and (position := plain.find("}", match.end())) >= 0:
        body = plain[match.end() : position]
        mapped = re.search(r"@@map\(\s*(?:name:\s*)?\"([^\"]+)\"", body)
        table = Table(mapped[1] if mapped else match[1], match[1], path, _line(plain, match.start(1)))
        for found in _FIELD.finditer(body):
            renamed = re.search(r"@map\(\s*(?:name:\s*)?\"([^\"]+)\"", found[4])
            kind = found[2] if "[" not in found[3] else "list"
            line = _line(plain, match.end() + found.start(1))
            table.add(Column(renamed[1] if renamed else found[1], found[1], kind.lower(), path, line))
        yield table
