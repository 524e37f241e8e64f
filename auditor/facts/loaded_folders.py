"""Routers that a loader puts where their files lie: `registerRoutes(app, path.join(__dirname, "routes"))`.

The loader is a function of the repository or of a package; what it does with a file is the same for all of them: the
router that the file exports answers below the file's own path.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from auditor.facts.bindings import arguments_of, string_of
from auditor.facts.endpoints import join_paths
from auditor.facts.router_events import Event, place_of
from auditor.facts.router_roots import Router
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tree_sitter import Node

    from auditor.facts.router_roots import Roots, RouterKey

_CALLS = re.compile(r"\b\w*(?:[rR]out|[lL]oad|[rR]egister|[tT]ravers|[mM]ount)\w*\s*\(")
_LOADS = re.compile(r"(?:rout|load|register|travers|mount)", re.IGNORECASE)
_HERE = re.compile(r"\b_?_?dirname\b|\bimport\.meta\b")
_PARAMETER = re.compile(r"^(?:#|\$|:|_+(?=\w+Id$))(\w+)$|^\[(\w+)\]$|^\{(\w+)\}$")
_FEW = 2


def loaded_folders(
    roots: Roots, texts: dict[str, str], mounted: Collection[RouterKey]
) -> Iterator[tuple[Router, Event]]:
    """What each call of a loader mounts: the routers of a folder that nothing else was seen to mount."""
    for path in (path for path, text in texts.items() if _HERE.search(text) and _CALLS.search(text)):
        for call in roots.symbols.code.nodes(path, "call_expression"):
            function, given = call.child_by_field_name("function"), arguments_of(call)
            if function is None or not _LOADS.search(_last(function)):
                continue
            folder = next((found for each in given if (found := _folder(path, each))), None)
            held = _held(roots, folder, mounted) if folder is not None else []
            if len(held) >= _FEW and folder is not None:
                outer = _given(roots, path, given) or Router(Site(path, call), held[0][1].framework)
                for file, router in held:
                    where = "/".join(part for part in (outer.base, place_of_file(folder, file)) if part)
                    yield outer, Event("mount", place_of(path, call, function), where, router=router)


def place_of_file(folder: str, file: str) -> str:
    """The path that a file's place gives: `users/#id/notes.ts` is `/users/:id/notes`, `index.ts` its folder's own."""
    parts = unquote(posixpath.splitext(file.removeprefix(folder + "/"))[0]).split("/")
    parts = [_PARAMETER.sub(lambda found: ":" + next(filter(None, found.groups())), part) for part in parts]
    return join_paths(*(parts[:-1] if parts[-1] == "index" else parts)).strip("/")


def _last(function: Node) -> str:
    return text_of(function.child_by_field_name("property") or function)


def _held(roots: Roots, folder: str, mounted: Collection[RouterKey]) -> list[tuple[str, Router]]:
    """(file, router) of each file of a folder that exports a router of its own."""
    found: list[tuple[str, Router]] = []
    for file in sorted(roots.symbols.code.files):
        if not file.startswith(folder + "/") or roots.symbols.code.files[file] == "python":
            continue
        target = roots.symbols.exported(file, "default")
        router = roots.locate(target.path, target.node) if isinstance(target, Site) else None
        if router is not None and router.parameter is None and router.root.path == file and router.key not in mounted:
            found.append((file, router))
    return found


def _given(roots: Roots, path: str, given: list[Node]) -> Router | None:
    """The router among the arguments, the last of them where there are several."""
    located = (roots.locate(path, each) for each in reversed(given) if each.type in {"identifier", "member_expression"})
    return next((router for router in located if router is not None and router.likely), None)


def _folder(path: str, node: Node) -> str | None:
    """The folder of `path.join(__dirname, "routes")` and of `` `${__dirname}/routes` ``, from the repository's root."""
    if node.type not in {"call_expression", "template_string", "binary_expression", "new_expression"}:
        return None
    if not _HERE.search(text_of(node)):
        return None
    parts = [text for each in arguments_of(node) if (text := string_of(each)) is not None]
    if node.type == "template_string":
        parts = [text_of(child) for child in node.children if child.type == "string_fragment"]
    elif node.type == "binary_expression":
        parts = [string_of(child) or "" for child in node.named_children]
    parts = [part.strip("/") for part in parts if part.strip("/")]
    if not parts or any(re.search(r"\.\w+$", part) for part in parts):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), *parts))
