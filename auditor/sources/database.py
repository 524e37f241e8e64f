"""A database that can be asked: the catalog session, what is exposed to whom, and where its objects come from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from auditor.data import data_folder

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.access_contract import Contract
    from auditor.facts.generated_types import Tables
    from auditor.facts.histories import History
    from auditor.facts.provenance import Provenance
    from auditor.facts.regime import Exposure
    from auditor.facts.schema import Schema
    from auditor.model import DbObject, FileSpan
    from auditor.sources.cluster import Cluster
    from auditor.sources.replay import Failure, Replay
    from auditor.sources.watchdog import Watchdog

# Schemas that belong to the platform or to an extension: no rule reports on what lies in them.
PLATFORM_SCHEMAS = (
    "auth", "storage", "realtime", "_realtime", "extensions", "graphql", "graphql_public", "vault", "pgbouncer", "cron",
    "net", "pgmq", "pgsodium", "pgsodium_masks", "pgtle", "supabase_functions", "supabase_migrations", "_analytics",
    "backend_audit_recorder", "pg_catalog", "information_schema", "pg_toast", "hdb_catalog", "drizzle",
    "topology", "tiger",
)  # fmt: skip
API_ROLES = ("anon", "authenticated")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the state of a relation is not known. `only` narrows it: an index that failed leaves all but its `indexes`
    known, a policy that reads a stand-in all but what `probes` see.
    """

    reason: str
    only: Literal["", "indexes", "probes"] = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of a database is asked about: the API's schemas and roles; `hidden` are objects left out, by oid."""

    exposure: Exposure
    api_roles: tuple[str, ...] = ()
    live: bool = False
    hidden: frozenset[int] = frozenset()


@dataclass(slots=True)
class Database:
    """`source` is `shadow` or `live`. `uncertain` maps a relation to the reason why its state is not known;
    `applied` are migrations that the default branch already has; `counterpart` of a live database is the replay of
    the migrations that it should have had; `types` the generated file that describes it, and the tables there;
    `config` the text of the `config.toml` beside the migrations; `assumed` maps what stands in for something that no
    migration makes to the file it is taken from, `missing` maps its name to the statement that failed without it;
    `contract` is what the repository says that each caller may do.
    """

    name: str
    unit: str
    source: str
    session: psycopg.Connection[Any]
    supabase: bool
    scope: Scope
    schema: Schema
    uncertain: dict[str, Doubt] = field(default_factory=dict)
    applied: frozenset[str] = frozenset()
    provenance: Provenance | None = None
    replay: Replay | None = None
    history: History | None = None
    cluster: Cluster | None = None
    watchdog: Watchdog | None = None
    counterpart: Database | None = None
    types: tuple[str, Tables] | None = None
    config: str | None = None
    assumed: dict[str, str] = field(default_factory=dict)
    contract: Contract | None = None
    missing: dict[str, Failure] = field(default_factory=dict)

    @property
    def exposure(self) -> Exposure:
        return self.scope.exposure

    @property
    def api_roles(self) -> tuple[str, ...]:
        return self.scope.api_roles

    def select(self, query: str) -> list[dict[str, Any]]:
        """Rows of one catalog query that starts with the shared views of `rules/catalog/_views.sql`."""
        return select(self.session, query, replace(self.scope, live=self.source == "live"))

    def locate(self, place: DbObject) -> FileSpan | None:
        return self.provenance.span(place) if self.provenance else None


def select(session: psycopg.Connection[Any], query: str, scope: Scope) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    views = (data_folder("rules") / "catalog" / "_views.sql").read_text("utf-8")
    settings = {
        "schemas": list(scope.exposure.schemas),
        "roles": list(scope.api_roles),
        "platform": list(PLATFORM_SCHEMAS),
        "live": scope.live,
        "hidden": sorted(scope.hidden),
    }
    with session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"{views}{query}".encode(), settings).fetchall()
