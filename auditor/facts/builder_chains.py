"""Builders that are called link by link (`base.use(f).input(schema).query(g)`), as tRPC and oRPC have them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, returned, unwrap
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols, Target

_LETS_PASS = re.compile(r"maybe|optional", re.IGNORECASE)  # looks who calls, and refuses nobody
_NO_SCHEMA = re.compile(r"\w+\.(?:any|unknown)\(\)(?:\.(?:optional|nullish|nullable)\(\))?")
MAX_HOPS = 12
MAX_LINKS = 40


@dataclass(frozen=True, slots=True)
class Words:
    """What a library's middleware is made with: of a function, of two others, of what it is called on alone, and of
    one that gets something beside it (`oo.spec(middleware, { … })`).
    """

    wraps: frozenset[str]
    joins: frozenset[str]
    keeps: frozenset[str] = frozenset()
    dresses: frozenset[str] = frozenset()


def link_of(node: Node) -> tuple[str, Node] | None:
    """(method, what it is called on) of one link of a chain."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    held = function.child_by_field_name("object") if function is not None else None
    if function is None or held is None or function.type != "member_expression":
        return None
    return text_of(function.child_by_field_name("property")), held


def middleware_of(symbols: Symbols, words: Words, site: Site, depth: int = MAX_HOPS) -> Iterator[Site]:
    """The functions that a middleware runs: of `t.middleware(f)`, `a.concat(b)`, and a name for either."""
    if site.node.type == "identifier" and _LETS_PASS.search(text_of(site.node)):
        return
    target = symbols.resolve(site.path, site.node) if depth > 0 else None
    if not isinstance(target, Site) or target.node.type != "call_expression":
        yield target if isinstance(target, Site) and target.node.type in FUNCTIONS else site
        return
    name, held = link_of(target.node) or ("", target.node)
    given = arguments_of(target.node)
    parts = [held] if name in words.keeps or (name in words.joins and given) else []
    wrapped = name in words.dresses or (name in words.wraps and len(given) == 1)
    parts += given[:1] if name in words.joins or wrapped else []
    inner = [Site(target.path, part) for part in parts] or results(symbols.called(target.path, target.node))
    if not inner:
        yield target
    for each in inner:
        yield from middleware_of(symbols, words, each, depth - 1)


def results(made: Target | None) -> list[Site]:
    """What a function of this repository gives back: `requires("admin")` gives the middleware."""
    if not isinstance(made, Site) or made.node.type not in FUNCTIONS:
        return []
    return [Site(made.path, value) for value in returned(made.node)]


def validates(symbols: Symbols, site: Site) -> bool:
    """Whether a parser looks at its input: `z.any()` does not, nor a function that only casts."""
    target = symbols.resolve(site.path, site.node)
    node = target.node if isinstance(target, Site) else unwrap(site.node)
    if node.type in FUNCTIONS:
        return not all(value.type == "identifier" for value in returned(node))
    return _NO_SCHEMA.fullmatch(text_of(node)) is None
