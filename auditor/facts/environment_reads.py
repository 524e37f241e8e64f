"""Where code reads a secret from its environment, and the fallback that stands in where the variable is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.sites import arguments, literal, stripped, unwrapped
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

# The name ends with the word of a secret: TOKEN_URL, SALT_ROUNDS and MAX_TOKENS are none.
_SECRET = re.compile(
    r"(?:^|_)(?:SECRETS?|PASSWORD|PASSWD|PASSPHRASE|TOKEN|SALT|PEPPER|JWT_SECRET_\w+|SERVICE_ROLE(?:_KEY)?"
    r"|(?:API|PRIVATE|SIGNING|ENCRYPTION|SECRET|ACCESS|MASTER|HMAC|SESSION|COOKIE|JWT|AUTH|HASH|ADMIN)_?KEY)"
    r"(?:_(?:V?\d+|PROD|PRODUCTION|LIVE|BASE64|B64|HEX|PEM|DEFAULT|OLD|NEW|CURRENT|PREVIOUS))?$"
)
_NO_SECRET = re.compile(
    r"(?:^|_)(?:PUBLIC|PUBLISHABLE|ANON|VITE|REACT_APP|GATSBY|SITE_KEY|RECAPTCHA_KEY|TEST|E2E|DEMO|EXAMPLE|MOCK|SEED|FAKE"
    r"|ENABLE|DISABLE|USE|ALLOW|REQUIRE|MIN|MAX|FORGOT|RESET_PASSWORD)(?:_|$)"
)
_ENVIRONMENT = re.compile(
    r"^(?:(?:globalThis\.)?process\.env|import\.meta\.env|Bun\.env|Deno\.env|(?:\w+\.)*(?:env|ENV)|(?:os\.)?environ)$"
)
_GETTER = re.compile(
    r"(?:^|\.)(?:env|environ|config|configService|ConfigService)\.get(?:OrThrow)?$|^(?:os\.)?getenv$|^env(?:\.str)?$"
    r"|^(?:get|read)_?[eE]nv(?:_?[vV]ar(?:iable)?)?$|^config$|^Deno\.env\.get$"
)
_SCHEMA = re.compile(r"^(?:z|zod|Joi|joi|v|yup|t|Type|S)\.|^(?:str|string|envalid\.str)\(")
_SETTINGS = re.compile(r"\b(?:Base)?Settings\b")
TYPES = {
    "javascript": ("member_expression", "subscript_expression", "call_expression", "object_assignment_pattern", "pair"),
    "python": ("subscript", "call", "assignment"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """A read of the variable `name` at `node`; `fallback` is the expression that replaces a missing value."""

    name: str
    node: Node
    fallback: Node | None


def is_secret_variable(name: str) -> bool:
    upper = name.upper()
    return _SECRET.search(upper) is not None and _NO_SECRET.search(upper) is None


def secret_reads(nodes: list[Node]) -> Iterator[Read]:
    """The reads of secrets among nodes of the types above."""
    for node in nodes:
        read = _READERS[node.type](node)
        if read is not None and is_secret_variable(read.name):
            yield read


def _member(node: Node) -> Read | None:
    held, key = node.child_by_field_name("object"), text_of(node.child_by_field_name("property"))
    if held is None or not key.isupper() or not _ENVIRONMENT.match(text_of(held)):
        return None
    return Read(key, node, _alternative(node))


def _subscript(node: Node) -> Read | None:
    held = node.child_by_field_name("object") or node.child_by_field_name("value")
    index = node.child_by_field_name("index") or node.child_by_field_name("subscript")
    name = literal(index)
    if name is None or not name.isupper() or not _ENVIRONMENT.match(text_of(held)):
        return None
    return Read(name, node, _alternative(node))


def _call(node: Node) -> Read | None:
    """`os.getenv("X", "…")`, `Deno.env.get("X")`, `env("X", default="…")`."""
    function, given = node.child_by_field_name("function"), arguments(node)
    if function is None or not given or not _GETTER.search(text_of(function).partition("<")[0].replace("?.", ".")):
        return None
    name = literal(given[0])
    if name is None or not re.fullmatch(r"[A-Z][A-Z0-9_]+", name):
        return None
    return Read(name, node, _default_argument(given[1:]) or _alternative(node))


def _default_argument(given: list[Node]) -> Node | None:
    for argument in given:
        if argument.type != "keyword_argument":
            return argument
        if text_of(argument.child_by_field_name("name")) == "default":
            return argument.child_by_field_name("value")
    return None


def _pattern(node: Node) -> Read | None:
    """`const { JWT_SECRET = "…" } = process.env`."""
    name, value = text_of(node.child_by_field_name("left")), node.child_by_field_name("right")
    pattern = node.parent
    holder = pattern.parent if pattern is not None else None
    source = holder.child_by_field_name("value") if holder is not None else None
    if not name.isupper() or source is None or not _ENVIRONMENT.match(text_of(source)):
        return None
    return Read(name, node, value)


def _pair(node: Node) -> Read | None:
    """A key of a schema for the environment: `JWT_SECRET: z.string().default("…")`."""
    name, value = text_of(node.child_by_field_name("key")).strip("\"'"), node.child_by_field_name("value")
    if value is None or value.type != "call_expression" or not name.isupper() or not _SCHEMA.match(text_of(value)):
        return None
    return Read(name, node, _schema_default(value))


def _schema_default(value: Node) -> Node | None:
    call: Node | None = value
    while call is not None and call.type == "call_expression":
        function, given = call.child_by_field_name("function"), arguments(call)
        if text_of(function and function.child_by_field_name("property")) in {"default", "prefault"} and given:
            return given[0]
        for pair in given[0].named_children if given and given[0].type == "object" else ():
            if text_of(pair.child_by_field_name("key")) == "default":
                return pair.child_by_field_name("value")
        call = function.child_by_field_name("object") if function is not None else None
    return None


def _assignment(node: Node) -> Read | None:
    """A field of pydantic settings: `SECRET_KEY: str = "…"`."""
    name, value = text_of(node.child_by_field_name("left")), node.child_by_field_name("right")
    typed = node.child_by_field_name("type") is not None
    block = node.parent.parent if node.parent is not None else None
    holder = block.parent if block is not None else None
    if not typed or holder is None or holder.type != "class_definition":
        return None
    if not _SETTINGS.search(text_of(holder.child_by_field_name("superclasses"))):
        return None
    return Read(name, node, _field_default(value))


def _field_default(value: Node | None) -> Node | None:
    """The default of `Field("…")`, `Field(default="…")` and `SecretStr("…")`."""
    while value is not None and text_of(value.child_by_field_name("function")) in {"Field", "SecretStr"}:
        value = _default_argument(arguments(value))
    return value


def _alternative(node: Node) -> Node | None:
    """What `||`, `??`, `or` or a conditional gives where the variable is missing: the last of a chain."""
    found = None
    current = unwrapped(node)
    while (parent := current.parent) is not None:
        if parent.type in {"binary_expression", "boolean_operator", "augmented_assignment_expression"}:
            if text_of(parent.child_by_field_name("operator")) not in {"||", "??", "or", "||=", "??="}:
                break
            if parent.child_by_field_name("left") == current:
                found = parent.child_by_field_name("right")
        elif parent.type in {"ternary_expression", "conditional_expression"}:
            value, condition, alternative = _conditional(parent)
            if value != current or text_of(stripped(node)) not in text_of(condition):
                break
            found = alternative
        elif (cleaned := _cleaned(parent)) is not None:
            parent = cleaned
        else:
            break
        current = unwrapped(parent)
    return stripped(found) if found is not None else None


def _conditional(node: Node) -> tuple[Node | None, Node | None, Node | None]:
    """Value, condition and alternative; Python writes them in this order and has no names for them."""
    if node.type == "conditional_expression":
        value, condition, alternative = (*node.named_children, None, None, None)[:3]
        return value, condition, alternative
    fields = ("consequence", "condition", "alternative")
    value, condition, alternative = (node.child_by_field_name(name) for name in fields)
    return value, condition, alternative


def _cleaned(member: Node) -> Node | None:
    """The call of `.trim()` and the like, which keeps the value what it is."""
    key = text_of(member.child_by_field_name("property") or member.child_by_field_name("attribute"))
    called = key in {"trim", "toString", "replace", "replaceAll", "strip"} and member.type in {
        "member_expression",
        "attribute",
    }
    return member.parent if called and member.parent and member.parent.type in {"call_expression", "call"} else None


_READERS = {
    "member_expression": _member, "subscript_expression": _subscript, "subscript": _subscript,
    "call_expression": _call, "call": _call, "object_assignment_pattern": _pattern, "pair": _pair,
    "assignment": _assignment,
}  # fmt: skip
