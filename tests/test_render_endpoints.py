"""The endpoint table of the HTML report: which sign stands for what, and which finding it leads to."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.model import Severity
from auditor.render.html_endpoints import COLUMNS, LEGEND, Row, endpoint_rows
from auditor.report import EndpointControl, EndpointData, EndpointInput, Finding, Location, Report
from tests.render_samples import sample_report


def fault(**changed: Any) -> Finding:  # noqa: ANN401 - fields of several types
    way = sample_report().endpoints[0]
    about = {"subject": f"endpoint {way.method} {way.path}", "control": "validated-input", "unit": way.unit}
    return sample_report().findings[0].model_copy(update={**about, "fingerprint": "f1", "status": "open", **changed})


def first_row(*findings: Finding, **changed: Any) -> Row:  # noqa: ANN401 - likewise
    report: Report = sample_report()
    ways = [report.endpoints[0].model_copy(update=changed), *report.endpoints[1:]]
    return endpoint_rows(report.model_copy(update={"findings": list(findings), "endpoints": ways}))[0]


def signs(row: Row) -> dict[str, tuple[str, str | None]]:
    return {each.token: (each.mark.symbol, each.anchor) for each in row.controls}


def test_each_control_has_its_column_and_each_sign_its_legend() -> None:
    row = first_row()
    assert [each.token for each in row.controls] == [token for token, _, _ in COLUMNS.values()]
    found = signs(row)
    assert found["auth"] == ("✓", None)
    assert found["validation"] == ("○", None)
    assert found["limit"] == ("-", None)
    assert not row.open
    assert {symbol for symbol, _ in found.values()} <= {symbol for symbol, _, _ in LEGEND}
    assert len({words for _, _, words in LEGEND}) == len({(symbol, tone) for symbol, tone, _ in LEGEND}) == len(LEGEND)


def test_an_open_finding_makes_what_is_absent_a_fault_that_leads_to_it() -> None:
    row = first_row(fault())
    assert signs(row)["validation"] == ("✗", "f=f1")
    assert row.open
    assert signs(first_row(fault(control="authenticated-endpoints")))["auth"] == ("◐", "f=f1")


def test_what_the_database_serves_leads_to_the_findings_on_its_table() -> None:
    absent = EndpointControl(state="absent", evidence="anon: SELECT of 1 row")
    present = EndpointControl(state="present", evidence="")
    served: dict[str, Any] = {"framework": "PostgREST", "data": EndpointData(reads=["public.notes"]), "auth": absent}
    hole = fault(subject="table public.notes", control="rls-on-all-tables")
    assert signs(first_row(hole, **served))["auth"] == ("✗", "f=f1")
    assert signs(first_row(hole, **served | {"auth": present}))["auth"] == ("✓", None)
    assert signs(first_row(hole, **served | {"framework": "Hono"}))["auth"] == ("○", None)
    assert (
        signs(first_row(fault(subject="table public.other", control="rls-on-all-tables"), **served))["auth"][1] is None
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "accepted"},
        {"status": "baselined"},
        {"unit": "apps/other"},
        {"subject": "endpoint GET /api/other"},
        {"control": "safe-calls"},
    ],
)
def test_other_findings_lead_nowhere(changed: dict[str, str]) -> None:
    row = first_row(fault(**changed))
    assert {anchor for _, anchor in signs(row).values()} == {None}
    assert not row.open


@pytest.mark.parametrize(
    ("severity", "tone"), [("critical", "bad"), ("medium", "bad"), ("low", "warn"), ("info", "warn")]
)
def test_a_minor_finding_does_not_shout(severity: str, tone: str) -> None:
    (control,) = [each for each in first_row(fault(severity=Severity(severity))).controls if each.anchor]
    assert control.mark.tone == tone


def test_the_most_severe_of_several_findings_is_linked() -> None:
    low, high = fault(severity=Severity.LOW, fingerprint="low"), fault(severity=Severity.HIGH, fingerprint="high")
    for findings in ((low, high), (high, low)):
        assert signs(first_row(*findings))["validation"][1] == "f=high"


def test_what_a_handler_takes_and_reaches_is_said() -> None:
    schema = Location(path="src/schemas.ts", line=7)
    inputs = [
        EndpointInput(source="json", state="present", schema_location=schema, loose=True),
        EndpointInput(source="query", state="absent", schema_location=None, loose=False),
    ]
    data = EndpointData(
        reads=["notes"], writes=["tags"], clients=["service-role"], raw_sql=Location(path="a.ts", line=3)
    )
    row = first_row(inputs=inputs, data=data)
    assert row.facts == [
        ("Takes", "json with a schema at src/schemas.ts:7, which lets other fields through, query without a schema"),
        ("Reads", "notes"),
        ("Writes", "tags"),
        ("As", "service role"),
        ("SQL in the handler", "a.ts:3"),
    ]
    assert row.reach == "writes as service role"
    assert first_row(data=EndpointData(reads=["notes"])).reach == "reads"
    assert first_row().reach == ""


def test_what_could_not_be_resolved_is_neither_present_nor_absent() -> None:
    row = first_row(auth=EndpointControl(state="unresolved", evidence="guard of @acme/auth"))
    auth = row.controls[0]
    assert (auth.mark.word, auth.evidence) == ("could not resolve", "guard of @acme/auth")
