"""Calls that decode or verify a JSON Web Token, told apart by the library that the name was imported from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from auditor.facts.sites import arguments, innermost_function, outermost_function
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

HINTS = ("jwt", "JWT", "Jwt", "jsonwebtoken", "jose", "jws", '.split(".")', ".split('.')")
_MODULE = re.compile(r"jsonwebtoken|hono/(?:utils/)?jwt|\bjose\b|\bjws\b|jwt-decode|worker-jwt|djwt")
_IMPORT = re.compile(
    r"\bimport\s+(?:type\s+)?([\w$*{][^;'\"]{0,2000}?)\s+from\s*[\"']([^\"'\n]+)[\"']"
    r"|\b(?:const|let|var)\s+(\w+|\{[^}]{0,2000}\})\s*=\s*(?:await\s+import|require)\(\s*[\"']([^\"'\n]+)[\"']\s*\)"
)
_DECODERS = {"decode", "decodeJwt", "jwtDecode", "jwt_decode"}
_VERIFIERS = {"verify", "jwtVerify", "jwtDecrypt", "verifyWithJwks", "compactVerify"}
_NAMED = r"\b\w*(?:[tT]oken|TOKEN|jwt|JWT|[jJ]wt|[bB]earer|[cC]redential)\w*"
_SPLIT = re.compile(_NAMED + r"(?:\(\))?[!?]?\.split\(\s*[\"']\.[\"']\s*\)")
_HEADER_PART = re.compile(r"\.split\(\s*[\"']\.[\"']\s*\)\s*!?\[0\]")
# `[1]`, or the second of three names; of two names the first is left out or called a header.
_PAYLOAD_PART = re.compile(r"\[1\]|\[\s*(?:_\w*|\w*[hH]eader\w*)?\s*,\s*\w+|\[\s*\w+\s*,\s*\w+\s*,\s*\w*\s*\]\s*=[^=]")
_BASE64 = re.compile(r"\batob\(|base64|b64decode|decodeBase64", re.IGNORECASE)

_IMPORT_PY = re.compile(
    r"^[ \t]*(?:from\s+(jwt|jose|authlib\.jose|jose\.jwt|jwt\.api_jwt)\s+import\s+(\([^)]{0,2000}\)|[^\n#]+)"
    r"|import\s+([^\n#]+))",
    re.MULTILINE,
)

Action = Literal["decode", "verify", "unsafe", "expired"]


@dataclass(frozen=True, slots=True)
class JwtCall:
    """`unsafe` verifies with the signature switched off or with `none`, `expired` accepts tokens that are over."""

    node: Node
    action: Action
    name: str


def jwt_calls(language: str, text: str, calls: list[Node]) -> Iterator[JwtCall]:
    if language == "python":
        yield from _python(text, calls)
        return
    names = _imported(text)
    by_hand = _SPLIT.search(text) is not None and _BASE64.search(text) is not None
    for call in calls:
        function = call.child_by_field_name("function")
        name = text_of(function) if function is not None else ""
        action = _action(name, names)
        if action is not None:
            yield JwtCall(call, _with_options(action, call), name)
        elif by_hand and name == "JSON.parse" and _parses_payload(call):
            yield JwtCall(call, "decode", "JSON.parse")


def _imported(text: str) -> dict[str, str]:
    """Local name to the name that a library of tokens exports; `*` for the library as a whole."""
    found: dict[str, str] = {}
    for match in _IMPORT.finditer(text):
        clause, module = (match[1], match[2]) if match[1] else (match[3], match[4])
        if _MODULE.search(module):
            inner = re.search(r"\{([^}]*)\}", clause)
            for part in inner[1].split(",") if inner else ():
                words = re.findall(r"\w+", part.replace("type ", ""))
                if words:
                    found[words[-1]] = words[0]
            outer = re.match(r"(?:\*\s*as\s+)?(\w+)", clause)
            if outer:
                found[outer[1]] = "jwtDecode" if "jwt-decode" in module else "*"
    return found


def _action(name: str, names: dict[str, str]) -> Action | None:
    if re.search(r"\bjwtService\.(?:decode|verify)$", name) or re.search(
        r"\b(?:fastify|app|server)\.jwt\.(?:decode|verify)$", name
    ):
        last = name.rsplit(".", 1)[-1]
    else:
        head, _, rest = name.partition(".")
        known = names.get(head)
        if known is None:
            return None
        last = (rest.rsplit(".", 1)[-1] if rest else "") if known == "*" else known
    if last in _DECODERS:
        return "decode"
    return "verify" if last in _VERIFIERS or last == "verifyAsync" else None


def _with_options(action: Action, call: Node) -> Action:
    options = " ".join(_written(argument) for argument in arguments(call)[1:])
    if action == "verify" and re.search(r"algorithms?[\"']?\s*:\s*\[?[^\]}]*[\"']none[\"']", options, re.IGNORECASE):
        return "unsafe"
    if action == "verify" and re.search(r"ignoreExpiration[\"']?\s*:\s*true", options):
        return "expired"
    return action


def _written(argument: Node) -> str:
    """An argument's text; of a name, that of the object which the same file gives it."""
    if argument.type != "identifier":
        return text_of(argument)
    name, outer = text_of(argument), argument.parent
    while outer is not None:
        for child in outer.named_children if outer.type in {"program", "statement_block"} else ():
            declared = child.named_children[0] if child.type == "export_statement" and child.named_children else child
            for one in declared.named_children if declared.type.endswith("declaration") else ():
                value = one.child_by_field_name("value")
                if value is not None and text_of(one.child_by_field_name("name")) == name:
                    return text_of(value)
        outer = outer.parent
    return name


def _parses_payload(call: Node) -> bool:
    """Whether this `JSON.parse` reads the middle part of a token: told by the function around it."""
    around = innermost_function(call)
    own = text_of(call)
    if "." in own and _SPLIT.search(own):
        return _BASE64.search(own) is not None and _HEADER_PART.search(own) is None
    text = text_of(around) if around is not None else text_of(outermost_function(call))
    if _SPLIT.search(text) is None or _BASE64.search(text) is None:
        return False
    if re.search(r"header", own, re.IGNORECASE) and not re.search(r"payload|claims|body", own, re.IGNORECASE):
        return False
    return (
        _PAYLOAD_PART.search(text) is not None
        and re.search(r"[pP]ayload|base64|atob|[dD]ecoded|[cC]laims|\bbody\b", own) is not None
    )


def _python(text: str, calls: list[Node]) -> Iterator[JwtCall]:
    names = _imported_in_python(text)
    if not names:
        return
    for call in calls:
        name = text_of(call.child_by_field_name("function"))
        head, _, rest = name.partition(".")
        last = (rest or names.get(head, "")) if head in names else ""
        if last in {"get_unverified_claims", "jwt.get_unverified_claims"}:
            yield JwtCall(call, "decode", name)
        elif last in {"decode", "jwt.decode", "decode_complete"}:
            yield JwtCall(call, _python_action(call, text), name)


def _imported_in_python(text: str) -> dict[str, str]:
    """Local name to the function of PyJWT, python-jose or Authlib; empty for a module."""
    found: dict[str, str] = {}
    for match in _IMPORT_PY.finditer(text):
        for part in (match[2] or match[3]).strip("()").split(","):
            words = part.split()
            if words and match[2] is None:
                found |= {words[-1]: ""} if words[0] in {"jwt", "jose"} else {}
            elif words:
                found[words[-1]] = "" if words[0] in {"jwt", "JsonWebToken"} else words[0]
    return found


def _python_action(call: Node, text: str) -> Action:
    given = _with_constants(text_of(call.child_by_field_name("arguments")), text)
    if re.search(r"[\"']verify_signature[\"']\s*:\s*False|verify_signature\s*=\s*False|\bverify\s*=\s*False", given):
        return "decode"
    if re.search(r"algorithms\s*=\s*[\[(][^\])]*[\"']none[\"']", given, re.IGNORECASE):
        return "unsafe"
    return "expired" if re.search(r"[\"']verify_exp[\"']\s*:\s*False", given) else "verify"


def _with_constants(given: str, text: str) -> str:
    """What a call is given, with the values of the module's own constants in place of their names."""
    for name in set(re.findall(r"(?:options\s*=|verify\s*=|verify_\w+[\"']\s*:)\s*([A-Za-z_]\w*)", given)):
        declared = re.search(rf"^{name}\s*(?::[^=\n]+)?=\s*(True|False|\{{[^}}]*\}})", text, re.MULTILINE)
        if declared:
            given = declared[1].join(re.split(rf"\b{name}\b", given))
    return given
