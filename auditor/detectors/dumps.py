"""What a dump of a database among the migrations says of the grants on functions.

A dump lists every grant that its database had. The replay starts from the platform's defaults, under which each new
function is granted to the API roles, and a dump takes nothing back that its database never gave: what it does not grant
was not granted there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.statements import enum_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from auditor.facts.provenance import Provenance
    from auditor.facts.statements import Statement
    from auditor.model import DbObject
    from auditor.sources.database import Database


@dataclass(slots=True)
class Dumps:
    """`paths` are the dumps; `closed` says that a dump's own defaults give new functions to no API role; `named` maps
    a function's name to the roles that some statement granted it to by name.
    """

    paths: set[str] = field(default_factory=set)
    closed: bool = False
    named: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    provenance: Provenance | None = None

    def restrict(self, place: DbObject) -> bool:
        """Whether only what was granted by name counts for a function."""
        if self.closed or not self.paths or self.provenance is None:
            return self.closed
        return any(statement.path in self.paths for statement in self.provenance.statements_of(place)[-1:])


def read_dumps(database: Database) -> Dumps:
    dumps = Dumps(provenance=database.provenance)
    statements = database.replay.statements if database.replay else []
    dumps.paths = {statement.path for statement in statements if _opens_dump(statement)}
    if not dumps.paths:
        return dumps
    for statement in statements:
        for name, role in _granted(statement):
            dumps.named[name].add(role)
    defaults = [roles for s in statements if s.path in dumps.paths for roles in _default_grantees(s)]
    dumps.closed = bool(defaults) and not any("anon" in roles or "authenticated" in roles for roles in defaults)
    return dumps


def _opens_dump(statement: Statement) -> bool:
    """The line by which pg_dump empties the search path."""
    text = statement.text.replace(" ", "").lower()
    return statement.kind == "select_stmt" and "set_config('search_path','',false)" in text


def _granted(statement: Statement) -> Iterator[tuple[str, str]]:
    if statement.kind != "grant_stmt" or not statement.body.is_grant:
        return
    for item in statement.body.objects:
        if item.WhichOneof("node") == "object_with_args":
            name = item.object_with_args.objname[-1].string.sval
            yield from ((name, role) for role in _roles(statement.body))


def _default_grantees(statement: Statement) -> Iterator[set[str]]:
    if statement.kind == "alter_default_privileges_stmt":
        action = statement.body.action
        if action.is_grant and enum_name(action, "objtype") in {"OBJECT_FUNCTION", "OBJECT_ROUTINE"}:
            yield _roles(action)


def _roles(body: Any) -> set[str]:  # noqa: ANN401 - a protobuf GrantStmt
    return {item.role_spec.rolename for item in body.grantees}
