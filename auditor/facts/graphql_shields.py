"""The rules of graphql-shield: which one stands in front of which field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of, unwrap
from auditor.facts.graphql_groups import ROOTS
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.symbols import Symbols

_OPEN = re.compile(r"^(?:allow|public|allowAll|isPublic|everyone|anyone|rateLimit\w*)\b")
Rules = dict[tuple[str, str], tuple[str, Site]]


def shield_rules(symbols: Symbols) -> Rules:
    """(type, field or `*`) of each rule, with what it demands (empty for `allow`) and its code."""
    found: Rules = {}
    for path, language in symbols.code.files.items():
        if language == "python" or "graphql-shield" not in symbols.code.text(path):
            continue
        for call in symbols.code.nodes(path, "call_expression"):
            made = symbols.called(path, call)
            if isinstance(made, External) and made.package == "graphql-shield" and made.last == "shield":
                found.update(_of_call(symbols, Site(path, call)))
    return found


def _of_call(symbols: Symbols, call: Site) -> Iterator[tuple[tuple[str, str], tuple[str, Site]]]:
    given = arguments_of(call.node)
    held = symbols.resolve(call.path, given[0]) if given else None
    if len(given) > 1 and given[1].type == "object":
        fallback = property_of(given[1], "fallbackRule")
        if fallback is not None:
            yield ("*", "*"), _rule(Site(call.path, fallback))
    for kind in ROOTS if isinstance(held, Site) else ():
        inner = symbols.member(held, kind) if isinstance(held, Site) else None
        if isinstance(inner, Site) and inner.node.type == "object":
            yield from _fields(kind, inner)
        elif isinstance(inner, Site):  # one rule for all fields of the type
            yield (kind, "*"), _rule(inner)


def _fields(kind: str, held: Site) -> Iterator[tuple[tuple[str, str], tuple[str, Site]]]:
    for child in held.node.named_children:
        name = text_of(child.child_by_field_name("key")).strip("\"'`") or text_of(child)
        value = child.child_by_field_name("value") or child
        if child.type in {"pair", "shorthand_property_identifier"}:
            yield (kind, name), _rule(Site(held.path, value))


def _rule(site: Site) -> tuple[str, Site]:
    written = " ".join(text_of(unwrap(site.node)).split())[:50]
    return ("" if _OPEN.match(written) else f"rule {written}"), site
