"""A small server on the loopback that speaks what npm, pip-audit and we ask services of advisories."""

from __future__ import annotations

import gzip
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from auditor.facts.advisories import Advisories
from auditor.facts.advisory_ranges import in_npm_range
from auditor.facts.lockfiles import Package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BULK = "/-/npm/v1/security/advisories/bulk"


def record(identity: str, ecosystem: str, name: str, below: str, severity: str, summary: str) -> dict[str, Any]:
    """An advisory in our own words: everything below one version is vulnerable."""
    kind = "SEMVER" if ecosystem == "npm" else "ECOSYSTEM"
    events = [{"introduced": "0"}, {"fixed": below}]
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": kind, "events": events}]}
    return {
        "id": identity, "modified": "2026-05-30T00:00:00Z", "published": "2026-01-01T00:00:00Z", "summary": summary,
        "affected": [affected], "database_specific": {"severity": severity},
    }  # fmt: skip


RECORDS = [
    record("GHSA-35jh-r3h4-6jhm", "npm", "lodash", "4.17.21", "HIGH", "a template runs code"),
    record("GHSA-vh95-rmgr-6w4m", "npm", "minimist", "0.2.1", "MODERATE", "an argument changes every object"),
    record("GHSA-462w-v97r-4m45", "PyPI", "jinja2", "2.10.1", "HIGH", "a sandbox that lets out"),
    record("GHSA-mh33-7rrq-662w", "PyPI", "urllib3", "1.24.2", "HIGH", "certificates that nobody asked to trust"),
    record("GHSA-m2qf-hxjv-5gpq", "PyPI", "flask", "2.2.5", "HIGH", "a session that a cache hands on"),
]


@dataclass
class Server:
    """What it answers, and what it was asked: paths, and (ecosystem, name, version) of packages."""

    records: list[dict[str, Any]] = field(default_factory=lambda: list(RECORDS))
    status: int = 200
    body: bytes | None = None
    silent: bool = False
    half: bool = False
    failing: dict[str, int] = field(default_factory=dict)
    page: int = 0
    url: str = ""
    paths: list[str] = field(default_factory=list)
    asked: set[tuple[str, str, str]] = field(default_factory=set)

    @property
    def bulk(self) -> str:
        return self.url + BULK

    def answer(self, path: str, query: Any) -> tuple[int, Any]:  # noqa: ANN401 - options and functions of several shapes
        if path == BULK:
            return 200, self._bulk(query)
        if path == "/v1/querybatch":
            return 200, self._batch(query["queries"])
        if path == "/v1/query":
            return 200, {"vulns": self._hits("PyPI", query["package"]["name"], query["version"])}
        if path.startswith("/v1/vulns/"):
            identity = path.rpartition("/")[2]
            return self.failing.get(identity, 200), next(r for r in self.records if r["id"] == identity)
        return 404, {}

    def _hits(self, ecosystem: str, name: str, version: str) -> list[dict[str, Any]]:
        self.asked.add((ecosystem, name, version))
        found = []
        for entry in self.records:
            database = Advisories()
            database.add(entry)
            if database.concerning(Package(ecosystem, name, version, "", 1)):
                found.append(entry)
        return found

    def _batch(self, queries: list[dict[str, Any]]) -> dict[str, Any]:
        results = []
        for query in queries:
            listed = self._hits(query["package"]["ecosystem"], query["package"]["name"], query["version"])
            found = [{"id": entry["id"], "modified": entry["modified"]} for entry in listed]
            start = int(query.get("page_token", 0))
            if self.page and found[start + self.page :]:
                results.append({"vulns": found[start : start + self.page], "next_page_token": str(start + self.page)})
            else:
                results.append({"vulns": found[start:]} if found[start:] else {})
        return {"results": results[: len(results) // 2] if self.half else results}

    def _bulk(self, query: dict[str, list[str]]) -> dict[str, Any]:
        found: dict[str, list[dict[str, Any]]] = {}
        for name, versions in query.items():
            self.asked |= {("npm", name, version) for version in versions}
            for number, entry in enumerate(self.records):
                (affected,) = entry["affected"]
                below = f"<{affected['ranges'][0]['events'][1]['fixed']}"
                if affected["package"] == {"ecosystem": "npm", "name": name} and any(
                    in_npm_range(version, below) for version in versions
                ):
                    found.setdefault(name, []).append(_bulk_entry(entry, number, below))
        return found


def _bulk_entry(entry: dict[str, Any], number: int, below: str) -> dict[str, Any]:
    return {
        "id": 1000 + number, "url": f"https://github.com/advisories/{entry['id']}", "title": entry["summary"],
        "severity": entry["database_specific"]["severity"].lower(), "vulnerable_versions": below, "cwe": [],
        "cvss": {"score": 0, "vectorString": None},
    }  # fmt: skip


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                data = gzip.decompress(data)
            self._answer(json.loads(data))

        def _answer(self, query: Any) -> None:  # noqa: ANN401 - options and functions of several shapes
            server.paths.append(self.path)
            status, value = server.answer(self.path, query)
            while server.silent and not stopped.is_set():
                time.sleep(0.05)
            body = server.body if server.body is not None else json.dumps(value).encode()
            self.send_response(status if server.status == 200 else server.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_port}"
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            stopped.set()
            listener.shutdown()


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """The files of a folder, as a plain server gives them."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}"
        finally:
            listener.shutdown()
