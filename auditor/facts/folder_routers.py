"""Routers that a loop over a folder loads: `app.use('/api', require(path.join(__dirname, 'routes', file)))`."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of, unwrap
from auditor.facts.route_paths import UNKNOWN
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.router_roots import Roots, Router

_LOADS = {"require", "import"}
_MEMBER = re.compile(r"\.(?:default|router|routes?)$")


def folder_routers(roots: Roots, site: Site) -> Iterator[Router]:
    """The router that each file of the folder exports, where `site` loads a file whose name only the loop knows."""
    symbols = roots.symbols
    loaded = symbols.resolve(site.path, site.node)
    folder = _folder(loaded, symbols.code.files[loaded.path]) if isinstance(loaded, Site) else None
    if folder is None:
        return
    for path, language in symbols.code.files.items():
        if posixpath.dirname(path) != folder or path == site.path or language == "python":
            continue
        found = (symbols.exported(path, name) for name in ("default", "router"))
        target = next((each for each in found if isinstance(each, Site)), None)
        router = roots.locate(target.path, target.node) if target is not None else None
        if router is not None and router.parameter is None:
            yield router


def place_of_file(place: str, router: Router) -> str:
    """The path that a loop makes of a file's name: `/${name}` is `/notes` for `notes.routes.js`."""
    name = posixpath.basename(router.root.path).partition(".")[0]
    return place.replace(UNKNOWN, name) if place.count(UNKNOWN) == 1 and name != "index" else place


def _folder(site: Site, language: str) -> str | None:
    """The folder of `require(path.join(__dirname, 'routes', file))` and of `` require(`./routes/${file}`) ``."""
    node = unwrap(site.node)
    if node.type == "member_expression" and _MEMBER.search(text_of(node)):
        node = unwrap(node.child_by_field_name("object") or node)
    if node.type != "call_expression" or text_of(node.child_by_field_name("function")) not in _LOADS:
        return None
    given = arguments_of(node)
    if not given or string_of(given[0]) is not None:
        return None
    parts = [text_of(part) for part in nodes(language, given[0], "string_fragment")]
    parts = [part for part in parts if re.search(r"\w", part) and not re.match(r"\.\w+$", part)]
    if not parts and "__dirname" not in text_of(given[0]) and "./" not in text_of(given[0]):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(site.path), *(part.lstrip("/") for part in parts)))
