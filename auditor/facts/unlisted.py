"""Servers whose endpoints this tool does not list: other languages, and frameworks that have no reader.

What they answer is not known, and a rule about endpoints must say so rather than be silent about them.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

# File name, what its text must name, and the server's name.
_SERVERS = (
    (r"go\.mod", r"gin-gonic|labstack/echo|gofiber|go-chi|gorilla/mux|grpc|julienschmidt/httprouter|connectrpc", "Go"),
    (r"Gemfile", r"^\s*gem\s+[\"'](?:rails|sinatra|hanami|grape|roda)[\"']", "Ruby"),
    (r"pom\.xml|build\.gradle(?:\.kts)?", r"spring-boot|quarkus|micronaut|io\.ktor|jakarta\.ws|dropwizard", "JVM"),
    (r"composer\.json", r"\"(?:laravel/framework|symfony/|slim/slim|laminas/)", "PHP"),
    (r"Cargo\.toml", r"^\s*(?:actix-web|axum|rocket|warp|poem|tide|salvo)\b", "Rust"),
    (r".*\.csproj", r"Microsoft\.NET\.Sdk\.Web", ".NET"),
    (r"mix\.exs", r":phoenix\b|:plug_cowboy\b", "Elixir"),
)
_FRAMEWORKS = {
    "@hapi/hapi": "hapi", "@adonisjs/core": "AdonisJS",
    "@tanstack/react-start": "TanStack Start", "@solidjs/start": "SolidStart", "@feathersjs/feathers": "Feathers",
    "moleculer": "Moleculer", "h3": "h3", "polka": "Polka", "starlette": "Starlette", "aiohttp": "aiohttp",
    "tornado": "Tornado", "sanic": "Sanic", "litestar": "Litestar", "falcon": "Falcon", "bottle": "Bottle",
    "quart": "Quart",
}  # fmt: skip
# What a lockfile-like list of requirements names beside a framework that is read: its base, or a client of HTTP.
_PARTS = {"starlette", "aiohttp", "tornado"}
_READ = {"fastapi", "flask", "django"}
_TABLE = re.compile(r"\b(?:route|index)\(")
_PYTHON = re.compile(r"^\s*[\"']?([A-Za-z0-9][\w.-]*)", re.MULTILINE)
_MANIFESTS = {"pyproject.toml", "requirements.txt", "Pipfile"}


def unlisted_servers(paths: Iterable[str], text: Callable[[str], str | None]) -> dict[str, str]:
    """The manifest of each such server, and what it is written in or with."""
    found: dict[str, str] = {}
    known = dict.fromkeys(paths)
    for path in known:
        if is_vendored(path) or is_test(path) or is_example(path):
            continue
        name = PurePosixPath(path).name
        label = _of_manifest(name, path, text) or _by_table(path, known, text)
        if label:
            found[path] = label
    return found


def unread_languages(paths: Iterable[str], text: Callable[[str], str | None]) -> dict[str, str]:
    """Those of them whose language no rule on code reads."""
    languages = {label for _, _, label in _SERVERS}
    return {path: label for path, label in unlisted_servers(paths, text).items() if label in languages}


def _by_table(path: str, known: Container[str], text: Callable[[str], str | None]) -> str:
    """React Router with a table of routes instead of files for addresses, where a server renders it."""
    folder = path.removesuffix("app/routes.ts")
    written = (text(path) or "") if folder != path else ""
    if "@react-router/dev/routes" not in written or not _TABLE.search(written):
        return ""
    settings = f"{folder}react-router.config.ts"
    alone = settings in known and re.search(r"\bssr\s*:\s*false\b", text(settings) or "")
    return "" if alone else "React Router"


def _of_manifest(name: str, path: str, text: Callable[[str], str | None]) -> str:
    for pattern, words, label in _SERVERS:
        if re.fullmatch(pattern, name):
            return label if re.search(words, text(path) or "", re.MULTILINE) else ""
    if name == "package.json":
        runs = re.search(r"\"dependencies\"\s*:\s*\{([^}]*)\}", text(path) or "")
        named = re.findall(r"\"([^\"]+)\"\s*:", runs[1]) if runs else []
        return next((_FRAMEWORKS[dependency] for dependency in named if dependency in _FRAMEWORKS), "")
    if name in _MANIFESTS:
        named = [match[1].lower() for match in _PYTHON.finditer(text(path) or "")]
        passed = _READ.isdisjoint(named)
        servers = (name for name in named if name in _FRAMEWORKS and (passed or name not in _PARTS))
        return next((_FRAMEWORKS[server] for server in servers), "")
    return ""
