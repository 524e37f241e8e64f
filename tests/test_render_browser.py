"""The HTML report in a real browser: permalinks work, and no request leaves the page."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from auditor.render import html
from auditor.rulebook import load_rulebook
from tests.render_samples import sample_report

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--virtual-time-budget=2000",
    "--dump-dom",
]


@cache
def _document() -> str:
    return html.render(sample_report(), load_rulebook())


def _dom(folder: Path, *, anchor: str = "", flags: tuple[str, ...] = ()) -> str:
    """The document as the browser has it after loading."""
    page = folder / "report.html"
    page.write_text(_document())
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [str(CHROMIUM), *FLAGS, profile, *flags, f"{page.as_uri()}{anchor}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "<html" in answer.stdout, answer.stderr[-2000:]
    return answer.stdout


def _details_of(dom: str, fingerprint: str) -> str:
    """The opening tag of the `<details>` that a permalink leads to."""
    place = dom.index(f'id="f={fingerprint}"')
    return dom[dom.rindex("<details", 0, place) : dom.index(">", place)]


def test_a_permalink_opens_its_finding_and_no_other(tmp_path: Path) -> None:
    findings = sample_report().findings
    dom = _dom(tmp_path, anchor=f"#f={findings[-1].fingerprint}")
    opened = {f.fingerprint for f in findings if re.search(r"\sopen=", _details_of(dom, f.fingerprint))}
    assert opened == {findings[-1].fingerprint}


def test_no_request_leaves_the_page(tmp_path: Path) -> None:
    """The browser is sent through a proxy of ours: whatever it asks for would arrive there."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        do_CONNECT = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        _dom(tmp_path, flags=(f"--proxy-server=127.0.0.1:{proxy.server_address[1]}", "--proxy-bypass-list=<-loopback>"))
        proxy.shutdown()
    # The browser itself looks up its own maker's hosts at start; nothing else may be asked for.
    assert [url for url in asked if not re.search(r"google|gstatic|googleapis", url)] == []
