"""Parameters that a framework fills from a request: of controllers, of resolvers of GraphQL, and of server actions."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.code_values import Value, tainted
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.code_ir import Function, Param

# Words of a file whose functions are called so.
ENTERED = (
    r"@(?:Body|Query|Param|Headers|Args?|Cookies|UploadedFiles?|BodyParam|QueryParam|HeaderParam)\("
    r"|[\"']use server[\"']"
    r"|\b(?:Query|Mutation)\b[\"']?\s*:\s*\{|\bresolve\b|\b(?:graphene|strawberry|ariadne)\b"
)
_DECORATOR = re.compile(
    r"@(?P<what>Body|Query|Param|Headers?|Cookies?|Args?|UploadedFiles?|RawBody|BodyParam|QueryParam|HeaderParam|CookieParam"
    r"|Path)\((?P<given>.*)\)$",
    re.DOTALL,
)
_HARMLESS_PIPE = re.compile(r"\b(?:DefaultValuePipe|ValidationPipe|\w*Trim\w*Pipe)\b")
_PIPE = re.compile(r"\b\w+Pipe\b|\bnew\s+\w+\(")
_NAMED = re.compile(r"^[\"'`]([^\"'`]+)[\"'`]|\bname:\s*[\"'`](\w+)")
_FILES = {"UploadedFile": "req.file", "UploadedFiles": "req.files"}
_TEXT = re.compile(
    r"^(?:string|unknown|any|object|string\s*\|.*|.*\|\s*string|Record<.*|Partial<Record<.*)$", re.DOTALL
)
_WHOLE = re.compile(r"\b(?:any|unknown|object|Record)\b|^\{|^$")
_FIELD = re.compile(r"[\"']?(\w+)[\"']?\??\s*:\s*([^;,}]+)")
_ROOTS = re.compile(r"^(?:Query|Mutation|Subscription)$")
_NUMBERS = r"(?:GraphQL)?(?:Int|Float|Boolean|Bool)\b|int\(|float\(|boolean\(|(?:int|boolean|float)Arg\("
_GRAPHENE = re.compile(r"\b(?:ObjectType|Mutation|ClientIDMutation|Query|Mutations|Subscription)\b")
_NO_ARGUMENT = {"self", "cls", "root", "obj", "parent", "info", "context", "kwargs", "args", "_", "__", "input"}
_FIELDS_OF_PYTHON = re.compile(r"strawberry(?:_django|\.django)?\.(?:field|mutation|subscription)|(?:^|\W)\w+\.field\(")


def filled(function: Function, param: Param) -> Value | None:
    """What a framework puts into a parameter of TypeScript or JavaScript; None where it is no such parameter."""
    holder = param.target.node.parent
    decorators = [child for child in holder.named_children if child.type == "decorator"] if holder is not None else []
    for decorator in decorators:
        if match := _DECORATOR.match(text_of(decorator)):
            return _decorated(param, match["what"], match["given"])
    if arguments := _arguments_of_field(function, param):
        return arguments
    return _typed(param, text_of(param.target.node)) if _is_action(function.node) else None


def _decorated(param: Param, what: str, given: str) -> Value:
    if what in _FILES:
        return tainted(_FILES[what], name=_FILES[what])
    if _PIPE.search(_HARMLESS_PIPE.sub("", given).replace("new (", "")):
        return Value()  # it converts or checks
    name = _NAMED.search(given.strip())
    part = what.removesuffix("Param").lower() if what != "Param" else "params"
    return _typed(param, f"{part}.{name[1] or name[2]}" if name else part)


def _typed(param: Param, path: str) -> Value:
    """Data of the type that a parameter has: a text, an object of texts, or nothing that may say anything."""
    kind = param.type.strip()
    if kind.startswith("{") and kind.endswith("}"):
        keys = {name: _typed_as(inner.strip(), f"{path}.{name}") for name, inner in _FIELD.findall(kind)}
        return Value(frozenset((path,)), whole=True, prefix="", keys=keys, name=path)
    return _typed_as(kind, path)


def _typed_as(kind: str, path: str) -> Value:
    if kind and not _TEXT.match(kind):
        return Value(name=path)
    return tainted(path, whole=_WHOLE.search(kind) is not None, name=path)


def _is_action(node: Node) -> bool:
    """Whether a function can be called from a browser: it, or its whole file, begins with `use server`."""
    body = node.child_by_field_name("body")
    if body is not None and body.named_children and text_of(body.named_children[0]).strip("\"';") == "use server":
        return True
    outer = node.parent
    if outer is not None and outer.type == "variable_declarator" and outer.parent is not None:
        outer = outer.parent.parent
    if outer is None or outer.type != "export_statement" or outer.parent is None or outer.parent.type != "program":
        return False
    first = outer.parent.named_children
    return any(text_of(one).strip("\"';") == "use server" for one in first[:5] if one.type == "expression_statement")


def _arguments_of_field(function: Function, param: Param) -> Value | None:
    """The second parameter of a resolver: the arguments of the field."""
    if len(function.params) < 2 or function.params[1] is not param:  # noqa: PLR2004 - the arguments come second
        return None
    pair = function.node if function.node.type == "method_definition" else function.node.parent
    holder = pair.parent if pair is not None and pair.type in {"pair", "method_definition"} else None
    if pair is None or holder is None or holder.type != "object":
        return None
    key = text_of(pair.child_by_field_name("key") or pair.child_by_field_name("name")).strip("\"'`")
    declared = _sibling(holder, "args") if key in {"resolve", "subscribe"} else _root(holder)
    if declared is None:
        return None
    numbers = set(re.findall(rf"\b(\w+)\s*:\s*(?:\{{\s*type:\s*)?[\w.(]*?(?:{_NUMBERS})", declared))
    given = _argument("args")
    return replace(given, keys={name: Value(name=f"args.{name}") for name in numbers}) if numbers else given


def _sibling(holder: Node, name: str) -> str | None:
    """The text of a property of the same object."""
    for child in holder.named_children:
        if child.type == "pair" and text_of(child.child_by_field_name("key")) == name:
            return text_of(child.child_by_field_name("value"))
    return None


def _root(holder: Node) -> str | None:
    """The schema that stands in the file, where an object holds the resolvers of a root type."""
    pair = holder.parent
    named = pair.child_by_field_name("key" if pair.type == "pair" else "name") if pair is not None else None
    if pair is None or not _ROOTS.match(text_of(named).strip("\"'`")):
        return None
    top = pair
    while top.parent is not None:
        top = top.parent
    schemas = [text for text in re.findall(r"`[^`]{0,20000}`", text_of(top)) if re.search(r"\btype\s+\w+", text)]
    return " ".join(re.sub(r"(\w+\s*:\s*)\[", r"\1", text) for text in schemas)


def field_argument(function: Function, name: str) -> Value | None:
    """A parameter of a resolver in Python: of a class of graphene, or a function that is said to be a field."""
    if name in _NO_ARGUMENT or name.startswith("_"):
        return None
    if any(_FIELDS_OF_PYTHON.search(text_of(one.node)) for one in function.decorators):
        return _of_type(function, name)
    if function.name != "mutate" and not function.name.startswith(("resolve_", "mutate_and_")):
        return None
    outer: Node | None = function.node.parent
    while outer is not None and outer.type != "class_definition":
        outer = outer.parent
    if outer is None or not _GRAPHENE.search(text_of(outer.child_by_field_name("superclasses"))):
        return None
    number = r"(?:Int|Float|Boolean|UUID|Date\w*|Decimal|Enum|Argument\(\s*\w+\.(?:Int|Float|Boolean))\b"
    strict = rf"\b{re.escape(name)}\s*=\s*(?:\w+\.)?{number}"
    return None if re.search(strict, text_of(outer)) else _argument(name)


def _of_type(function: Function, name: str) -> Value | None:
    kind = next((param.type for param in function.params if text_of(param.target.node) == name), "")
    return _argument(name) if not kind or re.search(r"\bstr\b|\bAny\b|\bID\b", kind) else None


def _argument(name: str) -> Value:
    """What GraphQL lets through: a text that may say anything, or a field of a type that has no other."""
    return replace(tainted(name, name=name), safe=frozenset({"structure"}))


def is_filled(param: Param) -> bool:
    """Whether a decorator says that a part of the request is put into a parameter."""
    holder = param.target.node.parent
    found = (
        text_of(child) for child in (holder.named_children if holder is not None else ()) if child.type == "decorator"
    )
    return any(_DECORATOR.match(text) for text in found)
