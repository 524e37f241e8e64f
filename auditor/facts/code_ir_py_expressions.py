"""Expressions of Python, read into the small language of `code_ir`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

_QUOTES = re.compile(r"^[rRbBuUfF]*(\"\"\"|'''|\"|')")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parts_of(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type != "comment"]


def pattern(node: Node) -> ir.Expr:
    if node.type in {"pattern_list", "tuple_pattern", "list_pattern", "tuple", "list"}:
        return ir.Items(node, [pattern(child) for child in parts_of(node)])
    if node.type in {"list_splat_pattern", "dictionary_splat_pattern"} and node.named_children:
        return ir.Spread(node, pattern(node.named_children[0]))
    return expression(node)


def expression(node: Node) -> ir.Expr:
    if make := _EXPRESSIONS.get(node.type):
        return make(node)
    return ir.Many(node, [expression(child) for child in parts_of(node)])


def inner(node: Node) -> ir.Expr:
    parts = parts_of(node)
    return expression(parts[0]) if parts else ir.Many(node, [])


def _string(node: Node) -> ir.Expr:
    parts: list[ir.Expr] = []
    for child in node.named_children:
        if child.type == "interpolation":
            hole = child.child_by_field_name("expression")
            parts.append(expression(hole) if hole else ir.Many(child, []))
        elif child.type == "string_content":
            parts.append(ir.Const(child, _plain(text_of(child))))
    if all(isinstance(part, ir.Const) for part in parts):
        return ir.Const(node, "".join(str(part.value) for part in parts if isinstance(part, ir.Const)))
    return ir.Join(node, parts)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text) if "\\" in text else text


def _strings(node: Node) -> ir.Expr:
    parts = [expression(child) for child in parts_of(node)]
    flat = [piece for part in parts for piece in (part.parts if isinstance(part, ir.Join) else [part])]
    if all(isinstance(part, ir.Const) for part in flat):
        return ir.Const(node, "".join(str(part.value) for part in flat if isinstance(part, ir.Const)))
    return ir.Join(node, flat)


def _number(node: Node) -> ir.Expr:
    text = text_of(node).replace("_", "")
    try:
        return ir.Const(node, int(text, 0) if node.type == "integer" else float(text))
    except ValueError:
        return ir.Many(node, [])


def _attribute(node: Node) -> ir.Expr:
    obj = node.child_by_field_name("object")
    return ir.Attr(node, expression(obj), text_of(node.child_by_field_name("attribute"))) if obj else ir.Many(node, [])


def _subscript(node: Node) -> ir.Expr:
    obj, keys = node.child_by_field_name("value"), node.children_by_field_name("subscript")
    if obj is None or not keys:
        return ir.Many(node, [])
    key = expression(keys[0]) if len(keys) == 1 and keys[0].type != "slice" else None
    return ir.Index(node, expression(obj), key)


def _call(node: Node) -> ir.Expr:
    callee, holder = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if callee is None:
        return ir.Many(node, [])
    args: list[ir.Expr] = []
    named: dict[str, ir.Expr] = {}
    if holder is not None and holder.type == "generator_expression":
        args.append(expression(holder))
        holder = None
    for child in parts_of(holder) if holder else ():
        if child.type == "keyword_argument" and (value := child.child_by_field_name("value")):
            named[text_of(child.child_by_field_name("name"))] = expression(value)
        elif child.type == "dictionary_splat":
            named["**"] = inner(child)
        else:
            args.append(ir.Spread(child, inner(child)) if child.type == "list_splat" else expression(child))
    return ir.Call(node, expression(callee), args, named)


def _binary(node: Node) -> ir.Expr:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = text_of(node.child_by_field_name("operator"))
    if left is None or right is None:
        return ir.Many(node, [])
    if operator == "%" and left.type in {"string", "concatenated_string", "parenthesized_expression"}:
        given = expression(right)
        return ir.Join(node, _filled(left, given.items if isinstance(given, ir.Items) else [given]))
    if operator != "+":
        return ir.Binary(node, {"and": "&&", "or": "||"}.get(operator, operator), expression(left), expression(right))
    parts = [expression(right)]
    while left.type == "binary_operator" and text_of(left.child_by_field_name("operator")) == "+":
        first, second = left.child_by_field_name("left"), left.child_by_field_name("right")
        if first is None or second is None:
            break
        parts.append(expression(second))
        left = first
    return ir.Join(node, [expression(left), *reversed(parts)])


def _filled(left: Node, given: list[ir.Expr]) -> list[ir.Expr]:
    """A text with what stands in its places, in order, as far as each has one."""
    text = expression(left)
    known = text.value if isinstance(text, ir.Const) and isinstance(text.value, str) else None
    pieces = re.split(r"%(?:\(\w+\))?[-#0-9.+ ]*[a-zA-Z]", known) if known is not None else []
    if len(pieces) != len(given) + 1:
        return [text, *given]
    found: list[ir.Expr] = [ir.Const(left, pieces[0])]
    for one, piece in zip(given, pieces[1:], strict=True):
        found += [one, ir.Const(left, piece)]
    return found


def _comparison(node: Node) -> ir.Expr:
    parts = parts_of(node)
    operators = " ".join(text_of(child) for child in node.children if not child.is_named)
    if len(parts) != 2:  # noqa: PLR2004 - so many arguments or parts
        return ir.Many(node, [expression(part) for part in parts])
    return ir.Binary(node, operators, expression(parts[0]), expression(parts[1]))


def _unary(node: Node) -> ir.Expr:
    value = inner(node)
    minus = text_of(node.child_by_field_name("operator")) == "-"
    if minus and isinstance(value, ir.Const) and isinstance(value.value, int | float):
        return ir.Const(node, -value.value)
    return ir.Many(node, [value])


def _conditional(node: Node) -> ir.Expr:
    parts = parts_of(node)
    if len(parts) != 3:  # noqa: PLR2004 - so many arguments or parts
        return ir.Many(node, [expression(part) for part in parts])
    return ir.Cond(node, expression(parts[1]), expression(parts[0]), expression(parts[2]))


def _dictionary(node: Node) -> ir.Expr:
    pairs: list[tuple[ir.Expr | None, ir.Expr]] = []
    for child in parts_of(node):
        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
        if child.type == "dictionary_splat":
            pairs.append((None, inner(child)))
        elif key is not None and value is not None:
            pairs.append((expression(key), expression(value)))
    return ir.Pairs(node, pairs)


def _comprehension(node: Node) -> ir.Expr:
    body = node.child_by_field_name("body")
    clauses = [child for child in node.named_children if child.type == "for_in_clause"]
    tests = [child for child in node.named_children if child.type == "if_clause"]
    if body is None:
        return ir.Many(node, [])
    made = expression(body)
    for clause in reversed(clauses):
        left, right = clause.child_by_field_name("left"), clause.child_by_field_name("right")
        if left is not None and right is not None:
            test = inner(tests[0]) if tests else None
            made = ir.Each(node, pattern(left), expression(right), made, test)
    return made


def _walrus(node: Node) -> ir.Expr:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    return ir.Assign(node, expression(name), expression(value)) if name and value else ir.Many(node, [])


def _lambda(node: Node) -> ir.Function:
    return ir.Function(node, "", _params(node.child_by_field_name("parameters")))


def function(node: Node, decorators: list[ir.Expr]) -> ir.Function:
    name = text_of(node.child_by_field_name("name"))
    return ir.Function(node, name, _params(node.child_by_field_name("parameters")), decorators)


def _params(node: Node | None) -> list[ir.Param]:
    return [_param(child) for child in parts_of(node)] if node else []


def _param(node: Node) -> ir.Param:
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    first = name or (node.named_children[0] if node.type == "typed_parameter" and node.named_children else node)
    default = expression(value) if value else None
    return ir.Param(pattern(first), text_of(node.child_by_field_name("type")), default)


_EXPRESSIONS: dict[str, Callable[[Node], ir.Expr]] = {
    "identifier": lambda n: ir.Name(n, text_of(n)), "string": _string, "concatenated_string": _strings,
    "integer": _number, "float": _number, "true": lambda n: ir.Const(n, value=True),
    "false": lambda n: ir.Const(n, value=False), "none": lambda n: ir.Const(n, None), "attribute": _attribute,
    "subscript": _subscript, "call": _call, "binary_operator": _binary, "boolean_operator": _binary,
    "comparison_operator": _comparison, "not_operator": lambda n: ir.Not(n, inner(n)), "unary_operator": _unary,
    "conditional_expression": _conditional, "dictionary": _dictionary, "list_comprehension": _comprehension,
    "set_comprehension": _comprehension, "generator_expression": _comprehension,
    "dictionary_comprehension": _comprehension,
    "list": lambda n: ir.Items(n, [expression(child) for child in parts_of(n)]),
    "tuple": lambda n: ir.Items(n, [expression(child) for child in parts_of(n)]),
    "set": lambda n: ir.Items(n, [expression(child) for child in parts_of(n)]),
    "expression_list": lambda n: ir.Items(n, [expression(child) for child in parts_of(n)]),
    "list_splat": lambda n: ir.Spread(n, inner(n)), "parenthesized_expression": inner, "await": inner,
    "named_expression": _walrus, "lambda": _lambda,
}  # fmt: skip
