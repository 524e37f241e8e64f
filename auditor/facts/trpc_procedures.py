"""Procedures of tRPC: what a chain such as `base.use(f).input(schema).mutation(handler)` makes, across files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, unwrap
from auditor.facts.builder_chains import MAX_HOPS, MAX_LINKS, Words, link_of, middleware_of, results, validates
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.pieces import Kept
    from auditor.facts.symbols import Symbols

_METHODS = {"query": "QUERY", "mutation": "MUTATION", "subscription": "SUBSCRIPTION"}
_BUILDS = {"use", "input", "output", "meta", "concat", "unstable_concat", "context", "create", *_METHODS}
_PROCEDURE = re.compile(r"[pP]rocedure\w*$")
_WORDS = Words(frozenset({"middleware", "create"}), frozenset({"unstable_pipe", "pipe"}))
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Chain:
    """A procedure's builder, from its base on: `guards` in the order in which they run."""

    guards: tuple[Site, ...] = ()
    validated: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    method: str
    where: FileSpan
    handler: Site
    chain: Chain


@dataclass(slots=True)
class Procedures:
    """Reads procedures; remembers what it found out about each builder."""

    symbols: Symbols
    kept: Kept
    _chains: dict[Place, Chain | None] = field(default_factory=dict)

    def read(self, site: Site) -> Procedure | None:
        """The procedure that `base.input(…).mutation(handler)` makes."""
        called = site.node.child_by_field_name("function") if site.node.type == "call_expression" else None
        if called is None or called.type != "member_expression":
            return None
        method = _METHODS.get(text_of(called.child_by_field_name("property")))
        held, given = called.child_by_field_name("object"), arguments_of(site.node)
        chain = self.chain(Site(site.path, held)) if method and held is not None and given else None
        if not method or chain is None:
            return None
        place = FileSpan(site.path, called.end_point[0] + 1)
        handler = Site(site.path, given[-1])
        self.kept.append(handler)
        return Procedure(method, place, handler, chain)

    def chain(self, site: Site, hops: int = MAX_HOPS) -> Chain | None:
        """What a procedure's builder has been given; None for what builds no procedure."""
        key = place_of(site)
        if key not in self._chains:
            self._chains[key] = None  # a builder that is made out of itself is none
            self._chains[key] = chain = self._built(Site(site.path, unwrap(site.node)), hops) if hops > 0 else None
            self.kept.extend(chain.guards if chain is not None else ())
        return self._chains[key]

    def _built(self, site: Site, hops: int) -> Chain | None:
        links: list[tuple[str, list[Node]]] = []
        node = site.node
        while (
            (link := link_of(node)) is not None
            and len(links) < MAX_LINKS
            and not self._begins(site.path, node, link[0])
        ):
            links.append((link[0], arguments_of(node)))
            node = unwrap(link[1])
        chain = self._base(Site(site.path, node), hops)
        for name, given in reversed(links):
            chain = self._linked(chain, site.path, name, given, hops) if chain is not None else None
        return chain

    def _begins(self, path: str, call: Node, name: str) -> bool:
        """Whether a method of the repository gives the procedure: `permitted.requires("admin").query(f)`."""
        made = self.symbols.called(path, call) if name not in _BUILDS else None
        return isinstance(made, Site) and made.node.type in FUNCTIONS

    def _base(self, site: Site, hops: int) -> Chain | None:
        """What a chain begins with: the library's own procedure, a name for one, a function that gives one."""
        if site.node.type == "ternary_expression":
            return self._either(site, hops)
        if site.node.type == "call_expression":
            values = results(self.symbols.called(site.path, site.node))
            return next((chain for value in values if (chain := self.chain(value, hops - 1)) is not None), None)
        target = self.symbols.resolve(site.path, site.node)
        if isinstance(target, External):
            ours = target.package.startswith("@trpc/server") and target.last == "procedure"
            return Chain() if ours else self._unknown(site)
        if isinstance(target, Site):
            known = self.chain(target, hops - 1) if target.node != site.node else None
            return known or self._unknown(site)
        return self._unknown(site)

    def _either(self, site: Site, hops: int) -> Chain | None:
        """`readOnly ? base.use(refuse) : base`: what stands in front whichever it is."""
        parts = (site.node.child_by_field_name(name) for name in ("consequence", "alternative"))
        chains = [self.chain(Site(site.path, part), hops - 1) for part in parts if part is not None]
        known = [chain for chain in chains if chain is not None]
        if not known:
            return None
        guards = tuple(guard for guard in known[0].guards if all(guard in chain.guards for chain in known))
        return Chain(guards, all(chain.validated for chain in known))

    def _unknown(self, site: Site) -> Chain | None:
        """A base that cannot be followed: its name is all that is known of what stands in front."""
        return Chain((site,)) if _PROCEDURE.search(text_of(site.node)) else None

    def _linked(self, chain: Chain, path: str, name: str, given: list[Node], hops: int) -> Chain | None:
        if name in {"use", "unstable_concat", "concat"} and given:
            inner = self.chain(Site(path, given[0]), hops - 1) if name != "use" else None
            run = middleware_of(self.symbols, _WORDS, Site(path, given[0]))
            guards = inner.guards if inner is not None else tuple(run)
            validated = chain.validated or (inner is not None and inner.validated)
            return Chain((*chain.guards, *guards), validated)
        if name == "input" and given:
            return Chain(chain.guards, chain.validated or validates(self.symbols, Site(path, given[0])))
        return chain


def place_of(site: Site) -> Place:
    return site.path, *site.span
