from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from auditor.model import Severity
from auditor.render import sarif
from tests.render_samples import HOSTILE, hostile_report, many_findings, sample_report, sample_rulebook

if TYPE_CHECKING:
    from auditor.report import Report
    from auditor.rulebook import Rulebook

SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.schema.json").read_text("utf-8"))


@pytest.fixture
def rulebook(tmp_path: Path) -> Rulebook:
    return sample_rulebook(tmp_path)


def run_of(report: Report, rulebook: Rulebook, prefix: str = "") -> dict[str, Any]:
    run: dict[str, Any] = json.loads(sarif.render(report, rulebook, prefix))["runs"][0]
    return run


def result_of(run: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    return next(r for r in run["results"] if r["partialFingerprints"]["backendAudit/v1"] == fingerprint)


@pytest.mark.parametrize("make", [sample_report, hostile_report, lambda: many_findings(30)])
def test_it_validates_against_the_schema(make: Any, rulebook: Rulebook) -> None:  # noqa: ANN401
    log = json.loads(sarif.render(make(), rulebook, "apps/api"))
    assert [error.message for error in Draft4Validator(SCHEMA).iter_errors(log)] == []
    log["runs"][0]["results"][0]["level"] = "bogus"
    assert not Draft4Validator(SCHEMA).is_valid(log)


def test_each_rule_index_points_at_its_rule(rulebook: Rulebook) -> None:
    run = run_of(sample_report(), rulebook)
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert "query-per-row" not in [rule["id"] for rule in rules], "it was not asked"


def test_a_rule_carries_what_a_host_shows(rulebook: Rulebook) -> None:
    rules = {rule["id"]: rule for rule in run_of(sample_report(), rulebook)["tool"]["driver"]["rules"]}
    rule = rules["rls-disabled"]
    assert rule["name"] == "RlsDisabled"
    assert rule["defaultConfiguration"]["level"] == "error"
    assert rule["properties"]["security-severity"] == "9.0"
    assert {"security", "external/cwe/cwe-862"} <= set(rule["properties"]["tags"])
    assert "external/cwe/cwe-079" in rules["definer-without-path"]["properties"]["tags"]
    assert "# A table without row level security" in rule["help"]["markdown"]
    assert "helpUri" not in rule


def test_levels_follow_the_severity_of_the_finding(rulebook: Rulebook) -> None:
    run = run_of(sample_report(), rulebook)
    levels = {r["partialFingerprints"]["backendAudit/v1"]: r["level"] for r in run["results"]}
    expected = {"a001": "error", "b002": "error", "head": "warning", "a003": "note", "c02d": "note"}
    assert expected.items() <= levels.items()


def test_uris_are_relative_encoded_and_below_the_prefix(rulebook: Rulebook) -> None:
    run = run_of(hostile_report(), rulebook, "apps/my api")
    artifact = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact["uri"].startswith("apps/my%20api/a%20b/%C3%BC%23%3F%3Cscript")
    assert unquote(artifact["uri"]) == f"apps/my api/a b/ü#?{HOSTILE}.sql"
    assert artifact["uriBaseId"] in run["originalUriBaseIds"]
    plain = run_of(sample_report(), rulebook)["results"][0]["locations"][0]
    assert plain["physicalLocation"]["artifactLocation"]["uri"].startswith("supabase/migrations/")


def test_a_finding_without_a_file_has_a_logical_location_only(rulebook: Rulebook) -> None:
    (location,) = result_of(run_of(sample_report(), rulebook), "def1")["locations"]
    assert "physicalLocation" not in location
    assert location["logicalLocations"] == [
        {"name": "public.f(uuid)", "fullyQualifiedName": "shadow/public.f(uuid)", "kind": "function"}
    ]


def test_a_located_finding_names_line_and_object(rulebook: Rulebook) -> None:
    (location,) = result_of(run_of(sample_report(), rulebook), "a002")["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 42}
    assert location["physicalLocation"]["contextRegion"]["endLine"] == 43
    assert location["logicalLocations"][0]["kind"] == "table"


def test_a_context_region_is_larger_than_its_region(rulebook: Rulebook) -> None:
    """The format asks for a proper superset; a finding that fills its frame has no context."""
    report = sample_report()
    found = next(finding for finding in report.findings if finding.fingerprint == "a002")
    assert found.location
    whole = found.location.model_copy(update={"line": 41, "end_line": 43})
    filled = found.model_copy(update={"location": whole})
    (location,) = result_of(run_of(report.model_copy(update={"findings": [filled]}), rulebook), "a002")["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 41, "endLine": 43}
    assert "contextRegion" not in location["physicalLocation"]


def test_accepted_findings_are_suppressed_with_their_reason(rulebook: Rulebook) -> None:
    run = run_of(sample_report(), rulebook)
    suppressed = [result for result in run["results"] if "suppressions" in result]
    assert [result["ruleId"] for result in suppressed] == ["header-missing"]
    (suppression,) = suppressed[0]["suppressions"]
    assert suppression["status"] == "accepted"
    assert "SEC-14" in suppression["justification"]
    assert result_of(run, "c02d")["baselineState"] == "unchanged"


def test_the_proof_is_in_the_message_and_in_the_properties(rulebook: Rulebook) -> None:
    result = result_of(run_of(sample_report(), rulebook), "a002")
    assert "set local role anon;" in result["message"]["markdown"]
    assert result["properties"]["proof"]["seen"].startswith("   id ")
    assert result["properties"]["confidence"] == "proved"


def test_what_was_not_checked_is_notified(rulebook: Rulebook) -> None:
    (invocation,) = run_of(sample_report(), rulebook)["invocations"]
    texts = [note["message"]["text"] for note in invocation["toolExecutionNotifications"]]
    assert invocation["executionSuccessful"] is True
    assert any("endpoint-unlimited: 2 subjects not checked: the middleware" in text for text in texts)
    assert any("vulnerable-dependency: Not checked: offline" in text for text in texts)
    assert any("pg_net" in text for text in texts)


def test_a_scan_that_failed_says_so(rulebook: Rulebook) -> None:
    report = sample_report()
    failed = report.model_copy(update={"gate": report.gate.model_copy(update={"exit_code": 3})})
    assert run_of(failed, rulebook)["invocations"][0]["executionSuccessful"] is False


def test_truncation_keeps_the_most_severe_and_says_so(rulebook: Rulebook) -> None:
    report = many_findings(sarif.MAX_RESULTS + 100)
    last = report.findings[-1].model_copy(update={"severity": Severity.CRITICAL, "fingerprint": "last"})
    run = run_of(report.model_copy(update={"findings": [*report.findings[:-1], last]}), rulebook)
    assert len(run["results"]) == sarif.MAX_RESULTS
    assert result_of(run, "last") == run["results"][0]
    note = run["invocations"][0]["toolExecutionNotifications"][0]
    assert note["descriptor"]["id"] == "results-truncated"
    assert "100 results left out" in note["message"]["text"]


def test_hostile_text_is_neither_a_link_nor_markup(rulebook: Rulebook) -> None:
    text = sarif.render(hostile_report(), rulebook)
    assert "\u202e" not in text
    assert "\\u001b" not in text
    message = json.loads(text)["runs"][0]["results"][0]["message"]
    assert "\\[click\\](http" in message["text"]
    assert "````text" in message["markdown"], "a fence in the transcript needs a longer one around it"


def test_scans_of_two_folders_are_two_categories(rulebook: Rulebook) -> None:
    ids = [run_of(sample_report(), rulebook, p)["automationDetails"]["id"] for p in ("", "apps/api")]
    assert ids == ["backend-audit/", "backend-audit/apps/api/"]


def test_a_rule_without_a_page_takes_its_words_from_its_findings(rulebook: Rulebook) -> None:
    report = sample_report()
    own = report.findings[0].model_copy(update={"rule": "suppression-expired", "title": "It has expired"})
    run = run_of(report.model_copy(update={"findings": [own]}), rulebook)
    rule = run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]
    assert (rule["id"], rule["shortDescription"]["text"]) == ("suppression-expired", "It has expired")
