"""The fields of a class that is a type of GraphQL, by strawberry's decorators or by graphene's attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, decorators, keyword, node_of, positional
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

_STRAWBERRY = re.compile(
    r"^strawberry\w*\.(?:\w+\.)*(?:field|mutation|subscription|connection|node|offset_paginated|create|update|delete|input_mutation"
    r"|login|logout|register)$"
)
_CREATES = re.compile(r"^strawberry\.tools\.(?:\w+\.)*create_type$")
_FIELD = re.compile(r"(?:^|\.)(?:\w*Field|\w*List|String|Int|Boolean|ID|Float|JSONString|DateTime|UUID)$")
_MUTATES = ("perform_mutation", "mutate_and_get_payload", "mutate", "perform_mutate", "async_mutate")
CONTEXT = {"self", "cls", "root", "obj", "parent", "info", "source", "_", "__", "_root", "_info", "args"}
_OUTPUT = {"type_", "type", "resolver", "required", "description", "deprecation_reason", "name", "default_value",
           "permissions", "of_type", "doc_category"}  # fmt: skip
_GUARDS = ("permission_classes", "extensions", "permissions")


@dataclass(frozen=True, slots=True)
class PyField:
    """One field: `gives` is where its type is written, `takes` whether it has arguments."""

    name: str
    where: Site
    handler: Site | None
    guards: tuple[Site, ...] = ()
    gateway: str = ""
    gives: Site | None = None
    takes: bool = False
    lost: str = ""

    def behind(self, guards: tuple[Site, ...]) -> PyField:
        return replace(self, guards=(*guards, *self.guards))


def class_fields(names: PyNames, owner: Site, *, camel: bool) -> Iterator[PyField]:
    """The fields of a class and of those that it derives from; a nearer one hides a farther one."""
    seen: set[str] = set()
    for holder in _holders(names, owner):
        own = _own(names, owner, holder) if holder.node.type == "class_definition" else _put_together(names, holder)
        for found in own:
            each = replace(found, name=_camel(found.name) if camel else found.name)
            if each.name not in seen and not each.name.startswith("_"):
                seen.add(each.name)
                yield each


def _holders(names: PyNames, owner: Site) -> Iterator[Site]:
    """A class, those that it derives from, and the calls that make types out of functions: `create_type("X", [f])`."""
    if owner.node.type != "class_definition":
        yield owner
        return
    for holder in (owner, *(base for base in names.bases(owner) if isinstance(base, Site))):
        yield holder
        given = holder.node.child_by_field_name("superclasses")
        for each in given.named_children if given is not None else ():
            found = names.resolve(holder.path, each)
            if isinstance(found, Site) and found.node.type == "call":
                yield found


def _put_together(names: PyNames, call: Site) -> Iterator[PyField]:
    called = names.dotted(names.resolve(call.path, call.node.child_by_field_name("function")))
    listed = next(iter(positional(call.node)[1:2]), keyword(call.node, "fields"))
    for each in names.items(call.path, listed) if _CREATES.match(called) else ():
        found = names.resolve(each.path, each.node)
        if isinstance(found, Site) and found.node.type == "function_definition":
            yield from _decorated(names, found)


def _camel(name: str) -> str:
    """`create_user` as a schema shows it; a name that was given in so many words begins with `=`."""
    if name.startswith("="):
        return name[1:]
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest) if first else name


def _own(names: PyNames, owner: Site, holder: Site) -> Iterator[PyField]:
    body = holder.node.child_by_field_name("body")
    for statement in body.named_children if body is not None else ():
        inner = statement.child_by_field_name("definition") if statement.type == "decorated_definition" else None
        if inner is not None and inner.type == "function_definition":
            yield from _decorated(names, Site(holder.path, inner))
        elif statement.type == "expression_statement" and statement.named_children[0].type == "assignment":
            yield from _assigned(names, owner, Site(holder.path, statement.named_children[0]))


def _decorated(names: PyNames, function: Site) -> Iterator[PyField]:
    """`@strawberry.field(permission_classes=[…]) def users(self)`."""
    written = decorators(function.node)
    declaring = next((each for each in written if _declares(names, Site(function.path, each))), None)
    if declaring is None:
        return
    others = tuple(Site(function.path, each) for each in written if each != declaring)
    name = text_of(function.node.child_by_field_name("name"))
    given, guards = None, list(others)
    if declaring.type == "call":
        given = names.text_value(function.path, keyword(declaring, "name"))
        guards += _asked(names, Site(function.path, declaring))
    back = function.node.child_by_field_name("return_type")
    gives = Site(function.path, back) if back is not None else None
    yield PyField(
        f"={given}" if given else name, function, function, tuple(guards), gives=gives, takes=_takes(function)
    )


def _takes(function: Site) -> bool:
    return any(each.name not in CONTEXT for each in arguments(function.node))


def _declares(names: PyNames, decorator: Site, hops: int = 2) -> bool:
    """Whether a decorator makes a field, also through a function of this repository that is made for it."""
    called = decorator.node.child_by_field_name("function") if decorator.node.type == "call" else decorator.node
    found = names.resolve(decorator.path, called)
    if isinstance(found, External):
        return bool(_STRAWBERRY.match(names.dotted(found)))
    if not isinstance(found, Site) or hops <= 0:
        return False
    if found.node.type == "call":  # `authed_field = partial(strawberry.field, permission_classes=[…])`
        return any(_declares(names, Site(found.path, each), hops - 1) for each in positional(found.node)[:1])
    return found.node.type == "function_definition" and bool(
        re.search(r"\bstrawberry\w*\.(?:\w+\.)*(?:field|mutation|subscription)\(", text_of(found.node))
    )


def _asked(names: PyNames, call: Site) -> Iterator[Site]:
    """What a field's declaration names to be asked before it: its permissions, and those among its extensions."""
    for key in _GUARDS:
        for each in names.items(call.path, keyword(call.node, key)):
            inner = keyword(each.node, "permissions") if each.node.type == "call" else None
            yield from names.items(each.path, inner) if inner is not None else [each]


def _assigned(names: PyNames, owner: Site, assignment: Site) -> Iterator[PyField]:
    """`users: list[User] = strawberry.field(resolver=f)`, `users = graphene.List(User)`, `create = Create.Field()`."""
    left, call = assignment.node.child_by_field_name("left"), assignment.node.child_by_field_name("right")
    while call is not None and call.type == "parenthesized_expression":
        call = call.named_children[0]
    if left is None or call is None or call.type != "call" or left.type != "identifier":
        return
    name, site = text_of(left), Site(assignment.path, call)
    annotation = assignment.node.child_by_field_name("type")
    gives = Site(assignment.path, annotation) if annotation is not None else None
    if _declares(names, site):
        given = names.text_value(site.path, keyword(call, "name"))
        resolver, guards = _resolver(names, site), tuple(_asked(names, site))
        takes = resolver is not None and resolver.node.type == "function_definition" and _takes(resolver)
        yield PyField(f"={given}" if given else name, assignment, resolver or site, guards, gives=gives, takes=takes)
    elif _is_graphene(names, owner) and _FIELD.search(text_of(call.child_by_field_name("function"))):
        yield _of_graphene(names, owner, name, assignment, site)


def _is_graphene(names: PyNames, owner: Site) -> bool:
    return any(names.dotted(base).startswith("graphene") for base in names.bases(owner))


def _resolver(names: PyNames, call: Site) -> Site | None:
    named = keyword(call.node, "resolver") or keyword(call.node, "resolve")
    found = names.resolve(call.path, named) if named is not None else None
    return found if isinstance(found, Site) else None


def _of_graphene(names: PyNames, owner: Site, name: str, assignment: Site, call: Site) -> PyField:
    function = call.node.child_by_field_name("function")
    last = text_of(function).rsplit(".", 1)[-1]
    given = names.text_value(call.path, keyword(call.node, "name"))
    name_given = f"={given}" if given else name
    held = function.child_by_field_name("object") if function is not None and last == "Field" else None
    mutation = names.resolve(call.path, held) if held is not None else None
    if isinstance(mutation, Site) and mutation.node.type == "class_definition":
        return replace(_of_mutation(names, mutation, assignment), name=name_given)
    found = names.member(owner, f"resolve_{name}")
    own = isinstance(found, Site) and found.node.type in {"function_definition", "call"}
    handler = found if own and isinstance(found, Site) else _resolver(names, call) or call
    below = tuple(Site(handler.path, each) for each in decorators(handler.node))
    kinds = positional(call.node)[:1]
    gives = Site(call.path, kinds[0]) if kinds else None
    given_names = [text_of(each.child_by_field_name("name")) for each in _keywords(call.node)]
    takes = any(each not in _OUTPUT for each in given_names)
    guards = (*_asked(names, call), *below)
    return PyField(
        name_given, assignment, handler, guards, _permissions(keyword(call.node, "permissions")), gives, takes
    )


def _keywords(call: Node) -> list[Node]:
    given = call.child_by_field_name("arguments")
    return [each for each in given.named_children if each.type == "keyword_argument"] if given is not None else []


def _of_mutation(names: PyNames, mutation: Site, assignment: Site) -> PyField:
    """`CreateUser.Field()`: the method of the class that does the work, and what its `Meta` demands."""
    handler = next(_methods(names, mutation), mutation)
    guards = tuple(Site(handler.path, each) for each in decorators(handler.node) if handler is not mutation)
    meta = node_of(names.scope(mutation.path, mutation.node).bound.get("Meta"))
    held = names.member(Site(mutation.path, meta), "permissions") if meta is not None else None
    gateway = _permissions(held.node) if isinstance(held, Site) else ""
    return PyField("", assignment, handler, guards, gateway, takes=True)


def _methods(names: PyNames, mutation: Site) -> Iterator[Site]:
    """The methods that do the work, those of near classes first."""
    for holder in (mutation, *(base for base in names.bases(mutation) if isinstance(base, Site))):
        bound = names.scope(holder.path, holder.node).bound if holder.node.type == "class_definition" else {}
        for name in _MUTATES:
            node = node_of(bound.get(name))
            if node is not None and node.type == "function_definition":
                yield Site(holder.path, node)


def _permissions(node: Node | None) -> str:
    """What a declaration demands of callers in so many words: `permissions = (P.MANAGE_USERS,)`."""
    if node is None or node.type not in {"tuple", "list"} or not node.named_children:
        return ""
    return f"permissions {' '.join(text_of(node).split())}"[:60]


def returned_type(names: PyNames, each: PyField) -> Site | None:
    """The class that a field gives, where it is one and no list of them."""
    if each.gives is None:
        return None
    written = text_of(each.gives.node)
    if re.search(r"\b(?:list|List|Iterable|Connection)\b", written):
        return None
    for node in [each.gives.node, *nodes("python", each.gives.node, "identifier")]:
        found = names.resolve(each.gives.path, node)
        if isinstance(found, Site) and found.node.type == "class_definition":
            return found
    return None
