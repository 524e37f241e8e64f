"""What in some code, or in what it calls, asks who calls; and whether the code on the way turns callers away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.auth_libraries import library_sign
from auditor.facts.bindings import arguments_of
from auditor.facts.edge_authentication import sign_of
from auditor.facts.refusals import compares_secret, refuses, refuses_or_gives_nothing
from auditor.facts.syntax import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.reach import Reacher
    from auditor.facts.symbols import Site, Target

LOCAL = {"arrow_function", "function_declaration", "function_expression", "method_definition"}
# Functions that throw by themselves for a caller they do not know.
_THROWS = re.compile(
    r"verif|constructEvent|unmarshal$|protect$|unsealData|jwtDecrypt|requireAuth|requireUserSession|interactionDetails|handleCallback|^serve\b|createNodeMiddleware"
    r"|^(?:bearerAuth|basicAuth|jwt|jwk) of hono$"
)
_ONLY_MAC = re.compile(r"\bcreateHmac\s*\(")
_MAC_COMPARED = re.compile(
    r"timingSafeEqual|[!=]==?|\.equals\(|[cC]ompare\(|constructEvent|\bsubtle\s*\.\s*verify|\.verify\s*\("
)
_WAIVED = re.compile(
    rb"\b(?:skip|no|disable|bypass|without)_?(?:auth\w*|session|login)\s*:\s*true"
    rb"|\b(?:requires?_?|needs?_?|with_?|check_?)?auth(?:entication|orization|Required|enticated)?\s*:\s*false"
    rb"|\ballow_?(?:anonymous|public|guests?|unauth\w*)\s*:\s*true",
    re.IGNORECASE,
)
_NOTED = re.compile(
    rb"(?:[\w$]+\.)*(?:console|log|logger|signale|Sentry)\b[\w$.]*\(|[\w$.]+\s*=\s*(?:null|undefined|false)\s*;?$"
)
_TEXT_HOPS = 2  # with so few hops left, code that signs or compares does so for something else


@dataclass(frozen=True, slots=True)
class Asked:
    """What asks who calls, and whether the code on the way there turns callers away."""

    sign: str
    strict: bool
    loose: bool


def asked(reacher: Reacher, site: Site, hops: int) -> Asked | None:
    """What in this code, or in what it calls, asks who calls; what runs only after an error does not count."""
    key = (asked, site.path, site.node.start_byte, site.node.end_byte, hops)
    if key not in reacher.memory:
        reacher.memory[key] = None  # a function that calls itself finds nothing more
        reacher.memory[key] = _look(reacher, site, hops)
    known: Asked | None = reacher.memory[key]
    return known


def _look(reacher: Reacher, site: Site, hops: int) -> Asked | None:
    strict = is_code(site) and reacher.says(site, refuses)
    loose = strict or (is_code(site) and reacher.says(site, refuses_or_gives_nothing))
    for call in reacher.own(site):
        if (sign := library_sign(call)) and not _within(call.node, site.node, "catch_clause"):
            tells = any(given.type in LOCAL for given in arguments_of(call.node))  # its callback, and throws nothing
            alone = bool(_THROWS.search(sign)) and not tells and not _within(call.node, site.node, "try_statement")
            return Asked(sign, strict or alone, loose or alone)
    if hops >= _TEXT_HOPS and site.node.type != "class_declaration" and (sign := _said(reacher, site)):
        return Asked(sign, strict, loose)
    best = None
    for target in followed(reacher, site) if hops else ():
        inner = asked(reacher, target, hops - 1)
        if inner is not None and (best is None or (inner.strict and not best.strict)):
            heard = not _forgotten(reacher, site, target)
            best = Asked(inner.sign, (inner.strict and heard) or strict, (inner.loose and heard) or loose)
    return best


def followed(reacher: Reacher, site: Site) -> Iterator[Site]:
    """What the code calls, without what it calls only after an error, or tells not to ask: `{ skipAuth: true }`."""
    text = site.node.text or b""
    if b"catch" not in text and not _WAIVED.search(text):
        return iter(reacher.onward(site))
    ends: dict[Target | None, bool] = {}
    for call in reacher.own(site):
        late = _within(call.node, site.node, "catch_clause")
        ends[call.target] = ends.get(call.target, True) and (late or _waives(call.node))
    return (target for target in reacher.onward(site) if not ends.get(target, False))


def _forgotten(reacher: Reacher, site: Site, target: Site) -> bool:
    """Whether what a function throws is caught wherever it is called, and nothing comes of it."""
    if b"catch" not in (site.node.text or b""):
        return False
    calls = [call.node for call in reacher.own(site) if call.target == target]
    return bool(calls) and all(_caught(call, site.node) for call in calls)


def _caught(node: Node, outer: Node) -> bool:
    """Whether a call stands in a `try` whose `catch` only notes the error down."""
    before, current = node, node.parent
    while current is not None and current != outer.parent:
        if current.type == "try_statement" and current.child_by_field_name("body") == before:
            handler = current.child_by_field_name("handler")
            body = handler.child_by_field_name("body") if handler is not None else None
            written = [child for child in body.named_children if child.type != "comment"] if body is not None else []
            return body is not None and all(_NOTED.match(child.text or b"") for child in written)
        before, current = current, current.parent
    return False


def _waives(call: Node) -> bool:
    """Whether an option of a call says that nobody need be asked."""
    given = (each for each in arguments_of(call) if each.type == "object")
    return any(_WAIVED.search(each.text or b"") for each in given)


def is_code(site: Site) -> bool:
    """A function, one that a call was given (`createMiddleware(async (c, next) => …)`), or `client.use(…)`."""
    if site.node.type != "call_expression":
        return site.node.type in LOCAL
    return b".use(" in (site.node.text or b"") or any(given.type in LOCAL for given in arguments_of(site.node))


def _sign(text: str) -> str:
    """A sign in the text; a message that is only signed, and compared with nothing, is none."""
    found = sign_of(text) or compares_secret(text)
    return "" if found and _ONLY_MAC.search(text) and not _MAC_COMPARED.search(text) else found


def in_itself(reacher: Reacher, handler: Site) -> bool:
    return asked(reacher, handler, 0) is not None or bool(_said(reacher, handler))


def _within(node: Node, outer: Node, kind: str) -> bool:
    """Whether code stands in a `catch`, or in the guarded part of a `try`."""
    before: Node = node
    current = node.parent
    while current is not None and current != outer.parent:
        if current.type == kind and (kind != "try_statement" or current.child_by_field_name("body") == before):
            return True
        before = current
        current = before.parent
    return False


def _said(reacher: Reacher, site: Site) -> str:
    key = (_said, site.path, site.node.start_byte, site.node.end_byte)
    if key not in reacher.memory:
        found = reacher.says(site, _sign)
        reacher.memory[key] = _sign(before_errors(reacher, site)) if found else ""
    return str(reacher.memory[key])


def before_errors(reacher: Reacher, site: Site) -> str:
    """The code without its comments, and without what it does about errors."""
    text = site.node.text or b""
    for node in reversed(nodes(reacher.symbols.code.files[site.path], site.node, "catch_clause", "comment")):
        start, end = node.start_byte - site.node.start_byte, node.end_byte - site.node.start_byte
        text = text[:start] + b" " * (end - start) + text[end:]
    return text.decode("utf-8", "replace")
