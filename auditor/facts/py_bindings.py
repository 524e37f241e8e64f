"""What a Python file, a class or a function binds to names: imports, definitions, assignments, parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    Bound: TypeAlias = "Imported | Argument | Element | Node"

_BLOCKS = {
    "if_statement", "elif_clause", "else_clause", "try_statement", "except_clause", "finally_clause", "with_statement",
    "block", "module", "for_statement", "while_statement", "match_statement", "case_clause",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Imported:
    """`from module import name`; the name is empty for a module itself."""

    module: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of a function; `annotation` and `default` where they are written."""

    name: str
    node: Node
    annotation: Node | None = None
    default: Node | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """What a `for` gives one after another out of `values`; `index` is the place in an unpacked tuple."""

    values: Node
    index: int = -1


@dataclass(slots=True)
class Names:
    """The names of one scope; `stars` are the modules whose names are all imported; `extended` what `+=` adds.

    `covered` is what a name was imported as before a class of that name was made: `class ListView(ListView)`.
    """

    bound: dict[str, Bound] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    extended: dict[str, list[Node]] = field(default_factory=dict)
    covered: dict[str, Imported] = field(default_factory=dict)

    def before(self, owner: Node, base: Node | None) -> Imported | None:
        """What a base class was imported as where it has the name of the class itself."""
        name = text_of(base)
        return self.covered.get(name) if name == text_of(owner.child_by_field_name("name")) else None


def node_of(bound: Bound | None) -> Node | None:
    """The code that a name is bound to; None for imports, parameters and loops."""
    return None if isinstance(bound, Imported | Argument | Element) else bound


def read_names(scope: Node) -> Names:
    """The names that a module, a class or a function binds; blocks inside it count, inner functions do not."""
    names = Names()
    if scope.type == "function_definition":
        names.bound |= {argument.name: argument for argument in arguments(scope)}
    body = scope if scope.type == "module" else scope.child_by_field_name("body")
    for statement in _statements(body):
        _read(statement, names)
    return names


def _statements(node: Node | None) -> Iterator[Node]:
    for child in node.named_children if node is not None else ():
        if child.type == "for_statement":
            yield child
        if child.type in _BLOCKS:
            yield from _statements(child)
        elif child.type == "expression_statement":
            yield from child.named_children
        else:
            yield child


def _read(statement: Node, names: Names) -> None:
    kind = statement.type
    if kind == "decorated_definition":
        inner = statement.child_by_field_name("definition")
        names.bound[text_of(inner.child_by_field_name("name")) if inner else ""] = inner or statement
    elif kind in {"function_definition", "class_definition"}:
        name = text_of(statement.child_by_field_name("name"))
        if isinstance(before := names.bound.get(name), Imported):
            names.covered[name] = before
        names.bound[name] = statement
    elif kind in {"import_statement", "import_from_statement"}:
        _import(statement, names)
    elif kind in {"assignment", "augmented_assignment"}:
        _assign(statement, names)
    elif kind == "for_statement":
        _loop(statement, names)
    elif kind == "call":
        _added(statement, names)
    elif kind == "type_alias_statement" and len(statement.named_children) > 1:
        names.bound[text_of(statement.named_children[0])] = statement.named_children[1]


def _import(statement: Node, names: Names) -> None:
    module = text_of(statement.child_by_field_name("module_name")).replace(" ", "")
    if any(child.type == "wildcard_import" for child in statement.named_children):
        names.stars.append(module)
    for child in statement.children_by_field_name("name"):
        name = child.child_by_field_name("name") if child.type == "aliased_import" else child
        alias = child.child_by_field_name("alias")
        whole = text_of(name)
        if module:
            names.bound.setdefault(text_of(alias) or whole, Imported(module, whole))
        else:
            names.bound.setdefault(text_of(alias) or whole.split(".")[0],
                                   Imported(whole if alias is not None else whole.split(".")[0]))  # fmt: skip


def _assign(statement: Node, names: Names) -> None:
    left, right = statement.child_by_field_name("left"), statement.child_by_field_name("right")
    if left is None or right is None or left.type not in {"identifier", "attribute"}:
        return
    name = text_of(left)
    if statement.type == "augmented_assignment":
        names.extended.setdefault(name, []).append(right)
    elif name not in names.bound or _is_none(names.bound[name]):
        names.bound[name] = right


def _added(call: Node, names: Names) -> None:
    """`urls.append(x)`, `urls.extend(xs)`, `urls.insert(0, x)`."""
    function = call.child_by_field_name("function")
    held = function.child_by_field_name("object") if function is not None and function.type == "attribute" else None
    given = positional(call)
    if held is None or held.type != "identifier" or not given:
        return
    if text_of(function).endswith((".append", ".extend", ".insert")):
        names.extended.setdefault(text_of(held), []).append(given[-1])


def _is_none(bound: Bound) -> bool:
    return text_of(node_of(bound)) == "None"


def _loop(statement: Node, names: Names) -> None:
    left, right = statement.child_by_field_name("left"), statement.child_by_field_name("right")
    if left is None or right is None:
        return
    if left.type == "identifier":
        names.bound.setdefault(text_of(left), Element(right))
    for index, each in enumerate(left.named_children if left.type in {"pattern_list", "tuple_pattern"} else ()):
        names.bound.setdefault(text_of(each), Element(right, index))


def arguments(function: Node) -> list[Argument]:
    """The parameters of a function in their order, without the bare `*` and `/`."""
    found = []
    holder = function.child_by_field_name("parameters")
    for each in holder.named_children if holder is not None else ():
        name = each.child_by_field_name("name") or (each if each.type == "identifier" else None)
        if name is None and each.named_children:
            name = each.named_children[0]
        if name is not None and each.type not in {"comment", "keyword_separator", "positional_separator"}:
            annotation, default = each.child_by_field_name("type"), each.child_by_field_name("value")
            found.append(Argument(text_of(name), each, annotation, default))
    return found


def positional(call: Node) -> list[Node]:
    """The arguments of a call that bear no name."""
    given = call.child_by_field_name("arguments")
    children = given.named_children if given is not None else []
    return [child for child in children if child.type not in {"keyword_argument", "comment", "dictionary_splat"}]


def keyword(call: Node, name: str) -> Node | None:
    """The value of one named argument of a call or of a class statement."""
    field_name = "superclasses" if call.type == "class_definition" else "arguments"
    given = call.child_by_field_name(field_name)
    for child in given.named_children if given is not None else ():
        if child.type == "keyword_argument" and text_of(child.child_by_field_name("name")) == name:
            return child.child_by_field_name("value")
    return None


def decorators(definition: Node) -> list[Node]:
    """The decorators of a function or a class, the outermost first."""
    holder = definition.parent
    if holder is None or holder.type != "decorated_definition":
        return []
    return [child.named_children[0] for child in holder.named_children if child.type == "decorator"]


def returns(function: Node) -> list[Node]:
    """What a function itself gives back, the functions inside it left out."""
    return [
        back.named_children[0]
        for back in nodes("python", function, "return_statement")
        if back.named_children and _around(back) == function
    ]


def innermost_class(node: Node) -> Node | None:
    """The innermost class around a node."""
    current = node.parent
    while current is not None and current.type != "class_definition":
        current = current.parent
    return current


def _around(node: Node) -> Node | None:
    current = node.parent
    while current is not None and current.type not in {"function_definition", "lambda"}:
        current = current.parent
    return current
