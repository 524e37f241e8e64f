"""Units of a repository (each package, each Supabase project) with their stack, and what role a path plays."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_VENDORED = {
    "node_modules",
    "vendor",
    "third_party",
    "thirdparty",
    ".venv",
    "venv",
    "site-packages",
    "bower_components",
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
    """One package: its folder (`.` for the root), what it is built with, and whether its manifest could be read."""

    path: str
    stack: tuple[str, ...]
    manifests: tuple[str, ...]


def is_vendored(path: str) -> bool:
    return not _VENDORED.isdisjoint(PurePosixPath(path).parts)


def is_test(path: str) -> bool:
    return not _TEST.isdisjoint(part.lower() for part in PurePosixPath(path).parts[:-1]) or bool(
        re.search(r"\.(test|spec|e2e)\.[cm]?[jt]sx?$|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$", path),
    )


def is_example(path: str) -> bool:
    return not _EXAMPLE.isdisjoint(part.lower() for part in PurePosixPath(path).parts[:-1])


def find_units(paths: tuple[str, ...], manifests: dict[str, str]) -> tuple[UnitFacts, ...]:
    """Units by their manifests; `manifests` maps the path of each to its text."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path, text in manifests.items():
        folder, stack = _manifest(path, text)
        if folder is not None:
            known = found.setdefault(folder, (set(), set()))
            known[0].update(stack)
            known[1].add(path)
    for path in paths:  # a Supabase project may have no config.toml
        match = re.match(r"(?:(.*)/)?supabase/(?:migrations|functions)/", path)
        if match and not is_vendored(path):
            found.setdefault(match[1] or ".", (set(), set()))[0].add("Supabase")
    return tuple(UnitFacts(path, tuple(sorted(s)), tuple(sorted(m))) for path, (s, m) in sorted(found.items()))


def unit_of(path: str, units: tuple[UnitFacts, ...]) -> str:
    """The innermost unit that holds a path."""
    holders = [unit.path for unit in units if unit.path == "." or path.startswith(unit.path + "/")]
    return max(holders, key=lambda unit: 0 if unit == "." else len(unit), default=".")


def _manifest(path: str, text: str) -> tuple[str | None, set[str]]:
    place = PurePosixPath(path)
    folder = place.parent.as_posix()
    if place.name == "config.toml":
        return (place.parent.parent.as_posix(), {"Supabase"}) if place.parent.name == "supabase" else (None, set())
    if place.name == "schema.prisma":
        return (place.parent.parent.as_posix(), {"Prisma"}) if place.parent.name == "prisma" else (folder, {"Prisma"})
    return folder, {_STACK[name] for name in _dependencies(place.name, text) if name in _STACK}


def _dependencies(name: str, text: str) -> set[str]:
    try:
        if name in {"package.json", "deno.json"}:
            return _npm(json.loads(text))
        if name == "pyproject.toml":
            return _python(tomllib.loads(text))
    except (ValueError, RecursionError):
        return set()
    return {match[0].lower() for match in re.finditer(r"^[A-Za-z0-9_.-]+", text, re.MULTILINE)}


def _npm(manifest: Any) -> set[str]:  # noqa: ANN401 - JSON of any shape
    if not isinstance(manifest, dict):
        return set()
    tables = (manifest.get(key) for key in ("dependencies", "devDependencies", "peerDependencies"))
    found = {name for table in tables if isinstance(table, dict) for name in table}
    imports = manifest.get("imports")
    values = imports.values() if isinstance(imports, dict) else ()
    return found | {match[1] for value in values if (match := re.match(r"(?:npm|jsr):(@?[^@]+)", str(value)))}


def _python(manifest: dict[str, Any]) -> set[str]:
    project = manifest.get("project")
    listed = project.get("dependencies", []) if isinstance(project, dict) else []
    found = {match[0].lower() for item in listed if (match := re.match(r"[A-Za-z0-9_.-]+", str(item)))}
    poetry = manifest.get("tool", {}).get("poetry", {}) if isinstance(manifest.get("tool"), dict) else {}
    return found | {str(name).lower() for name in poetry.get("dependencies", {})}
