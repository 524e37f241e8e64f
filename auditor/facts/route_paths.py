"""The path that a registration names: literals, constants from elsewhere, templates and sums of them, lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import string_of, unwrap
from auditor.facts.path_functions import path_of_call
from auditor.facts.symbols import Missing, Parameter, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

UNKNOWN = ":value"
_NAMED_LIKE_A_PATH = re.compile(r"(?:(?i:path|url|uri|route|prefix|base|endpoint|pattern)s?|^[A-Z][A-Z0-9_]*)$")
# Where a server is put by whoever runs it: nothing stands before its paths until somebody says so.
_OF_DEPLOYMENT = re.compile(
    r"(?:[bB]ase|BASE|[cC]ontext|CONTEXT|[sS]ub|SUB)_?(?:[pP]ath|PATH|[fF]older|FOLDER|[uU]ri|URI)$"
)
_CHOOSE = {"binary_expression", "ternary_expression"}
_NAMES = {"identifier", "member_expression", "property_identifier", "shorthand_property_identifier"}
_MAX_PARTS = 40


def paths_of(symbols: Symbols, site: Site) -> list[str]:
    """Every path that an argument stands for; what is not known of one is `:value`. None at all for other arguments."""
    node = unwrap(site.node)
    if node.type == "array":
        return [path for child in node.named_children for path in paths_of(symbols, Site(site.path, child))]
    if node.type == "regex":
        return ["*"]
    text = text_at(symbols, site)
    if text is not None:
        return [text]
    target = symbols.resolve(site.path, node) if node.type in {"identifier", "member_expression"} else None
    if isinstance(target, Site) and target.node.type in {"array", "regex"}:
        return paths_of(symbols, target) if target.node != node else []
    if target is not None and not isinstance(target, Missing | Parameter):
        return []
    return [UNKNOWN] if _NAMED_LIKE_A_PATH.search(_last_name(node)) else []


def text_at(symbols: Symbols, site: Site, *, calls: bool = True) -> str | None:
    """A text with its constants filled in, and with what functions make of theirs; None for what is no text."""
    parts = _parts(unwrap(site.node))
    texts = [_text(symbols, Site(site.path, part), calls=calls) for part in parts]
    if len(parts) == 1:
        return texts[0]
    known = any(text is not None for text in texts)
    return "".join(UNKNOWN if text is None else text for text in texts) if known else None


def _parts(node: Node) -> list[Node]:
    """The summands of `A + "/b" + C`."""
    found: list[Node] = []
    while node.type == "binary_expression" and len(found) < _MAX_PARTS:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or text_of(node.child_by_field_name("operator")) != "+":
            break
        found.append(right)
        node = unwrap(left)
    return [node, *reversed(found)]


def _text(symbols: Symbols, site: Site, *, calls: bool) -> str | None:
    node = unwrap(site.node)
    if (plain := string_of(node)) is not None:
        return plain
    if node.type == "template_string":
        return "".join(_piece(symbols, Site(site.path, child), calls=calls) for child in node.children[1:-1])
    if node.type in _NAMES:
        target = symbols.resolve(site.path, node)
        if isinstance(target, Site) and target.node.type in {"string", "template_string", *_CHOOSE}:
            return text_at(symbols, target, calls=calls)
        if not isinstance(target, Site | Parameter) and _OF_DEPLOYMENT.search(_last_name(node)):
            return ""
    if node.type == "call_expression" and calls:  # within a function, no further one is followed
        return path_of_call(symbols, Site(site.path, node), lambda part: text_at(symbols, part, calls=False), UNKNOWN)
    return _unset(symbols, Site(site.path, node), calls=calls) if node.type in _CHOOSE else None


def _unset(symbols: Symbols, site: Site, *, calls: bool) -> str | None:
    """What is there while nobody sets anything: of `config.prefix ? `/${config.prefix}` : ""` nothing, of
    `process.env.PREFIX ?? "/api"` the latter.
    """
    first, second = site.node.child_by_field_name("consequence"), site.node.child_by_field_name("alternative")
    if site.node.type == "binary_expression":
        chooses = text_of(site.node.child_by_field_name("operator")) in {"??", "||"}
        first, second = (site.node.child_by_field_name(name) if chooses else None for name in ("left", "right"))
    given = (Site(site.path, each) if each is not None else None for each in (first, second))
    texts = [_text(symbols, each, calls=calls) if each is not None else None for each in given]
    known = [text for text in texts if text is not None and UNKNOWN not in text]
    return known[0] if len(set(known)) == 1 else None


def _piece(symbols: Symbols, child: Site, *, calls: bool) -> str:
    if child.node.type != "template_substitution":
        return text_of(child.node)
    inner = child.node.named_children[0] if child.node.named_children else None
    text = _text(symbols, Site(child.path, inner), calls=calls) if inner is not None else None
    return UNKNOWN if text is None else text


def _last_name(node: Node) -> str:
    if node.type == "member_expression":
        return text_of(node.child_by_field_name("property"))
    return text_of(node) if node.type == "identifier" else ""
