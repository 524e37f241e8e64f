"""Endpoints of frameworks whose files are addresses: SvelteKit, Nuxt and Nitro, Astro, Remix and React Router."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of
from auditor.facts.endpoints import Endpoint
from auditor.facts.routed import open_target
from auditor.facts.routes_astro import ACTIONS, actions_of
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import line_of
from auditor.facts.units import is_vendored
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.bindings import Module
    from auditor.facts.symbols import Symbols, Target

_VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SVELTE = re.compile(r"(?:src/)?routes/(?P<path>(?:.*/)?)\+(?:server|page\.server)\.[jt]s")
_NITRO = re.compile(r"(?:src/)?server/(?P<kind>api|routes)/(?P<path>.+)\.[cm]?[jt]s")
_NITRO_METHOD = re.compile(r"\.(get|head|post|put|patch|delete|options|connect|trace)$")
_ASTRO = re.compile(r"src/pages/(?P<path>.+)\.[jt]s")
_REMIX = re.compile(r"app/routes/(?P<path>.+)\.[jt]sx?")
_BESIDE = re.compile(r"\.(?:test|spec|server|client)$")


@dataclass(frozen=True, slots=True)
class _Framework:
    """How a framework is told in a manifest, and where its middleware is: a file's pattern, and what that exports."""

    name: str
    packages: tuple[str, ...]
    routes: re.Pattern[str]
    middleware: re.Pattern[str]
    export: str


_FRAMEWORKS = (
    _Framework(
        "SvelteKit", ("@sveltejs/kit",), _SVELTE, re.compile(r"src/hooks(?:\.server)?(?:/index)?\.[jt]s"), "handle"
    ),
    _Framework(
        "Nitro", ("nuxt", "nitropack", "nitro"), _NITRO, re.compile(r"(?:src/)?server/middleware/.+\.[jt]s"), "default"
    ),
    _Framework("Astro", ("astro",), _ASTRO, re.compile(r"src/middleware(?:/index)?\.[jt]s"), "onRequest"),
    _Framework(
        "Remix", ("@remix-run/node", "@remix-run/react", "@remix-run/server-runtime", "@react-router/node",
                  "@react-router/serve", "@react-router/dev"), _REMIX, re.compile(r"(?!)"), "",
    ),
)  # fmt: skip


def find_by_files(symbols: Symbols, paths: Iterable[str], text: Callable[[str], str | None]) -> Iterator[Endpoint]:
    """Every endpoint of the packages that depend on one of these frameworks."""
    for folder, framework in sorted(_packages(paths, text), key=lambda each: (each[0], each[1].name)):
        ours = {path: path.removeprefix(folder) for path, language in symbols.code.files.items()
                if path.startswith(folder) and language != "python"}  # fmt: skip
        before = tuple(site for path, inner in ours.items() if framework.middleware.fullmatch(inner)
                       for site in _exported(symbols, path, framework.export))  # fmt: skip
        for path, inner in ours.items():
            if match := framework.routes.fullmatch(inner):
                yield from (replace(each, middleware=before) for each in _READERS[framework.name](symbols, path, match))
            elif framework.name == "Astro" and ACTIONS.fullmatch(inner):
                yield from (replace(each, middleware=before) for each in actions_of(symbols, path))


def _packages(paths: Iterable[str], text: Callable[[str], str | None]) -> Iterator[tuple[str, _Framework]]:
    """(folder with its slash, framework) of each manifest that names one."""
    for path in paths:
        if path.rsplit("/", 1)[-1] != "package.json" or is_vendored(path):
            continue
        written = text(path) or ""
        for framework in _FRAMEWORKS:
            if any(f'"{package}"' in written for package in framework.packages):
                yield path.removesuffix("package.json"), framework


def _exported(symbols: Symbols, path: str, name: str) -> Iterator[Site]:
    target = symbols.exported(path, name) if name in symbols.module(path).exports else None
    if isinstance(target, Site):
        yield target


def _svelte(symbols: Symbols, path: str, match: re.Match[str]) -> Iterator[Endpoint]:
    """`+server.ts` exports its methods; `+page.server.ts` has form actions, which are posted to."""
    url = _url(re.sub(r"=\w+(?=\])", "", match["path"]))
    module = symbols.module(path)
    if not path.rsplit("/", 1)[-1].startswith("+page"):
        yield from _methods(symbols, path, "SvelteKit", url, {**{verb: verb for verb in _VERBS}, "fallback": "ALL"})
        return
    actions = symbols.exported(path, "actions") if "actions" in module.exports else None
    for pair in actions.node.named_children if isinstance(actions, Site) and actions.node.type == "object" else ():
        key = pair.child_by_field_name("key") or pair.child_by_field_name("name")
        value = pair if pair.type == "method_definition" else pair.child_by_field_name("value")
        value = pair if pair.type == "shorthand_property_identifier" else value
        name = (key if key is not None else pair).text or b""
        if value is not None and isinstance(actions, Site):
            target = (
                Site(actions.path, value) if pair.type == "method_definition" else symbols.resolve(actions.path, value)
            )
            whole = url if name == b"default" else f"{url}?/{name.decode()}"
            yield _endpoint(path, target, Endpoint("SvelteKit", "POST", whole, FileSpan(path, line_of(pair))), symbols)


def _nitro(symbols: Symbols, path: str, match: re.Match[str]) -> Iterator[Endpoint]:
    """`server/api/notes/[id].get.ts` answers with its default export."""
    inner = re.sub(r"\.(?:dev|prod)$", "", match["path"])
    method = _NITRO_METHOD.search(inner)
    url = _url(("api/" if match["kind"] == "api" else "") + _NITRO_METHOD.sub("", inner))
    if "default" in symbols.module(path).exports:
        target = _handler_object(symbols, symbols.exported(path, "default"))
        known = Endpoint("Nitro", method[1].upper() if method else "ALL", url, FileSpan(path, 1))
        yield _endpoint(path, target, known, symbols)


def _handler_object(symbols: Symbols, target: Target | None) -> Target | None:
    """The handler of `defineEventHandler({ onRequest: […], handler })`, or what a sign-in calls at its end."""
    if not isinstance(target, Site) or target.node.type != "call_expression":
        return target
    options = next((given for given in arguments_of(target.node) if given.type == "object"), None)
    handler = (property_of(options, "handler") or property_of(options, "onSuccess")) if options is not None else None
    return target if handler is None else symbols.resolve(target.path, handler)


def _astro(symbols: Symbols, path: str, match: re.Match[str]) -> Iterator[Endpoint]:
    if not any(part.startswith("_") for part in match["path"].split("/")):
        yield from _methods(symbols, path, "Astro", _url(match["path"]), {verb: verb for verb in (*_VERBS, "ALL")})


def _remix(symbols: Symbols, path: str, match: re.Match[str]) -> Iterator[Endpoint]:
    """An `action` is posted to; a `loader` answers by itself only where there is no page beside it."""
    inner = match["path"].removesuffix("/route")
    module = symbols.module(path)
    if _BESIDE.search(inner) or ("/" in inner and "+/" not in inner and not match["path"].endswith("/route")):
        nested = "action" in module.exports or "loader" in module.exports
        if _BESIDE.search(inner) or not nested:
            return
    names = {"action": "POST"} | ({} if "default" in module.exports else {"loader": "GET"})
    yield from _methods(symbols, path, "Remix", _flat(inner), names)


def _flat(inner: str) -> str:
    """The URL of `api.notes.$id`, `_auth.login`, `t.$team+/settings_._index`."""
    parts = []
    for part in re.split(r"\+?/|(?<!\[)\.(?!\])", inner):
        name = re.sub(r"\[([^\]]*)\]", r"\1", part.removesuffix("_").removesuffix("+"))
        if name and not name.startswith("_") and name not in {"index", "route"}:
            parts.append("*" if name == "$" else re.sub(r"^\(?\$(\w+)\)?", r":\1", name))
    return "/" + "/".join(parts)


def _methods(symbols: Symbols, path: str, framework: str, url: str, names: dict[str, str]) -> Iterator[Endpoint]:
    module: Module = symbols.module(path)
    for name, method in names.items():
        if name in module.exports or module.stars:
            target = symbols.exported(path, name)
            if target is not None or name in module.exports:
                yield _endpoint(path, target, Endpoint(framework, method, url, FileSpan(path, 1)), symbols)


def _endpoint(path: str, target: Target | None, known: Endpoint, symbols: Symbols) -> Endpoint:
    opened = open_target(symbols, target, known.method)
    if isinstance(target, Site) and target.path == path:
        known = replace(known, where=FileSpan(path, line_of(target.node)))
    elif opened.handler is not None:
        known = replace(known, where=FileSpan(opened.handler.path, line_of(opened.handler.node)))
    lost = opened.lost if not isinstance(target, External) else f"{target.package}: {target.name}"
    return replace(known, handler=opened.handler, guards=opened.wrappers, lost=lost)


def _url(folders: str) -> str:
    """The path of `api/(group)/[id]/index`: groups are no part of it."""
    parts = [part for part in folders.split("/") if part and not re.fullmatch(r"\(.*\)", part)]
    parts = parts[:-1] if parts and parts[-1] == "index" else parts
    return "/" + "/".join(parts)


_READERS: dict[str, Callable[[Symbols, str, re.Match[str]], Iterator[Endpoint]]] = {
    "SvelteKit": _svelte, "Nitro": _nitro, "Astro": _astro, "Remix": _remix,
}  # fmt: skip
