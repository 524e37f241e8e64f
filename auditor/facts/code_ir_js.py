"""Statements of TypeScript and JavaScript, read into the small language of `code_ir`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.code_ir_js_expressions import FUNCTIONS, expression, function, parts_of, pattern
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node


def program(root: Node) -> list[ir.Stmt]:
    return _block(root)


def body_of(node: Node) -> list[ir.Stmt]:
    """The statements of a function; an expression in their place is returned."""
    body = node.child_by_field_name("body")
    if body is None or body.type == "statement_block":
        return _block(body)
    return [ir.Return(body, expression(body))]


def _block(node: Node | None) -> list[ir.Stmt]:
    if node is None:
        return []
    if node.type not in {"statement_block", "program", "class_body", "class_static_block"}:
        return _statement(node)
    return [statement for child in parts_of(node) for statement in _statement(child)]


def _statement(node: Node) -> list[ir.Stmt]:
    if make := _STATEMENTS.get(node.type):
        return make(node)
    if node.type in FUNCTIONS:
        return [ir.Define(node, function(node))]
    return [ir.Do(node, expression(node))]


def _declaration(node: Node) -> list[ir.Stmt]:
    return [
        ir.Do(one, ir.Assign(one, pattern(name), expression(value)))
        for one in node.named_children
        if one.type == "variable_declarator" and (name := one.child_by_field_name("name"))
        and (value := one.child_by_field_name("value"))
    ]  # fmt: skip


def _expression_statement(node: Node) -> list[ir.Stmt]:
    return [ir.Do(node, expression(part)) for part in parts_of(node)]


def _if(node: Node) -> list[ir.Stmt]:
    other = node.child_by_field_name("alternative")
    rest = parts_of(other)[0] if other is not None and parts_of(other) else None
    test, then = node.child_by_field_name("condition"), node.child_by_field_name("consequence")
    return [ir.If(node, expression(test), _block(then), _block(rest))] if test else []


def _for_in(node: Node) -> list[ir.Stmt]:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    body = _block(node.child_by_field_name("body"))
    if left is None or right is None:
        return body
    source = expression(right)
    if text_of(node.child_by_field_name("operator")) == "in":
        source = ir.Call(right, ir.Attr(right, ir.Name(right, "Object"), "keys"), [source], {})
    return [ir.Loop(node, body, pattern(left), source)]


def _for(node: Node) -> list[ir.Stmt]:
    first = node.child_by_field_name("initializer")
    body = _block(node.child_by_field_name("body"))
    if after := node.child_by_field_name("increment"):
        body.append(ir.Do(after, expression(after)))
    return [*_block(first), ir.Loop(node, body)]


def _while(node: Node) -> list[ir.Stmt]:
    test = node.child_by_field_name("condition")
    return [ir.Loop(node, _block(node.child_by_field_name("body")), test=expression(test) if test else None)]


def _try(node: Node) -> list[ir.Stmt]:
    caught, last = node.child_by_field_name("handler"), node.child_by_field_name("finalizer")
    handlers = [_block(caught.child_by_field_name("body"))] if caught else []
    if caught and handlers and (name := caught.child_by_field_name("parameter")):
        handlers[0].insert(0, ir.Do(name, ir.Assign(name, pattern(name), ir.Origin(name, "caught error"))))
    final = _block(last.child_by_field_name("body")) if last else []
    return [ir.Try(node, _block(node.child_by_field_name("body")), handlers, final)]


def _switch(node: Node) -> list[ir.Stmt]:
    subject, body = node.child_by_field_name("value"), node.child_by_field_name("body")
    cases = [
        (
            [expression(value)] if (value := case.child_by_field_name("value")) else [],
            [statement for child in case.children_by_field_name("body") for statement in _statement(child)],
        )
        for case in (body.named_children if body else ())
        if case.type in {"switch_case", "switch_default"}
    ]
    return [ir.Switch(node, expression(subject), cases, falls=True)] if subject else []


def _return(node: Node) -> list[ir.Stmt]:
    parts = parts_of(node)
    return [ir.Return(node, expression(parts[0]) if parts else None)]


def _leave(node: Node) -> list[ir.Stmt]:
    parts = [part for part in parts_of(node) if part.type != "statement_identifier"]
    return [ir.Leave(node, expression(parts[0]) if parts else None)]


def _export(node: Node) -> list[ir.Stmt]:
    inner = node.child_by_field_name("declaration") or node.child_by_field_name("value")
    if inner is None:
        return _exported(node)
    if not any(child.type == "default" for child in node.children):
        return _statement(inner)
    name = text_of(inner.child_by_field_name("name"))
    if inner.type in _DECLARED and name:
        return [*_statement(inner), _bound(inner, ir.EXPORT + "default", ir.Name(inner, name))]
    return [_bound(inner, ir.EXPORT + "default", expression(inner))]


def _exported(node: Node) -> list[ir.Stmt]:
    """`export { a as b }`, `export { a } from "./b"`, `export * from "./b"`."""
    source = node.child_by_field_name("source")
    module = text_of(source).strip("\"'`")
    clause = next((child for child in node.named_children if child.type == "export_clause"), None)
    found: list[ir.Stmt] = []
    for one in clause.named_children if clause else ():
        name = text_of(one.child_by_field_name("name"))
        alias = text_of(one.child_by_field_name("alias")) or name
        value = ir.Origin(one, f"{module}.{name}", module, name) if module else ir.Name(one, name)
        found.append(_bound(one, ir.EXPORT + alias, value))
    if clause is None and module:
        found.append(_bound(node, f"{ir.EXPORT}*{node.start_byte}", ir.Origin(node, module, module)))
    return found


def _import(node: Node) -> list[ir.Stmt]:
    source = node.child_by_field_name("source")
    module = text_of(source).strip("\"'`").removeprefix("node:")
    found: list[ir.Stmt] = []
    for clause in node.named_children:
        for part in clause.named_children if clause.type == "import_clause" else ():
            if part.type == "identifier":
                found.append(_bound(part, text_of(part), ir.Origin(part, module, module, "default")))
            elif part.type == "namespace_import":
                found.append(_bound(part, text_of(part.named_children[-1]), ir.Origin(part, module, module)))
            else:
                found.extend(_specifier(one, module) for one in part.named_children if one.type == "import_specifier")
    return found


def _specifier(node: Node, module: str) -> ir.Stmt:
    name = text_of(node.child_by_field_name("name"))
    alias = text_of(node.child_by_field_name("alias")) or name
    return _bound(node, alias, ir.Origin(node, f"{module}.{name}", module, name))


def _bound(node: Node, name: str, value: ir.Expr) -> ir.Stmt:
    return ir.Do(node, ir.Assign(node, ir.Name(node, name), value))


def _class(node: Node) -> list[ir.Stmt]:
    heritage = next((text_of(child) for child in node.children if child.type == "class_heritage"), "")
    name = text_of(node.child_by_field_name("name"))
    bases = re.findall(r"[\w.]+", heritage)[1:]
    body = node.child_by_field_name("body")
    return [ir.Class(node, name, bases, _block(body), _typed_fields(body))]


def _typed_fields(body: Node | None) -> dict[str, tuple[str, str]]:
    """The fields of a class by their types, with the text of each: its decorators say what may be in it."""
    found = [one for one in (body.named_children if body else ()) if one.type == "public_field_definition"]
    return {
        text_of(one.child_by_field_name("name")): (text_of(typed).lstrip(": "), text_of(one))
        for one in found if (typed := one.child_by_field_name("type")) is not None
    }  # fmt: skip


def _field(node: Node) -> list[ir.Stmt]:
    name = node.child_by_field_name("name") or node.child_by_field_name("property")
    value = node.child_by_field_name("value")
    if name is None or value is None:
        return []
    target = ir.Attr(node, ir.Name(node, "this"), text_of(name))
    return [ir.Do(node, ir.Assign(node, target, expression(value)))]


def _none(node: Node) -> list[ir.Stmt]:
    del node
    return []


_DECLARED = {
    "function_declaration", "generator_function_declaration", "class_declaration", "abstract_class_declaration",
}  # fmt: skip
_STATEMENTS: dict[str, Callable[[Node], list[ir.Stmt]]] = {
    "lexical_declaration": _declaration, "variable_declaration": _declaration,
    "expression_statement": _expression_statement, "statement_block": lambda n: [ir.Block(n, _block(n))],
    "if_statement": _if, "for_in_statement": _for_in, "for_statement": _for, "while_statement": _while,
    "do_statement": _while, "try_statement": _try, "switch_statement": _switch, "return_statement": _return,
    "throw_statement": _leave, "break_statement": _leave, "continue_statement": _leave, "export_statement": _export,
    "import_statement": _import, "class_declaration": _class, "abstract_class_declaration": _class, "class": _class,
    "public_field_definition": _field, "field_definition": _field,
    "labeled_statement": lambda n: _block(n.child_by_field_name("body")), "interface_declaration": _none,
    "type_alias_declaration": _none, "enum_declaration": _none, "empty_statement": _none, "ambient_declaration": _none,
}  # fmt: skip
