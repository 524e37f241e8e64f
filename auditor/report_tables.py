"""The report's tables: endpoints with their controls, and who can do what in the databases. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from auditor.facts.secrets import redact
from auditor.report import AccessCell, AccessSetup, Endpoint, EndpointControl
from auditor.report import EndpointData as Data
from auditor.report import EndpointInput as Input
from auditor.report_builder import location_of, proof_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.listed import AccessRow, EndpointData, EndpointInput, EndpointRow
    from auditor.listed import AccessSetup as Setup
    from auditor.model import Control


def build_endpoints(rows: Iterable[EndpointRow]) -> list[Endpoint]:
    control, taken, reached = cache(_control), cache(_input), cache(_data)  # thousands of endpoints have the same
    return [
        Endpoint.model_validate(
            {
                "unit": row.unit,
                "method": row.method,
                "path": redact(row.path),
                "framework": row.framework,
                "location": {"path": row.where.path, "line": row.where.line} if row.where else None,
                **{name: control(each) for name, each in row.controls.items()},
                "inputs": [taken(each) for each in row.inputs],
                "data": reached(row.data),
            }
        )
        for row in rows
    ]


def _control(control: Control) -> EndpointControl:
    return EndpointControl.model_validate({"state": control.presence, "evidence": redact(control.shows)})


def _input(taken: EndpointInput) -> Input:
    schema = location_of(taken.schema)
    return Input.model_validate(
        {"source": taken.source, "state": taken.presence, "schema_location": schema, "loose": taken.loose}
    )


def _data(data: EndpointData) -> Data:
    given = {"reads": data.reads, "writes": data.writes, "clients": data.clients}
    return Data.model_validate(given | {"raw_sql": location_of(data.raw_sql)})


def build_access(rows: Iterable[AccessRow]) -> list[AccessCell]:
    return [
        AccessCell.model_validate(
            {
                "unit": row.unit,
                "database": row.database,
                "object": row.object,
                "caller": row.caller,
                "command": row.command,
                "state": row.state,
                "proof": proof_of(row.proof),
                "steps": [{"rows": a, "statement": redact(b), "seen": redact(c)} for a, b, c in row.steps],
            }
        )
        for row in rows
    ]


def build_setups(setups: Iterable[Setup]) -> list[AccessSetup]:
    return [
        AccessSetup(
            unit=setup.unit,
            database=setup.database,
            rows=redact(setup.rows),
            callers={name: redact(text) for name, text in setup.callers.items()},
        )
        for setup in setups
    ]
