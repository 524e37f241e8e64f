"""One small language that TypeScript, JavaScript and Python are read into, so that data is followed in one way.

Expressions and statements keep the syntax node that they come from: findings are places in a file. Patterns on the left
of an assignment are expressions, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node


EXPORT = "export "  # begins the name that a module's export is kept under


@dataclass(slots=True, eq=False)
class Expr:
    node: Node


@dataclass(slots=True, eq=False)
class Const(Expr):
    value: str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Name(Expr):
    id: str


@dataclass(slots=True, eq=False)
class Origin(Expr):
    """What an import gives: the dotted name under which everybody knows it, and the module with the member of it."""

    name: str
    module: str = ""
    member: str = ""


@dataclass(slots=True, eq=False)
class Attr(Expr):
    obj: Expr
    name: str


@dataclass(slots=True, eq=False)
class Index(Expr):
    """An element; without a key, a slice."""

    obj: Expr
    key: Expr | None


@dataclass(slots=True, eq=False)
class Call(Expr):
    func: Expr
    args: list[Expr]
    named: dict[str, Expr]
    is_new: bool = False


@dataclass(slots=True, eq=False)
class Join(Expr):
    """A text put together: a template, an f-string, a chain of `+`."""

    parts: list[Expr]


@dataclass(slots=True, eq=False)
class Binary(Expr):
    op: str
    left: Expr
    right: Expr


@dataclass(slots=True, eq=False)
class Not(Expr):
    inner: Expr


@dataclass(slots=True, eq=False)
class Cond(Expr):
    test: Expr
    yes: Expr
    no: Expr


@dataclass(slots=True, eq=False)
class Spread(Expr):
    inner: Expr


@dataclass(slots=True, eq=False)
class Items(Expr):
    items: list[Expr]


@dataclass(slots=True, eq=False)
class Pairs(Expr):
    """A mapping; a pair without a key is spread into it."""

    pairs: list[tuple[Expr | None, Expr]]


@dataclass(slots=True, eq=False)
class Default(Expr):
    """A pattern with what stands in for a missing value."""

    target: Expr
    value: Expr


@dataclass(slots=True, eq=False)
class Assign(Expr):
    """An assignment; `op` is the operator of an augmented one."""

    target: Expr
    value: Expr
    op: str = ""


@dataclass(slots=True, eq=False)
class Each(Expr):
    """A comprehension: what is made of every element."""

    target: Expr
    source: Expr
    body: Expr
    test: Expr | None = None


@dataclass(slots=True, eq=False)
class Many(Expr):
    """Anything else: its parts are looked at, and nothing is known of its value."""

    parts: list[Expr]


@dataclass(slots=True, eq=False)
class Function(Expr):
    """Its body is read when it is followed."""

    name: str
    params: list[Param]
    decorators: list[Expr] = field(default_factory=list)
    body: list[Stmt] | None = None


@dataclass(slots=True, eq=False)
class Param:
    target: Expr
    type: str = ""
    default: Expr | None = None


@dataclass(slots=True, eq=False)
class Stmt:
    node: Node


@dataclass(slots=True, eq=False)
class Do(Stmt):
    expr: Expr


@dataclass(slots=True, eq=False)
class If(Stmt):
    test: Expr
    then: list[Stmt]
    other: list[Stmt]


@dataclass(slots=True, eq=False)
class Loop(Stmt):
    """`target` takes every element of `source`; without one, `test` is asked before every turn."""

    body: list[Stmt]
    target: Expr | None = None
    source: Expr | None = None
    test: Expr | None = None


@dataclass(slots=True, eq=False)
class Try(Stmt):
    body: list[Stmt]
    handlers: list[list[Stmt]]
    final: list[Stmt]


@dataclass(slots=True, eq=False)
class Block(Stmt):
    body: list[Stmt]


@dataclass(slots=True, eq=False)
class Return(Stmt):
    value: Expr | None


@dataclass(slots=True, eq=False)
class Leave(Stmt):
    """A statement after which the next one is not reached: raise, throw, break, continue."""

    value: Expr | None = None


@dataclass(slots=True, eq=False)
class Define(Stmt):
    function: Function


@dataclass(slots=True, eq=False)
class Class(Stmt):
    name: str
    bases: list[str]
    body: list[Stmt]
    fields: dict[str, tuple[str, str]] = field(default_factory=dict)  # the type and the default of each


@dataclass(slots=True, eq=False)
class Switch(Stmt):
    """Cases with the values that they stand for, none for the default; `falls` where one runs on into the next."""

    subject: Expr
    cases: list[tuple[list[Expr], list[Stmt]]]
    falls: bool
