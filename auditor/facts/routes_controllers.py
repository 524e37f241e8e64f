"""Endpoints of classes with decorators: OvernightJS, routing-controllers, tsoa, inversify-express-utils, Ts.ED."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, arguments_of, property_of, string_of, unwrap
from auditor.facts.decorators import expanded, methods_of, of_class, of_parameters
from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.parameter_types import is_checked
from auditor.facts.route_paths import paths_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.decorators import Decorator
    from auditor.facts.symbols import Symbols

_NAMED = ("@overnightjs/", "routing-controllers", "tsoa", "inversify-express-utils", "@tsed/")  # parts of what follows
_VERBS = {"get", "post", "put", "patch", "delete", "options", "head", "all"}
_INPUTS = {"Body": "json", "BodyProp": "json", "BodyParams": "json", "QueryParams": "query", "Queries": "query"}


@dataclass(frozen=True, slots=True)
class _Library:
    """How one library calls what it has; `checks` says that it validates parameters by their types."""

    name: str
    package: re.Pattern[str]
    controller: re.Pattern[str]
    verb: re.Pattern[str]
    before: re.Pattern[str]
    gate: re.Pattern[str]
    opened: re.Pattern[str]
    prefix: re.Pattern[str]
    checks: bool = False


def _library(name: str, package: str, controller: str, *, checks: bool = False, **patterns: str) -> _Library:
    given = {"verb": r"(?P<verb>\w+)", "before": "(?!)", "gate": "(?!)", "opened": "(?!)", "prefix": "(?!)"} | patterns
    compiled = {key: re.compile(pattern) for key, pattern in given.items()}
    quoted = re.compile(rf"[\"'](?:{package})(?:/[\w/-]+)?[\"']")
    return _Library(name, quoted, re.compile(controller), checks=checks, **compiled)


_LIBRARIES = (
    _library("OvernightJS", "@overnightjs/core", "Controller", before="(?:Class)?Middleware"),
    _library(
        "routing-controllers", "routing-controllers", "(?:Json)?Controller", checks=True,
        before="UseBefore", gate="Authorized", prefix=r"routePrefix\s*:\s*[\"'`]([^\"'`\n]+)",
    ),
    _library(
        "tsoa", "tsoa|@tsoa/runtime", "Route", checks=True,
        before="Middlewares", gate="Security", opened="NoSecurity",
    ),
    _library(
        "inversify", "inversify-express-utils", "controller", verb="http(?P<verb>[A-Z]\\w+)", before="withMiddleware",
    ),
    _library(
        "Ts.ED", r"@tsed/(?:di|common|schema)", "(?:Rest)?Controller", checks=True,
        before="UseBefore|UseAuth|Use", gate="Authorize|Authenticate|Auth|UseAuth",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Holder:
    """A class of endpoints: where it is mounted, and what stands before all of its methods."""

    library: _Library
    site: Site
    decorators: list[Decorator]
    paths: list[str]
    guards: tuple[Site, ...]


def controllers_of_others(text: str) -> bool:
    """Whether a file's controllers are those of one of these libraries, and none of NestJS."""
    return any(library.package.search(text) for library in _LIBRARIES)


def find_controllers(symbols: Symbols) -> list[Endpoint]:
    """Every route of every controller, below the controllers that list it as theirs."""
    texts = {path: symbols.code.text(path) for path, language in symbols.code.files.items() if language != "python"}
    naming = {path: text for path, text in texts.items() if any(part in text for part in _NAMED)}
    holders: dict[tuple[str, int], _Holder] = {}
    parents: dict[tuple[str, int], tuple[str, int]] = {}
    for library in _LIBRARIES:
        ours = [path for path, text in naming.items() if library.package.search(text)]
        before, prefix = _application(symbols, ours), _prefix(library, texts) if ours else ""
        sites = [Site(path, node) for path in ours for node in symbols.code.nodes(path, *CLASSES)]
        for holder in (found for site in sites if (found := _holder(symbols, library, site, before, prefix))):
            holders.setdefault(_key(holder.site), holder)
            parents |= {child: _key(holder.site) for child in _children(symbols, holder)}
    return [each for key in holders for each in _of_holder(symbols, _chain(key, holders, parents))]


def _key(site: Site) -> tuple[str, int]:
    return site.path, site.node.start_byte


def _chain(
    key: tuple[str, int], holders: dict[tuple[str, int], _Holder], parents: dict[tuple[str, int], tuple[str, int]]
) -> list[_Holder]:
    """A controller below those that hold it, outermost first."""
    chain: list[tuple[str, int]] = []
    while key in holders and key not in chain:
        chain.insert(0, key)
        key = parents.get(key, ("", 0))
    return [holders[each] for each in chain]


def _application(symbols: Symbols, paths: list[str]) -> tuple[Site, ...]:
    """What is set before all controllers, without a path: `this.app.use(limiter)`."""
    found: list[Site] = []
    for path in paths:
        for call in symbols.code.nodes(path, "call_expression") if ".use(" in symbols.code.text(path) else ():
            given = arguments_of(call)
            if re.search(r"(?:^|\.)app\.use$", text_of(call.child_by_field_name("function"))) and given:
                found += (Site(path, each) for each in given) if string_of(given[0]) is None else ()
    return tuple(site for site in found if site.node.type not in {"array", "arrow_function", "function_expression"})


def _holder(symbols: Symbols, library: _Library, site: Site, before: tuple[Site, ...], prefix: str) -> _Holder | None:
    decorators = expanded(symbols, of_class(site.path, site.node))
    controller = next((mark for name, mark in decorators if library.controller.fullmatch(name)), None)
    if controller is None:
        return None
    given = arguments_of(controller.node) if controller.node.type == "call_expression" else []
    paths = [path for each in given[:1] for path in _paths(symbols, Site(controller.path, each))] or [""]
    guards = (*before, *_guards(library, controller, given[1:]), *_before(symbols, library, decorators))
    return _Holder(library, site, decorators, [join_paths(prefix, path) for path in paths], guards)


def _prefix(library: _Library, texts: dict[str, str]) -> str:
    found = (match[1] for text in texts.values() if (match := library.prefix.search(text)))
    return next(found, "")


def _paths(symbols: Symbols, given: Site) -> list[str]:
    value = property_of(given.node, "path") if given.node.type == "object" else given.node
    return paths_of(symbols, Site(given.path, value)) if value is not None else []


def _guards(library: _Library, mark: Site, given: list[Node]) -> tuple[Site, ...]:
    """Further arguments are middleware in inversify: `@controller("/x", requireUser)`."""
    return tuple(Site(mark.path, each) for each in given) if library.name == "inversify" else ()


def _before(symbols: Symbols, library: _Library, decorators: list[Decorator]) -> tuple[Site, ...]:
    """The middleware of `@Middleware([a, b])` and `@UseBefore(Class)`."""
    found: list[Site] = []
    for name, mark in decorators:
        given = (
            arguments_of(mark.node) if library.before.fullmatch(name) and mark.node.type == "call_expression" else []
        )
        for each in (inner for node in given for inner in (node.named_children if node.type == "array" else [node])):
            target = symbols.resolve(mark.path, each)
            method = None
            if isinstance(target, Site) and target.node.type in CLASSES:
                method = symbols.member(target, "use")
            found.append(method if isinstance(method, Site) else Site(mark.path, unwrap(each)))
    return tuple(found)


def _children(symbols: Symbols, holder: _Holder) -> Iterator[tuple[str, int]]:
    """`@ChildControllers([new Notes()])`, and `children: [Notes]` of Ts.ED."""
    for name, mark in holder.decorators:
        if name not in {"ChildControllers", "Controller"} or mark.node.type != "call_expression":
            continue
        for given in arguments_of(mark.node):
            listed = property_of(given, "children") if given.type == "object" else given
            for each in listed.named_children if listed is not None and listed.type == "array" else ():
                made = each.child_by_field_name("constructor") if each.type == "new_expression" else each
                target = symbols.resolve(mark.path, made) if made is not None else None
                if isinstance(target, Site) and target.node.type in CLASSES:
                    yield _key(target)


def _of_holder(symbols: Symbols, chain: list[_Holder]) -> Iterator[Endpoint]:
    holder = chain[-1]
    prefixes = [""]
    for each in chain:
        prefixes = [join_paths(above, path) for above in prefixes for path in each.paths]
    guards = tuple(dict.fromkeys(site for each in chain for site in each.guards))
    for method, own in methods_of(holder.site.path, holder.site.node):
        known = expanded(symbols, own)
        for verb, paths, mark in _routes(symbols, holder.library, known):
            further = arguments_of(mark.node)[1:] if mark.node.type == "call_expression" else []
            before = (*guards, *_guards(holder.library, mark, further), *_before(symbols, holder.library, known))
            for whole in (join_paths(prefix, path) for prefix in prefixes for path in paths):
                yield _endpoint(symbols, chain, (verb, whole), (method, known), before)


def _routes(symbols: Symbols, library: _Library, own: list[Decorator]) -> Iterator[tuple[str, list[str], Site]]:
    for name, mark in own:
        match = library.verb.fullmatch(name)
        verb = match["verb"].lower() if match else ""
        if verb in _VERBS:
            given = arguments_of(mark.node)[:1] if mark.node.type == "call_expression" else []
            yield verb.upper(), [p for each in given for p in _paths(symbols, Site(mark.path, each))] or [""], mark


def _endpoint(
    symbols: Symbols, chain: list[_Holder], what: tuple[str, str], found: tuple[Node, list[Decorator]],
    before: tuple[Site, ...],
) -> Endpoint:  # fmt: skip
    holder, (method, own) = chain[-1], found
    path = holder.site.path
    name = method.child_by_field_name("name") or method
    return Endpoint(
        holder.library.name, what[0], what[1], FileSpan(path, line_of(name)), Site(path, method), before,
        schemas=_schemas(symbols, holder, method), gateway=_gateway(chain, own),
    )  # fmt: skip


def _schemas(symbols: Symbols, holder: _Holder, method: Node) -> frozenset[str]:
    """The inputs that the library checks against the class of a parameter."""
    kinds = set()
    for decorators, parameter in of_parameters(holder.site.path, method) if holder.library.checks else ():
        for name, mark in decorators:
            switched_off = re.search(r"validate\s*:\s*false", text_of(mark.node))
            loose = holder.library.name != "tsoa"  # which makes its checks out of any type
            if name in _INPUTS and not switched_off:
                typed = is_checked(symbols, Site(holder.site.path, parameter), by_class=loose)
                kinds |= {_INPUTS[name]} if typed else set()
    return frozenset(kinds)


def _gateway(chain: list[_Holder], own: list[Decorator]) -> str:
    """What refuses callers by declaration: `@Authorized()`, `@Security("jwt")`."""
    library = chain[-1].library
    if any(library.opened.fullmatch(name) for name, _ in own):
        return ""
    marks = [name for name, _ in (*own, *(mark for each in chain for mark in each.decorators))]
    return next((f"@{name}" for name in marks if library.gate.fullmatch(name)), "")
