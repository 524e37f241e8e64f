"""Paths that a loop makes: `` for (const kind of kinds) app.get(`/reports/${kind}`, report) ``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import unwrap
from auditor.facts.route_paths import UNKNOWN, text_at
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.route_tables import Tables
    from auditor.facts.symbols import Symbols


def looped_paths(symbols: Symbols, tables: Tables, site: Site) -> list[str]:
    """The text of a template for each row of the loop around it; none where no loop fills it."""
    node = unwrap(site.node)
    if node.type != "template_string":
        return []
    pieces = node.children[1:-1]
    asked = [child.named_children[0] for child in pieces if child.type == "template_substitution"]
    given = [Site(site.path, each) for each in asked]
    rows = tables.each(given) if given else []
    if not rows or rows == [given]:
        return []
    found: list[str] = []
    for row in rows:
        filled = iter(row)
        texts = (_text(symbols, filled) if each.type == "template_substitution" else text_of(each) for each in pieces)
        found.append("".join(texts))
    return list(dict.fromkeys(found))


def _text(symbols: Symbols, filled: Iterator[Site]) -> str:
    text = text_at(symbols, next(filled))
    return UNKNOWN if text is None else text
