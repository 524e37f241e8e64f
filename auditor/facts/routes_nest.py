"""Endpoints of NestJS controllers, and of resolver classes of NestJS and type-graphql."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.decorators import expanded, methods_of, of_class
from auditor.facts.endpoints import Endpoint, Listed, join_paths
from auditor.facts.nest_applications import application_of, read_applications
from auditor.facts.nest_groups import field_name, openings, resolved_fields, target_of
from auditor.facts.nest_guards import asked_of, base_of, guards_of, has_pipe, is_public, schemas_of
from auditor.facts.pieces import Kept
from auditor.facts.route_paths import paths_of
from auditor.facts.routes_controllers import controllers_of_others
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.facts.ts_rest import operations
from auditor.facts.ts_rest import schemas_of as schemas_of_contract
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.decorators import Decorator
    from auditor.facts.nest_applications import Application, Versions
    from auditor.facts.nest_groups import Openings
    from auditor.facts.nest_guards import Guard
    from auditor.facts.symbols import Symbols

_SAYS_NOTHING = {"ApiExcludeController"}  # of Swagger, which leaves the class out of its document
_ROUTES = {
    "Get": "GET", "Post": "POST", "Put": "PUT", "Patch": "PATCH", "Delete": "DELETE", "Options": "OPTIONS",
    "Head": "HEAD", "All": "ALL", "Sse": "GET",
}  # fmt: skip
_HOLDS = re.compile(r"@(?:\w+\.)?(?:\w*Controller|Resolver)\s*\(")
_FIELD = re.compile(r"@(?:\w+\.)?(?:Query|Mutation|Subscription)\s*\(\s*(?:\(|[\"'])")
_MAX_PARENTS = 4
_FIELDS = {"Query": "Query", "Mutation": "Mutation", "Subscription": "Subscription"}
_ASKED = re.compile(r"@(?:nestjs/|nestia/)|type-graphql")


@dataclass(frozen=True, slots=True)
class _Holder:
    """A class of endpoints, with what stands in front of all of them."""

    path: str
    name: str
    decorators: list[Decorator]
    paths: list[str]
    version: str
    application: Application


def find_nest(symbols: Symbols) -> list[Endpoint]:
    """Every route of every controller, and every query and mutation of every resolver class."""
    paths = [p for p, language in symbols.code.files.items() if language not in {"python", "javascript"}]
    paths = [p for p in paths if _HOLDS.search(symbols.code.text(p)) or _is_bare(symbols.code.text(p))]
    paths = [p for p in paths if not controllers_of_others(symbols.code.text(p))]
    if not any(_ASKED.search(symbols.code.text(path)) for path in paths):
        return []
    applications = read_applications(symbols)
    held = (Site(path, node) for path in paths for node in symbols.code.nodes(path, "class_declaration"))
    classes = Kept(symbols.code, held)
    groups = openings(symbols, [site for site in classes if "@Resolver" in symbols.code.text(site.path)])
    own = _without_bases(symbols, classes)
    found = Listed(symbols.code, (each for site in own for each in _of_class(symbols, applications, site)))
    grouped = (each for site in own if groups for each in _grouped(symbols, applications, site, groups))
    inner = Listed(symbols.code, grouped)
    opening = {each.path.rsplit(".", 1)[0] for each in inner}
    return [*(each for each in found if each.path not in opening), *(e for e in inner if e.path not in opening)]


def _grouped(symbols: Symbols, applications: dict[str, Application], at: Site, groups: Openings) -> Iterator[Endpoint]:
    """The fields of a type that only groups them, behind what stands before the field that opens the way."""
    path, node = at.path, at.node
    decorators = expanded(symbols, of_class(path, node))
    name = text_of(node.child_by_field_name("name"))
    for group in groups.get(target_of(decorators), ()):
        holder = _Holder(path, name, [*group.decorators, *decorators], [""], "", application_of(path, applications))
        for method, own in methods_of(path, node):
            for field in resolved_fields(own, method):
                what = "GraphQL", group.root.upper(), f"{group.root}.{group.name}.{field}"
                yield _endpoint(symbols, holder, method, expanded(symbols, own), what)


def _of_class(symbols: Symbols, applications: dict[str, Application], at: Site) -> Iterator[Endpoint]:
    path, node = at.path, at.node
    decorators = expanded(symbols, of_class(path, node))
    controllers = {name: site for name, site in decorators if name.endswith("Controller") and name not in _SAYS_NOTHING}
    controller = controllers.get("Controller") or next(iter(controllers.values()), None)
    resolver = any(name == "Resolver" for name, _ in decorators) or _is_bare(text_of(node), symbols.code.text(path))
    if controller is None and not resolver:
        return
    prefixes, version = _prefixes(symbols, controller) if controller is not None else ([""], "")
    name, application = text_of(node.child_by_field_name("name")), application_of(path, applications)
    placed = application.placed.get((path, at.start)) or [""]
    whole = [join_paths(lead, prefix) for lead in placed for prefix in prefixes] if any(placed) else prefixes
    holder = _Holder(path, name, decorators, whole, version, application)
    for place, method, own in _methods(symbols, Site(path, node)):
        known, inside = expanded(symbols, own), replace(holder, path=place)
        if controller is not None:
            yield from _routes(symbols, inside, method, known)
        else:
            yield from _fields(symbols, inside, method, known)


def _is_bare(text: str, file: str = "") -> bool:
    """Whether methods are marked as fields: Nest asks this of each provider, `@Resolver()` need not stand there."""
    return "@nestjs/graphql" in (file or text) and _FIELD.search(text) is not None


def _methods(symbols: Symbols, held: Site) -> Iterator[tuple[str, Node, list[Decorator]]]:
    """The methods of a class and those that it inherits, each where it is written."""
    seen: set[str] = set()
    current: Site | None = held
    for _ in range(_MAX_PARENTS):
        if current is None:
            return
        own = list(methods_of(current.path, current.node))
        names = [text_of(method.child_by_field_name("name")) for method, _ in own]
        yield from ((current.path, *each) for name, each in zip(names, own, strict=True) if name not in seen)
        seen.update(names)
        current = base_of(symbols, current)


def _without_bases(symbols: Symbols, classes: Iterable[Site]) -> list[Site]:
    """The classes but those that are there to be extended: their methods answer as the methods of the others."""
    extending = (site for site in classes if "extends" in symbols.code.text(site.path))
    bases = {base for site in extending if (base := base_of(symbols, site)) is not None}
    return [site for site in classes if site not in bases or not _is_base(site)]


def _is_base(site: Site) -> bool:
    held = any(name.endswith(("Controller", "Resolver")) for name, _ in of_class(site.path, site.node))
    return not held or "Base" in text_of(site.node.child_by_field_name("name"))


def _prefixes(symbols: Symbols, controller: Site) -> tuple[list[str], str]:
    """(paths, version) of `@Controller("x")`, `@Controller(["a", "b"])`, `@Controller({ path, version })`."""
    given = arguments_of(controller.node)[0] if controller.node.type == "call_expression" and arguments_of(
        controller.node) else None  # fmt: skip
    if given is None:
        return [""], ""
    if given.type != "object":
        return paths_of(symbols, Site(controller.path, given)) or [""], ""
    where, version = property_of(given, "path"), property_of(given, "version")
    paths = paths_of(symbols, Site(controller.path, where)) if where is not None else [""]
    return paths or [""], _version(version)


def _version(written: Node | None) -> str:
    """A version as it is written; of a list the first, of what cannot be read its text, which is in no path."""
    if written is not None and written.type == "array" and written.named_children:
        written = written.named_children[0]
    return string_of(written) or text_of(written)


def _routes(symbols: Symbols, holder: _Holder, method: Node, own: list[Decorator]) -> Iterator[Endpoint]:
    versions = [arguments_of(site.node) for name, site in own if name == "Version"]
    version = _version(versions[0][0] if versions and versions[0] else None) or holder.version
    lead = _version_path(holder.application.versions, version)
    for name, site in own:
        if name in {"TsRestHandler", "TsRest"} and site.node.type == "call_expression":
            yield from _of_contract(symbols, holder, method, own, site)
        if name not in _ROUTES:
            continue
        given = arguments_of(site.node)[:1] if site.node.type == "call_expression" else []
        paths = [path for each in given for path in paths_of(symbols, Site(site.path, each))] or [""]
        for prefix in holder.paths:
            for path in paths:
                inner = join_paths(lead, prefix, path)
                free = inner.strip("/") in holder.application.left_out
                whole = inner if free else join_paths(holder.application.prefix, inner)
                found = _endpoint(symbols, holder, method, own, ("NestJS", _ROUTES[name], whole))
                yield replace(found, guards=(*_before(holder, _ROUTES[name], inner), *found.guards))


def _before(holder: _Holder, method: str, path: str) -> tuple[Site, ...]:
    """The middleware that the application runs before a route."""
    found = (each for each in holder.application.middleware if each.covers(holder.name, method, path))
    return tuple(site for each in found for site in each.sites)


def _of_contract(
    symbols: Symbols, holder: _Holder, method: Node, own: list[Decorator], decorator: Site
) -> Iterator[Endpoint]:
    """`@TsRestHandler(contract.notes)`, whose method gives back `tsRestHandler(contract.notes, { … })`."""
    given = arguments_of(decorator.node)[:1]
    for answer in returned(method):
        answered = arguments_of(unwrap(answer)) if unwrap(answer).type == "call_expression" else []
        router = Site(holder.path, answered[-1] if len(answered) > 1 else method)
        for each in operations(symbols, Site(decorator.path, given[0]), router) if given else ():
            whole = join_paths(holder.application.prefix, *holder.paths[:1], each.path)
            found = _endpoint(symbols, holder, method, own, ("NestJS", each.method, whole))
            where = FileSpan(each.handler.path, line_of(each.handler.node))
            yield replace(
                found, where=where, handler=each.handler, guards=(*_before(holder, each.method, whole), *found.guards),
                schemas=schemas_of_contract(each.declared),
            )  # fmt: skip


def _version_path(versions: Versions | None, own: str) -> str:
    version = own or (versions.default if versions is not None else "")
    return f"{versions.lead}{version}" if versions is not None and re.fullmatch(r"[\w.-]+", version) and (
        version != "VERSION_NEUTRAL") else ""  # fmt: skip


def _fields(symbols: Symbols, holder: _Holder, method: Node, own: list[Decorator]) -> Iterator[Endpoint]:
    for name, site in own:
        if name in _FIELDS and site.node.type == "call_expression":
            field = field_name(site.node) or text_of(method.child_by_field_name("name"))
            found = _endpoint(symbols, holder, method, own, ("GraphQL", name.upper(), f"{_FIELDS[name]}.{field}"))
            yield found


def _endpoint(
    symbols: Symbols, holder: _Holder, method: Node, own: list[Decorator], what: tuple[str, str, str]
) -> Endpoint:
    guards = [*holder.application.guards, *guards_of(symbols, holder.decorators), *guards_of(symbols, own)]
    if is_public(own) or (is_public(holder.decorators) and not list(guards_of(symbols, own))):
        guards = [guard for guard in guards if not guard.asks_metadata]
    guards = asked_of(symbols, guards, [*own, *holder.decorators])
    validates = holder.application.validates or has_pipe(holder.decorators) or has_pipe(own)
    schemas = schemas_of(symbols, Site(holder.path, method), validates=validates)
    if has_pipe(own) or what[0] == "GraphQL":
        schemas |= {"*"} if method.child_by_field_name("parameters") else set()
    name = method.child_by_field_name("name") or method
    return Endpoint(
        what[0], what[1], what[2], FileSpan(holder.path, line_of(name)), Site(holder.path, method),
        tuple(site for guard in guards for site in guard.sites), schemas=frozenset(schemas),
        gateway=_gateway(guards, [*own, *holder.decorators]), public=is_public(own),
    )  # fmt: skip


def _gateway(guards: list[Guard], decorators: list[Decorator]) -> str:
    """What refuses callers by declaration: a guard by its name and its code, `@Authorized()` of type-graphql."""
    named = next((guard.name for guard in guards if guard.authenticates), "")
    if named:
        return f"guard {named}"
    return "@Authorized()" if any(name == "Authorized" for name, _ in decorators) else ""
