"""What a Python endpoint takes out of the request, and whether it goes through a schema before it is used."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.inputs import Read
from auditor.facts.py_bindings import Argument, arguments
from auditor.facts.py_declared_inputs import declared_parts, form_reads, parsed_parts
from auditor.facts.py_reach import names_of
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import PyNames
    from auditor.facts.reach import Reacher

_READS = {
    "json": re.compile(
        r"^(?:self\.)?(?:flask\.)?request\.(?:get_json(?:\(.*\))?|json(?:\(\))?|data|body(?:\(\))?|get_data(?:\(.*\))?)$"
    ),
    "form": re.compile(r"^(?:self\.)?(?:flask\.)?request\.(?:form(?:\(\))?|POST|values)$"),
    "query": re.compile(r"^(?:self\.)?(?:flask\.)?request\.(?:args|GET|query_params)$"),
}
_SCHEMA_CALL = re.compile(
    r"(?:^|\.)(?:model_validate(?:_json)?|parse_obj|parse_raw|validate_python|validate_json|load|loads|from_dict|structure"
    r"|validate|is_valid|deserialize|check_types|Schema|validate_\w+|\w+_validator)$"
)
_NOT_SCHEMA = re.compile(
    r"^(?:json|yaml|pickle|orjson|ujson|simplejson|tomllib|toml|csv|jwt|marshal|np|numpy|pd|torch)\."
)
_MAKES = re.compile(
    r"(?:Serializer|Schema|Form|FormSet|Model|Validator|Request|Input|Payload|Create|Update|DTO|Dto|Params|In)$"
)
_MODELS = re.compile(
    r"^(?:pydantic|sqlmodel|marshmallow|wtforms|flask_wtf|django\.forms|rest_framework\.serializers|msgspec|attrs?\b|cerberus|schema\b|voluptuous)"
)
_OPEN_TYPE = re.compile(
    r"^(?:Optional\[)?(?:typing\.)?(?:dict|Dict|Any|object|Mapping|MutableMapping|list|List|JSON|Json)\b(?!\[\s*(?:int|str|float|bool|UUID|date|datetime|uuid\.UUID|[A-Z]\w*(?<!Any)(?<!Dict))\s*\])"
)
_SIMPLE = re.compile(
    r"\b(?:str|int|float|bool|UUID|date|datetime|Decimal|Enum|Literal|bytes|Path|Query|Header|Cookie)\b"
)
_FRAMEWORK = re.compile(
    r"\b(?:Request|Response|WebSocket|BackgroundTasks|Session|AsyncSession|SecurityScopes|HTTPConnection|Depends|Security|UploadFile|File)\b"
)
_BY_HAND = (
    r"isinstance\(\s*{0}|not\s+{0}\b|{0}(?:\.get\([^)]*\))?\s+(?:is|==|!=|in|not in|<|>)|\bin\s+{0}\b"
    r"|(?:int|float|bool|len)\(\s*{0}"
)
_MAX_PART = 200  # a longer expression makes something else of what it takes
_PARSER = re.compile(r"\.parse_args$")
_FORM_VALID = re.compile(r"\.(?:validate_on_submit|validate|is_valid)\(")


def python_reads(reacher: Reacher, endpoint: Endpoint) -> list[Read]:
    """Everything that the handler reads, with what becomes of it."""
    names = names_of(reacher)
    handler = endpoint.handler
    if handler is None or handler.node.type != "function_definition":
        return []
    found = list(_of_request(names, handler))
    if endpoint.framework in {"FastAPI", "Django Ninja"}:
        found += _of_parameters(names, endpoint, handler)
    declared = declared_parts(handler)
    if "*" in declared:
        return [Read(read.kind, read.path, read.node, validated=True) for read in found] or [
            Read("json", handler.path, handler.node, validated=True)
        ]
    found = [read for read in found if read.kind not in declared]
    found += [Read(kind, handler.path, handler.node, validated=True) for kind in sorted(declared)]
    found += [Read(kind, handler.path, call, validated=True) for kind, call in parsed_parts(handler)]
    found = _through_one_schema([*found, *form_reads(names, endpoint, handler)])
    if endpoint.method in {"GET", "HEAD"}:
        return [read for read in found if read.kind == "query" or read.validated]
    return found


def _through_one_schema(found: list[Read]) -> list[Read]:
    """Where the body went through a schema, single fields that are read beside it are fields of a checked body."""
    checked = {read.kind for read in found if read.validated}
    return [replace(read, validated=True) if read.kind in checked and read.kind != "query" else read for read in found]


def _of_parameters(names: PyNames, endpoint: Endpoint, handler: Site) -> Iterator[Read]:
    """What FastAPI takes by the annotations of the parameters."""
    for argument in arguments(handler.node):
        written = text_of(argument.annotation)
        if argument.name in {"self", "cls"} or not written or _is_injected(names, handler, argument):
            continue
        simple = _SIMPLE.search(written) and not re.search(r"\b(?:[Dd]ict|Any)\b", written)
        if f"{{{argument.name}}}" in endpoint.path or simple:
            yield Read("query", handler.path, argument.node, validated=True)
        elif _OPEN_TYPE.match(_inside(written)):
            if endpoint.method not in {"GET", "DELETE", "HEAD", "WS"}:
                yield Read("json", handler.path, argument.node, frozenset([argument.name]),
                           by_hand=_by_hand(handler, argument.name), whole=frozenset([argument.name]))  # fmt: skip
        elif names.resolve(handler.path, argument.annotation) is not None:
            yield Read("json", handler.path, argument.node, validated=True)


def _inside(written: str) -> str:
    """The type that `Annotated` holds."""
    match = re.match(r"(?:typing\.)?Annotated\[\s*(.*)", written, re.DOTALL)
    return match[1] if match else written


def _is_injected(names: PyNames, handler: Site, argument: Argument) -> bool:
    """Whether FastAPI gives the parameter by itself: a dependency, the request."""
    written = f"{text_of(argument.annotation)} {text_of(argument.default)}"
    if _FRAMEWORK.search(written):
        return True
    found = names.resolve(handler.path, argument.annotation)
    return isinstance(found, Site) and "Depends(" in text_of(found.node) and found.node.type != "class_definition"


def _of_request(names: PyNames, handler: Site) -> Iterator[Read]:
    """What the handler takes out of the request object itself."""
    for node in nodes("python", handler.node, "attribute", "call"):
        written = "".join(text_of(node).split())
        kind = next((kind for kind, pattern in _READS.items() if pattern.match(written)), "")
        if not kind or _is_called(node) or _is_parsed_as(node):
            continue
        yield _judged(names, handler, kind, node)


def _is_called(node: Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "call" and parent.child_by_field_name("function") == node


def _is_parsed_as(node: Node) -> bool:
    """`request.args.get("page", type=int)`: the conversion is the schema."""
    attribute = node.parent
    call = attribute.parent if attribute is not None and attribute.type == "attribute" else None
    return call is not None and call.type == "call" and bool(re.search(r"\btype\s*=", text_of(call)))


def _judged(names: PyNames, handler: Site, kind: str, node: Node) -> Read:
    held, whole = _flow(handler, node)
    calls = nodes("python", handler.node, "call")
    validated = any(_takes(names, handler, call, held, node) for call in calls)
    validated = validated or (kind == "form" and "validate_on_submit(" in text_of(handler.node))
    validated = validated or any(_PARSER.search(text_of(call.child_by_field_name("function"))) for call in calls)
    validated = validated or kind in {part for part, _ in parsed_parts(handler)}
    by_hand = any(_by_hand(handler, name) for name in held)
    return Read(kind, handler.path, node, held, validated, by_hand, whole)


def _flow(handler: Site, node: Node) -> tuple[frozenset[str], frozenset[str]]:
    """The variables that hold the value or a part of it, and those that hold all of it."""
    held: set[str] = set()
    whole: set[str] = set()
    for assignment in nodes("python", handler.node, "assignment", "named_expression"):
        left = assignment.child_by_field_name("left") or assignment.child_by_field_name("name")
        right = assignment.child_by_field_name("right") or assignment.child_by_field_name("value")
        if left is None or right is None or left.type not in {"identifier", "pattern_list"}:
            continue
        if right.start_byte <= node.start_byte and node.end_byte <= right.end_byte:
            held |= set(re.findall(r"\w+", text_of(left)))
            core = re.sub(r"^(?:await\s+|json\.loads\(|dict\()+|\)+$|\s+or\s+\{\}$", "", text_of(right)).strip("()")
            if core.startswith(text_of(node).strip("()")) and len(core) <= len(text_of(node)) + 12:
                whole |= held
        elif held and re.search(rf"\b(?:{'|'.join(map(re.escape, sorted(held)))})\b", text_of(right)):
            held |= set(re.findall(r"\w+", text_of(left))) if len(text_of(right)) < _MAX_PART else set()
    return frozenset(held), frozenset(whole)


def _takes(names: PyNames, handler: Site, call: Node, held: frozenset[str], node: Node) -> bool:
    """Whether a call puts the value through a schema."""
    given = call.child_by_field_name("arguments")
    if given is None:
        return False
    inside = given.start_byte <= node.start_byte and node.end_byte <= given.end_byte
    words = set(re.findall(r"\b\w+\b", text_of(given)))
    if not inside and not words & held:
        return False
    function = call.child_by_field_name("function")
    name = text_of(function)
    if _NOT_SCHEMA.match(name):
        return False
    if _is_checked_later(handler, call):
        return True
    if _SCHEMA_CALL.search(name.split("(")[-1] if "(" not in name else "." + name.rsplit(".", 1)[-1]):
        return True
    return _is_model(names, names.resolve(handler.path, function), name, handler)


def _is_checked_later(handler: Site, call: Node) -> bool:
    """`form = self.form(request.POST)`, whoever made the form's class, where `form.is_valid()` follows."""
    holder = call.parent
    name = holder.child_by_field_name("left") if holder is not None and holder.type == "assignment" else None
    if name is None or name.type != "identifier":
        return False
    return bool(re.search(rf"\b{re.escape(text_of(name))}\.(?:is_valid|validate|full_clean)\(", text_of(handler.node)))


def _is_model(names: PyNames, meaning: object, name: str, handler: Site) -> bool:
    """Whether a class checks what it is made of: a pydantic model, a form, a serializer."""
    if isinstance(meaning, Site) and meaning.node.type == "class_definition":
        dotted = [names.dotted(base) for base in names.bases(meaning)]
        checks = any(_MODELS.match(base) and not base.startswith("sqlmodel.SQLModel()") for base in dotted)
        return checks and (not _needs_is_valid(dotted) or bool(_FORM_VALID.search(text_of(handler.node))))
    if isinstance(meaning, External):
        return bool(_MODELS.match(names.dotted(meaning)))
    last = name.rsplit(".", 1)[-1]
    return (meaning is None or isinstance(meaning, Missing)) and last[:1].isupper() and bool(_MAKES.search(last))


def _needs_is_valid(bases: list[str]) -> bool:
    return any(re.match(r"(?:wtforms|flask_wtf|django\.forms|rest_framework)", base) for base in bases)


def _by_hand(handler: Site, name: str) -> bool:
    return bool(re.search(_BY_HAND.format(rf"\b{re.escape(name)}(?:\[[^\]]*\])?"), text_of(handler.node)))
