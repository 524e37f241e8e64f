# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""Reports of other tools read, VEX, suppressions by the name of an advisory, and the bill of materials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from auditor.facts.lockfiles import Package
from auditor.facts.vex import VexError, read_vex, subject_of
from auditor.model import Unavailable
from auditor.render.cyclonedx import package_url
from auditor.sources.advisory_imported import read_imported
from tests.dependency_support import FILES, LOCK, RECORD
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path


NPM_AUDIT = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "lodash": {"name": "lodash", "via": [{"source": 1, "name": "lodash", "title": "a fault", "url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", "severity": "high", "range": "<4.17.21"}], "range": "<4.17.21"},
        "parent": {"name": "parent", "via": ["lodash"], "range": "*"},
    },
}  # fmt: skip
NPM_AUDIT_6 = {
    "advisories": {"1": {"id": 1, "module_name": "lodash", "vulnerable_versions": "<4.17.21", "severity": "high", "title": "a fault", "url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", "cves": ["CVE-2020-1"]}},
    "metadata": {},
}  # fmt: skip
OSV_SCANNER = {
    "results": [
        {
            "packages": [
                {"package": {"name": "lodash", "version": "4.17.15", "ecosystem": "npm"}, "vulnerabilities": [RECORD]}
            ]
        }
    ]
}


@pytest.mark.parametrize("report", [NPM_AUDIT, NPM_AUDIT_6, OSV_SCANNER], ids=["npm", "npm 6", "osv"])
def test_reports_of_other_tools_add_what_they_found_and_clear_nothing(tmp_path: Path, report: dict[str, Any]) -> None:
    write(tmp_path, {"package-lock.json": LOCK, "report.json": json.dumps(report)})
    place = tmp_path.parent / "r.json"
    run(
        "scan",
        tmp_path,
        "--no-shadow",
        "--offline",
        "--only",
        "vulnerable-dependency",
        "--import-audit",
        tmp_path / "report.json",
        "-o",
        f"json={place}",
    )
    found = json.loads(place.read_text())
    assert [(f["subject"], f["severity"], f["detail"].split(":")[0].split(" ")[0]) for f in found["findings"]] == [
        ("package npm:lodash@4.17.15", "high", "GHSA-aaaa-bbbb-cccc")
    ]
    assert {n["subject"] for n in found["not_checked"]} == {"package npm:hono@4.0.0", "package npm:@a/b@1.0.0"}


def test_a_report_of_pip_audit(tmp_path: Path) -> None:
    entry = {
        "name": "Jinja2",
        "version": "2.10",
        "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.9.9", "2.10.1"], "aliases": ["CVE-1"], "description": "x"}],
    }
    (tmp_path / "r.json").write_text(
        json.dumps({"dependencies": [entry, {"name": "private", "skip_reason": "unknown"}]})
    )
    packages = [
        Package("PyPI", "jinja2", "2.10", "requirements.txt", 1),
        Package("PyPI", "flask", "1", "requirements.txt", 2),
    ]
    (source,) = read_imported([str(tmp_path / "r.json")], packages)
    ((key, hits),) = source.answered.items()
    assert (key, hits[0].id, hits[0].fixed) == (("PyPI", "jinja2", "2.10"), "CVE-1", "2.10.1")


@pytest.mark.parametrize("text", ["{", "[1]", "{}", '{"error": {"code": "ENOAUDIT", "summary": "no endpoint"}}', '{"auditReportVersion": 2, "vulnerabilities": {"a": {"via": [{}]}}}'])  # fmt: skip
def test_what_is_no_report_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(Unavailable, match="--import-audit"):
        read_imported([str(tmp_path / "r.json")], [])


OPEN_VEX = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "statements": [
        {"vulnerability": {"name": "CVE-2020-1"}, "products": [{"@id": "pkg:npm/lodash@4.17.15"}], "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"},
        {"vulnerability": {"name": "CVE-2020-9"}, "products": [{"@id": "pkg:npm/other"}], "status": "not_affected"},
    ],
}  # fmt: skip
CYCLONE_VEX = {
    "bomFormat": "CycloneDX",
    "vulnerabilities": [{"id": "GHSA-aaaa-bbbb-cccc", "analysis": {"state": "not_affected", "detail": "the function is not called"}, "affects": [{"ref": "urn:cdx:1/1#pkg:npm/lodash@4.17.15"}]}],
}  # fmt: skip


@pytest.mark.parametrize("document", [OPEN_VEX, CYCLONE_VEX], ids=["OpenVEX", "CycloneDX"])
@pytest.mark.parametrize("status", ["cleared", "affected", "another product"])
def test_a_statement_of_vex_accepts_what_it_clears(tmp_path: Path, document: dict[str, Any], status: str) -> None:
    text = json.dumps(document)
    if status == "affected":
        text = text.replace("not_affected", "affected" if document is OPEN_VEX else "exploitable")
    if status == "another product":
        text = text.replace("lodash", "lowdash")
    write(tmp_path, {**FILES, "vex.json": text})
    place = tmp_path.parent / "r.json"
    found = run(
        "scan",
        tmp_path,
        "--no-shadow",
        "--offline",
        "--only",
        "vulnerable-dependency",
        "--advisories",
        tmp_path / "db",
        "--vex",
        tmp_path / "vex.json",
        "-o",
        f"json={place}",
    )
    (finding,) = json.loads(place.read_text())["findings"]
    assert finding["status"] == ("accepted" if status == "cleared" else "open")
    assert found.code == (0 if status == "cleared" else 1)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"bomFormat": "SPDX"}', '{"@context": "openvex", "statements": [{"status": []}]}']
)
def test_what_is_no_vex_is_a_usage_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(VexError):
        read_vex(text)
    write(tmp_path, {**FILES, "vex.json": text})
    assert run("scan", tmp_path, "--no-shadow", "--offline", "--vex", tmp_path / "vex.json").code == 2


def test_package_urls() -> None:
    for ecosystem, name, version in (
        ("npm", "@a/b", "1.0.0"),
        ("PyPI", "jinja2", "2.10"),
        ("npm", "c", "1.0.0-rc.1+x"),
    ):
        assert subject_of(package_url(ecosystem, name, version)) == f"package {ecosystem}:{name}@{version}"
    assert subject_of("pkg:npm/c") == "package npm:c@*"
    assert subject_of("pkg:golang/c") is None


@pytest.mark.parametrize(
    ("rule", "accepted"),
    [("GHSA-aaaa-bbbb-cccc", True), ("CVE-2020-1", True), ("vulnerable-dependency", True), ("CVE-2020-9", False)],
)
def test_an_advisory_is_accepted_by_its_id_and_by_its_other_names(tmp_path: Path, rule: str, *, accepted: bool) -> None:
    settings = f'[[ignore]]\nrule = "{rule}"\nreason = "the function is not called"\nuntil = 2099-01-01\n'
    write(tmp_path, {**FILES, "backend-audit.toml": settings})
    place = tmp_path.parent / "r.json"
    run(
        "scan",
        tmp_path,
        "--no-shadow",
        "--offline",
        "--only",
        "vulnerable-dependency",
        "--advisories",
        tmp_path / "db",
        "-o",
        f"json={place}",
    )
    findings = {finding["rule"]: finding["status"] for finding in json.loads(place.read_text())["findings"]}
    assert findings == ({"vulnerable-dependency": "accepted"} if accepted else {"vulnerable-dependency": "open", "suppression-unused": "open"})  # fmt: skip


def test_an_advisory_of_high_severity_is_not_accepted_without_an_end(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "backend-audit.toml": '[[ignore]]\nrule = "CVE-2020-1"\nreason = "not called"\n'})
    place = tmp_path.parent / "r.json"
    found = run(
        "scan",
        tmp_path,
        "--no-shadow",
        "--offline",
        "--only",
        "vulnerable-dependency",
        "--advisories",
        tmp_path / "db",
        "-o",
        f"json={place}",
    )
    assert found.code == 1
    assert {f["rule"]: f["status"] for f in json.loads(place.read_text())["findings"]} == {"vulnerable-dependency": "open", "suppression-incomplete": "open"}  # fmt: skip


def test_a_bill_of_materials_is_valid_and_names_what_is_vulnerable(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "requirements.txt": "Jinja2==3.1.6\n"})
    places = [tmp_path.parent / name for name in ("one.json", "two.json")]
    for place in places:
        run(
            "scan",
            tmp_path,
            "--no-shadow",
            "--offline",
            "--only",
            "dependency",
            "--advisories",
            tmp_path / "db",
            "-o",
            f"cyclonedx={place}",
            "-q",
        )
    text = places[0].read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == places[1].read_text(), "two scans of one tree give one document"
    document = json.loads(text)
    assert {c["purl"] for c in document["components"]} == {"pkg:npm/lodash@4.17.15", "pkg:npm/hono@4.0.0", "pkg:npm/%40a/b@1.0.0", "pkg:pypi/jinja2@3.1.6"}  # fmt: skip
    edges = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    assert edges["pkg:npm/hono@4.0.0"] == ["pkg:npm/%40a/b@1.0.0"]
    (fault,) = document["vulnerabilities"]
    assert (fault["id"], fault["affects"]) == ("GHSA-aaaa-bbbb-cccc", [{"ref": "pkg:npm/lodash@4.17.15"}])
    assert [reference["id"] for reference in fault["references"]] == ["CVE-2020-1"]
