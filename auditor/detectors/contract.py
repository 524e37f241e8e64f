"""What the rules on the access contract share: the cells that changed, by object, and the statement to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.platform_policies import policies_on
from auditor.detectors.policies import PG_CLASS, PG_PROC, role_of, to_blame
from auditor.facts.access_contract import compare
from auditor.facts.provenance import command_name, table_commands
from auditor.facts.statements import enum_name
from auditor.model import DbObject, FileSpan, NotApplicable
from auditor.sources.matrix import cells

if TYPE_CHECKING:
    from auditor.facts.access_contract import Change, Contract, Key
    from auditor.facts.schema import Table
    from auditor.facts.statements import Statement
    from auditor.sources.database import Database
    from auditor.sources.matrix import Cell
    from auditor.sources.probes import Probed

PG_POLICY = 3256  # the oid of pg_catalog.pg_policy, fixed in every PostgreSQL
_NONE = "the repository has no access contract (`backend-audit access --write` makes one)"


def contract_of(database: Database) -> Contract:
    """The contract that holds for a database; raises NotApplicable where there is none."""
    if database.contract is None:
        raise NotApplicable(_NONE)
    return database.contract


def seen_cells(probed: Probed) -> dict[Key, Cell]:
    return {(cell.object, cell.caller, cell.command): cell for cell in cells(probed)}


def changes_by_object(database: Database, seen: dict[Key, Cell]) -> dict[str, list[Change]]:
    """Every cell compared with the contract, gathered by object."""
    part = contract_of(database).part(database.name)
    found: dict[str, list[Change]] = {}
    for change in compare(part, {key: cell.state for key, cell in seen.items()}):
        found.setdefault(change.object, []).append(change)
    return found


def place_of(database: Database, probed: Probed, identity: str) -> DbObject:
    """The object of a cell."""
    if table := table_named(database, identity):
        return DbObject("table", identity, PG_CLASS, table.oid)
    if function := next((f for f in probed.functions if f.identity == identity), None):
        return DbObject("function", identity, PG_PROC, function.oid)
    if bucket := next((b for b in probed.buckets if b.identity == identity), None):
        return DbObject("bucket", bucket.bucket)
    return DbObject("view", identity)


def table_named(database: Database, identity: str) -> Table | None:
    return next((table for table in database.schema.tables.values() if table.identity == identity), None)


def made_at(database: Database, place: DbObject) -> FileSpan | None:
    """Where an object stands: a view has no address in the catalog here, but a history under its name."""
    found = database.provenance.history(place.identity) if database.provenance and place.kind == "view" else []
    return _span(found[-1]) if found else database.locate(place)


def opened_at(database: Database, probed: Probed, changes: list[Change]) -> FileSpan | None:
    """The statement that let these callers in: the last one of those that all of it needs (a grant, a policy or the
    end of row level security, and the object itself).
    """
    if database.provenance is None:
        return None
    name, roles = changes[0].object, {"public", *(role_of(change.caller) for change in changes)}
    commands = {change.command.lower() for change in changes}
    history = database.provenance.history(name)
    needed = [s for s in (*history, *_grants_on_schema(database, name)) if _grants(s, roles, commands)]
    table = table_named(database, name)
    needed += _lifting(database, table, changes, history) if table else _making(database, probed, changes, history)
    last = max(needed or history[:1], key=lambda statement: statement.number, default=None)
    return _span(last) if last else None


def _span(statement: Statement) -> FileSpan:
    return FileSpan(statement.path, statement.line, statement.end_line)


def _making(database: Database, probed: Probed, changes: list[Change], history: list[Statement]) -> list[Statement]:
    """What made a view or function what it is, or the policies that speak of a bucket."""
    assert database.provenance
    place = place_of(database, probed, changes[0].object)
    if place.kind != "bucket":
        return database.provenance.statements_of(place) or history[-1:]
    commands = {"all", *(change.command.lower() for change in changes)}
    passing = [
        policy
        for policy in policies_on(database, "storage.objects")
        if policy.command in commands
        and (place.identity in (text := " ".join(policy.clauses)) or "bucket_id" not in text)
    ]
    places = (DbObject("policy", policy.name, PG_POLICY, policy.oid) for policy in passing)
    return [statement for policy in places for statement in database.provenance.statements_of(policy)]


def _lifting(database: Database, table: Table, changes: list[Change], history: list[Statement]) -> list[Statement]:
    """The statements that took row level security out of the way: none where it was never on."""
    assert database.provenance
    if not table.rls:
        return [s for s in history if any(command_name(c) == "AT_DisableRowSecurity" for c in table_commands(s))]
    commands = {change.command.lower() for change in changes}
    place = to_blame(table, {change.caller for change in changes}, commands)
    if place.classid != PG_CLASS:
        return database.provenance.statements_of(place)
    roles = {"public", *(role_of(change.caller) for change in changes)}
    passing = {p.name for p in table.policies if p.command in {"all", *commands} and roles & set(p.roles)}
    return [s for s in history if s.kind == "create_policy_stmt" and s.body.policy_name in passing]


def _grants_on_schema(database: Database, name: str) -> list[Statement]:
    """`grant … on all tables in schema`, which names no table; those after the object was made touch it."""
    statements = database.replay.statements if database.replay else []
    born = database.provenance.born_in(name) if database.provenance else None
    start, schema = (born.number if born else 0), name.partition(".")[0].strip('"')
    return [s for s in statements if s.number > start and s.kind == "grant_stmt" and _names_schema(s, schema)]


def _names_schema(statement: Statement, schema: str) -> bool:
    body = statement.body
    return enum_name(body, "targtype") == "ACL_TARGET_ALL_IN_SCHEMA" and any(
        item.WhichOneof("node") == "string" and item.string.sval == schema for item in body.objects
    )


def _grants(statement: Statement, roles: set[str], commands: set[str]) -> bool:
    if statement.kind != "grant_stmt" or not statement.body.is_grant:
        return False
    given = {item.access_priv.priv_name.lower() for item in statement.body.privileges}
    specs = [item.role_spec for item in statement.body.grantees]
    named = {"public" if enum_name(s, "roletype") == "ROLESPEC_PUBLIC" else str(s.rolename) for s in specs}
    return bool(roles & named) and (not given or bool(given & commands))
