"""The HTML report in a real browser: search, permalinks, theme, print, and no request that leaves the page."""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from auditor.model import Severity
from auditor.render import html
from auditor.report import EndpointControl, Report
from auditor.rulebook import load_rulebook
from tests.browser import CHROMIUM, Browser, browser
from tests.render_samples import HOSTILE, hostile_report, many_findings, sample_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

SHOWN = "[...document.querySelectorAll('details.finding')].filter((e) => !e.hidden)"
FINGERPRINTS = f"{SHOWN}.map((e) => e.querySelector('.body').id.slice(2)).filter(Boolean)"
OPEN = "[...document.querySelectorAll('details.finding[open]')].map((e) => e.querySelector('.body').id.slice(2))"
ROWS = "[...document.querySelectorAll('tr.endpoint')].filter((e) => !e.hidden).map((e) => e.dataset.path)"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(autouse=True)
def _as_it_was(tab: Browser) -> None:
    """Every test starts with a wide, light screen, and JavaScript."""
    tab.send("Emulation.setScriptExecutionDisabled", value=False)
    tab.resize(1280, 900)
    tab.emulate(prefers_color_scheme="light")


def page_of(report: Report, folder: Path) -> str:
    place = folder / "report.html"
    place.write_text(html.render(report, load_rulebook()), "utf-8")
    return place.as_uri()


def endpoint_fault() -> Report:
    """The sample with an open finding about its first endpoint's input."""
    report = sample_report()
    first = report.endpoints[0]
    fault = report.findings[0].model_copy(
        update={
            "subject": f"endpoint {first.method} {first.path}",
            "control": "validated-input",
            "fingerprint": "e9d0",
            "severity": Severity.HIGH,
        }
    )
    return report.model_copy(update={"findings": [*report.findings, fault]})


def look_for(tab: Browser, box: str, words: str) -> None:
    """Type into a field as somebody would, and wait for what it shows."""
    tab.ask(f"document.getElementById('{box}').focus(); document.getElementById('{box}').select()")
    tab.press("Backspace")
    tab.type_text(words)
    tab.ask("new Promise((done) => setTimeout(done, 250))")


def test_a_permalink_opens_its_finding_and_no_other(tab: Browser, tmp_path: Path) -> None:
    wanted = sample_report().findings[-1].fingerprint
    tab.open(f"{page_of(sample_report(), tmp_path)}#f={wanted}")
    assert tab.ask(OPEN) == [wanted]
    tab.ask("location.hash = '#f=a002'")
    tab.wait_for(f"{OPEN}.length === 2")
    assert set(tab.ask(OPEN)) == {wanted, "a002"}


def test_a_permalink_shows_what_the_search_has_hidden(tab: Browser, tmp_path: Path) -> None:
    tab.open(page_of(sample_report(), tmp_path))
    look_for(tab, "q", "rule:nothing")
    assert tab.ask(f"{SHOWN}.length") == 0
    tab.ask("location.hash = '#f=a002'")
    tab.wait_for(f"{OPEN}.length === 1")
    assert "a002" in tab.ask(FINGERPRINTS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("rule:rls-disabled sev:critical", {"a001", "a002"}),
        ("path:webhooks_and rule:rls", {"a001", "a003"}),
        ("control:tenant-isolation", {"7e4a", "7e4b"}),
        ("is:accepted", {"head"}),
        ("sev:info,medium", {"head", "c02d"}),
        ("rule:rls-disabled -sev:critical", {"a003"}),
        ("PROJECT_OVERVIEW", {"7e4b"}),
        ("is:new", {"a001"}),
        ("nothing-like-this", set()),
    ],
)
def test_the_search_knows_tokens_and_words(tab: Browser, tmp_path: Path, words: str, expected: set[str]) -> None:
    report = sample_report()
    found = [f.model_copy(update={"change": "new"}) if f.fingerprint == "a001" else f for f in report.findings]
    tab.open(page_of(report.model_copy(update={"findings": found}), tmp_path))
    look_for(tab, "q", words)
    assert set(tab.ask(FINGERPRINTS)) == expected
    shown = tab.ask(f"{SHOWN}.length")
    assert re.fullmatch(rf"{shown} of \d+ shown", tab.ask("document.getElementById('q-count').textContent"))
    assert tab.ask(f"{SHOWN}.every((e) => !e.closest('section.rule').hidden)")


def test_keys_lead_to_the_search_and_out_of_it(tab: Browser, tmp_path: Path) -> None:
    tab.open(page_of(sample_report(), tmp_path))
    tab.press("Tab")
    assert tab.ask("document.activeElement.className") == "skip"
    tab.press("/")
    assert tab.ask("document.activeElement.id") == "q"
    tab.type_text("rule:rls-disabled")
    tab.wait_for(f"{SHOWN}.length === 3")
    tab.press("Escape")
    assert tab.ask("document.getElementById('q').value") == ""
    assert tab.ask(f"{SHOWN}.length") > 3


def test_endpoints_are_filtered_and_lead_to_their_findings(tab: Browser, tmp_path: Path) -> None:
    tab.open(page_of(endpoint_fault(), tmp_path))
    for words, expected in {
        "validation:absent": ["/api/notes/:id"],
        "limit:unresolved": ["/api/login"],
        "method:post": ["/api/login"],
        "path:/api -method:post": ["/api/notes/:id"],
        "is:open": ["/api/notes/:id"],
        "requireUser": ["/api/notes/:id"],
    }.items():
        look_for(tab, "eq", words)
        assert tab.ask(ROWS) == expected, words
    tab.ask("document.querySelector('tr.endpoint a.chip').click()")
    tab.wait_for(f"{OPEN}.length === 1")
    assert tab.ask(OPEN) == ["e9d0"]


def test_the_heads_of_a_long_table_stay_in_sight(tab: Browser, tmp_path: Path) -> None:
    report = sample_report()
    ways = [report.endpoints[0].model_copy(update={"path": f"/v{n}"}) for n in range(200)]
    tab.open(page_of(report.model_copy(update={"endpoints": ways}), tmp_path))
    tab.ask("document.querySelectorAll('tr.endpoint')[150].scrollIntoView({block: 'center'})")
    head = "document.querySelector('.endpoints thead th').getBoundingClientRect()"
    assert 0 <= tab.ask(f"{head}.top") < 120
    tools = "document.querySelector('.tools').getBoundingClientRect().bottom"
    assert tab.ask(f"{head}.bottom > {tools}"), "not behind the search"


def test_the_theme_is_the_system_s_until_it_is_chosen(tab: Browser, tmp_path: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.open(page_of(sample_report(), tmp_path))
    light = tab.ask(ground)
    pressed = "document.getElementById('theme').getAttribute('aria-pressed')"
    tab.emulate(prefers_color_scheme="dark")
    tab.wait_for(f"{ground} !== '{light}' && {pressed} === 'true'")
    tab.ask("document.getElementById('theme').click()")
    assert tab.ask(ground) == light
    assert tab.ask(pressed) == "false"
    tab.ask("localStorage.clear()")


def test_without_javascript_everything_can_still_be_read(tab: Browser, tmp_path: Path) -> None:
    tab.send("Emulation.setScriptExecutionDisabled", value=True)
    tab.open(page_of(sample_report(), tmp_path))
    assert tab.ask("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert tab.ask("getComputedStyle(document.querySelector('.narrowing')).display") == "none"
    tab.ask("document.querySelector('#failed').scrollIntoView()")
    tab.ask("document.querySelector('details.finding summary').click()")
    assert len(tab.ask(OPEN)) == 1
    tab.wait_for("document.querySelector('details.finding[open]').innerText.includes('permission denied')")


def test_print_shows_everything_in_both_themes(tab: Browser, tmp_path: Path) -> None:
    tab.emulate(prefers_color_scheme="dark")
    tab.open(page_of(sample_report(), tmp_path))
    hidden = "[...document.querySelectorAll('details .body')].filter((e) => !e.checkVisibility()).length"
    assert tab.ask(hidden) > 10
    tab.emulate("print", prefers_color_scheme="dark")
    assert tab.ask(hidden) == 0
    assert tab.ask("getComputedStyle(document.querySelector('.tools')).display") == "none"
    assert tab.ask("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert tab.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [380, 800, 1280])
def test_nothing_sticks_out_of_the_screen(tab: Browser, tmp_path: Path, width: int) -> None:
    tab.resize(width, 800)
    tab.open(page_of(endpoint_fault(), tmp_path))
    tab.ask("for (const e of document.querySelectorAll('details')) e.open = true; 1")
    assert tab.ask("document.documentElement.scrollWidth") <= width
    out = "[...document.querySelectorAll('.finding .pre')].filter((e) => e.getBoundingClientRect().right > innerWidth)"
    assert tab.ask(f"{out}.length") == 0


def test_everything_that_can_be_used_has_a_name(tab: Browser, tmp_path: Path) -> None:
    tab.open(page_of(endpoint_fault(), tmp_path))
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    named = {"link", "button", "searchbox", "table", "navigation", "region", "search", "DisclosureTriangle", "image"}
    roles = [(n["role"]["value"], n.get("name", {}).get("value", "").strip()) for n in nodes if not n.get("ignored")]
    assert {"main", "navigation", "searchbox", "table", "search"} <= {role for role, _ in roles}
    assert [role for role, name in roles if role in named and not name and role != "search"] == []


def test_hostile_text_runs_nowhere(tab: Browser, tmp_path: Path) -> None:
    report = hostile_report()
    control = EndpointControl(state="present", evidence=HOSTILE)
    ways = [each.model_copy(update={"auth": control, "path": f"/{HOSTILE}"}) for each in report.endpoints]
    tab.open(page_of(report.model_copy(update={"endpoints": ways}), tmp_path))
    assert tab.ask("document.scripts.length") == 1
    assert tab.ask("document.querySelectorAll('img, iframe, object').length") == 0
    assert "<script>alert(1)</script>" in tab.ask("document.querySelector('tr.endpoint').textContent")
    look_for(tab, "q", "</style>")
    assert tab.ask(FINGERPRINTS) == ["00ff"]


def test_ten_thousand_findings_open_and_filter_fast(tab: Browser, tmp_path: Path) -> None:
    url = page_of(many_findings(10_000), tmp_path)
    started = time.monotonic()
    tab.open(url)
    assert time.monotonic() - started < 20
    for words, count in (("sev:high", 5_000), ("public.t777", 11)):
        started = time.monotonic()
        look_for(tab, "q", words)
        assert len(tab.ask(FINGERPRINTS)) == count
        assert time.monotonic() - started < 10


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
        address = f"--proxy-server=127.0.0.1:{proxy.server_address[1]}"
        with browser(address, "--proxy-bypass-list=<-loopback>") as found:
            for report in (sample_report(), hostile_report()):
                found.open(page_of(report, tmp_path))
                found.ask("for (const e of document.querySelectorAll('details')) e.open = true; 1")
                found.screenshot(full=True)
            own = found.requests()
        proxy.shutdown()
    assert {url.split(":")[0] for url in own} <= {"file", "about", "data"}
    # The browser itself looks up its own maker's hosts at start; nothing else may be asked for.
    assert [url for url in asked if not re.search(r"google|gstatic|googleapis", url)] == []
