"""CycloneDX 1.6: what is installed, by which way, and which of it is vulnerable. Pure.

The document is deterministic: no time and no random serial number, so that two scans of one tree can be compared.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from auditor.facts.lock_graph import PYPI, REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.lock_graph import Package
    from auditor.facts.lockfiles import Locked
    from auditor.report import Finding, Report

_ROOT = "scanned-repository"
_RULES = {"vulnerable-dependency", "malicious-dependency"}
_EXPRESSION = re.compile(r"\(?[A-Za-z0-9][\w.+() -]*\)?")
_ADVISORY = re.compile(r"([A-Za-z][A-Za-z0-9]*-[\w.-]+)(?: \(([^)]*)\))?: (.*)", re.DOTALL)
_DATABASES = {
    "GHSA": ("GitHub", "https://github.com/advisories/{}"),
    "CVE": ("NVD", "https://nvd.nist.gov/vuln/detail/{}"),
}


def render(report: Report, locked: Iterable[Locked]) -> str:
    """The document; `locked` are the lockfiles of the repository that the report is about."""
    lockfiles = list(locked)
    components = _components(lockfiles)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [{"type": "application", "name": report.tool.name, "version": report.tool.version}]
            },
            "component": {"type": "application", "bom-ref": _ROOT, "name": _ROOT}
            | ({"version": report.target.commit} if report.target.commit else {}),
        },
        "components": [components[ref] for ref in sorted(components)],
        "dependencies": _dependencies(lockfiles, components),
        "vulnerabilities": _vulnerabilities(report.findings, components),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def package_url(ecosystem: str, name: str, version: str) -> str:
    kind = "pypi" if ecosystem == PYPI else "npm"
    place = "/".join(quote(part, safe="") for part in name.split("/"))
    return f"pkg:{kind}/{place}@{quote(version, safe='')}" if version else f"pkg:{kind}/{place}"


def _components(lockfiles: Iterable[Locked]) -> dict[str, dict[str, Any]]:
    """Every package once, with the lockfiles that install it; production's role wins."""
    found: dict[str, dict[str, Any]] = {}
    for locked in lockfiles:
        for package in (*locked.packages, *locked.others):
            ref = package_url(package.ecosystem, package.name, package.version)
            entry = found.setdefault(ref, _component(ref, package))
            if not package.dev:
                entry["scope"] = "required"
            note = {"name": "backend-audit:lockfile", "value": f"{package.path}:{package.line}"}
            if note not in entry["properties"]:
                entry["properties"].append(note)
    return found


def _component(ref: str, package: Package) -> dict[str, Any]:
    scope, _, name = package.name.rpartition("/")
    entry: dict[str, Any] = {"type": "library", "bom-ref": ref, "name": name}
    entry |= {"group": scope} if scope else {}
    entry |= {"version": package.version} if package.version else {}
    entry |= {"purl": ref, "scope": "excluded", "properties": []}
    if package.licence:
        entry["licenses"] = [_licence(package.licence)]
    if package.origin != REGISTRY:
        entry["properties"].append({"name": "backend-audit:origin", "value": package.origin})
    return entry


def _licence(text: str) -> dict[str, Any]:
    plain = _EXPRESSION.fullmatch(text) and not re.search(r"SEE LICEN|UNLICEN|\bIN\b", text)
    return {"expression": text} if plain else {"license": {"name": text}}


def _dependencies(lockfiles: Iterable[Locked], components: dict[str, Any]) -> list[dict[str, Any]]:
    edges: dict[str, set[str]] = {_ROOT: set(), **{ref: set() for ref in components}}
    for locked in lockfiles:
        refs = {
            key: package_url(locked.ecosystem, name, version) for key, (name, version, _) in locked.versions.items()
        }
        for key, needs in locked.needs.items():
            if refs[key] in components:
                edges[refs[key]] |= {refs[need] for need in needs if refs.get(need) in components}
        direct = {refs[root.key] for root in locked.roots or () if root.key in refs and root.key is not None}
        edges[_ROOT] |= {ref for ref in direct if ref in components}
    return [{"ref": ref, "dependsOn": sorted(needs - {ref})} for ref, needs in sorted(edges.items())]


def _vulnerabilities(findings: Iterable[Finding], components: dict[str, Any]) -> list[dict[str, Any]]:
    """One for each advisory, with every package that it is about."""
    found: dict[str, dict[str, Any]] = {}
    for finding in findings:
        match = _ADVISORY.match(finding.detail)
        parts = re.fullmatch(r"package (\w+):(.+)@([^@]*)", finding.subject)
        if finding.rule not in _RULES or match is None or parts is None:
            continue
        entry = found.setdefault(f"{match[1]} {finding.status}", _vulnerability(finding, match))
        ref = package_url(*parts.groups())
        if ref in components and {"ref": ref} not in entry["affects"]:
            entry["affects"].append({"ref": ref})
    return [found[key] for key in sorted(found)]


def _vulnerability(finding: Finding, match: re.Match[str]) -> dict[str, Any]:
    identity = match[1]
    name, url = _DATABASES.get(identity.split("-")[0], ("OSV", "https://osv.dev/vulnerability/{}"))
    source = {"name": name, "url": url.format(identity)}
    entry: dict[str, Any] = {
        "bom-ref": f"{identity} {finding.status}",
        "id": identity,
        "source": source,
        "ratings": [{"source": source, "severity": finding.severity.value}],
        "description": match[3],
        "recommendation": finding.fix,
        "affects": [],
    }
    if aliases := [alias.strip() for alias in (match[2] or "").split(",") if alias.strip()]:
        entry["references"] = [
            {"id": alias, "source": {"name": "NVD", "url": f"https://nvd.nist.gov/vuln/detail/{alias}"}}
            for alias in aliases
        ]
    entry["analysis"] = _analysis(finding)
    return entry


def _analysis(finding: Finding) -> dict[str, Any]:
    """A statement of VEX says that nothing is affected; a suppression only that the risk is taken."""
    if finding.status != "accepted":
        return {"state": "in_triage"}
    cleared = (finding.status_reason or "").startswith("VEX: ")
    state = {"state": "not_affected"} if cleared else {"state": "exploitable", "response": ["will_not_fix"]}
    return state | ({"detail": finding.status_reason} if finding.status_reason else {})
