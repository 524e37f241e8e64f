"""The inventory of endpoints: what each framework's reader found, in one list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auditor.facts.authentication import authentication
from auditor.facts.auto_imports import read_auto_imports
from auditor.facts.effects import READ, WRITE, Effect, effects
from auditor.facts.endpoints import Listed
from auditor.facts.helper_names import Helpers, with_helpers
from auditor.facts.hosting import with_hosted
from auditor.facts.limits import rate_limit
from auditor.facts.method_branches import of_other_method
from auditor.facts.py_effects import python_effects
from auditor.facts.py_endpoints import find_python
from auditor.facts.py_routes import is_python
from auditor.facts.reach import Reacher
from auditor.facts.route_tables import Tables
from auditor.facts.routed import Flattened
from auditor.facts.router_roots import Roots
from auditor.facts.routers import Routers
from auditor.facts.routes_controllers import find_controllers
from auditor.facts.routes_edge import find_edge
from auditor.facts.routes_elysia import find_elysia
from auditor.facts.routes_fastify import find_fastify
from auditor.facts.routes_files import find_by_files
from auditor.facts.routes_graphql import find_graphql, without_copies
from auditor.facts.routes_nest import find_nest
from auditor.facts.routes_next import find_next
from auditor.facts.routes_orpc import find_orpc
from auditor.facts.routes_trpc import find_trpc
from auditor.facts.specifiers import read_specifiers
from auditor.facts.symbols import Symbols
from auditor.facts.units import unit_of
from auditor.facts.unlisted import unlisted_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.parsed_files import Files
    from auditor.facts.symbols import Site
    from auditor.facts.units import UnitFacts
    from auditor.model import Control

_WRITING = {"POST", "PUT", "PATCH", "DELETE"}


def _no_text(_: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Given:
    """The repository's own files, for what endpoints are asked about manifests, schemas and platform files."""

    files: tuple[str, ...] = ()
    units: tuple[UnitFacts, ...] = ()
    text: Callable[[str], str | None] = _no_text


@dataclass(slots=True)
class Inventory:
    """All endpoints of a repository, by unit and path; what is asked of one is worked out once."""

    endpoints: list[Endpoint]
    reacher: Reacher
    public: tuple[str, ...] = ()  # patterns of endpoints that the project's settings declare public
    unlisted: dict[str, str] = field(default_factory=dict)  # manifests of servers that no reader knows
    helpers: Helpers = field(default_factory=Helpers)
    given: Given = field(default_factory=Given)
    memory: dict[Any, Any] = field(default_factory=dict)  # what was worked out of all endpoints, for every portion
    _authentication: dict[Endpoint, Control] = field(default_factory=dict)
    _effects: dict[Endpoint, list[Effect]] = field(default_factory=dict)
    _asked: list[Endpoint] | None = None
    _portions: Callable[[], Iterable[Inventory]] = tuple

    @property
    def asked(self) -> list[Endpoint]:
        """The endpoints that a rule is asked about: all, or a portion of very many."""
        return self.endpoints if self._asked is None else self._asked

    def portion(self, asked: list[Endpoint], portions: Callable[[], Iterable[Inventory]]) -> Inventory:
        """The same for some of the endpoints, with nothing known of them yet; `portions` gives all such parts."""
        return replace(
            self, reacher=self.reacher.afresh(), _authentication={}, _effects={}, _asked=asked, _portions=portions
        )

    def anywhere(self, question: Callable[[Inventory], bool]) -> bool:
        """Whether a question is answered with yes for this portion or any other; asked once."""
        if question not in self.memory:
            self.memory[question] = question(self) or any(question(part) for part in self._portions())
        return bool(self.memory[question])

    def authentication(self, endpoint: Endpoint) -> Control:
        """Whether a caller must show who they are."""
        if endpoint not in self._authentication:
            found = authentication(self.reacher, endpoint)
            self._authentication[endpoint] = with_helpers(self.reacher, endpoint, self.helpers.auth, found)
        return self._authentication[endpoint]

    def rate_limit(self, endpoint: Endpoint) -> Control:
        """Whether the number of calls is limited."""
        return with_helpers(self.reacher, endpoint, self.helpers.limit, rate_limit(self.reacher, endpoint))

    def effects(self, endpoint: Endpoint) -> list[Effect]:
        """What the handler does to the world, and what it calls does."""
        if endpoint not in self._effects:
            bodies = self.reacher.reach(endpoint.handler).bodies if endpoint.handler is not None else []
            of_body = _python_effects if is_python(endpoint) else _effects
            done = (each for body in bodies for each in self.reacher.once(body, of_body))
            found = [each for each in done if not of_other_method(each.call.node, endpoint.method)]
            self._effects[endpoint] = [_as_generic(endpoint, each) for each in found]
        return self._effects[endpoint]

    def is_python(self, path: str) -> bool:
        return self.reacher.symbols.code.files.get(path) == "python"

    def preflights(self) -> set[tuple[str, str, str]]:
        """(unit, path, file) of the route modules that answer `OPTIONS` themselves."""
        if "preflights" not in self.memory:
            own = (each for each in self.endpoints if each.method == "OPTIONS" and each.framework == "Next.js")
            self.memory["preflights"] = {(each.unit, each.path, each.where.path) for each in own}
        found: set[tuple[str, str, str]] = self.memory["preflights"]
        return found

    def text(self, endpoint: Endpoint) -> str:
        """The handler's own text without comments; empty where it could not be followed."""
        return self.reacher.text(endpoint.handler) if endpoint.handler is not None else ""


def find_endpoints(
    code: Files, paths: Iterable[str], text: Callable[[str], str | None], units: tuple[UnitFacts, ...]
) -> Inventory:
    """All endpoints; `paths` and `text` are the repository's, for manifests and configuration."""
    auto = read_auto_imports(code.files, paths, text)
    symbols = Symbols(code, read_specifiers(code.files, paths, text), auto)
    routers = Routers(symbols, Roots(symbols), Tables(symbols))
    routers.read()
    routed = Flattened(routers).read()
    edge, served = find_edge(symbols, routers, routed, text)
    mounted = (endpoint for key, found in routed.items() if key not in served for endpoint in found)
    mounted = (each for each in mounted if each.framework != "Next.js")  # `next-connect`: its file says the path
    listed = Listed(code, _placed((*mounted, *edge), units))
    listed.extend(find_next(symbols, routers.roots, routed, units))
    hosted = Listed(code)
    for found in (find_fastify, find_elysia, find_nest, find_trpc, find_orpc):
        hosted.extend(_placed(found(symbols), units))
    hosted.extend(_placed(find_graphql(symbols, paths, text), units))
    listed.extend(_placed(find_controllers(symbols), units))
    listed.extend(_placed(find_by_files(symbols, paths, text), units))
    listed = Listed(code, with_hosted(Reacher(symbols), listed, hosted))
    listed.extend(find_python(code, paths, text, units))
    listed = Listed(code, without_copies(listed))
    listed.sort(key=lambda e: (e.unit, e.path, e.method, e.where.path, e.where.line))
    unlisted = unlisted_servers(paths, text)
    given = Given(tuple(paths), units, text)
    return Inventory(list(dict.fromkeys(listed)), Reacher(symbols), unlisted=unlisted, given=given)


def _placed(found: Iterable[Endpoint], units: tuple[UnitFacts, ...]) -> Iterator[Endpoint]:
    """Endpoints with the units that they are of."""
    return (replace(endpoint, unit=unit_of(endpoint.where.path, units)) for endpoint in found)


def _effects(reacher: Reacher, body: Site) -> list[Effect]:
    """What the calls of one function do; many endpoints reach the same."""
    return list(effects(reacher.own(body)))


def _python_effects(reacher: Reacher, body: Site) -> list[Effect]:
    return list(python_effects(reacher.own(body)))


def _as_generic(endpoint: Endpoint, effect: Effect) -> Effect:
    """What a view of REST framework does by itself to the rows of its `queryset`: no code of its own says so."""
    whole = endpoint.handler is not None and endpoint.handler.node.type == "class_definition"
    if (
        whole
        and endpoint.framework == "Django"
        and endpoint.method in _WRITING
        and effect.kind == READ
        and effect.table
    ):
        return replace(effect, kind=WRITE)
    return effect
