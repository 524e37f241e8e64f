"""Expressions of TypeScript and JavaScript, read into the small language of `code_ir`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

SKIPPED = {"comment", "type_annotation", "type_arguments", "type_parameters", "predefined_type"}
FUNCTIONS = {
    "arrow_function", "function_expression", "function_declaration", "method_definition", "generator_function",
    "generator_function_declaration", "function",
}  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parts_of(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type not in SKIPPED]


def pattern(node: Node) -> ir.Expr:
    if node.type in {"object_pattern", "object"}:
        return ir.Pairs(node, [_pattern_pair(child) for child in parts_of(node)])
    if node.type in {"array_pattern", "array"}:
        return ir.Items(node, [pattern(child) for child in parts_of(node)])
    if node.type in {"assignment_pattern", "object_assignment_pattern"}:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        return ir.Default(node, pattern(left), expression(right)) if left and right else ir.Many(node, [])
    if node.type == "rest_pattern" and node.named_children:
        return ir.Spread(node, pattern(node.named_children[0]))
    if node.type in {"shorthand_property_identifier_pattern", "identifier"}:
        return ir.Name(node, text_of(node))
    return expression(node)


def _pattern_pair(node: Node) -> tuple[ir.Expr | None, ir.Expr]:
    if node.type == "pair_pattern":
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        return ir.Const(node, _key(key)), pattern(value) if value else ir.Many(node, [])
    target = pattern(node)
    if isinstance(target, ir.Spread):
        return None, target.inner
    return ir.Const(node, text_of(node).split("=")[0].strip()), target


def _key(node: Node | None) -> str:
    return text_of(node).strip("\"'`")


def expression(node: Node) -> ir.Expr:
    if make := _EXPRESSIONS.get(node.type):
        return make(node)
    if node.type in FUNCTIONS:
        return function(node)
    return ir.Many(node, [expression(child) for child in parts_of(node)])


def _inner(node: Node) -> ir.Expr:
    parts = parts_of(node)
    return expression(parts[0]) if parts else ir.Many(node, [])


def _string(node: Node) -> ir.Expr:
    text = text_of(node)[1:-1]
    return ir.Const(node, re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text) if "\\" in text else text)


def _number(node: Node) -> ir.Expr:
    try:
        return ir.Const(node, int(text_of(node).replace("_", ""), 0))
    except ValueError:
        try:
            return ir.Const(node, float(text_of(node)))
        except ValueError:
            return ir.Many(node, [])


def _template(node: Node) -> ir.Expr:
    parts: list[ir.Expr] = []
    for child in node.named_children:
        if child.type == "template_substitution":
            parts.append(_inner(child))
        else:
            parts.append(ir.Const(child, text_of(child)))
    return ir.Join(node, parts)


def _member(node: Node) -> ir.Expr:
    obj = node.child_by_field_name("object")
    return ir.Attr(node, expression(obj), text_of(node.child_by_field_name("property"))) if obj else ir.Many(node, [])


def _subscript(node: Node) -> ir.Expr:
    obj, key = node.child_by_field_name("object"), node.child_by_field_name("index")
    return ir.Index(node, expression(obj), expression(key)) if obj and key else ir.Many(node, [])


def _call(node: Node) -> ir.Expr:
    callee = node.child_by_field_name("function") or node.child_by_field_name("constructor")
    holder = node.child_by_field_name("arguments")
    if callee is None:
        return ir.Many(node, [])
    called = expression(callee)
    if holder is not None and holder.type == "template_string":  # a tagged template: its holes are no part of a text
        holes = [_inner(child) for child in holder.named_children if child.type == "template_substitution"]
        return ir.Call(node, called, [ir.Many(holder, holes)], {})
    args = [expression(child) for child in parts_of(holder)] if holder else []
    return ir.Call(node, called, args, {}, is_new=node.type == "new_expression")


def _binary(node: Node) -> ir.Expr:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = text_of(node.child_by_field_name("operator"))
    if left is None or right is None:
        return ir.Many(node, [])
    if operator != "+":
        return ir.Binary(node, operator, expression(left), expression(right))
    parts = [expression(right)]
    while left.type == "binary_expression" and text_of(left.child_by_field_name("operator")) == "+":
        first, second = left.child_by_field_name("left"), left.child_by_field_name("right")
        if first is None or second is None:
            break
        parts.append(expression(second))
        left = first
    return ir.Join(node, [expression(left), *reversed(parts)])


def _unary(node: Node) -> ir.Expr:
    inner, operator = node.child_by_field_name("argument"), text_of(node.child_by_field_name("operator"))
    if inner is None:
        return ir.Many(node, [])
    if operator == "!":
        return ir.Not(node, expression(inner))
    if operator == "typeof":
        return ir.Call(node, ir.Origin(node, "typeof"), [expression(inner)], {})
    if operator == "-" and isinstance(number := expression(inner), ir.Const) and isinstance(number.value, int | float):
        return ir.Const(node, -number.value)
    return ir.Many(node, [ir.Call(node, ir.Origin(node, "Number"), [expression(inner)], {})])


def _ternary(node: Node) -> ir.Expr:
    test, yes, no = (node.child_by_field_name(name) for name in ("condition", "consequence", "alternative"))
    return (
        ir.Cond(node, expression(test), expression(yes), expression(no)) if test and yes and no else ir.Many(node, [])
    )


def _assignment(node: Node) -> ir.Expr:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return ir.Many(node, [])
    operator = text_of(node.child_by_field_name("operator")) if node.type.startswith("augmented") else ""
    return ir.Assign(node, pattern(left), expression(right), operator)


def _object(node: Node) -> ir.Expr:
    pairs: list[tuple[ir.Expr | None, ir.Expr]] = []
    for child in parts_of(node):
        key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
        if child.type == "spread_element":
            pairs.append((None, _inner(child)))
        elif child.type == "shorthand_property_identifier":
            pairs.append((ir.Const(child, text_of(child)), ir.Name(child, text_of(child))))
        elif child.type == "method_definition":
            pairs.append((ir.Const(child, _key(child.child_by_field_name("name"))), function(child)))
        elif key is not None and value is not None:
            computed = key.type == "computed_property_name"
            pairs.append((_inner(key) if computed else ir.Const(key, _key(key)), expression(value)))
    return ir.Pairs(node, pairs)


def function(node: Node) -> ir.Function:
    single = node.child_by_field_name("parameter")
    params = [ir.Param(pattern(single))] if single else []
    if listed := node.child_by_field_name("parameters"):
        params = [_param(child) for child in parts_of(listed)]
    return ir.Function(node, text_of(node.child_by_field_name("name")), params)


def _param(node: Node) -> ir.Param:
    target = node.child_by_field_name("pattern")
    typed = text_of(node.child_by_field_name("type")).lstrip(": ")
    return ir.Param(pattern(target if target is not None else node), typed)


_EXPRESSIONS: dict[str, Callable[[Node], ir.Expr]] = {
    "identifier": lambda n: ir.Name(n, text_of(n)), "this": lambda n: ir.Name(n, "this"), "string": _string,
    "undefined": lambda n: ir.Const(n, None), "null": lambda n: ir.Const(n, None),
    "true": lambda n: ir.Const(n, value=True), "false": lambda n: ir.Const(n, value=False), "number": _number,
    "template_string": _template, "member_expression": _member, "subscript_expression": _subscript,
    "call_expression": _call, "new_expression": _call, "binary_expression": _binary, "unary_expression": _unary,
    "ternary_expression": _ternary, "assignment_expression": _assignment,
    "augmented_assignment_expression": _assignment,
    "object": _object, "array": lambda n: ir.Items(n, [expression(child) for child in parts_of(n)]),
    "spread_element": lambda n: ir.Spread(n, _inner(n)), "parenthesized_expression": _inner,
    "await_expression": _inner, "non_null_expression": _inner, "as_expression": _inner, "satisfies_expression": _inner,
    "import": lambda n: ir.Origin(n, "require"),
    "regex": lambda n: ir.Origin(n, f"regex {text_of(n)}"),
    "sequence_expression": lambda n: expression(parts_of(n)[-1]),
}  # fmt: skip
