"""Functions that make a path out of what they are given: `below("/notes")`, `this.routerPath("notes", false)`.

What they do is followed as far as it is plain: texts put together, and conditions whose answer the call fixes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, FUNCTIONS, arguments_of, string_of, unwrap
from auditor.facts.class_members import members_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

Value = str | bool | None  # None: not known
_TRUTHS = {"true": True, "false": False, "undefined": False, "null": False}
_DECLARES = {"lexical_declaration", "variable_declaration"}
_MAX_BASES = 4


class _TooMuch(Exception):  # noqa: N818 - an end of the reading, not a fault
    """A statement that says more than can be followed."""


@dataclass(slots=True)
class _Run:
    """One call: what its names stand for, and how a text is read that is not made of them."""

    path: str
    text: Callable[[Site], str | None]
    unknown: str
    names: dict[str, Value] = field(default_factory=dict)


def path_of_call(symbols: Symbols, call: Site, text: Callable[[Site], str | None], unknown: str) -> str | None:
    """The path that a call gives; `unknown` stands for the parts that are not known, None for what is no path."""
    function = _function(symbols, call)
    if function is None:
        return None
    body = function.node.child_by_field_name("body")
    outer = _Run(call.path, text, unknown)
    try:
        run = _Run(function.path, text, unknown, _given(outer, function, arguments_of(call.node)))
        found = _body(run, body) if body is not None else None
    except _TooMuch:
        return None
    return found if isinstance(found, str) and "/" in found else None


def _body(run: _Run, body: Node) -> Value:
    return _block(run, body) if body.type == "statement_block" else _value(run, body)


def _function(symbols: Symbols, call: Site) -> Site | None:
    target = symbols.called(call.path, call.node)
    if target is None:
        target = _inherited(symbols, call)
    return target if isinstance(target, Site) and target.node.type in FUNCTIONS else None


def _inherited(symbols: Symbols, call: Site) -> Site | None:
    """The method of a base class that `this.name(…)` calls."""
    called = call.node.child_by_field_name("function")
    held = called.child_by_field_name("object") if called is not None else None
    holder = symbols.resolve(call.path, held) if held is not None and held.type == "this" else None
    name = text_of(called.child_by_field_name("property")) if called is not None else ""
    for _ in range(_MAX_BASES):
        if not isinstance(holder, Site) or holder.node.type not in CLASSES:
            return None
        if (found := members_of(holder.node).get(name)) is not None:
            return Site(holder.path, found)
        heritage = next((each for each in holder.node.named_children if each.type == "class_heritage"), None)
        clause = heritage.named_children[0] if heritage is not None and heritage.named_children else None
        base = (clause.child_by_field_name("value") or clause) if clause is not None else None
        holder = symbols.resolve(holder.path, base) if base is not None else None
    return None


def _given(outer: _Run, function: Site, given: list[Node]) -> dict[str, Value]:
    """What each parameter stands for: the argument, else its default."""
    single, listed = (function.node.child_by_field_name(key) for key in ("parameter", "parameters"))
    patterns = [each for each in (listed.named_children if listed is not None else []) if each.type != "comment"]
    found: dict[str, Value] = {}
    for index, each in enumerate([single] if single is not None else patterns):
        default = each.child_by_field_name("value") or each.child_by_field_name("right")
        name = each.child_by_field_name("pattern") or each.child_by_field_name("left") or each
        inside = _Run(function.path, outer.text, outer.unknown)
        absent = False if default is None else _value(inside, default)
        found[text_of(name)] = _value(outer, given[index]) if index < len(given) else absent
    return found


def _block(run: _Run, block: Node) -> Value:
    """What the statements return; False where they end without."""
    for statement in block.named_children if block.type == "statement_block" else [block]:
        if statement.type == "return_statement":
            return _value(run, statement.named_children[0]) if statement.named_children else False
        if statement.type == "if_statement":
            taken = _branch(run, statement)
            answer = _block(run, taken) if taken is not None else False
            if answer is not False:
                return answer
        elif statement.type in _DECLARES:
            for each in statement.named_children:
                value = each.child_by_field_name("value")
                run.names[text_of(each.child_by_field_name("name"))] = _value(run, value) if value else None
        elif statement.type == "expression_statement" and statement.named_children:
            _value(run, statement.named_children[0])
        elif statement.type not in {"comment", "empty_statement"}:
            raise _TooMuch
    return False


def _branch(run: _Run, statement: Node) -> Node | None:
    condition = statement.child_by_field_name("condition")
    decided = _value(run, condition) if condition is not None else None
    if decided is None:
        raise _TooMuch
    if decided:
        return statement.child_by_field_name("consequence")
    other = statement.child_by_field_name("alternative")
    return other.named_children[0] if other is not None and other.type == "else_clause" else other


def _value(run: _Run, written: Node) -> Value:
    node = unwrap(written)
    if (plain := string_of(node)) is not None:
        return plain
    if node.type in _TRUTHS:
        return _TRUTHS[node.type]
    if node.type == "identifier" and text_of(node) in run.names:
        return run.names[text_of(node)]
    read = _READ.get(node.type)
    return read(run, node) if read is not None else run.text(Site(run.path, node))


def _template(run: _Run, node: Node) -> Value:
    return "".join(_piece(run, child) for child in node.children[1:-1])


def _negated(run: _Run, node: Node) -> Value:
    inner = _value(run, node.child_by_field_name("argument") or node.children[-1])
    known = text_of(node.child_by_field_name("operator")) == "!" and inner is not None
    return not inner if known else None


def _assigned(run: _Run, node: Node) -> Value:
    """`path = value` and `path += value`; what is added to something else changes nothing here."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    value = _value(run, right) if right is not None else None
    if node.type == "augmented_assignment_expression":
        value = _sum(run, run.names.get(text_of(left)), value)
    run.names[text_of(left)] = value
    return value


def _chosen(run: _Run, node: Node) -> Value:
    """The side that the condition takes; neither is read where it is not known which."""
    condition = node.child_by_field_name("condition")
    decided = _value(run, condition) if condition is not None else None
    if decided is None:
        raise _TooMuch
    taken = node.child_by_field_name("consequence" if decided else "alternative")
    return _value(run, taken) if taken is not None else None


def _of_two(run: _Run, node: Node) -> Value:
    first, second = (node.child_by_field_name(key) for key in ("left", "right"))
    operator = text_of(node.child_by_field_name("operator"))
    if first is None or second is None or operator not in {"+", "||", "??", "&&"}:
        return None
    left = _value(run, first)
    if operator == "+":
        return _sum(run, left, _value(run, second))
    if left is None:
        raise _TooMuch
    return _value(run, second) if bool(left) == (operator == "&&") else left


def _sum(run: _Run, left: Value, right: Value) -> Value:
    if not isinstance(left, str) and not isinstance(right, str):
        return None
    return "".join(each if isinstance(each, str) else run.unknown for each in (left, right))


def _asked(run: _Run, call: Node) -> Value:
    """`path.startsWith("/")` and `path.endsWith("/")`."""
    called, given = call.child_by_field_name("function"), arguments_of(call)
    name = text_of(called.child_by_field_name("property")) if called is not None else ""
    held = called.child_by_field_name("object") if called is not None else None
    if name not in {"startsWith", "endsWith"} or held is None or not given:
        return None
    whole, part = _value(run, held), _value(run, given[0])
    if not isinstance(whole, str) or not isinstance(part, str) or run.unknown in whole:
        return None
    return whole.startswith(part) if name == "startsWith" else whole.endswith(part)


def _piece(run: _Run, child: Node) -> str:
    if child.type != "template_substitution":
        return text_of(child)
    value = _value(run, child.named_children[0]) if child.named_children else None
    return value if isinstance(value, str) else run.unknown


_READ: dict[str, Callable[[_Run, Node], Value]] = {
    "template_string": _template,
    "assignment_expression": _assigned,
    "augmented_assignment_expression": _assigned,
    "ternary_expression": _chosen,
    "unary_expression": _negated,
    "binary_expression": _of_two,
    "call_expression": _asked,
}
