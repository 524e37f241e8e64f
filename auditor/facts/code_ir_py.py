"""Statements of Python, read into the small language of `code_ir`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.code_ir_py_expressions import expression, function, inner, parts_of, pattern
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node


def program(root: Node) -> list[ir.Stmt]:
    return _block(root)


def body_of(node: Node) -> list[ir.Stmt]:
    """The statements of a function; a lambda's expression is returned."""
    body = node.child_by_field_name("body")
    if body is None or body.type == "block":
        return _block(body)
    return [ir.Return(body, expression(body))]


def _block(node: Node | None) -> list[ir.Stmt]:
    return [statement for child in parts_of(node) for statement in _statement(child)] if node else []


def _statement(node: Node) -> list[ir.Stmt]:
    if make := _STATEMENTS.get(node.type):
        return make(node)
    return [ir.Do(node, expression(node))]


def _expressions(node: Node) -> list[ir.Stmt]:
    return [ir.Do(part, _assigned(part)) for part in parts_of(node)]


def _assigned(node: Node) -> ir.Expr:
    if node.type not in {"assignment", "augmented_assignment"}:
        return expression(node)
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return ir.Many(node, [])
    operator = text_of(node.child_by_field_name("operator")) if node.type == "augmented_assignment" else ""
    return ir.Assign(node, pattern(left), _assigned(right), operator)


def _if(node: Node) -> list[ir.Stmt]:
    """A chain of `elif`: from its end, each the other branch of the one before."""
    other: list[ir.Stmt] = []
    for clause in reversed(node.children_by_field_name("alternative")):
        if clause.type == "else_clause":
            other = _block(clause.child_by_field_name("body"))
        elif test := clause.child_by_field_name("condition"):
            other = [ir.If(clause, expression(test), _block(clause.child_by_field_name("consequence")), other)]
    test = node.child_by_field_name("condition")
    return [ir.If(node, expression(test), _block(node.child_by_field_name("consequence")), other)] if test else []


def _for(node: Node) -> list[ir.Stmt]:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    after = [s for c in node.children_by_field_name("alternative") for s in _block(c.child_by_field_name("body"))]
    body = _block(node.child_by_field_name("body"))
    return [ir.Loop(node, body, pattern(left), expression(right)), *after] if left and right else body


def _while(node: Node) -> list[ir.Stmt]:
    test = node.child_by_field_name("condition")
    return [ir.Loop(node, _block(node.child_by_field_name("body")), test=expression(test) if test else None)]


def _try(node: Node) -> list[ir.Stmt]:
    body = _block(node.child_by_field_name("body"))
    handlers: list[list[ir.Stmt]] = []
    final: list[ir.Stmt] = []
    for clause in node.named_children:
        block = next((child for child in clause.named_children if child.type == "block"), None)
        if clause.type == "except_clause":
            handlers.append(_caught(clause) + _block(block))
        elif clause.type == "else_clause":
            body += _block(block)
        elif clause.type == "finally_clause":
            final = _block(block)
    return [ir.Try(node, body, handlers, final)]


def _caught(clause: Node) -> list[ir.Stmt]:
    value = clause.child_by_field_name("value")
    alias = value.child_by_field_name("alias") if value is not None else None
    if alias is None:
        return []
    return [ir.Do(alias, ir.Assign(alias, ir.Name(alias, text_of(alias)), ir.Origin(alias, "caught error")))]


def _with(node: Node) -> list[ir.Stmt]:
    found: list[ir.Stmt] = []
    clause = next((child for child in node.named_children if child.type == "with_clause"), None)
    for item in clause.named_children if clause else ():
        value = item.child_by_field_name("value")
        alias = value.child_by_field_name("alias") if value is not None else None
        if value is not None and alias is not None and alias.named_children:
            taken = ir.Assign(item, pattern(alias.named_children[0]), expression(value.named_children[0]))
            found.append(ir.Do(item, taken))
        elif value is not None:
            found.append(ir.Do(item, expression(value)))
    return found + _block(node.child_by_field_name("body"))


def _match(node: Node) -> list[ir.Stmt]:
    subject, body = node.child_by_field_name("subject"), node.child_by_field_name("body")
    if subject is None or body is None:
        return []
    cases: list[tuple[list[ir.Expr], list[ir.Stmt]]] = []
    for clause in body.named_children:
        if clause.type == "case_clause":
            pattern_node = next((child for child in clause.named_children if child.type == "case_pattern"), None)
            cases.append((_values(pattern_node), _block(clause.child_by_field_name("consequence"))))
    return [ir.Switch(node, expression(subject), cases, falls=False)]


def _values(node: Node | None) -> list[ir.Expr]:
    """What a case stands for; none for the wildcard."""
    if node is None or not node.named_children:
        return []
    first = node.named_children[0]
    return [expression(part) for part in (first.named_children if first.type == "union_pattern" else [first])]


def _import(node: Node) -> list[ir.Stmt]:
    found: list[ir.Stmt] = []
    for name in node.children_by_field_name("name"):
        if name.type == "aliased_import":
            found.append(_bound(name, text_of(name.child_by_field_name("alias")), _dotted(name), ""))
        else:
            root = text_of(name).split(".", maxsplit=1)[0]
            found.append(_bound(name, root, root, ""))
    return found


def _import_from(node: Node) -> list[ir.Stmt]:
    module = text_of(node.child_by_field_name("module_name"))
    return [
        _bound(name, text_of(name.child_by_field_name("alias")) or text_of(name), module, _dotted(name))
        for name in node.children_by_field_name("name")
    ]


def _dotted(name: Node) -> str:
    return text_of(name.child_by_field_name("name")) if name.type == "aliased_import" else text_of(name)


def _bound(node: Node, name: str, module: str, member: str) -> ir.Stmt:
    origin = ir.Origin(node, f"{module}.{member}" if member else module, module, member)
    return ir.Do(node, ir.Assign(node, ir.Name(node, name), origin))


def _decorated(node: Node) -> list[ir.Stmt]:
    inner_node = node.child_by_field_name("definition")
    if inner_node is None:
        return []
    if inner_node.type != "function_definition":
        return _statement(inner_node)
    decorators = [inner(child) for child in node.named_children if child.type == "decorator"]
    return [ir.Define(node, function(inner_node, decorators))]


def _class(node: Node) -> list[ir.Stmt]:
    bases = node.child_by_field_name("superclasses")
    names = [text_of(child) for child in parts_of(bases)] if bases else []
    body = node.child_by_field_name("body")
    return [ir.Class(node, text_of(node.child_by_field_name("name")), names, _block(body), dict(_fields(body)))]


def _fields(body: Node | None) -> Iterator[tuple[str, tuple[str, str]]]:
    for statement in body.named_children if body else ():
        field = statement.named_children[0] if statement.type == "expression_statement" else statement
        if kind := field.child_by_field_name("type"):
            default = text_of(field.child_by_field_name("right"))
            yield text_of(field.child_by_field_name("left")), (text_of(kind), default)


def _return(node: Node) -> list[ir.Stmt]:
    parts = parts_of(node)
    return [ir.Return(node, expression(parts[0]) if parts else None)]


def _leave(node: Node) -> list[ir.Stmt]:
    parts = parts_of(node)
    return [ir.Leave(node, expression(parts[0]) if parts else None)]


def _none(node: Node) -> list[ir.Stmt]:
    del node
    return []


_STATEMENTS: dict[str, Callable[[Node], list[ir.Stmt]]] = {
    "expression_statement": _expressions, "if_statement": _if, "for_statement": _for, "while_statement": _while,
    "try_statement": _try, "with_statement": _with, "match_statement": _match, "import_statement": _import,
    "import_from_statement": _import_from, "decorated_definition": _decorated, "class_definition": _class,
    "function_definition": lambda n: [ir.Define(n, function(n, []))], "return_statement": _return,
    "raise_statement": _leave, "break_statement": _leave, "continue_statement": _leave, "pass_statement": _none,
    "global_statement": _none, "nonlocal_statement": _none, "future_import_statement": _none,
}  # fmt: skip
