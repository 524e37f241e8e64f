"""Procedures of oRPC: what `base.use(f).route({ … }).input(schema).handler(g)` makes, and contracts behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, property_of, string_of, unwrap
from auditor.facts.builder_chains import MAX_HOPS, MAX_LINKS, Words, link_of, middleware_of, results, validates
from auditor.facts.endpoints import join_paths
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_BASE = re.compile(r"(?:[pP]rocedure\w*|^(?:os|pub|authed|base))$")
_WORDS = Words(frozenset({"middleware"}), frozenset({"concat"}), frozenset({"mapInput", "errors"}), frozenset({"spec"}))
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Chain:
    """A builder from its base on: what runs before, the address that is declared, the contract it implements."""

    guards: tuple[Site, ...] = ()
    validated: bool = False
    method: str = ""
    path: str = ""
    prefix: str = ""
    contract: Site | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    chain: Chain
    where: Site
    handler: Site


@dataclass(slots=True)
class Builders:
    """Reads chains; remembers what it found out about each."""

    symbols: Symbols
    _known: dict[Place, Chain | None] = field(default_factory=dict)

    def procedure(self, site: Site) -> Procedure | None:
        """The procedure that a chain with `handler` in it makes; `callable()` and the like may follow."""
        node = site.node
        while (link := link_of(node)) is not None:
            given = arguments_of(node)
            if link[0] == "handler" and given:
                chain = self.chain(Site(site.path, link[1]))
                where, handler = Site(site.path, given[0]), Site(site.path, given[0])
                return Procedure(chain, where, handler) if chain is not None else None
            node = unwrap(link[1])
        return None

    def chain(self, site: Site, hops: int = MAX_HOPS) -> Chain | None:
        """What a builder has been given; None for what builds no procedure."""
        node = unwrap(site.node)
        key = site.path, node.start_byte, node.end_byte
        if key not in self._known:
            self._known[key] = None  # a builder that is made out of itself is none
            self._known[key] = self._built(Site(site.path, node), hops) if hops > 0 else None
        return self._known[key]

    def _built(self, site: Site, hops: int) -> Chain | None:
        links: list[tuple[str, list[Node]]] = []
        node = site.node
        while (link := link_of(node)) is not None and len(links) < MAX_LINKS:
            links.append((link[0], arguments_of(node)))
            node = unwrap(link[1])
        chain = self._base(Site(site.path, node), hops)
        for name, given in reversed(links):
            chain = self._linked(chain, site.path, name, given) if chain is not None else None
        return chain

    def _base(self, site: Site, hops: int) -> Chain | None:
        node = site.node
        if node.type == "call_expression":
            return self._called(site, hops)
        target = self.symbols.resolve(site.path, node)
        package = target.package if isinstance(target, External) and target.name in {"os", "oc"} else ""
        if package.startswith(("@orpc/server", "@orpc/contract")):
            return Chain()
        if isinstance(target, Site) and target.node != node:
            found = self.chain(target, hops - 1)
            if found is not None:
                return found
        if node.type == "member_expression":
            return self._member(site, hops)
        known = isinstance(target, Site | External)  # what is neither is called after what it is, at best
        return Chain((site,)) if not known and _BASE.search(text_of(node)) else None

    def _called(self, site: Site, hops: int) -> Chain | None:
        """`implement(contract)`, or a function that gives a builder."""
        made = self.symbols.called(site.path, site.node)
        given = arguments_of(site.node)
        if isinstance(made, External) and made.package.startswith("@orpc/") and made.last == "implement" and given:
            return Chain(contract=Site(site.path, given[0]))
        return next((found for value in results(made) if (found := self.chain(value, hops - 1)) is not None), None)

    def _member(self, site: Site, hops: int) -> Chain | None:
        """`os.planet.list`: the part of a contract that a chain goes on to implement."""
        held = site.node.child_by_field_name("object")
        chain = self.chain(Site(site.path, held), hops - 1) if held is not None else None
        if chain is None or chain.contract is None:
            return None
        part = self.part(chain.contract, text_of(site.node.child_by_field_name("property")))
        return replace(chain, contract=part[0], prefix=join_paths(chain.prefix, part[1])) if part else None

    def part(self, contract: Site, key: str) -> tuple[Site, str] | None:
        """(the part of a contract under a name, the prefix that stands before it)."""
        target = self.symbols.resolve(contract.path, contract.node)
        if not isinstance(target, Site):
            return None
        link = link_of(target.node)
        if link is not None and link[0] == "router" and arguments_of(target.node):
            chain = self.chain(Site(target.path, link[1]))
            inner = self.part(Site(target.path, arguments_of(target.node)[0]), key)
            return (inner[0], join_paths(chain.prefix if chain else "", inner[1])) if inner else None
        for child in target.node.named_children if target.node.type == "object" else ():
            if child.type == "spread_element" and (found := self.part(Site(target.path, child.named_children[0]), key)):
                return found
        held = self.symbols.member(target, key)
        return (held, "") if isinstance(held, Site) else None

    def _linked(self, chain: Chain, path: str, name: str, given: list[Node]) -> Chain | None:
        if name == "use" and given:
            return replace(chain, guards=(*chain.guards, *middleware_of(self.symbols, _WORDS, Site(path, given[0]))))
        if name == "input" and given:
            return replace(chain, validated=chain.validated or validates(self.symbols, Site(path, given[0])))
        if name == "prefix" and given:
            return replace(chain, prefix=join_paths(chain.prefix, string_of(given[0]) or "{…}"))
        if name in {"route", "$route"} and given:
            options = self.symbols.resolve(path, given[0])
            return _routed(chain, options.node) if isinstance(options, Site) else chain
        return chain

    def declared(self, chain: Chain) -> Chain:
        """The chain with what the contract that it implements says of address and input."""
        target = self.symbols.resolve(chain.contract.path, chain.contract.node) if chain.contract is not None else None
        said = self.chain(target) if isinstance(target, Site) else None
        if said is None:
            return chain
        prefix = join_paths(chain.prefix, said.prefix)
        method, path = said.method or chain.method, said.path or chain.path
        return replace(chain, method=method, path=path, prefix=prefix, validated=chain.validated or said.validated)


def _routed(chain: Chain, options: Node) -> Chain:
    method = string_of(property_of(options, "method")) or chain.method
    return replace(chain, method=method, path=string_of(property_of(options, "path")) or chain.path)
