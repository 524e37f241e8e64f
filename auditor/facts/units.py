"""Units of a repository (each package, each Supabase project) with their stack, and what role a path plays."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_VENDORED = {
    "node_modules",
    "vendor",
    "third_party",
    "thirdparty",
    ".venv",
    "venv",
    "site-packages",
    "bower_components",
    ".trigger",
}
_TEST = {
    "test",
    "tests",
    "__tests__",
    "spec",
    "specs",
    "e2e",
    "testdata",
    "fixtures",
    "__fixtures__",
    "mocks",
    "__mocks__",
    "cypress",
}
# Folders of a route's address say nothing of its code: `app/api/templates/route.ts`, `pages/api/docs/[id].ts`.
_ADDRESS = re.compile(r"(?:^|/)(?:app/(?:.*/)?route\.[jt]sx?|pages/api/.*\.[jt]sx?)$")
_SCAFFOLDS = re.compile(r"(?:^|[-_])(?:cli|create|generators?|scaffold\w*|plop|registry)(?:$|[-_])")
# Below the sources of an application these are its subjects; above them, or in what makes projects, they are samples.
_SUBJECTS = {"template", "templates", "docs", "sample", "samples"}
_SOURCES = {
    "src", "app", "server", "api", "backend", "actions", "modules", "services", "features", "routes", "routers",
    "controllers", "handlers",
}  # fmt: skip
_EXAMPLE = {"example", "examples", "demo", "demos", "sample", "samples", "template", "templates", "docs"}
# npm and PyPI names that make a stack worth naming; the label is what the report prints.
_STACK = {
    "@supabase/supabase-js": "Supabase", "@supabase/ssr": "Supabase", "supabase": "Supabase", "prisma": "Prisma",
    "@prisma/client": "Prisma", "drizzle-orm": "Drizzle", "hono": "Hono", "next": "Next.js", "express": "Express",
    "fastify": "Fastify", "@trpc/server": "tRPC", "@apollo/server": "Apollo", "apollo-server": "Apollo",
    "graphql-yoga": "GraphQL Yoga", "@pothos/core": "Pothos", "@nestjs/core": "NestJS", "knex": "Knex",
    "typeorm": "TypeORM", "mongoose": "MongoDB", "mongodb": "MongoDB", "redis": "Redis", "ioredis": "Redis",
    "pg": "PostgreSQL", "postgres": "PostgreSQL", "psycopg": "PostgreSQL", "psycopg2": "PostgreSQL",
    "psycopg2-binary": "PostgreSQL", "asyncpg": "PostgreSQL", "stripe": "Stripe", "jose": "jose", "@clerk/nextjs": "Clerk",
    "@clerk/backend": "Clerk", "auth0": "Auth0", "express-oauth2-jwt-bearer": "Auth0", "fastapi": "FastAPI",
    "flask": "Flask", "django": "Django", "djangorestframework": "DRF", "sqlalchemy": "SQLAlchemy",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """One package: its folder (`.` for the root), what it is built with, its manifests, and those that do not parse."""

    path: str
    stack: tuple[str, ...]
    manifests: tuple[str, ...]
    unread: tuple[str, ...] = ()


def is_vendored(path: str) -> bool:
    return not _VENDORED.isdisjoint(path.split("/"))


def is_test(path: str) -> bool:
    return not _TEST.isdisjoint(_folders(path)) or bool(
        re.search(r"\.(test|spec|e2e)\.[cm]?[jt]sx?$|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$", path),
    )


def is_example(path: str) -> bool:
    if re.search(r"\.(?:example|sample)\.(?:py|[cm]?[jt]sx?)$", path):
        return True
    folders = _folders(path)
    named = [place for place, folder in enumerate(folders) if folder in _EXAMPLE]
    return any(folders[place] not in _SUBJECTS or not _inside(folders[:place]) for place in named)


def is_tool(path: str) -> bool:
    """Whether a file is run by hand, never by a request."""
    by_folder = not {"scripts", "seed", "seeds", "seeder"}.isdisjoint(_folders(path))
    return by_folder or path.rsplit("/", 1)[-1] in {"seed.ts", "seed.js"}


def _inside(above: list[str]) -> bool:
    """Whether a folder lies among the sources of an application, and of nothing that makes projects out of samples."""
    return not _SOURCES.isdisjoint(above) and not any(_SCAFFOLDS.search(folder) for folder in above)


def _folders(path: str) -> list[str]:
    """The folders that say what a file is for."""
    address = _ADDRESS.search(path)
    whole = f"{path[: address.start()]}/address" if address else path
    return whole.lower().split("/")[:-1]


def find_units(paths: tuple[str, ...], manifests: Mapping[str, str | None]) -> tuple[UnitFacts, ...]:
    """Units by their manifests; `manifests` maps the path of each to its text, None where that could not be read."""
    found: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for path, text in manifests.items():
        folder, stack = _manifest(path, text)
        if folder is not None:
            known = found.setdefault(folder, (set(), set(), set()))
            known[0].update(stack or ())
            known[1].add(path)
            known[2].update([path] if stack is None else ())
    for path in paths:  # a Supabase project may have no config.toml
        match = re.match(r"(?:(.*)/)?supabase/(?:migrations|functions)/", path)
        if match and not is_vendored(path):
            found.setdefault(match[1] or ".", (set(), set(), set()))[0].add("Supabase")
    return tuple(
        UnitFacts(path, tuple(sorted(stack)), tuple(sorted(read)), tuple(sorted(unread)))
        for path, (stack, read, unread) in sorted(found.items())
    )


def unit_of(path: str, units: tuple[UnitFacts, ...]) -> str:
    """The innermost unit that holds a path; the units are in the order of their paths, as `find_units` gives them."""
    folder = path.rpartition("/")[0]
    while folder:
        place = bisect_left(units, folder, key=_folder_of)
        if place < len(units) and units[place].path == folder:
            return folder
        folder = folder.rpartition("/")[0]
    return "."


def _folder_of(unit: UnitFacts) -> str:
    return unit.path


def _manifest(path: str, text: str | None) -> tuple[str | None, set[str] | None]:
    """The unit's folder (None: no manifest of a unit) and its stack (None: the manifest does not parse)."""
    place = PurePosixPath(path)
    folder = place.parent.as_posix()
    if place.name == "config.toml":
        return (place.parent.parent.as_posix(), {"Supabase"}) if place.parent.name == "supabase" else (None, set())
    if place.name == "schema.prisma":
        return (place.parent.parent.as_posix(), {"Prisma"}) if place.parent.name == "prisma" else (folder, {"Prisma"})
    names = None if text is None else _dependencies(place.name, text)
    return folder, None if names is None else {_STACK[name] for name in names if name in _STACK}


def _dependencies(name: str, text: str) -> set[str] | None:
    try:
        if name in {"package.json", "deno.json"}:
            return _npm(json.loads(text))
        if name == "pyproject.toml":
            return _python(tomllib.loads(text))
    except (ValueError, RecursionError):
        return None
    return {match[0].lower() for match in re.finditer(r"^[A-Za-z0-9_.-]+", text, re.MULTILINE)}


def _npm(manifest: Any) -> set[str]:  # noqa: ANN401 - JSON of any shape
    tables = (_table(manifest, key) for key in ("dependencies", "devDependencies", "peerDependencies"))
    values = _table(manifest, "imports").values()
    imported = {match[1] for value in values if (match := re.match(r"(?:npm|jsr):(@?[^@]+)", str(value)))}
    return {name for table in tables for name in table} | imported


def _python(manifest: dict[str, Any]) -> set[str]:
    listed = _table(manifest, "project").get("dependencies")
    named = (re.match(r"[A-Za-z0-9_.-]+", str(item)) for item in listed) if isinstance(listed, list) else ()
    poetry = _table(_table(_table(manifest, "tool"), "poetry"), "dependencies")
    return {match[0].lower() for match in named if match} | {name.lower() for name in poetry}


def _table(values: Any, key: str) -> dict[str, Any]:  # noqa: ANN401 - JSON or TOML of any shape
    """The table under a key; an empty one where the document has something else there."""
    table = values.get(key) if isinstance(values, dict) else None
    return table if isinstance(table, dict) else {}
