"""A report as part of a larger one: the folder that it was made in goes before its paths, units and databases. Pure."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from auditor.report import AccessCell, AccessSetup

if TYPE_CHECKING:
    from auditor.report import Endpoint, EndpointInput, Finding, Location, NotChecked, Report
    from auditor.report_past import Comparison, PastFinding

_HERE = "."
_Cell = TypeVar("_Cell", AccessCell, AccessSetup)


def relocated(report: Report, folder: str) -> Report:
    """The same report, as if it had been made from a folder above; `.` changes nothing."""
    if folder == _HERE:
        return report
    return report.model_copy(
        update={
            "target": report.target.model_copy(
                update={
                    "units": [
                        unit.model_copy(update={"path": _below(folder, unit.path)}) for unit in report.target.units
                    ]
                }
            ),
            "evidence": [n.model_copy(update={"source": f"{folder}: {n.source}"}) for n in report.evidence],
            "findings": [_finding(finding, folder) for finding in report.findings],
            "not_checked": [_not_checked(row, folder) for row in report.not_checked],
            "endpoints": [_endpoint(endpoint, folder) for endpoint in report.endpoints],
            "access": [_placed(cell, folder) for cell in report.access],
            "access_setup": [_placed(setup, folder) for setup in report.access_setup],
            "comparison": _comparison(report.comparison, folder),
        }
    )


def _below(folder: str, path: str) -> str:
    return str(PurePosixPath(folder, path))


def _moved(place: Location | None, folder: str) -> Location | None:
    return place.model_copy(update={"path": _below(folder, place.path)}) if place else None


def _placed(cell: _Cell, folder: str) -> _Cell:
    changed = {"unit": _below(folder, cell.unit), "database": _below(folder, cell.database)}
    return cell.model_copy(update=changed)


def _finding(finding: Finding, folder: str) -> Finding:
    return finding.model_copy(
        update={
            "unit": _below(folder, finding.unit),
            "database": _below(folder, finding.database) if finding.database else None,
            "location": _moved(finding.location, folder),
            "history": [
                step.model_copy(update={"location": _moved(step.location, folder)}) for step in finding.history
            ],
            "fingerprint": _fingerprint(finding.fingerprint, folder),
        }
    )


def _fingerprint(fingerprint: str, folder: str) -> str:
    """Two folders may hold the same fault at the same place: in one report they must be two."""
    return hashlib.sha256(f"{folder}\0{fingerprint}".encode()).hexdigest()[: len(fingerprint)]


def _not_checked(row: NotChecked, folder: str) -> NotChecked:
    return row.model_copy(update={"location": _moved(row.location, folder)})


def _endpoint(endpoint: Endpoint, folder: str) -> Endpoint:
    return endpoint.model_copy(
        update={
            "unit": _below(folder, endpoint.unit),
            "location": _moved(endpoint.location, folder),
            "inputs": [_input(each, folder) for each in endpoint.inputs],
            "data": endpoint.data.model_copy(update={"raw_sql": _moved(endpoint.data.raw_sql, folder)}),
        }
    )


def _input(each: EndpointInput, folder: str) -> EndpointInput:
    return each.model_copy(update={"schema_location": _moved(each.schema_location, folder)})


def _comparison(found: Comparison | None, folder: str) -> Comparison | None:
    if found is None:
        return None
    return found.model_copy(
        update={
            "fixed": [_past(item, folder) for item in found.fixed],
            "unsettled": [_past(item, folder) for item in found.unsettled],
            "weakened": [
                item.model_copy(update={"location": _moved(item.location, folder)}) for item in found.weakened
            ],
        }
    )


def _past(item: PastFinding, folder: str) -> PastFinding:
    path = _below(folder, item.path) if item.path else None
    return item.model_copy(update={"path": path, "fingerprint": _fingerprint(item.fingerprint, folder)})
