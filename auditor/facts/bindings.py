"""What names stand for in one file of TypeScript or JavaScript: declarations, imports and exports."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

FUNCTIONS = {
    "function_declaration", "function_expression", "arrow_function", "method_definition",
    "generator_function_declaration", "generator_function",
}  # fmt: skip
CLASSES = {"class_declaration", "abstract_class_declaration", "class"}
DECLARATIONS = {"lexical_declaration", "variable_declaration"}
_NAMED = {"function_declaration", "generator_function_declaration", "class_declaration", "abstract_class_declaration"}
_WRAPPERS = {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
_QUOTES = "\"'`"
_LOOPS = {"for_in_statement", "for_statement", "expression_statement"}
_FOLDER = re.compile(
    r"(\bmodule\.exports|\b\w+)\[[^\]=]{1,80}\]\s*=\s*require\(\s*(?:`\./\$\{|[\"']\./[\"']\s*\+|path\.(?:join|resolve)\(\s*__dirname\s*,\s*[^\"'`])"
)


@dataclass(frozen=True, slots=True)
class Import:
    """`name` of a module as its file exports it: `default`, `*` for the whole, or the exported name."""

    specifier: str
    name: str


@dataclass(frozen=True, slots=True)
class Part:
    """One property of a value that was taken apart."""

    value: Node
    key: str


Binding = Import | Part
"""A name that is bound to neither stands for a node: the value or the declaration itself."""


@dataclass(slots=True)
class Module:
    """The names of one file. `exports` maps exported names to what they stand for (a text is a local name), `stars`
    are the modules whose exports are passed on, `server_actions` says that the file begins with 'use server', `whole`
    is what `module.exports` was set to, `of_folder` that it has the other files of its folder by their names.
    """

    root: Node
    names: dict[str, Node | Binding] = field(default_factory=dict)
    exports: dict[str, Node | Binding | str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    server_actions: bool = False
    whole: Node | Import | None = None
    of_folder: bool = False

    def export(self, name: str) -> Node | Binding | str | None:
        """What is exported under a name."""
        what = self.exports.get(name)
        by_name = what is None and self.of_folder and name not in {"default", "*"}
        return Import(f"./{name}", "*") if by_name else what


def unwrap(node: Node) -> Node:
    """The expression without parentheses, type assertions and `await`."""
    while node.type in _WRAPPERS or node.type == "await_expression":
        inner = [child for child in node.named_children if child.type != "comment"]
        if not inner:
            break
        node = inner[0]
    return node


def string_of(node: Node | None) -> str | None:
    """The value of a string literal or of a template without holes; None for anything else."""
    if node is None:
        return None
    node = unwrap(node)
    if node.type == "string":
        return text_of(node)[1:-1]
    if node.type == "template_string" and not any(child.type == "template_substitution" for child in node.children):
        return text_of(node)[1:-1]
    return None


def arguments_of(call: Node) -> list[Node]:
    """The arguments of a call or of a `new` expression, comments left out."""
    given = call.child_by_field_name("arguments")
    return [child for child in given.named_children if child.type != "comment"] if given is not None else []


def read_module(root: Node) -> Module:
    """The names of a file by its outermost statements."""
    module = Module(root)
    for statement in root.named_children:
        if statement.type == "import_statement":
            module.names.update(_imports(statement))
        elif statement.type == "export_statement":
            _export(module, statement)
        elif statement.type == "expression_statement":
            module.server_actions |= text_of(statement).strip(";" + _QUOTES) == "use server"
            _common_js(module, statement)
        else:
            module.names.update(declared(statement))
        if statement.type in _LOOPS:
            _folder(module, statement)
    return module


def _folder(module: Module, statement: Node) -> None:
    """`files.forEach((file) => { module.exports[name] = require("./" + name) })`, also for what is exported below."""
    found = _FOLDER.search(text_of(statement))
    holder = found[1] if found else ""
    below = re.compile(rf"\bmodule\.exports\s*=\s*{re.escape(holder)}\s*;?\s*$", re.MULTILINE)
    module.of_folder |= holder in {"module.exports", "exports"} or bool(holder and below.search(text_of(module.root)))


def declared(statement: Node) -> Iterator[tuple[str, Node | Binding]]:
    """The names that one statement declares."""
    if statement.type in _NAMED:
        yield text_of(statement.child_by_field_name("name")), statement
    elif statement.type in DECLARATIONS:
        for declarator in statement.named_children:
            if declarator.type == "variable_declarator":
                yield from _declarator(declarator)


def _declarator(declarator: Node) -> Iterator[tuple[str, Node | Binding]]:
    name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
    if name is None:
        return
    if value is None:  # assigned later
        yield text_of(name), declarator
        return
    value = unwrap(value)
    specifier = required(value)
    if name.type == "identifier":
        yield text_of(name), Import(specifier, "*") if specifier else value
    elif name.type in {"object_pattern", "array_pattern"}:
        for local, key in pattern_names(name):
            yield local, Import(specifier, key) if specifier else Part(value, key)


def pattern_names(pattern: Node) -> Iterator[tuple[str, str]]:
    """(local name, property) of each name that `{ a, b: c, d = 1 }` declares; `[a, b]` has the places as properties."""
    if pattern.type == "array_pattern":
        yield from ((text_of(child), str(place)) for place, child in enumerate(pattern.named_children))
        return
    for child in pattern.named_children:
        if child.type == "shorthand_property_identifier_pattern":
            yield text_of(child), text_of(child)
        elif child.type == "pair_pattern":
            yield text_of(child.child_by_field_name("value")), text_of(child.child_by_field_name("key"))
        elif child.type == "object_assignment_pattern":
            yield text_of(child.child_by_field_name("left")), text_of(child.child_by_field_name("left"))


def required(value: Node) -> str | None:
    """The module of `require('x')` or of `import('x')`."""
    if value.type == "call_expression" and text_of(value.child_by_field_name("function")) in {"require", "import"}:
        given = arguments_of(value)
        return string_of(given[0]) if given else None
    return None


def _imports(statement: Node) -> Iterator[tuple[str, Binding]]:
    specifier = string_of(statement.child_by_field_name("source"))
    clause = next((child for child in statement.named_children if child.type == "import_clause"), None)
    if specifier is None or clause is None:
        return
    for child in clause.named_children:
        if child.type == "identifier":
            yield text_of(child), Import(specifier, "default")
        elif child.type == "namespace_import":
            yield text_of(child.named_children[-1]), Import(specifier, "*")
        elif child.type == "named_imports":
            for local, name in _specifiers(child, "import_specifier"):
                yield local, Import(specifier, name)


def _specifiers(clause: Node, kind: str) -> Iterator[tuple[str, str]]:
    """(alias or name, name) of each part of `{ a, b as c }`."""
    for child in clause.named_children:
        if child.type == kind:
            name = text_of(child.child_by_field_name("name")).strip(_QUOTES)
            yield text_of(child.child_by_field_name("alias")).strip(_QUOTES) or name, name


def _export(module: Module, statement: Node) -> None:
    specifier = string_of(statement.child_by_field_name("source"))
    clause = next((child for child in statement.named_children if child.type == "export_clause"), None)
    if clause is not None:
        for alias, name in _specifiers(clause, "export_specifier"):
            module.exports[alias] = Import(specifier, name) if specifier else name
    elif specifier:
        namespace = next((child for child in statement.named_children if child.type == "namespace_export"), None)
        if namespace is None:
            module.stars.append(specifier)
        else:
            module.exports[text_of(namespace.named_children[-1])] = Import(specifier, "*")
    elif any(child.type == "default" for child in statement.children):
        value = statement.child_by_field_name("value") or statement.child_by_field_name("declaration")
        if value is not None:
            module.exports["default"] = unwrap(value)
            module.names.update(declared(value))
    elif (declaration := statement.child_by_field_name("declaration")) is not None:
        for name, what in declared(declaration):
            module.names[name] = what
            module.exports[name] = name


def _common_js(module: Module, statement: Node) -> None:
    assignment = statement.named_children[0] if statement.named_children else None
    if assignment is None or assignment.type != "assignment_expression":
        return
    left, value = text_of(assignment.child_by_field_name("left")), assignment.child_by_field_name("right")
    if value is None:
        return
    value = unwrap(value)
    if left == "module.exports" and not (module.of_folder and value.type == "identifier"):
        specifier = required(value)
        module.whole = module.exports["default"] = Import(specifier, "*") if specifier else value
    elif left.startswith(("module.exports.", "exports.")):
        module.exports[left.rsplit(".", 1)[-1]] = value
    elif left.isidentifier() and value.type in FUNCTIONS | CLASSES:  # a global that nothing declares
        module.names.setdefault(left, value)


def assignments(language: str, scope: Node) -> dict[str, Node]:
    """The first value that each target (`name`, `this.name`) is given somewhere in a piece of code."""
    found: dict[str, Node] = {}
    for node in nodes(language, scope, "assignment_expression"):
        value = node.child_by_field_name("right")
        if value is not None:
            found.setdefault(text_of(node.child_by_field_name("left")), unwrap(value))
    return found


def same_value(node: Node) -> Node | None:
    """What a call gives back as it was: the function of `function.bind(…)`, the object of `Object.freeze({…})`."""
    called = node.child_by_field_name("function") if node.type == "call_expression" else None
    if called is None or called.type != "member_expression":
        return None
    if text_of(called) in {"Object.freeze", "Object.seal"}:
        return next(iter(arguments_of(node)), None)
    return called.child_by_field_name("object") if text_of(called.child_by_field_name("property")) == "bind" else None


def property_of(holder: Node, key: str) -> Node | None:
    """What an object literal gives a property, as it is written."""
    for child in holder.named_children:
        if child.type == "pair" and text_of(child.child_by_field_name("key")).strip(_QUOTES) == key:
            return child.child_by_field_name("value")
        if child.type == "shorthand_property_identifier" and text_of(child) == key:
            return child
        if child.type == "method_definition" and text_of(child.child_by_field_name("name")) == key:
            return child
    return None


def returned(function: Node) -> Iterator[Node]:
    """The expressions that a function returns itself, not those of functions inside it."""
    body = function.child_by_field_name("body")
    if body is None:
        return
    if body.type != "statement_block":
        yield unwrap(body)
        return
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if node.type == "return_statement" and node.named_children:
            yield unwrap(node.named_children[0])
        waiting.extend(child for child in node.named_children if child.type not in FUNCTIONS | CLASSES)
