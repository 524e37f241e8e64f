"""The ways in that no code of the repository makes: what PostgREST and Realtime serve, one row for each command.

They stand in the table of endpoints, and in no denominator of a rule on routes: the rules on databases ask about them.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from auditor.detectors.policies import PG_CLASS, PG_PROC
from auditor.listed import CONTROLS, EndpointData, EndpointInput, EndpointRow
from auditor.model import Control, DbObject, Presence
from auditor.sources.data_api import read_data_api
from auditor.sources.matrix import cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from auditor.facts.schema import Policy, Table
    from auditor.sources.data_api import DataApi, Procedure, Served
    from auditor.sources.database import Database
    from auditor.sources.matrix import Cell
    from auditor.sources.probes import Probed

_METHODS = {"SELECT": "GET", "INSERT": "POST", "UPDATE": "PATCH", "DELETE": "DELETE"}
_TAKES = {"SELECT": ("query",), "INSERT": ("json",), "UPDATE": ("query", "json"), "DELETE": ("query",)}
_NOTHING = Control(Presence.NOT_APPLICABLE)
_STRANGERS = ("anonymous-user", "stranger", "other")
_ANONYMOUS = "anon"
_BY_RANK = (Presence.ABSENT, Presence.UNRESOLVED, Presence.PRESENT, Presence.NOT_APPLICABLE)


def data_api_rows(databases: Iterable[Database], probed: Mapping[str, Probed]) -> list[EndpointRow]:
    """Every command on what the API serves. A live server and the replay of its migrations give one row: the replay
    knows the place and what attempts have shown, and what the server lets through counts all the same.
    """
    found: dict[tuple[str, str, str], EndpointRow] = {}
    for database in sorted(databases, key=lambda each: each.source == "live"):
        with suppress(psycopg.Error):  # a server that went away: the rules on it say so
            rows = _Api(database, probed.get(database.name)).rows() if database.api_roles else ()
            for row in rows:
                key = (row.unit, row.method, row.path)
                found[key] = _joined(found[key], row) if key in found else row
    return sorted(found.values(), key=lambda row: (row.unit, row.framework, row.path, row.method))


def _joined(row: EndpointRow, other: EndpointRow) -> EndpointRow:
    """The first row, with what the other one has seen to be absent."""
    absent = {name: found for name, found in other.controls.items() if found.presence is Presence.ABSENT}
    return replace(row, controls=row.controls | absent)


class _Api:
    def __init__(self, database: Database, probed: Probed | None) -> None:
        self._database = database
        self._api: DataApi = read_data_api(database)
        self._owned = {found.table.identity for found in probed.tables.values() if found.owned} if probed else set()
        self._probed = probed
        self._cells: dict[tuple[str, str, str], Cell] = (
            {(c.object, c.caller, c.command): c for c in cells(probed)} if probed else {}
        )
        self._base = "/rest/v1" if database.supabase else ""

    def rows(self) -> Iterator[EndpointRow]:
        for relation in self._api.relations:
            for command in sorted(relation.commands):
                yield self._of_relation(relation, command)
            if relation.published and "SELECT" in relation.commands:
                yield self._published(relation)
        named = defaultdict(list)
        for procedure in self._api.procedures:
            named[procedure.schema, procedure.name].append(procedure)
        yield from (self._of_function(overloads) for overloads in named.values())
        yield from self._channels()

    def _of_relation(self, relation: Served, command: str) -> EndpointRow:
        names = (relation.identity,)
        data = EndpointData(reads=names) if command == "SELECT" else EndpointData(writes=names)
        path = f"{self._base}/{relation.name}"
        where = DbObject("table", relation.identity, PG_CLASS, relation.oid)
        controls = {
            "auth": self._auth(relation, command),
            "ownership": self._ownership(relation, command),
            "rate_limit": self._rate_limit(),
        }
        return self._row("PostgREST", _METHODS[command], path, where, controls, data, _TAKES[command])

    def _published(self, relation: Served) -> EndpointRow:
        """Realtime sends changed rows to whom the policies let read them."""
        where = DbObject("table", relation.identity, PG_CLASS, relation.oid)
        controls = {"auth": self._auth(relation, "SELECT"), "ownership": self._ownership(relation, "SELECT")}
        path = f"realtime:postgres_changes:{relation.schema}.{relation.name}"
        return self._row("Supabase Realtime", "WS", path, where, controls, EndpointData(reads=(relation.identity,)))

    def _of_function(self, overloads: list[Procedure]) -> EndpointRow:
        first = overloads[0]
        where = DbObject("function", first.identity, PG_PROC, first.oid)
        found = [self._may_call(procedure) for procedure in overloads]
        data = EndpointData(clients=("connection",) if first.definer else ("caller",))
        controls = {
            "auth": _worst(found),
            "ownership": self._called_by_others(overloads),
            "rate_limit": self._rate_limit(),
        }
        return self._row("PostgREST", "POST", f"{self._base}/rpc/{first.name}", where, controls, data, ("json",))

    def _channels(self) -> Iterator[EndpointRow]:
        for channel in self._probed.channels if self._probed else ():
            reads = self._cells.get((channel.identity, _ANONYMOUS, "SELECT"))
            sends = self._cells.get((channel.identity, _ANONYMOUS, "INSERT"))
            auth = _worst([_of_cell(cell, "anon") for cell in (reads, sends) if cell])
            controls = {"auth": auth, "ownership": self._kept_apart(channel.identity, ("SELECT", "INSERT"))}
            topic = channel.identity.partition(" on ")[2]
            where = DbObject("table", "realtime.messages", aspect="policy")
            yield self._row("Supabase Realtime", "WS", f"realtime:{topic}", where, controls, EndpointData())

    def _row(
        self,
        framework: str,
        method: str,
        path: str,
        where: DbObject,
        controls: dict[str, Control],
        data: EndpointData,
        takes: tuple[str, ...] = (),
    ) -> EndpointRow:
        every = dict.fromkeys(CONTROLS, _NOTHING)
        inputs = tuple(EndpointInput(source, Presence.NOT_APPLICABLE) for source in takes)
        place = self._database.locate(where)
        data = data if data.clients else EndpointData(data.reads, data.writes, ("caller",))
        unit = (self._database.counterpart or self._database).unit
        return EndpointRow(unit, method, path, framework, place, every | controls, inputs, data)

    def _auth(self, relation: Served, command: str) -> Control:
        """Whether somebody without a session is kept out."""
        if _ANONYMOUS not in self._database.api_roles:
            return Control(Presence.UNRESOLVED, "which role a request without a token takes is the server's setting")
        if command not in relation.privileges.get(_ANONYMOUS, ()):
            return Control(Presence.PRESENT, f"anon has no {command} privilege")
        cell = self._cells.get((relation.identity, _ANONYMOUS, command))
        found = _of_cell(cell, "anon") if cell else Control(Presence.UNRESOLVED, "not tried as anon")
        return self._decided(found, relation, command, _ANONYMOUS)

    def _ownership(self, relation: Served, command: str) -> Control:
        """Whether those to whom a row does not belong are kept from it."""
        if self._cells and relation.table and relation.identity not in self._owned:
            return Control(Presence.NOT_APPLICABLE, "no column says whose a row is")
        if command not in relation.privileges.get("authenticated", ()):
            return Control(Presence.PRESENT, f"authenticated has no {command} privilege")
        return self._decided(self._kept_apart(relation.identity, (command,)), relation, command, "authenticated")

    def _decided(self, found: Control, relation: Served, command: str, role: str) -> Control:
        """What was tried, else what the policies alone say."""
        table = self._database.schema.tables.get(relation.oid)
        unknown = found.presence is Presence.UNRESOLVED
        return _by_policies(table, command, role, found) if unknown and table else found

    def _kept_apart(self, identity: str, commands: tuple[str, ...]) -> Control:
        tried = [(name, self._cells.get((identity, name, c))) for name in _STRANGERS for c in commands]
        found = [_of_cell(cell, name) for name, cell in tried if cell]
        return _worst(found) if found else Control(Presence.UNRESOLVED, "not tried as somebody else")

    def _may_call(self, procedure: Procedure) -> Control:
        if _ANONYMOUS not in self._database.api_roles:
            return Control(Presence.UNRESOLVED, "which role a request without a token takes is the server's setting")
        if _ANONYMOUS not in procedure.callers:
            return Control(Presence.PRESENT, "anon may not execute it")
        if not procedure.definer:
            return Control(Presence.NOT_APPLICABLE, "it runs with the caller's rights")
        if procedure.asks_who:
            return Control(Presence.UNRESOLVED, "anon may execute it, and its body looks at who calls")
        return Control(Presence.ABSENT, "anon may execute it, with the rights of its owner")

    def _called_by_others(self, overloads: list[Procedure]) -> Control:
        commands = {key[2] for key in self._cells if key[0] in {each.identity for each in overloads}}
        if not commands:
            return _NOTHING
        return _worst([self._kept_apart(each.identity, tuple(sorted(commands))) for each in overloads])

    def _rate_limit(self) -> Control:
        if name := self._api.pre_request:
            return Control(Presence.UNRESOLVED, f"{name} runs before each request")
        return Control(Presence.NOT_APPLICABLE, "PostgREST has none of its own, and no pgrst.db_pre_request is set")


def _of_cell(cell: Cell, who: str) -> Control:
    """What an attempt says of the control that should have refused it."""
    if cell.state == "allowed":
        return Control(Presence.ABSENT, f"{who}: {cell.seen}")
    if cell.state in {"denied", "own-rows"}:
        return Control(Presence.PRESENT, f"{who} gets nothing that is somebody else's")
    return Control(Presence.UNRESOLVED, f"{who}: {cell.seen}")


def _worst(found: list[Control]) -> Control:
    return min(found, key=lambda control: _BY_RANK.index(control.presence))


def _by_policies(table: Table, command: str, role: str, otherwise: Control) -> Control:
    """What the catalog alone says, where nothing could be tried; `otherwise` where a condition decides."""
    if not table.rls:
        return Control(Presence.ABSENT, f"row level security is off, and {role} may {command}")
    fitting = [policy for policy in table.policies if _is_for(policy, command, role)]
    if not fitting:
        return Control(Presence.PRESENT, f"no policy lets {role} {command}")
    if any((policy.check if command == "INSERT" else policy.using) == "true" for policy in fitting):
        return Control(Presence.ABSENT, f"a policy lets {role} {command} every row")
    return otherwise


def _is_for(policy: Policy, command: str, role: str) -> bool:
    return policy.permissive and policy.command in {command.lower(), "all"} and bool({"public", role} & {*policy.roles})
