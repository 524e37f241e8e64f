"""Functions that register what they are given: `add("get", "/notes", list)`, `this.route({ method, path, … })`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, FUNCTIONS, arguments_of, property_of, same_value, unwrap
from auditor.facts.class_members import members_of
from auditor.facts.parameters import REST, parameters
from auditor.facts.route_paths import UNKNOWN, text_at
from auditor.facts.route_tables import is_loop
from auditor.facts.router_classes import THIS, lineage
from auditor.facts.router_events import place_of
from auditor.facts.symbols import Parameter, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.parsed_files import Files
    from auditor.facts.router_events import At
    from auditor.facts.router_roots import Roots, Router
    from auditor.facts.symbols import Symbols

_NAMES = {"identifier", "member_expression", "shorthand_property_identifier"}
_MAX_DEPTH = 3
_MAX_CALLS = 4000  # of one file


@dataclass(frozen=True, slots=True)
class Bound:
    """One call of a function: `holder` is the class whose object is called, where it is a method."""

    function: Site
    call: Site
    holder: Site | None

    def park(self, files: Files) -> None:
        """Let go of the trees of all three."""
        for site in (self.function, self.call, self.holder):
            if site is not None:
                site.park(files)

    def given(self, symbols: Symbols, parameter: Parameter) -> Site | None:
        """What the call gives a parameter, or a property of it."""
        written = dict(enumerate(arguments_of(self.call.node))).get(parameter.index)
        if written is None or not parameter.key:
            return Site(self.call.path, written) if written is not None else None
        whole = symbols.resolve(self.call.path, written)
        value = property_of(whole.node, parameter.key) if isinstance(whole, Site) else None
        return Site(whole.path, value) if isinstance(whole, Site) and value is not None else None


Bindings = tuple[Bound, ...]


def asks_for(symbols: Symbols, sites: list[Site]) -> Site | None:
    """The function whose parameters one of these expressions is, or is put together of."""
    return next((found.site for site in sites for _, found in _open(symbols, site)), None)


def _open(symbols: Symbols, site: Site) -> Iterator[tuple[Site, Parameter]]:
    node = unwrap(site.node)
    named = [node] if node.type in _NAMES else []
    if node.type in {"template_string", "binary_expression"}:
        named = nodes(symbols.code.files[site.path], node, "identifier")
    for each in named:
        target = symbols.resolve(site.path, each)
        if isinstance(target, Parameter) and target.site.node.type in FUNCTIONS and not is_loop(target.site.node):
            yield Site(site.path, each), target


def calls_of(symbols: Symbols, function: Site, texts: dict[str, str], depth: int = _MAX_DEPTH) -> Iterator[Bindings]:
    """Every call of a function by its name; of calls that hand on what comes in itself, those of that function."""
    name = _name_of(function)
    wanted = re.compile(rf"(?<![\w$]){re.escape(name)}\(")
    for path in (path for path, text in texts.items() if name and depth and wanted.search(text)):
        for call in symbols.code.nodes(path, "call_expression")[:_MAX_CALLS]:
            called = call.child_by_field_name("function")
            written = called.child_by_field_name("property") or called if called is not None else None
            bound = _bound(symbols, function, Site(path, call)) if text_of(written) == name else None
            if bound is None:
                continue
            outer = asks_for(symbols, [part for each in arguments_of(call) for part in _parts(Site(path, each))])
            if outer is None or outer == function:
                yield (bound,)
            else:
                yield from ((bound, *further) for further in calls_of(symbols, outer, texts, depth - 1))


def _parts(site: Site) -> list[Site]:
    """An argument, or the values of one that is an object."""
    if site.node.type != "object":
        return [site]
    values = (child.child_by_field_name("value") or child for child in site.node.named_children)
    return [Site(site.path, each) for each in values]


def _name_of(function: Site) -> str:
    holder = function.node.parent
    if (own := function.node.child_by_field_name("name")) is not None:
        return text_of(own)
    return text_of(holder.child_by_field_name("name")) if holder is not None and "declarator" in holder.type else ""


def _bound(symbols: Symbols, function: Site, call: Site) -> Bound | None:
    """A call, where it calls this very function: a method of the class or of one that it extends."""
    called = call.node.child_by_field_name("function")
    if called is None or function.node.type != "method_definition":
        known = called is not None and symbols.resolve(call.path, called) == function
        return Bound(function, call, None) if known else None
    held = called.child_by_field_name("object")
    holder = symbols.resolve(call.path, held) if held is not None else None
    if isinstance(holder, Site) and holder.node.type == "new_expression":
        holder = symbols.called(holder.path, holder.node)
    if not isinstance(holder, Site) or holder.node.type not in CLASSES:
        return None
    name = text_of(called.child_by_field_name("property"))
    owners = (each for each in lineage(symbols, holder) if isinstance(each, Site) and name in members_of(each.node))
    owner = next(owners, None)
    known = owner is not None and Site(owner.path, members_of(owner.node)[name]) == function
    return Bound(function, call, holder) if known else None


def filled(symbols: Symbols, site: Site, bindings: Bindings) -> Site:
    """An expression with what the calls give for the parameter that it is."""
    for bound in bindings:
        node = unwrap(site.node)
        target = symbols.resolve(site.path, node) if node.type in _NAMES else None
        if not isinstance(target, Parameter) or target.site != bound.function:
            return site
        site = bound.given(symbols, target) or site
    return site


def text_of_bound(symbols: Symbols, site: Site, bindings: Bindings) -> str | None:
    """The text of an expression with what the calls give for its parameters."""
    whole = filled(symbols, site, bindings)
    text = text_at(symbols, whole)
    if text is None or UNKNOWN not in text or whole != site:  # what a call gives may have a part of that name
        return text
    for part, _ in _open(symbols, site):
        inner = text_at(symbols, filled(symbols, part, bindings))
        text = text.replace(UNKNOWN, inner, 1) if inner is not None else text
    return text


def handlers_bound(symbols: Symbols, site: Site, bindings: Bindings) -> list[Site]:
    """A handler that comes in by a parameter, also inside the wrapper that the function puts around it."""
    direct = filled(symbols, site, bindings)
    node = unwrap(site.node)
    if direct != site or node.type != "call_expression":
        return [direct]
    for given in arguments_of(node):
        part = Site(site.path, same_value(given) or given)
        if (inner := filled(symbols, part, bindings)) != part:
            return [Site(site.path, node.child_by_field_name("function") or node), inner]
    return [site]


def router_bound(roots: Roots, held: Site, bindings: Bindings) -> Router | None:
    """The router that the call's registration is for: its own argument, or what the caller's class keeps."""
    outer = bindings[-1]
    if outer.holder is not None and text_of(held.node).startswith("this."):
        return roots.kept(outer.holder, text_of(held.node).removeprefix("this."))
    inner = filled(roots.symbols, held, bindings)
    router = roots.locate(inner.path, inner.node)
    if router is not None and router.parameter == THIS:  # the class is a router: whose method is called, then
        called = outer.call.node.child_by_field_name("function")
        owner = called.child_by_field_name("object") if called is not None else None
        return roots.locate(outer.call.path, owner) if owner is not None else None
    return router


def given_to_makers(symbols: Symbols, rest: Parameter, texts: dict[str, str]) -> list[list[Site]]:
    """What each `new Notes(db, a, b)` gives `constructor(db, ...guards)` for its last parameter."""
    body = rest.site.node.parent
    holder = body.parent if body is not None and rest.key == REST else None
    if holder is None or holder.type not in CLASSES:
        return []
    made = f"new {text_of(holder.child_by_field_name('name'))}("
    calls = (
        Site(path, call)
        for path in (path for path, text in texts.items() if made in text)
        for call in symbols.code.nodes(path, "new_expression")[:_MAX_CALLS]
        if text_of(call).startswith(made) and symbols.called(path, call) == Site(rest.site.path, holder)
    )
    return [[Site(each.path, given) for given in arguments_of(each.node)[rest.index :]] for each in calls]


def router_given(roots: Roots, router: Router, bindings: Bindings) -> Router | None:
    """The router that a call gives for the parameter that a registration is made on; itself where it is none."""
    if router.parameter is None or router.root != bindings[0].function:
        return router if router.parameter is None else None
    index, _, key = router.parameter.partition(".")
    asked = Parameter(bindings[0].function, int(index), key) if index.isdigit() else None
    site = bindings[0].given(roots.symbols, asked) if asked is not None else None
    return roots.locate(site.path, site.node) if site is not None else None


def place_bound(bindings: Bindings) -> At:
    call = bindings[-1].call
    return place_of(call.path, call.node, call.node.child_by_field_name("function") or call.node)


def handed_on_whole(site: Site) -> Site:
    """The router that a function hands all it is given: `(req, res, next) => notes(req, res, next)`."""
    body = site.node.child_by_field_name("body") if site.node.type in FUNCTIONS else None
    if body is not None and body.type == "statement_block":
        written = [child for child in body.named_children if child.type != "comment"]
        body = written[0].named_children[0] if len(written) == 1 and written[0].named_children else None
    if body is None or body.type != "call_expression":
        return site
    given = [text_of(each) for each in arguments_of(body)]
    function = body.child_by_field_name("function")
    same = len(given) > 1 and given == [text_of(each) for each in parameters(site.node)]
    return Site(site.path, function) if same and function is not None and function.type in _NAMES else site
