"""What is known of a value while data is followed through a file: which request data it is made of, and much else."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tree_sitter import Node

    from auditor.facts.code_ir import Expr, Function, Stmt

CLEAN: frozenset[str] = frozenset()
EVERYTHING = "*"  # the class of all uses: what is cleared for it is clean anywhere
GUESSABLE = "\1"  # begins the path of a value that is no request data: it comes from a weak source of randomness
VALIDATED = "\3"  # begins the path of what a schema has let through: it has the right form, and may say anything
FREE = "\3\4"  # begins the path of a text that a schema lets through whatever it says
ENTRY = "\3\5"  # begins the path of the name of an entry of an archive
SEGMENT = "segment"  # among the uses that data is safe for: there is no slash in it
HOLE = "\0"  # in a prefix: text that nobody knows, and that no request chose
_BOUND = re.compile(r"^(?:[a-z]+://[^/\0]+/|/[^/\\\0])")
_FREE_USES = {"sql", "command", "path", "code", "template"}  # of which no type keeps a text away


class _Nothing:
    """The constant of a value whose constant is not known."""


NOTHING = _Nothing()


@dataclass(slots=True, eq=False)
class Value:
    """`taint`: the access paths of request data in it; `whole`: it may hold a structure, not only a text.

    `safe`: uses for which it was made harmless; `prefix`: the text that it begins with, as far as known; `name`: under
    which name everybody knows it, such as `fs.readFile` or `express()`; `items`, `keys`: of a container; `args`,
    `named`: what the call that made it was given; `built`: put together from texts.
    """

    taint: frozenset[str] = CLEAN
    whole: bool = False
    safe: frozenset[str] = CLEAN
    const: object = NOTHING
    items: list[Value] | None = None
    keys: dict[str, Value] | None = None
    prefix: str = HOLE
    name: str = ""
    closure: Closure | None = None
    args: tuple[Value, ...] = ()
    named: dict[str, Value] = field(default_factory=dict)
    built: bool = False
    test: Expr | None = None  # the test whose outcome it is
    shape: Value | None = None  # of a schema: what it lets through
    origin: Origin | None = None  # what another file of this repository gives


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import means: the importing file, the module as it is written there, and the members that lead to it.

    A member `()` is what a call of the one before it gives.
    """

    path: str
    module: str
    members: tuple[str, ...] = ()

    def member(self, name: str) -> Origin:
        return Origin(self.path, self.module, (*self.members, name))


@dataclass(slots=True, eq=False)
class Closure:
    """A function with the variables around it; `path` is the file that it stands in."""

    function: Function
    env: Env
    this: Value | None = None
    path: str = ""


@dataclass(slots=True, eq=False)
class Env:
    """The variables of a function, those around it (`outer`), and the uses for which data was checked, by its path.

    `cleared` is never changed, only replaced: forks and events share it.
    """

    names: dict[str, Value] = field(default_factory=dict)
    cleared: dict[str, frozenset[str]] = field(default_factory=dict)
    function: Function | None = None
    outer: Env | None = None
    has_members: bool = False

    def get(self, name: str) -> Value | None:
        env: Env | None = self
        while env is not None:
            if found := env.names.get(name):
                return found
            env = env.outer
        return None

    def fork(self, flow: Flow) -> Env:
        """A copy to go one of two ways with; a container is copied, so that a write to it stays on its way."""
        flow.steps += len(self.names) // 8
        seen: dict[int, Value] = {}
        names = {
            name: value if value.items is None and value.keys is None else _copied(value, seen)
            for name, value in self.names.items()
        }
        return Env(names, self.cleared, self.function, self.outer, self.has_members)

    def clear(self, paths: Iterable[str], use: str = EVERYTHING) -> None:
        more = {path: self.cleared.get(path, CLEAN) | {use} for path in paths}
        if more:
            self.cleared = self.cleared | more


@dataclass(slots=True, eq=False)
class Event:
    """Something that a rule may ask about: a call, an assignment to a member, an element, a returned value.

    `cleared` is what was checked when it happened.
    """

    kind: str
    name: str
    node: Node
    args: tuple[Value, ...]
    named: dict[str, Value]
    receiver: Value
    cleared: dict[str, frozenset[str]]
    function: Function | None = None
    path: str = ""
    entry: int = 0  # the line of the call by which data came here from another file
    func: Value | None = None  # what is called

    def data(self, value: Value, use: str) -> frozenset[str]:
        """The request data in a value that nothing has made harmless for a use."""
        if not value.taint or use in value.safe:
            return CLEAN
        found = (path for path in value.taint if not is_cleared(self.cleared, path, use))
        free = use in _FREE_USES
        return frozenset(
            path for path in found if not path.startswith((GUESSABLE, VALIDATED)) or (free and path.startswith(FREE))
        )

    def validated(self, value: Value, use: str) -> frozenset[str]:
        """The data in a value that only a schema has looked at."""
        if use in value.safe:
            return CLEAN
        found = (path for path in value.taint if path.startswith(VALIDATED) and not path.startswith((FREE, ENTRY)))
        return frozenset(path for path in found if not is_cleared(self.cleared, path, use))

    def free(self, value: Value, use: str) -> frozenset[str]:
        """The texts in a value that a schema lets through whatever they say."""
        if use in value.safe:
            return CLEAN
        return frozenset(p for p in value.taint if p.startswith(FREE) and not is_cleared(self.cleared, p, use))

    def entries(self, value: Value) -> frozenset[str]:
        """The names of an archive's entries in a value that nothing has kept inside a folder."""
        if "path" in value.safe:
            return CLEAN
        return frozenset(p for p in value.taint if p.startswith(ENTRY) and not is_cleared(self.cleared, p, "path"))

    def clears(self, path: str, use: str) -> bool:
        return is_cleared(self.cleared, path, use)

    def guessable(self, value: Value) -> bool:
        return any(path.startswith(GUESSABLE) for path in value.taint)


@dataclass(slots=True)
class Flow:
    """What happens in one file.

    `call` runs a function of it, `read_body` reads one,
    `evaluate` gives a value, `run` follows statements.
    """

    language: str
    read_body: Callable[[Node], list[Stmt]]
    call: Callable[[Flow, Closure, tuple[Value, ...], dict[str, Value], Env], Value]
    evaluate: Callable[[Flow, Expr, Env], Value]
    run: Callable[[Flow, Sequence[Stmt], Env, list[Value]], bool]
    events: list[Event] = field(default_factory=list)
    steps: int = 0
    depth: int = 0
    loops: int = 0
    exits: list[list[Env]] = field(default_factory=list)  # of each loop around: the ways that leave its body early
    path: str = ""  # of the file whose code is being followed
    home: str = ""  # of the file that is followed
    most_steps: int = 250_000
    modules: Callable[[Flow, Origin], Value | None] | None = None  # what another file gives
    away: list[Event] = field(default_factory=list)  # what happens in other files with what this one hands them
    is_loading: bool = False  # a module's names are read, no function of it is entered
    hops: int = 0
    spent: int = 0  # steps in other files
    entry: int = 0


class TooLong(Exception):  # noqa: N818 - a limit that was reached
    """Following the data of a file takes more steps than a file is worth."""


def is_cleared(cleared: dict[str, frozenset[str]], path: str, use: str) -> bool:
    """Whether the data at a path, or what it is a part of, was checked for a use."""
    while path:
        uses = cleared.get(path)
        if uses and (use in uses or EVERYTHING in uses):
            return True
        path = path.rpartition(".")[0]
    return False


def _copied(value: Value, seen: dict[int, Value]) -> Value:
    if id(value) not in seen:
        items = list(value.items) if value.items is not None else None
        seen[id(value)] = replace(value, items=items, keys=dict(value.keys) if value.keys is not None else None)
    return seen[id(value)]


def constant(value: object) -> Value:
    return Value(const=value, prefix=value if isinstance(value, str) else HOLE)


def tainted(path: str, *, whole: bool = False, name: str = "") -> Value:
    return Value(frozenset((path,)), whole=whole, prefix="", name=name)


def elements(value: Value) -> list[Value]:
    return [*(value.items or ()), *(value.keys or {}).values()]


def content(value: Value, depth: int = 3) -> Value:
    """A value with all that is in it: as one that holds the data of its elements."""
    inner = elements(value)
    if not inner or not depth:
        return value
    return union([replace(value, items=None, keys=None), *(content(one, depth - 1) for one in inner)])


def union(values: list[Value], depth: int = 4) -> Value:
    """A value that may be any of these; below some levels, its elements are no longer told apart."""
    values = list({id(value): value for value in values}.values())
    if len(values) == 1:
        return values[0]
    if not depth:
        values = [replace(value, items=None, keys=None) for value in values]
    dirty = [value for value in values if value.taint]
    first = values[0]
    return Value(
        taint=frozenset().union(*(value.taint for value in dirty)),
        whole=any(value.whole for value in values),
        safe=frozenset.intersection(*(value.safe for value in dirty)) if dirty else CLEAN,
        const=first.const if all(_same(value.const, first.const) for value in values) else NOTHING,
        items=_merged_items(values, depth - 1),
        keys=_merged_keys(values, depth - 1),
        prefix=_shared([value.prefix for value in dirty or values]) or ("" if dirty else HOLE),
        name=next((value.name for value in values if value.name), ""),
        closure=next((value.closure for value in values if value.closure), None),
        args=next((value.args for value in values if value.args), ()),
        named=next((value.named for value in values if value.named), {}),
        built=any(value.built for value in values),
        shape=next((value.shape for value in values if value.shape), None),
        origin=next((value.origin for value in values if value.origin), None),
    )


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _merged_items(values: list[Value], depth: int) -> list[Value] | None:
    lists = [value.items for value in values if value.items is not None]
    if not lists:
        return None
    if all(len(items) == len(lists[0]) for items in lists):
        return [union(list(group), depth) for group in zip(*lists, strict=True)]
    everything = [item for items in lists for item in items]
    return [union(everything, depth)] * max(map(len, lists)) if everything else []


def _merged_keys(values: list[Value], depth: int) -> dict[str, Value] | None:
    maps = [value.keys for value in values if value.keys is not None]
    if not maps:
        return None
    names = {name: None for keys in maps for name in keys}
    return {name: union([keys[name] for keys in maps if name in keys], depth) for name in names}


def _shared(prefixes: list[str]) -> str:
    """What several texts begin with; where each is bound to a host or a folder, any of them says that."""
    return prefixes[0] if all(map(_BOUND.match, prefixes)) else os.path.commonprefix(prefixes)  # noqa: RUF071 - texts, no paths
