# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""Services asked about packages: our client, and the real npm beside it, against a server on the loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from auditor.detectors.ask import ask_files
from auditor.facts.lock_graph import NPM_HOST
from auditor.facts.lockfiles import Package
from auditor.model import Severity, State
from auditor.rulebook import load_rulebook
from auditor.sources import advisory_http, pip_audit
from auditor.sources import packages as packages_module
from auditor.sources.advisory_online import Endpoints, ask_npm, ask_osv
from auditor.sources.packages import audit_online, read_packages
from auditor.sources.pip_audit import Service
from auditor.sources.repository import read_repository
from tests.advisory_server import RECORDS, Server, record, serving
from tests.running import run, write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from auditor.model import RuleAnswers

MANIFEST = {"name": "p", "version": "1.0.0", "dependencies": {"lodash": "4.17.20", "mkdirp": "0.5.1", "hono": "4.0.0"}}
LOCK = {
    "name": "p", "version": "1.0.0", "lockfileVersion": 3, "requires": True,
    "packages": {
        "": MANIFEST,
        "node_modules/lodash": {"version": "4.17.20", "resolved": f"https://{NPM_HOST}/lodash/-/lodash-4.17.20.tgz"},
        "node_modules/mkdirp": {"version": "0.5.1", "dependencies": {"minimist": "0.0.8"}},
        "node_modules/minimist": {"version": "0.0.8"},
        "node_modules/hono": {"version": "4.0.0"},
    },
}  # fmt: skip
FILES = {"package.json": json.dumps(MANIFEST), "package-lock.json": json.dumps(LOCK), "requirements.txt": "flask==2.0.1\njinja2==3.1.6\n"}  # fmt: skip
VULNERABLE = {("npm", "lodash"), ("npm", "minimist"), ("PyPI", "flask")}


def _npm(name: str, version: str) -> Package:
    return Package("npm", name, version, "package-lock.json", 1)


def _asked(root: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> RuleAnswers:
    """The rule on packages, every service being the server on the loopback."""
    service = Service("loopback", ("--vulnerability-service", "osv", "--osv-url", f"{server.url}/v1/query"))
    real = pip_audit.audit_python
    monkeypatch.setattr(pip_audit, "audit_python", lambda packages, stack: real(packages, stack, service))
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    repository = read_repository(root)
    with ExitStack() as stack:
        found = audit_online(read_packages(repository, None), stack, endpoints=Endpoints(server.bulk, server.url))
    return ask_files(page, repository, found)


def _vulnerable(asked: RuleAnswers) -> set[tuple[str, str]]:
    subjects = [answer.subject.removeprefix("package ") for answer in asked.answers if answer.state is State.FAIL]
    return {(subject.split(":")[0], subject.split(":")[1].rpartition("@")[0]) for subject in subjects}


def test_one_run_finds_what_the_clients_of_both_ecosystems_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, FILES)
    with serving(Server()) as server:
        asked = _asked(tmp_path, server, monkeypatch)
        pip = _pip_audit(tmp_path, server)
    assert _vulnerable(asked) == VULNERABLE
    assert {name for ecosystem, name in VULNERABLE if ecosystem == "PyPI"} == pip
    states = {answer.subject: answer.state for answer in asked.answers}
    assert states["package npm:hono@4.0.0"] is State.OK
    assert states["package PyPI:jinja2@3.1.6"] is State.OK
    assert "package npm:lodash@4.17.4" not in states, "the canary is no row"


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_audit_and_we_find_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, FILES)
    with serving(Server()) as server:
        theirs = _npm_audit(tmp_path, server)
        ours = _asked(tmp_path, server, monkeypatch)
    advisories = {
        (name, via["url"].rpartition("/")[2])
        for name, entry in theirs["vulnerabilities"].items()
        for via in entry["via"]
        if isinstance(via, dict)
    }
    assert {name for name, _ in advisories} == {name for ecosystem, name in _vulnerable(ours) if ecosystem == "npm"}
    assert {identity for _, identity in advisories} == {
        answer.evidence for answer in ours.answers if answer.state is State.FAIL and "npm:" in answer.subject
    }
    # npm counts the parent as well; here it is the way by which the package comes in.
    assert "mkdirp" in theirs["vulnerabilities"]
    (minimist,) = [a for a in ours.answers if "minimist" in a.subject]
    assert "brought in by mkdirp" in minimist.detail


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_an_empty_answer_is_clean_to_npm_and_unknown_to_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, FILES)
    with serving(Server(body=b"{}")) as server:
        assert _npm_audit(tmp_path, server)["metadata"]["vulnerabilities"]["total"] == 0
        asked = _asked(tmp_path, server, monkeypatch)
    assert asked.unavailable
    assert "canary" in asked.unavailable


def _npm_audit(root: Path, server: Server) -> Any:  # noqa: ANN401 - options and functions of several shapes
    npm = shutil.which("npm")
    assert npm
    command = [npm, "audit", "--json", "--registry", server.url, "--cache", str(root.parent / "npm-cache")]
    answer = subprocess.run(command, cwd=root, capture_output=True, timeout=60, check=False, env=_environment())
    return json.loads(answer.stdout)


def _environment() -> Mapping[str, str]:
    kept = {"PATH", "HOME", "LANG"}
    return {name: value for name, value in os.environ.items() if name in kept} | {"npm_config_update_notifier": "false"}


def _pip_audit(root: Path, server: Server) -> set[str]:
    """The real client on the same requirements, as a developer would start it."""
    import sys

    command = [
        sys.executable, "-m", "pip_audit", "-r", str(root / "requirements.txt"), "--no-deps", "--disable-pip", "-f", "json",
        "--vulnerability-service", "osv", "--osv-url", f"{server.url}/v1/query", "--progress-spinner", "off",
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, timeout=60, check=False, env=_environment())
    return {entry["name"] for entry in json.loads(answer.stdout)["dependencies"] if entry["vulns"]}


FAILURES = {
    "empty": (Server(body=b"{}"), "canary"),
    "html": (Server(body=b"<html>sign in</html>"), "no JSON"),
    "shape": (Server(body=b'{"lodash": 3, "results": 4}'), "another shape"),
    "entries": (Server(body=b'{"lodash": ["x"], "results": [[1], [2]]}'), "another shape"),
    "404": (Server(status=404), "HTTP 404"),
    "405": (Server(status=405), "HTTP 405"),
    "500": (Server(status=500), "HTTP 500"),
    "silent": (Server(silent=True), "does not answer in time"),
    "no canary": (Server(records=[entry for entry in RECORDS if "lodash" not in str(entry)]), "canary"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("ask", [ask_npm, ask_osv], ids=["npm", "osv"])
def test_no_answer_is_unknown_with_the_reason(ask: Any, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401 - options and functions of several shapes
    monkeypatch.setattr(advisory_http, "_SOCKET_SECONDS", 0.5)
    server, said = FAILURES[failure]
    with serving(server):
        found = ask([_npm("hono", "4.0.0")], server.bulk if ask is ask_npm else server.url, 3.0)
    assert found.answered == {}
    reason = found.unanswered["npm", "hono", "4.0.0"]
    assert said in reason or "other packages" in reason
    assert reason.startswith("not audited: ")
    assert "--advisories" in reason


@pytest.mark.parametrize("failure", FAILURES)
def test_a_scan_is_never_clean_when_a_service_fails(
    failure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisory_http, "_SOCKET_SECONDS", 0.3)
    monkeypatch.setattr("auditor.sources.advisory_online._SECONDS", 1.0)
    write(tmp_path, {"package-lock.json": FILES["package-lock.json"]})
    with serving(FAILURES[failure][0]) as server:
        asked = _asked(tmp_path, server, monkeypatch)
    assert asked.unavailable
    assert not [answer for answer in asked.answers if answer.state is State.OK]


def test_half_the_answers_are_no_answer() -> None:
    with serving(Server(half=True)) as server:
        found = ask_osv([_npm("hono", "4.0.0"), _npm("lodash", "4.17.20")], server.url)
    assert found.answered == {}
    assert len(found.unanswered) == 2


def test_a_record_that_cannot_be_had_makes_its_package_unknown() -> None:
    with serving(Server(failing={"GHSA-vh95-rmgr-6w4m": 404})) as server:
        found = ask_osv([_npm("minimist", "0.0.8"), _npm("lodash", "4.17.20")], server.url)
    assert list(found.answered) == [("npm", "lodash", "4.17.20")]
    assert "GHSA-vh95-rmgr-6w4m could not be had" in found.unanswered["npm", "minimist", "0.0.8"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{}", b'{"id": 3}'])
def test_a_record_that_is_none_makes_its_package_unknown(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    with serving(Server()) as server:
        real = server.answer

        def answer(path: str, query: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON of any shape
            return (200, json.loads(body)) if path.endswith("6w4m") else real(path, query)

        monkeypatch.setattr(Server, "answer", lambda _, path, query: answer(path, query))
        found = ask_osv([_npm("minimist", "0.0.8")], server.url)
    assert found.answered == {}
    assert "another shape" in found.unanswered["npm", "minimist", "0.0.8"]


def test_osv_answers_in_pages() -> None:
    more = [record(f"GHSA-0000-0000-000{n}", "npm", "lodash", "4.17.21", "LOW", "a fault") for n in range(5)]
    with serving(Server(records=[*RECORDS, *more], page=2)) as server:
        found = ask_osv([_npm("lodash", "4.17.20")], server.url)
    assert len(found.answered["npm", "lodash", "4.17.20"]) == 6


@pytest.mark.parametrize("ask", [ask_npm, ask_osv], ids=["npm", "osv"])
def test_an_answer_has_severity_and_the_version_that_mends_it(ask: Any) -> None:  # noqa: ANN401 - options and functions of several shapes
    with serving(Server()) as server:
        found = ask(
            [_npm("lodash", "4.17.20"), _npm("lodash", "4.17.21")], server.bulk if ask is ask_npm else server.url
        )
    (hit,) = found.answered["npm", "lodash", "4.17.20"]
    assert (hit.id, hit.severity, hit.fixed) == ("GHSA-35jh-r3h4-6jhm", Severity.HIGH, "4.17.21")
    assert found.answered["npm", "lodash", "4.17.21"] == ()


def test_every_service_names_the_same_severity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An advisory that names none takes the page's, whoever told of it."""
    silent = [entry | {"database_specific": {}} for entry in RECORDS if "PyPI" in str(entry)]
    write(tmp_path, {"requirements.txt": FILES["requirements.txt"], "db/x.json": json.dumps(silent)})
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    repository = read_repository(tmp_path)
    local = ask_files(page, repository, read_packages(repository, (str(tmp_path / "db"),), max_age=10_000))
    with serving(Server(records=silent)) as server:
        online = _asked(tmp_path, server, monkeypatch)
        osv = ask_osv([Package("PyPI", "flask", "2.0.1", "x", 1)], server.url)
    severities = [a.severity for asked in (local, online) for a in asked.answers if a.state is State.FAIL]
    assert severities == [None, None]
    assert [hit.severity for hits in osv.answered.values() for hit in hits] == [None]


def test_a_name_that_does_not_resolve_costs_no_time() -> None:
    found = ask_npm([_npm("hono", "4.0.0")], "https://registry.invalid/bulk")
    assert "does not resolve" in found.unanswered["npm", "hono", "4.0.0"]


@pytest.mark.parametrize("mirror", ["https://npm.corp.example/", f"https://npm.corp.example/proxy/{NPM_HOST}/"])
def test_private_packages_are_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    packages = {
        "": {"dependencies": {"@corp/a": "1", "b": "1", "hono": "4"}},
        "node_modules/@corp/a": {"version": "1.0.0"},
        "node_modules/b": {"version": "1.0.0", "resolved": "https://npm.corp.example/b/-/b-1.0.0.tgz"},
        "node_modules/hono": {"version": "4.0.0"},
    }
    files = {
        "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": packages}),
        ".npmrc": f"@corp:registry={mirror}\n",
    }
    write(tmp_path, files)
    with serving(Server()) as server:
        asked = _asked(tmp_path, server, monkeypatch)
    assert {name for _, name, _ in server.asked} == {"hono", "lodash"}
    states = {answer.subject: (answer.state, answer.detail) for answer in asked.answers}
    assert states["package npm:@corp/a@1.0.0"][0] is State.UNKNOWN
    assert "another registry" in states["package npm:b@1.0.0"][1]
    assert states["package npm:hono@4.0.0"][0] is State.OK


def test_offline_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", never)
    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(pip_audit, "_run", never)
    write(tmp_path, FILES)
    place = tmp_path.parent / "r.json"
    found = run("scan", tmp_path, "--offline", "--no-shadow", "--only", "dependency", "-o", f"json={place}")
    assert found.code in {1, 4}
    (rule,) = [rule for rule in json.loads(place.read_text())["rules"] if rule["id"] == "vulnerable-dependency"]
    assert rule["outcome"] == "unknown"
    assert "--offline" in rule["reason"]


def test_what_a_local_database_covers_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {**FILES, "db/x.json": json.dumps([r | {"database_specific": {"fixture": True}} for r in RECORDS])})

    def never(*_: object) -> None:
        raise AssertionError("a service was asked")

    monkeypatch.setattr(packages_module, "_services", never)
    found = read_packages(read_repository(tmp_path), (str(tmp_path / "db"),))
    with ExitStack() as stack:
        assert len(audit_online(found, stack).answers) == 1
