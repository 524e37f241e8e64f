"""The access contract: who may do what to which object, as a file that people review, and how far it is kept.

A matrix maps (object, caller, command) to allowed, own-rows, denied, error or unknown. Pure.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FILE_NAME = "backend-audit.access.toml"
VERSION = 1
_HEADER = """\
# What each caller of the API can do, as `backend-audit access` saw it on the replayed migrations.
# Review this file and commit it: `backend-audit scan` then reports every widening, with the line that opened it.
# Renew it with `backend-audit access --write {name}`.
#
# select          rows of everybody          insert:unknown  could not be tried
# select:own      the caller's own rows only execute         reaches through the function what is somebody else's
#                                            none            nothing
"""
_CALLERS = ("anon", "anonymous-user", "stranger", "other", "owner", "member", "admin")
_COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "EXECUTE")
_FUNCTION = "EXECUTE"
_RANKS = {"denied": 0, "error": 0, "own-rows": 1, "allowed": 2}
_MARKS = {"allowed": "", "own-rows": ":own", "unknown": ":unknown"}
_STATES = {mark: state for state, mark in _MARKS.items()}
_BARE = re.compile(r"[A-Za-z0-9_-]+")
# Whose rows they are, and the key that passes by every policy: what these two can do says nothing about strangers.
_TRUSTED = {"owner", "service_role"}
NEVER_SENT = {"TRUNCATE"}  # by no request of the API

Key = tuple[str, str, str]
Objects = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Part:
    """What is agreed about one database: object, caller, command, state; `commands` are those that were asked about."""

    objects: Objects = field(default_factory=dict)
    commands: frozenset[str] = frozenset()

    @property
    def callers(self) -> set[str]:
        return {caller for callers in self.objects.values() for caller in callers}

    def state(self, key: Key) -> str | None:
        """What is agreed about one cell; None where nothing is."""
        name, caller, command = key
        listed = self.objects.get(name, {}).get(caller)
        if listed is None:
            return None
        return listed.get(command, "denied" if command in self.commands else None)


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as read from `path`: one part for all databases, or one for each by its name."""

    path: str
    shared: Part
    databases: dict[str, Part] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def part(self, database: str) -> Part:
        return self.databases.get(database, self.shared)

    def line(self, name: str) -> int:
        """The line where an object stands."""
        return self.lines.get(name, 1)


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that is compared. `kind` is same, widened, narrowed, unknown, new (nothing was agreed about its object
    or caller), uncovered (nor about its command), or gone. A gone one has no command, nor a caller where the object
    itself is gone.
    """

    kind: str
    object: str
    caller: str
    command: str
    before: str | None = None
    after: str | None = None

    @property
    def opens(self) -> bool:
        """Whether somebody can newly do something with rows of others."""
        if self.kind == "new":
            return self.after == "allowed" and self.caller not in _TRUSTED and self.command not in NEVER_SENT
        return self.kind == "widened"


def caller_order(caller: str) -> tuple[int, str]:
    """The least trusted callers first, roles of the history behind the users, the service role last."""
    if caller == "service_role":
        return len(_CALLERS) + 1, caller
    return (_CALLERS.index(caller) if caller in _CALLERS else len(_CALLERS)), caller


def command_order(command: str) -> tuple[int, str]:
    return (_COMMANDS.index(command.upper()) if command.upper() in _COMMANDS else len(_COMMANDS)), command


def part_of(matrix: Mapping[Key, str]) -> Part:
    """What a matrix would be agreed as: callers of whom nothing at all is known are left out."""
    objects: Objects = {}
    for (name, caller, command), state in matrix.items():
        objects.setdefault(name, {}).setdefault(caller, {})[command] = state
    for callers in objects.values():
        for caller in [c for c, states in callers.items() if set(states.values()) == {"unknown"}]:
            del callers[caller]
    return Part(objects, frozenset(command for _, _, command in matrix))


def compare(before: Part, after: Mapping[Key, str]) -> list[Change]:
    """Every cell of `after`, and what of `before` it does not have, by object, caller and command."""
    callers = before.callers
    found = [_change(before, callers, key, state) for key, state in after.items()]
    return sorted([*found, *_gone(before, after)], key=_order)


def _change(before: Part, callers: set[str], key: Key, state: str) -> Change:
    name, caller, _ = key
    agreed = before.state(key)
    if name not in before.objects or caller not in callers:
        return Change("new" if state in _RANKS else "unknown", *key, None, state)
    if agreed is None and caller in before.objects[name]:
        return Change("uncovered", *key, None, state)
    if agreed is None or state not in _RANKS or agreed not in _RANKS:
        return Change("unknown", *key, agreed, state)
    step = _RANKS[state] - _RANKS[agreed]
    return Change("widened" if step > 0 else "narrowed" if step < 0 else "same", *key, agreed, state)


def _gone(before: Part, after: Mapping[Key, str]) -> Iterator[Change]:
    objects = {name for name, _, _ in after}
    pairs = {(name, caller) for name, caller, _ in after}
    for name, callers in before.objects.items():
        if name not in objects:
            yield Change("gone", name, "", "")
            continue
        for caller in callers:
            if (name, caller) not in pairs:
                yield Change("gone", name, caller, "")


def _order(change: Change) -> tuple[object, ...]:
    return change.object, caller_order(change.caller), command_order(change.command)


def write_contract(matrices: Mapping[str, Mapping[Key, str]], name: str = FILE_NAME) -> str:
    """The file's text for the matrix of each database; with one database its name is left out."""
    parts = {database: part_of(matrix) for database, matrix in sorted(matrices.items())}
    commands = sorted({command for part in parts.values() for command in part.commands}, key=command_order)
    lines = [_HEADER.format(name=name), f"version = {VERSION}"]
    lines.append(f"commands = [{', '.join(_text(command.lower()) for command in commands)}]")
    for database, part in parts.items():
        prefix = f"databases.{_text(database)}." if len(parts) > 1 else ""
        for item, callers in sorted(part.objects.items()):
            lines += ["", *_section(prefix, item, callers)]
    return "\n".join([*lines, ""])


def _section(prefix: str, name: str, callers: dict[str, dict[str, str]]) -> Iterator[str]:
    asked = {command for states in callers.values() for command in states}
    kind = "functions" if asked == {_FUNCTION} else "tables"
    yield f"[{prefix}{kind}.{_text(name)}]"
    for caller in sorted(callers, key=caller_order):
        yield f"{caller if _BARE.fullmatch(caller) else _text(caller)} = {_text(words(callers[caller]))}"


def words(states: Mapping[str, str]) -> str:
    """What one caller can do, as the file says it: `select insert:own`."""
    listed = (f"{c.lower()}{_MARKS[states[c]]}" for c in sorted(states, key=command_order) if states[c] in _MARKS)
    return " ".join(listed) or "none"


def _text(value: str) -> str:
    """A TOML string; what could deceive a reader's eye is spelt out."""
    return '"' + "".join(_letter(letter) for letter in value) + '"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def parse_contract(text: str, path: str = FILE_NAME) -> Contract:
    """Read a contract; raises ValueError with the reason, and RecursionError, as the TOML parser does."""
    values = tomllib.loads(text)
    if values.get("version") != VERSION:
        raise ValueError(f"'version' is {values.get('version')!r}, and this version of the tool reads {VERSION}")
    commands = values.get("commands")
    if not isinstance(commands, list) or not all(isinstance(command, str) for command in commands):
        raise ValueError("'commands' lists the commands that were asked about")
    known = frozenset(command.upper() for command in commands)
    _refuse_others(values, {"version", "commands", "tables", "functions", "databases"}, "")
    databases = {
        name: _part(part, known, f"databases.{name}.", {"tables", "functions"})
        for name, part in _table(values.get("databases", {}), "databases").items()
    }
    own = {key: values[key] for key in ("tables", "functions") if key in values}
    return Contract(path, _part(own, known, "", {"tables", "functions"}), databases, _lines(text))


def _part(values: Any, commands: frozenset[str], where: str, kinds: set[str]) -> Part:  # noqa: ANN401 - TOML
    _refuse_others(_table(values, where.rstrip(".")), kinds, where)
    objects: Objects = {}
    for kind in sorted(kinds & values.keys()):
        for name, callers in _table(values[kind], where + kind).items():
            listed = _table(callers, f"{where}{kind}.{name}").items()
            objects[name] = {caller: _states(line, commands, f"{name}: {caller}") for caller, line in listed}
    return Part(objects, commands)


def _table(value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - TOML
    if not isinstance(value, dict):
        raise ValueError(f"'{where}' is not a table")  # noqa: TRY004 - the reason of a file that does not parse
    return value


def _refuse_others(values: Iterable[str], known: set[str], where: str) -> None:
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key '{where}{key}'")


def _states(line: Any, commands: frozenset[str], where: str) -> dict[str, str]:  # noqa: ANN401 - TOML
    if not isinstance(line, str):
        raise ValueError(f'{where} is not a text such as "select insert:own"')  # noqa: TRY004 - likewise
    if line.strip() == "none":
        return {}
    found = {}
    for word in line.split():
        command, colon, mark = word.partition(":")
        if command.upper() not in commands or colon + mark not in _STATES:
            raise ValueError(f"{where}: '{word}' is no command of the list 'commands', with :own or :unknown behind it")
        found[command.upper()] = _STATES[colon + mark]
    if not found:
        raise ValueError(f'{where} is empty; write "none"')
    return found


def _lines(text: str) -> dict[str, int]:
    """The line of each object's header, for the places of what the contract alone still names."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("["):
            try:
                header = tomllib.loads(line)
            except (ValueError, RecursionError):
                continue
            found.setdefault(_innermost(header), number)
    return found


def _innermost(header: dict[str, Any]) -> str:
    name = ""
    while header:
        name, header = next(iter(header.items()))
    return name
