"""Endpoints of Supabase Edge Functions: the platform's own check of the token, and the handler or router inside."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts.bindings import arguments_of, property_of
from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.route_servers import router_behind
from auditor.facts.routed import open_handler
from auditor.facts.routes_next import methods_asked
from auditor.facts.supabase_config import ConfigError, read_config, setting
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        if match is None:
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
    for site in _handlers(symbols, path) if path in symbols.code.files else ():
        router = router_behind(routers.roots, site)
        if router is not None:
            for endpoint in routed.get(router.key, []):
                yield router.key, replace(endpoint, path=_below(endpoint.path, name))
            return
        opened = open_handler(symbols, site)
        place = FileSpan(path, line_of(site.node))
        endpoint = Endpoint("Supabase Edge Functions", "ALL", f"/functions/v1/{name}", place)
        endpoint = replace(endpoint, handler=opened.handler, guards=opened.wrappers, lost=opened.lost)
        for method in methods_asked(symbols.code.text(path)):
            yield None, replace(endpoint, method=method)
        return


def _handlers(symbols: Symbols, path: str) -> Iterator[Site]:
    """What is served: by `Deno.serve(handler)`, by `app.listen(port)`, or as the default export."""
    for call in symbols.code.nodes(path, "call_expression"):
        function = call.child_by_field_name("function")
        given = [argument for argument in arguments_of(call) if argument.type != "object"]
        options = next((argument for argument in arguments_of(call) if argument.type == "object"), None)
        if text_of(function) in _SERVES and (given or options is not None):
            inside = property_of(options, "handler") if options is not None else None
            yield from (Site(path, node) for node in (*given[-1:], *([inside] if inside is not None else [])))
        elif function is not None and text_of(function.child_by_field_name("property")) in {"listen", "fire"}:
            held = function.child_by_field_name("object")
            yield from [Site(path, held)] if held is not None else []
    default = symbols.exported(path, "default")
    if isinstance(default, Site):
        fetch = property_of(default.node, "fetch") if default.node.type == "object" else None
        yield default if fetch is None else Site(default.path, fetch)


def _below(path: str, name: str) -> str:
    """The public path: a router inside sees the function's name as the first part, if it was told so."""
    inside = path if path.strip("/").split("/")[0] in {name, ":value"} else join_paths(name, path)
    return join_paths("functions/v1", inside.replace("/:value", f"/{name}", 1))
