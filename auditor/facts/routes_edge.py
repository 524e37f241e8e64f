"""Endpoints of Supabase Edge Functions: the platform's own check of the token, and the handler or router inside."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts.bindings import arguments_of
from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.purpose import is_aside
from auditor.facts.routed import open_handler
from auditor.facts.routes_next import methods_asked
from auditor.facts.supabase_config import ConfigError, read_config, setting
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    from auditor.facts.router_roots import RouterKey
    from auditor.facts.routers import Routers
    from auditor.facts.symbols import Symbols

ENTRY = re.compile(r"(?P<project>(?:.+/)?supabase)/functions/(?P<name>[A-Za-z0-9][\w-]*)/index\.(?:ts|tsx|js|mjs)")
GATEWAY = "the platform asks for a valid JWT"
_SERVES = {"Deno.serve", "serve"}
_Found = dict["RouterKey", list[Endpoint]]


def find_edge(
    symbols: Symbols, routers: Routers, routed: _Found, text: Callable[[str], str | None]
) -> tuple[list[Endpoint], set[RouterKey]]:
    """The functions' endpoints, and the routers that they serve."""
    configs: dict[str, dict[str, Any]] = {}
    found: list[Endpoint] = []
    served: set[RouterKey] = set()
    for path in symbols.code.files:
        match = ENTRY.fullmatch(path)
        if match is None or is_aside(path):
            continue
        place = f"{match['project']}/config.toml"
        config = configs.setdefault(place, _config(text(place)))
        entry = _entry(path, config, match)
        verified = setting(config, f"functions.{match['name']}.verify_jwt") is not False
        gateway = GATEWAY if verified else ""
        for key, endpoint in _function(symbols, routers, routed, entry, match["name"]):
            found.append(replace(endpoint, gateway=gateway))
            served.update([key] if key else [])
    return found, served


def _config(text: str | None) -> dict[str, Any]:
    try:
        return read_config(text) if text is not None else {}
    except ConfigError:
        return {}  # `edge-function-jwt-off` says that it does not parse


def _entry(path: str, config: dict[str, Any], match: re.Match[str]) -> str:
    own = setting(config, f"functions.{match['name']}.entrypoint")
    return posixpath.normpath(posixpath.join(match["project"], own)) if isinstance(own, str) else path


def _function(
    symbols: Symbols, routers: Routers, routed: _Found, path: str, name: str
) -> Iterator[tuple[RouterKey | None, Endpoint]]:
    for call in symbols.code.nodes(path, "call_expression") if path in symbols.code.files else ():
        if text_of(call.child_by_field_name("function")) not in _SERVES:
            continue
        given = [argument for argument in arguments_of(call) if argument.type != "object"]
        if not given:
            continue
        key = _router(routers, path, given[-1])
        if key is not None:
            for endpoint in routed.get(key, []):
                yield key, replace(endpoint, path=_below(endpoint.path, name))
            return
        opened = open_handler(symbols, Site(path, given[-1]))
        endpoint = Endpoint("Supabase Edge Functions", "ALL", f"/functions/v1/{name}", FileSpan(path, line_of(call)))
        endpoint = replace(endpoint, handler=opened.handler, guards=opened.wrappers, lost=opened.lost)
        for method in methods_asked(symbols.code.text(path)):
            yield None, replace(endpoint, method=method)
        return


def _router(routers: Routers, path: str, argument: Node) -> RouterKey | None:
    """The router of `app.fetch`, or of `(request) => app.fetch(request)`."""
    held = argument
    if argument.type == "arrow_function":
        body = argument.child_by_field_name("body")
        called = body.child_by_field_name("function") if body is not None and body.type == "call_expression" else None
        held = called if called is not None else argument
    if held.type != "member_expression" or text_of(held.child_by_field_name("property")) != "fetch":
        return None
    inner = held.child_by_field_name("object")
    router = routers.roots.locate(path, inner) if inner is not None else None
    return router.key if router is not None else None


def _below(path: str, name: str) -> str:
    """The public path: a router inside sees the function's name as the first part, if it was told so."""
    inside = path if path.strip("/").split("/")[0] in {name, ":value"} else join_paths(name, path)
    return join_paths("functions/v1", inside.replace("/:value", f"/{name}", 1))
