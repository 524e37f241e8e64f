"""Templates of pages: which file a name stands for, and what a template writes into its page without escaping it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KINDS = re.compile(r"\.(?:ejs|hbs|handlebars|mustache|html?|njk|nunjucks|jinja2?|j2|twig|pug|jade|swig)$")
_PATH = r"[A-Za-z_$][\w$]*(?:\??\.[\w$]+|\[[\"']?\w+[\"']?\])*"
_EJS = re.compile(rf"<%-\s*(?P<path>{_PATH})\s*;?\s*-?%>")
_MUSTACHE = re.compile(rf"\{{\{{\{{\s*(?P<path>{_PATH})\s*\}}\}}\}}|\{{\{{&\s*(?P<other>{_PATH})\s*\}}\}}")
_JINJA = re.compile(rf"\{{\{{-?\s*(?P<path>{_PATH})\s*(?P<filters>\|[^}}]*?)?\s*-?\}}\}}")
_PUG = re.compile(rf"(?m)^\s*[\w.#-]*(?:\([^()\n]*\))?!=\s*(?P<path>{_PATH})\s*$|!\{{\s*(?P<other>{_PATH})\s*\}}")
_SAFE = re.compile(r"\|\s*safe(?:seq)?\b")
_ESCAPES = re.compile(
    r"\|\s*(?:e|escape|force_escape|escapejs|urlencode|striptags|bleach|sanitize\w*|clean\w*|tojson|json|json_script|int|float|length"
    r"|dump|markdown\w*|slugify|date\w*)\b"
)
_UNESCAPED_PART = re.compile(r"\{%-?\s*autoescape\s+(?:off|false)\s*-?%\}(.*?)\{%-?\s*endautoescape", re.DOTALL)
_COMMENTS = re.compile(
    r"\{#.*?#\}|\{%\s*(?:comment|raw|verbatim)\b.*?%\}.*?\{%\s*end(?:comment|raw|verbatim)|<!--.*?-->", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Written:
    """What a template writes as it is: the names that lead to it, and the line."""

    path: tuple[str, ...]
    line: int


def is_template(path: str) -> bool:
    return _KINDS.search(path) is not None


def by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    """Every name under which a template may be asked for: each end of its path, with and without its kind."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in filter(is_template, paths):
        parts = path.split("/")
        for number in range(len(parts)):
            name = "/".join(parts[number:])
            found[name].append(path)
            found[name.rpartition(".")[0]].append(path)
    return found


def unescaped(path: str, text: str) -> Iterator[Written]:
    """What a template writes without escaping, each place once."""
    text = _COMMENTS.sub(lambda match: "\n" * match[0].count("\n"), text)
    seen: set[tuple[int, str]] = set()
    for start, name in _places(path, text):
        line = text.count("\n", 0, start) + 1
        if (line, name) not in seen:
            seen.add((line, name))
            yield Written(tuple(re.findall(r"[\w$]+", name)), line)


def _places(path: str, text: str) -> Iterator[tuple[int, str]]:
    if path.endswith((".pug", ".jade")):
        yield from ((match.start(), match["path"] or match["other"]) for match in _PUG.finditer(text))
        return
    if path.endswith((".ejs", ".html", ".htm")):
        yield from ((match.start(), match["path"]) for match in _EJS.finditer(text))
    if path.endswith((".hbs", ".handlebars", ".mustache", ".html")):
        yield from ((match.start(), match["path"] or match["other"]) for match in _MUSTACHE.finditer(text))
    if not path.endswith((".ejs", ".hbs", ".handlebars", ".mustache")):
        yield from _of_jinja(text)


def _of_jinja(text: str) -> Iterator[tuple[int, str]]:
    for match in _JINJA.finditer(text):
        filters = match["filters"] or ""
        if _SAFE.search(filters) and not _ESCAPES.search(filters):
            yield match.start(), match["path"]
    for part in _UNESCAPED_PART.finditer(text):
        for match in _JINJA.finditer(part[1]):
            if not _ESCAPES.search(match["filters"] or ""):
                yield part.start(1) + match.start(), match["path"]
