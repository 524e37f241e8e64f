"""Lists that a Python endpoint answers with, and whether something bounds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.py_queries import model_of, whole_query
from auditor.facts.py_reach import names_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Reacher

_ALL = re.compile(r"\.(?:all|fetchall)\(\)$")
_BOUND = re.compile(
    r"\blimit\b|paginat|page_?size|per_?page|\bpage\b|\[\s*[\w.]*\s*:\s*[\w.+ ]+\]|islice|\boffset\b|fetchmany|\bskip\b"
    r"|cursor|\.(?:first|one|one_or_none|count|exists|get|aggregate|in_bulk|latest|earliest|scalar|update|delete|last)\("
    r"|\b\w*ids\b|\.in_\(|__in\b|StreamingResponse|csv|yield",
    re.IGNORECASE,
)
_SETTING = re.compile(r"DEFAULT_PAGINATION_CLASS[\"']\s*:\s*(?!\s*None)")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of `model`; `written` is the whole query."""

    path: str
    node: Node
    model: str
    written: str
    bounded: bool


def python_lists(reacher: Reacher, endpoint: Endpoint) -> Iterator[Listing]:
    """The lists of rows that the handler answers with."""
    handler = endpoint.handler
    if handler is None:
        return
    if handler.node.type == "class_definition":
        yield from _of_view_set(reacher, endpoint, handler)
        return
    text = reacher.text(handler)
    for call in reacher.own(handler):
        model = model_of(call.node) if call.node.type == "call" else ""
        if not model:
            continue
        written = text_of(whole_query(call.node))
        if _ALL.search(written) and not re.search(r"\.get(?:_or_404)?\(", written):
            yield Listing(call.path, call.node, model, written, bool(_BOUND.search(text)))


def _of_view_set(reacher: Reacher, endpoint: Endpoint, view: Site) -> Iterator[Listing]:
    """REST framework's own `list`: bounded by a class for pages, of the view or of the settings."""
    names = names_of(reacher)
    queryset = names.member(view, "queryset")
    listed = endpoint.method == "GET" and not re.search(r"<[^>]*>/?$", endpoint.path)
    found = re.match(r"(\w+)\.objects\b", text_of(queryset.node)) if isinstance(queryset, Site) else None
    if not listed or not found or not isinstance(queryset, Site):
        return
    chosen = names.member(view, "pagination_class")
    bounded = (
        text_of(chosen.node) != "None" if isinstance(chosen, Site) else chosen is not None or _by_settings(reacher)
    )
    external = (
        chosen is not None and not isinstance(chosen, Site) and "().pagination_class" in getattr(chosen, "name", "")
    )
    yield Listing(queryset.path, queryset.node, found[1], text_of(queryset.node),
                  _by_settings(reacher) if external else bounded)  # fmt: skip


def _by_settings(reacher: Reacher) -> bool:
    key = _by_settings
    if key not in reacher.lasting:
        names = names_of(reacher)
        reacher.lasting[key] = any(_SETTING.search(names.code.text(path)) for path in names.paths())
    found: bool = reacher.lasting[key]
    return found
