"""The functions of a registration on a router."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, unwrap
from auditor.facts.router_helpers import given_to_makers
from auditor.facts.symbols import Parameter, Site

if TYPE_CHECKING:
    from auditor.facts.symbols import Symbols, Target

_MAX_NESTED = 4


def handlers_of(
    symbols: Symbols, texts: dict[str, str], given: list[Site], depth: int = _MAX_NESTED
) -> tuple[Site, ...]:
    """The functions of a registration: arrays and `...factory.createHandlers(a, b)` are taken apart."""
    found: list[Site] = []
    for site in given:
        spread = site.node.type == "spread_element" and bool(site.node.named_children)
        inner = Site(site.path, unwrap(site.node.named_children[0] if spread else site.node))
        several = _several(symbols, texts, symbols.resolve(inner.path, inner.node), depth, spread=spread)
        found += [inner] if several is None else several
    return tuple(found)


def _several(
    symbols: Symbols, texts: dict[str, str], target: Target | None, depth: int, *, spread: bool
) -> list[Site] | None:
    """The functions that one argument stands for; of what several callers give those that all of them do."""
    given = _given(symbols, texts, target, spread=spread) if depth else []
    made = [handlers_of(symbols, texts, each, depth - 1) for each in given]
    return [site for site in made[0] if all(site in each for each in made)] if made else None


def _given(symbols: Symbols, texts: dict[str, str], target: Target | None, *, spread: bool) -> list[list[Site]]:
    if isinstance(target, Site) and target.node.type == "array":
        return [[Site(target.path, child) for child in target.node.named_children]]
    if spread and isinstance(target, Site) and target.node.type == "call_expression":
        return [[Site(target.path, each) for each in arguments_of(target.node)]]
    return given_to_makers(symbols, target, texts) if spread and isinstance(target, Parameter) else []
