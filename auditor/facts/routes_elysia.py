"""Endpoints of Elysia: chains of routes, plugins, groups and guards, and what each hook stands in front of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, property_of, returned, string_of, unwrap
from auditor.facts.builder_chains import link_of
from auditor.facts.elysia_hooks import Macros, hook_of, scope_of
from auditor.facts.endpoints import Endpoint, join_paths
from auditor.facts.route_paths import text_at
from auditor.facts.routed import open_handler
from auditor.facts.symbols import External, Parameter, Site
from auditor.facts.syntax import line_of, nodes, text_of
from auditor.facts.units import is_test
from auditor.model import FileSpan

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_METHODS = {"get", "post", "put", "patch", "delete", "options", "head", "all", "ws"}
_BEFORE = {"derive", "resolve", "mapDerive", "mapResolve", "onBeforeHandle", "onRequest", "onTransform"}
_COUNTS = re.compile(r"rate-?limit", re.IGNORECASE)
_OF_ONE = re.compile(r"\bscoping\s*:\s*[\"'](?:scoped|local)")
_MAX_DEPTH = 12
_MAX_LINKS = 100_000
Key = tuple[str, int]


@dataclass(slots=True)
class _Scope:
    """Where in a chain we are: `own` are the hooks of this instance, `shared` those that whoever uses it has too,
    `everywhere` those that everybody above has.
    """

    prefix: str = ""
    guards: list[Site] = field(default_factory=list)
    schemas: set[str] = field(default_factory=set)
    own: list[Site] = field(default_factory=list)
    shared: list[Site] = field(default_factory=list)
    everywhere: list[Site] = field(default_factory=list)

    def below(self, prefix: str = "") -> _Scope:
        return _Scope(join_paths(self.prefix, prefix), [*self.guards], {*self.schemas})

    def hook(self, sites: list[Site], how: str = "") -> None:
        self.guards += sites
        self.own += sites
        self.shared += sites if how == "scoped" else []
        self.everywhere += sites if how == "global" else []


def find_elysia(symbols: Symbols) -> list[Endpoint]:
    """Every route of the instances that no other one uses."""
    files = [path for path, language in symbols.code.files.items() if language != "python" and not is_test(path)]
    files = [path for path in files if re.search(r"\bElysia\b", symbols.code.text(path))]
    reader = _Reader(symbols, Macros(symbols, tuple(files)))
    for path in files:
        for made in symbols.code.nodes(path, "new_expression"):
            if reader.is_instance(path, made):
                reader.found = reader.whole[path, made.start_byte] = []
                reader.run(Site(path, _outermost(made)), _Scope(), 0)
    roots = (found for key, found in reader.whole.items() if key not in reader.used)
    return list(dict.fromkeys(endpoint for found in roots for endpoint in found))


@dataclass(slots=True)
class _Reader:
    symbols: Symbols
    macros: Macros
    whole: dict[Key, list[Endpoint]] = field(default_factory=dict)
    used: set[Key] = field(default_factory=set)
    found: list[Endpoint] = field(default_factory=list)
    links: int = 0  # followed so far: plugins that use plugins may be very many

    def is_instance(self, path: str, node: Node) -> bool:
        made = self.symbols.called(path, node) if node.type == "new_expression" else None
        return isinstance(made, External) and made.package == "elysia" and made.last in {"Elysia", "default"}

    def run(self, site: Site, scope: _Scope, depth: int) -> _Scope | None:
        """Follow a chain from the instance that it begins with; None where it begins with something else."""
        links, node = [], unwrap(site.node)
        while (link := link_of(node)) is not None:
            links.append((link[0], node))
            node = unwrap(link[1])
        begun = self._begin(Site(site.path, node), scope, depth)
        for name, call in reversed(links) if begun is not None else ():
            self._link(begun, name, Site(site.path, call), depth)  # type: ignore[arg-type]
        if begun is not None and self.is_instance(site.path, node):
            self._statements(site, begun, depth)
        return begun

    def _begin(self, site: Site, scope: _Scope, depth: int) -> _Scope | None:
        if self.is_instance(site.path, site.node):
            given = arguments_of(site.node)
            named = property_of(given[0], "prefix") if given and given[0].type == "object" else None
            prefix = text_at(self.symbols, Site(site.path, named)) if named is not None else None
            if depth:
                self.used.add((site.path, site.node.start_byte))
            return scope.below(prefix or "")
        target = self.symbols.resolve(site.path, site.node) if site.node.type == "identifier" else None
        if isinstance(target, Parameter):
            return scope if target.index == 0 else None
        if isinstance(target, Site) and target.node != site.node and depth < _MAX_DEPTH:
            return self.run(target, scope, depth + 1)
        return None

    def _statements(self, made: Site, scope: _Scope, depth: int) -> None:
        """What is registered on a variable in statements of its own: `app.use(auth)`."""
        holder = unwrap(made.node).parent
        while (
            holder is not None and holder.type != "variable_declarator" and holder.type not in {"program", *FUNCTIONS}
        ):
            holder = holder.parent
        name = text_of(holder.child_by_field_name("name")) if holder is not None else ""
        around = holder.parent.parent if holder is not None and holder.parent is not None else None
        for statement in around.named_children if name and around is not None else ():
            if around is not None and statement.type == "export_statement":
                continue
            call = statement.named_children[0] if statement.type == "expression_statement" else None
            links: list[tuple[str, Node]] = []
            while call is not None and (link := link_of(call)) is not None:
                links.append((link[0], call))
                call = unwrap(link[1])
            for method, each in reversed(links) if call is not None and text_of(call) == name else ():
                self._link(scope, method, Site(made.path, each), depth)

    def _link(self, scope: _Scope, name: str, call: Site, depth: int) -> None:
        given = [Site(call.path, each) for each in arguments_of(call.node)]
        self.links += 1
        if not given or depth > _MAX_DEPTH or self.links > _MAX_LINKS:
            return
        if name == "route" and len(given) > 2:  # noqa: PLR2004 - the method, the path, what answers
            self._route(scope, (string_of(given[0].node) or "ALL").upper(), call, given[1:])
        elif name in _METHODS and len(given) > 1:
            self._route(scope, name.upper(), call, given)
        elif name == "use":
            for each in given:
                self._use(scope, each, depth)
        elif name in {"group", "guard"}:
            self._inside(scope, name, given, depth)
        elif name in _BEFORE:
            scope.hook([given[-1]], scope_of(given[0]))
        elif name == "as" and (how := string_of(given[0].node)) in {"scoped", "plugin", "global"}:
            scope.shared = [*scope.own]
            scope.everywhere += scope.own if how == "global" else []
        elif name == "mount":
            self._mount(scope, call, given)

    def _route(self, scope: _Scope, method: str, call: Site, given: list[Site]) -> None:
        path = text_at(self.symbols, given[0])
        if path is None or (path and not path.startswith(("/", "*")) and "{" in path):
            return
        hook = hook_of(self.symbols, self.macros, given[1] if method == "WS" else given[-1])
        opened = open_handler(self.symbols, given[1])
        guards = (*scope.guards, *hook.guards, *opened.wrappers)
        schemas = frozenset(scope.schemas | hook.schemas)
        address, lost = join_paths(scope.prefix, path), opened.lost
        made = Endpoint("Elysia", method, address, _place(call), opened.handler, guards, schemas=schemas, lost=lost)
        self.found.append(made)

    def _mount(self, scope: _Scope, call: Site, given: list[Site]) -> None:
        path = string_of(given[0].node) if len(given) > 1 else ""
        opened = open_handler(self.symbols, given[-1])
        address = join_paths(scope.prefix, path or "", "*")
        found = Endpoint("Elysia", "ALL", address, _place(call), opened.handler, tuple(scope.guards), lost=opened.lost)
        self.found.append(found)

    def _inside(self, scope: _Scope, name: str, given: list[Site], depth: int) -> None:
        """`group(prefix, hook?, f)`, `guard(hook, f)`, and `guard(hook)` for all that comes after it."""
        function = given[-1] if unwrap(given[-1].node).type in FUNCTIONS else None
        prefix = text_at(self.symbols, given[0]) if name == "group" else None
        inner = scope.below(prefix or "") if function is not None else scope
        for each in given[1:] if name == "group" else given:
            if each != function:
                hook = hook_of(self.symbols, self.macros, each)
                inner.hook(list(hook.guards), scope_of(each))
                inner.schemas |= hook.schemas
        if function is not None:
            self._function(inner, function, depth + 1)

    def _use(self, scope: _Scope, site: Site, depth: int) -> None:
        """A plugin: an instance with hooks of its own, or a function that adds to the one that uses it."""
        node = unwrap(site.node)
        if node.type == "await_expression" and node.named_children:
            node = node.named_children[0]
        if node.type in FUNCTIONS:
            self._function(scope, Site(site.path, node), depth + 1)
            return
        target = self.symbols.resolve(site.path, node)
        if isinstance(target, Site) and target.node != node and depth < _MAX_DEPTH:
            self._use(scope, target, depth + 1)
        elif isinstance(target, Site) and node.type == "program":
            held = self.symbols.exported(site.path, "default")
            if isinstance(held, Site):
                self._use(scope, held, depth + 1)
        elif (inner := self.run(Site(site.path, node), scope.below(), depth + 1)) is not None:
            scope.hook(inner.shared)
            scope.hook(inner.everywhere, "global")
        elif node.type == "call_expression":
            self._made(scope, Site(site.path, node), depth)

    def _made(self, scope: _Scope, call: Site, depth: int) -> None:
        """What a function of the repository gives back, or a plugin of a package."""
        made = self.symbols.called(call.path, call.node)
        if isinstance(made, External) and _COUNTS.search(f"{made.package} {made.name}"):
            scope.hook([call], "" if _OF_ONE.search(text_of(call.node)) else "global")
        if isinstance(made, Site) and made.node.type in FUNCTIONS and depth < _MAX_DEPTH:
            for value in returned(made.node):
                self._use(scope, Site(made.path, value), depth + 1)

    def _function(self, scope: _Scope, function: Site, depth: int) -> None:
        """A function that is given the instance: every chain in it that begins with its parameter."""
        language = self.symbols.code.files[function.path]
        for call in nodes(language, function.node, "call_expression"):
            if _outermost(call) != call or link_of(call) is None:
                continue
            node = call
            while (link := link_of(node)) is not None:
                node = unwrap(link[1])
            root = self.symbols.resolve(function.path, node) if node.type == "identifier" else None
            if isinstance(root, Parameter) and root.index == 0 and root.site.node == function.node:
                self.run(Site(function.path, call), scope, depth)
            elif self.is_instance(function.path, node) and call.parent is not None and call.parent == function.node:
                self._use(scope, Site(function.path, call), depth)


def _outermost(node: Node) -> Node:
    """The whole chain that begins with an expression."""
    while (member := node.parent) is not None and member.type == "member_expression":
        call = member.parent
        if call is None or call.type != "call_expression" or call.child_by_field_name("function") != member:
            break
        node = call
    return node


def _place(call: Site) -> FileSpan:
    function = call.node.child_by_field_name("function")
    named = function.child_by_field_name("property") if function is not None else None
    return FileSpan(call.path, line_of(named or call.node))
