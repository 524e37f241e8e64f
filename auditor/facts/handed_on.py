"""Lookups one call away from a handler: an id of the request that is handed on to a service, without the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, pattern_names
from auditor.facts.effects import effects
from auditor.facts.lookup_conditions import conditions
from auditor.facts.lookups import checks_within, from_request, looked_up, request_names, session_names, ties
from auditor.facts.parameters import parameters
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of
from auditor.facts.tenant_checks import on_supabase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    from auditor.facts.effects import Effect
    from auditor.facts.reach import Call, Reacher

_METHODS = FUNCTIONS | {"method_definition"}


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A query in a function that a `call` gives an id of the request; `alone`: nothing else chooses its rows."""

    call: Call
    effect: Effect
    alone: bool


def handed_on(
    reacher: Reacher,
    handler: Site,
    names: frozenset[str],
    callers: frozenset[str],
    matters: Callable[[Effect], bool],
) -> Iterator[HandedOn]:
    """The queries that matter one call away from a handler, where the call is given something of the request."""
    seen = set()
    for call in reacher.own(handler):
        target = call.target
        if not isinstance(target, Site) or target.node.type not in _METHODS or target == handler:
            continue
        bound = _bound(call, target, names)
        done = [effect for effect in effects(reacher.own(target)) if matters(effect)] if bound else []
        if not done or (target.path, target.node.start_byte) in seen:
            continue
        seen.add((target.path, target.node.start_byte))
        tied = ties(call, names, callers) or checks_within(reacher, target)
        inside = request_names(reacher, target, bound)
        language, asks_itself = reacher.symbols.code.files[target.path], session_names(reacher, target)
        for effect in done:
            chosen = conditions(effect, language)
            alone = not tied and looked_up(chosen, inside, asks_itself, past_policies=on_supabase(effect))
            yield HandedOn(call, effect, alone)


def _bound(call: Call, target: Site, names: frozenset[str]) -> frozenset[str]:
    """The parameters of a function that hold something of the request in this call."""
    found: set[str] = set()
    for pattern, given in zip(parameters(target.node), arguments_of(call.node), strict=False):
        if given.type in FUNCTIONS or not from_request(text_of(given), names):
            continue
        if pattern.type == "object_pattern":
            keys = _keys(given, names)
            found |= {local for local, key in pattern_names(pattern) if keys is None or key in keys}
        else:
            found.add(text_of(pattern))
    return frozenset(found)


def _keys(given: Node, names: frozenset[str]) -> set[str] | None:
    """The keys of an object that hold something of the request; None where any of them may."""
    if given.type != "object":
        return None
    found = set()
    for pair in given.named_children:
        if pair.type == "spread_element":
            return None
        value = pair.child_by_field_name("value") or pair
        if from_request(text_of(value), names):
            found.add(text_of(pair.child_by_field_name("key") or pair).strip("\"'"))
    return found
