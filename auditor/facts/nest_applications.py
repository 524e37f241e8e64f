"""What is set for a whole application of NestJS; in a repository of several, each has its own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of, string_of
from auditor.facts.nest_guards import PIPES, guard_of
from auditor.facts.nest_middleware import read_middleware
from auditor.facts.nest_router_modules import placed_controllers
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.nest_guards import Guard
    from auditor.facts.nest_middleware import Middleware
    from auditor.facts.nest_router_modules import Placed
    from auditor.facts.symbols import Symbols

_STARTS = re.compile(r"\bNestFactory\s*\.\s*create\s*(?:<[^()]*>)?\(")
_VERSIONING = re.compile(r"\.enableVersioning\(\s*(?P<options>\{[^{}]*\})?")


@dataclass(frozen=True, slots=True)
class Versions:
    """How versions stand in paths: what is written before one, and that of controllers which name none."""

    lead: str = "v"
    default: str = ""


@dataclass(slots=True)
class Application:
    """What is set for a whole application."""

    guards: list[Guard] = field(default_factory=list)
    prefix: str = ""
    left_out: list[str] = field(default_factory=list)
    validates: bool = False
    versions: Versions | None = None
    middleware: list[Middleware] = field(default_factory=list)
    placed: Placed = field(default_factory=dict)


def read_applications(symbols: Symbols) -> dict[str, Application]:
    """Each application by the folder that it lies in; where there is but one, that is the whole repository."""
    paths = [path for path, language in symbols.code.files.items() if language != "python"]
    folders = {_folder(path) for path in paths if _STARTS.search(symbols.code.text(path))}
    if len(folders) < 2:  # noqa: PLR2004 - two applications at the least
        return {"": _read(symbols, paths)}
    inside = {folder: [path for path in paths if _holder(path, folders) == folder] for folder in folders}
    shared = [path for path in paths if _holder(path, folders) is None]
    return {"": _read(symbols, paths)} | {folder: _read(symbols, [*shared, *own]) for folder, own in inside.items()}


def application_of(path: str, applications: dict[str, Application]) -> Application:
    """The application that a file belongs to; what all of them set, for a file that several may use."""
    return applications[_holder(path, applications) or ""]


def _folder(path: str) -> str:
    """The folder of an application, by the file that starts it: `apps/api/` of `apps/api/src/main.ts`."""
    return re.sub(r"(?:^|(?<=/))(?:src/(?:.*/)?)?[^/]+$", "", path)


def _holder(path: str, folders: Iterable[str]) -> str | None:
    return max((folder for folder in folders if path.startswith(folder)), key=len, default=None)


def _read(symbols: Symbols, paths: list[str]) -> Application:
    """`useGlobalGuards`, `useGlobalPipes`, `setGlobalPrefix`, and the providers of APP_GUARD and APP_PIPE."""
    found = Application(versions=_versions(symbols, paths), middleware=read_middleware(symbols, paths))
    found.placed = placed_controllers(symbols, paths)
    for path in paths:
        text = symbols.code.text(path)
        if "useGlobal" in text or "setGlobalPrefix" in text:
            for call in symbols.code.nodes(path, "call_expression"):
                _called(symbols, Site(path, call), found)
        if "APP_GUARD" in text or "APP_PIPE" in text:
            for holder in symbols.code.nodes(path, "object"):
                _provided(symbols, Site(path, holder), found)
    return found


def _versions(symbols: Symbols, paths: list[str]) -> Versions | None:
    """What `enableVersioning` says; None where versions are in no path, or an application never enables them."""
    texts = [symbols.code.text(path) for path in paths]
    found = next((match for text in texts if (match := _VERSIONING.search(text))), None)
    if found is None:  # without the application's own code, what controllers say is all that is known
        return None if any("NestFactory" in text for text in texts) else Versions()
    given = found["options"] or ""
    if (kind := re.search(r"VersioningType\.(\w+)", given)) and kind[1] != "URI":
        return None
    lead = re.search(r"\bprefix\s*:\s*(?:[\"'`]([^\"'`]*)[\"'`]|false)", given)
    default = re.search(r"\bdefaultVersion\s*:\s*\[?\s*[\"'`](\w+)[\"'`]", given)
    return Versions((lead[1] or "") if lead else "v", default[1] if default else "")


def _called(symbols: Symbols, call: Site, found: Application) -> None:
    function = call.node.child_by_field_name("function")
    name = text_of(function.child_by_field_name("property")) if function is not None else ""
    given = arguments_of(call.node)
    if name == "useGlobalGuards":
        found.guards += (guard_of(symbols, Site(call.path, each)) for each in given)
    elif name == "useGlobalPipes":
        found.validates |= any(PIPES.search(text_of(each)) or each.type != "new_expression" for each in given)
    elif name == "setGlobalPrefix" and given:
        found.prefix = string_of(given[0]) or found.prefix
        excluded = property_of(given[1], "exclude") if len(given) > 1 and given[1].type == "object" else None
        for item in nodes(symbols.code.files[call.path], excluded, "string") if excluded is not None else ():
            found.left_out.append((string_of(item) or "").strip("/"))


def _provided(symbols: Symbols, holder: Site, found: Application) -> None:
    provided = text_of(property_of(holder.node, "provide")).rsplit(".", 1)[-1]
    keys = ("useClass", "useExisting", "useFactory", "useValue")
    value = next((each for key in keys if (each := property_of(holder.node, key)) is not None), None)
    if value is None:
        return
    if provided == "APP_GUARD":
        found.guards.append(guard_of(symbols, Site(holder.path, value)))
    elif provided == "APP_PIPE":
        found.validates |= PIPES.search(text_of(value)) is not None
