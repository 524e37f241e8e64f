"""A database that can be asked: the catalog session, what is exposed to whom, and where its objects come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.data import data_folder

if TYPE_CHECKING:
    import psycopg

    from auditor.facts.generated_types import Tables
    from auditor.facts.histories import History
    from auditor.facts.provenance import Provenance
    from auditor.facts.regime import Exposure
    from auditor.facts.schema import Schema
    from auditor.model import DbObject, FileSpan
    from auditor.sources.cluster import Cluster
    from auditor.sources.replay import Replay
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
    """Why the state of a relation is not known; an index that failed leaves everything but its indexes known."""

    reason: str
    only_indexes: bool = False


@dataclass(slots=True)
class Database:
    """`source` is `shadow` or `live`. `uncertain` maps a relation to the reason why its state is not known;
    `applied` are migrations that the default branch already has; `counterpart` of a live database is the replay of
    the migrations that it should have had; `types` the generated file that describes it, and the tables there;
    `config` the text of the `config.toml` beside the migrations.
    """

    name: str
    unit: str
    source: str
    session: psycopg.Connection[Any]
    supabase: bool
    exposure: Exposure
    api_roles: tuple[str, ...]
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

    def select(self, query: str) -> list[dict[str, Any]]:
        """Rows of one catalog query that starts with the shared views of `rules/catalog/_views.sql`."""
        return select(self.session, query, self.exposure, self.api_roles, live=self.source == "live")

    def locate(self, place: DbObject) -> FileSpan | None:
        return self.provenance.span(place) if self.provenance else None


def select(
    session: psycopg.Connection[Any], query: str, exposure: Exposure, api_roles: tuple[str, ...], *, live: bool = False
) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    views = (data_folder("rules") / "catalog" / "_views.sql").read_text("utf-8")
    settings = {
        "schemas": list(exposure.schemas),
        "roles": list(api_roles),
        "platform": list(PLATFORM_SCHEMAS),
        "live": live,
    }
    with session.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"{views}{query}".encode(), settings).fetchall()
