"""Markdown of rule pages as HTML that holds no foreign markup and loads nothing."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markupsafe import Markup

from auditor.render.safe_text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token


class Markdown:
    """Renders each text once: a report repeats the fix of a rule at each of its findings."""

    def __init__(self) -> None:
        self._done: dict[str, Markup] = {}

    @cached_property
    def _parser(self) -> MarkdownIt:
        # Images would be loaded from elsewhere; headings would break the order of the report's own.
        return MarkdownIt("commonmark", {"html": False}).disable(["image", "heading", "lheading"])

    def render(self, text: str) -> Markup:
        if text not in self._done:
            self._done[text] = self._rendered(visible(text))
        return self._done[text]

    def _rendered(self, text: str) -> Markup:
        tokens = self._parser.parse(text)
        _keep_referrer(tokens)
        html = self._parser.renderer.render(tokens, self._parser.options, {})
        return Markup(html.strip())  # noqa: S704 - markdown-it has escaped it


def _keep_referrer(tokens: Sequence[Token]) -> None:
    """No site that a page links to learns who reads the report."""
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("rel", "noreferrer noopener")
        _keep_referrer(token.children or ())
