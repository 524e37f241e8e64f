"""Python packages asked about online: the real pip-audit against a small server on the loopback that speaks OSV."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.detectors.ask import ask_files
from auditor.facts.lock_graph import PYPI_HOST
from auditor.model import State
from auditor.rulebook import load_rulebook
from auditor.sources import packages as packages_module
from auditor.sources import pip_audit
from auditor.sources.packages import audit_online, read_packages
from auditor.sources.pip_audit import PythonAudit, Service, audit_python
from auditor.sources.repository import read_repository
from tests.running import run, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

JINJA = {
    "id": "CVE-2019-10906", "aliases": ["GHSA-462w-v97r-4m45"], "summary": "a sandbox that lets out",
    "published": "2019-04-10T14:30:24Z",
    "affected": [{
        "package": {"name": "jinja2", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.10.1"}, {"fixed": "2.9.9"}]}],
    }],
}  # fmt: skip


@dataclass
class Loopback:
    """What the server answers, and every package that it was asked about."""

    status: int = 200
    body: bytes | None = None
    silent: bool = False
    asked: set[tuple[str, str]] = field(default_factory=set)
    port: int = 0

    @property
    def service(self) -> Service:
        url = f"http://127.0.0.1:{self.port}/v1/query"
        return Service("loopback", ("--vulnerability-service", "osv", "--osv-url", url))

    def answer(self, query: dict[str, Any]) -> bytes:
        name, version = query["package"]["name"], query["version"]
        self.asked.add((name, version))
        known = (name, version) in {("jinja2", "2.10"), ("urllib3", "1.24.1")}
        return self.body if self.body is not None else json.dumps({"vulns": [JINJA]} if known else {}).encode()


@contextmanager
def _serving(loopback: Loopback) -> Iterator[Loopback]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = loopback.answer(query)
            if loopback.silent:
                time.sleep(60)
            self.send_response(loopback.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        loopback.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield loopback
        finally:
            server.shutdown()


def _audit(packages: Iterable[tuple[str, str]], service: Service) -> PythonAudit:
    with ExitStack() as stack:
        return audit_python(packages, stack, service)


@pytest.mark.parametrize("size", [2, 25])
def test_every_package_is_answered_and_the_canary_is_no_row(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(pip_audit, "_PER_LANE", size)
    wanted = {("flask", "2.0.1"), ("flask", "3.0"), ("jinja2", "3.1.6"), ("jinja2", "3.0"), ("urllib3", "2.5.0")}
    wanted |= {("requests", "2.31"), ("odd", "not-a-version")}
    with _serving(Loopback()) as loopback:
        found = _audit(wanted, loopback.service)
    assert set(found.answered) == wanted - {("odd", "not-a-version")}
    assert not any(found.answered.values())
    assert list(found.unanswered) == [("odd", "not-a-version")]
    assert {name for name, _ in loopback.asked} == {"flask", "jinja2", "requests", "urllib3"}


def test_a_vulnerable_package_has_the_best_name_and_the_nearest_version_that_mends_it() -> None:
    with _serving(Loopback()) as loopback:
        found = _audit([("jinja2", "2.10"), ("idna", "3.10")], loopback.service)
    (fault,) = found.answered["jinja2", "2.10"]
    assert (fault.id, fault.summary, fault.fixed) == ("GHSA-462w-v97r-4m45", "a sandbox that lets out", "2.10.1")


@pytest.mark.parametrize(
    ("loopback", "said"),
    [
        (Loopback(body=b"{}"), "returned nothing for a known-vulnerable canary"),
        (Loopback(status=503, body=b"busy"), "HTTP 503"),
        (Loopback(status=404, body=b"{}"), "HTTP 404"),
        (Loopback(body=b"<html>sign in</html>"), "no JSON"),
        (Loopback(body=b'{"vulns": 3}'), "it failed"),
        (Loopback(silent=True), "does not answer in time"),
    ],
    ids=["empty", "503", "404", "html", "shape", "silent"],
)
def test_no_answer_is_unknown_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, loopback: Loopback, said: str
) -> None:
    monkeypatch.setattr(pip_audit, "_FIRST", 3.0)
    started = time.monotonic()
    with _serving(loopback):
        found = _audit([("flask", "2.0.1")], loopback.service)
    assert found.answered == {}
    reason = found.unanswered["flask", "2.0.1"]
    assert said in reason
    assert "loopback" in reason
    assert "--advisories" in reason
    assert loopback.asked <= {("jinja2", "2.10")}, "the canary comes first: nothing else is sent to a dead service"
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("url", "said"), [("http://127.0.0.1:9/", "no connection"), ("http://service.invalid/", "does not resolve")]
)
def test_a_dead_network_costs_little(url: str, said: str) -> None:
    started = time.monotonic()
    found = _audit([("flask", "2.0.1")], Service("dead", ("--vulnerability-service", "osv", "--osv-url", url)))
    assert said in found.unanswered["flask", "2.0.1"]
    assert time.monotonic() - started < 10


def _stand_in(folder: Path, script: str) -> str:
    """A program that answers in pip-audit's place."""
    place = folder / "python"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return str(place)


def test_what_is_skipped_is_unknown_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entries = [
        {"name": "jinja2", "version": "2.10", "vulns": [{"id": "X", "fix_versions": [], "aliases": []}]},
        {"name": "flask", "version": "2.0.1", "vulns": []},
        {"name": "private", "skip_reason": "Dependency not found on PyPI and could not be audited: private (1.0)"},
    ]
    out = json.dumps({"dependencies": entries})
    monkeypatch.setattr(sys, "executable", _stand_in(tmp_path, f"cat <<'END'\n{out}\nEND"))
    found = _audit([("flask", "2.0.1"), ("private", "1.0"), ("unsaid", "1.0")], Service())
    assert list(found.answered) == [("flask", "2.0.1")]
    assert "not found on PyPI" in found.unanswered["private", "1.0"]
    assert "did not answer for this package" in found.unanswered["unsaid", "1.0"]


def test_the_environment_holds_nothing_of_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://evil.invalid/")
    monkeypatch.setenv("API_TOKEN", "swordfish")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    monkeypatch.setattr(sys, "executable", _stand_in(tmp_path, f"env > {tmp_path}/seen; pwd >> {tmp_path}/seen"))
    _audit([("flask", "2.0.1")], Service())
    seen = (tmp_path / "seen").read_text()
    assert "REQUESTS_CA_BUNDLE=/ca.pem" in seen
    assert not {"PIP_INDEX_URL", "API_TOKEN"} & {line.split("=")[0] for line in seen.splitlines()}
    (home,) = [line.removeprefix("HOME=") for line in seen.splitlines() if line.startswith("HOME=")]
    assert home != os.environ.get("HOME")
    assert not Path(home).exists(), "the private folder outlives the query"


def test_a_proxy_with_a_password_is_used_and_never_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:swordfish@127.0.0.1:9")
    found = _audit([("flask", "2.0.1")], Service())
    (reason,) = found.unanswered.values()
    assert "proxy" in reason
    assert "swordfish" not in reason


LOCK = """version = 1
[[package]]
name = "flask"
version = "2.0.1"
source = { registry = "https://PYPI/simple" }
[[package]]
name = "ours"
version = "1.0"
source = { registry = "https://packages.example.com/simple" }
[[package]]
name = "forked"
version = "1.0"
source = { git = "https://example.com/forked.git" }
"""


def test_only_packages_of_the_public_registry_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: set[tuple[str, str]] = set()

    def listen(packages: Iterable[tuple[str, str]], _: ExitStack) -> PythonAudit:
        sent.update(packages)
        return PythonAudit(answered={("flask", "2.0.1"): ()})

    monkeypatch.setattr(pip_audit, "audit_python", listen)
    write(tmp_path, {"uv.lock": LOCK.replace("PYPI", PYPI_HOST), "package-lock.json": _npm()})
    repository = read_repository(tmp_path)
    with ExitStack() as stack:
        found = audit_online(read_packages(repository, None), stack)
    assert sent == {("flask", "2.0.1")}
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    asked = {answer.subject: answer for answer in ask_files(page, repository, found).answers}
    assert asked["package PyPI:flask@2.0.1"].state is State.OK
    assert "PyPI, by pip-audit" in asked["package PyPI:flask@2.0.1"].detail
    assert asked["package PyPI:ours@1.0"].state is State.UNKNOWN
    assert asked["package npm:lodash@4.17.15"].state is State.UNKNOWN


def _npm() -> str:
    return json.dumps({"lockfileVersion": 3, "packages": {"node_modules/lodash": {"version": "4.17.15"}}})


def test_offline_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(pip_audit, "_run", never)
    write(tmp_path, {"requirements.txt": "flask==2.0.1\n", "app.py": ""})
    place = tmp_path / "report" / "r.json"
    place.parent.mkdir()
    found = run("scan", tmp_path, "--offline", "--only", "vulnerable-dependency", "-o", f"json={place}")
    assert found.code == 4
    (rule,) = [rule for rule in json.loads(place.read_text())["rules"] if rule["id"] == "vulnerable-dependency"]
    assert rule["outcome"] == "unknown"
    assert "--offline" in rule["reason"]


def test_a_local_database_that_covers_pypi_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "other"}, "versions": ["1.0"]}]}
    write(tmp_path, {"requirements.txt": "flask==2.0.1\n", "db/x.json": json.dumps(record)})
    monkeypatch.setattr(pip_audit, "audit_python", None)
    found = read_packages(read_repository(tmp_path), (str(tmp_path / "db"),))
    with ExitStack() as stack:
        assert [source.source for source in packages_module.audit_online(found, stack).answers] == ["--advisories"]
