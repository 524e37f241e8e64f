from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from auditor.data import data_folder
from auditor.model import Verdict
from auditor.render import html
from auditor.render.labels import VERDICTS
from tests.render_samples import hostile_report, many_findings, sample_report, sample_rulebook

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.report import Report

VOID = {"meta", "input", "br", "rect", "line", "link", "img"}
LOADING = {"src", "srcset", "action", "formaction", "poster", "data", "background", "xlink:href", "ping"}


class Page(HTMLParser):
    """What a browser without JavaScript would find in the document."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.blocks: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"style", "script"}:
            self.blocks[self._open[-1]] = data
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return "".join(self.text)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def attribute(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.tags if name in attrs]


def rendered(report: Report, folder: Path) -> str:
    return html.render(report, sample_rulebook(folder))


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(rendered(sample_report(), tmp_path))


@pytest.fixture
def hostile(tmp_path: Path) -> Page:
    return Page(rendered(hostile_report(), tmp_path))


def test_nothing_is_loaded_from_anywhere(page: Page, hostile: Page) -> None:
    for each in (page, hostile):
        assert not [name for _, attrs in each.tags for name in attrs if name in LOADING]
        assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in each.tags}
        assert "@import" not in each.blocks["style"]
        assert "url(" not in each.blocks["style"]
        assert "http" not in each.blocks["script"]
        assert all(value.startswith("url(#") for value in each.attribute("fill"))
    assert not [link for link in page.attribute("href") if not link.startswith("#")]


def test_the_policy_names_the_hashes_of_the_inline_blocks(page: Page) -> None:
    (policy,) = [m["content"] for m in page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for directive, block in (("style-src", "style"), ("script-src", "script")):
        digest = base64.b64encode(hashlib.sha256(page.blocks[block].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert len(page.named("style")) == len(page.named("script")) == 1
    assert not [n for _, attrs in page.tags for n in attrs if n == "style" or n.startswith("on")], "blocked"


def test_everything_is_in_the_document_without_javascript(page: Page) -> None:
    for finding in sample_report().findings:
        assert finding.detail in page.words
        assert finding.subject in page.words
        assert f"f={finding.fingerprint}" in page.attribute("id")
        assert f"#f={finding.fingerprint}" in page.attribute("href")
    assert "who may read it is decided here" in page.words
    assert "set local role anon;" in page.words
    assert "permission denied for table notes" in page.words
    assert "the middleware is chosen at run time" in page.words
    assert "POST /api/invite" in page.words
    assert "the proxy in front sets it (SEC-14)" in page.words
    assert "hidden" not in {name for _, attrs in page.tags for name in attrs}


def test_every_verdict_has_its_word_and_every_control_its_denominator(page: Page) -> None:
    present = {control.verdict for control in sample_report().controls}
    assert present == set(Verdict)
    for mark in VERDICTS.values():
        assert f"{mark.symbol} {mark.word}" in page.words
    assert "3 of 14 tables" in page.words
    assert "17 of 17 ok" in page.words


def test_sections_stand_in_the_order_of_what_matters(page: Page) -> None:
    sections = [attrs["id"] for attrs in page.named("section") if "=" not in attrs["id"]]
    assert sections == [
        "summary", "checklist", "failed", "not-checked", "accepted", "passed", "not-applicable",
        "access", "endpoints", "evidence",
    ]  # fmt: skip


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = page.attribute("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.attribute("href")} <= set(ids)


def test_headings_step_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_arithmetic_the_matrix_and_the_evidence_are_shown(page: Page) -> None:
    assert "Least: 100 × 12.88 ÷ 67.5 = 19.07" in page.words  # noqa: RUF001
    assert "at most 39" in page.words
    assert "own rows" in page.words
    assert "anon: select on public.notes, allowed" in page.words
    assert "could not resolve" in page.words
    assert "extension pg_net is not available" in page.words
    assert "0f3c9a7d5be14d2c8a6f1e0b9d8c7a6f5e4d3c2b" in page.words


def test_parts_without_content_are_left_out(tmp_path: Path) -> None:
    empty: dict[str, object] = {"endpoints": [], "access": [], "findings": [], "not_checked": []}
    page = Page(rendered(sample_report().model_copy(update=empty), tmp_path))
    ids = page.attribute("id")
    assert not {"access", "endpoints", "accepted"} & set(ids)
    assert "Everything that was asked about was looked at." in page.words


def test_hostile_text_stays_text(hostile: Page) -> None:
    assert "<script>alert(1)</script> [red]x[/red] \\x1b[31mred\\x1b[0m U+202Etxt.exe </style>" in hostile.words
    assert "\u202e" not in hostile.words
    assert not [value for _, attrs in hostile.tags for value in attrs.values() if "\u202e" in value]
    assert "more characters)" in hostile.words, "a long line of code is cut"


def test_fixes_are_markdown_without_images_or_referrers(hostile: Page, page: Page) -> None:
    external = [attrs for attrs in hostile.named("a") if attrs["href"].startswith("http")]
    assert external
    assert all("noreferrer" in attrs["rel"] for attrs in external)
    assert "alter table … enable row level security;" in page.words
    assert "`alter table" not in page.words


def test_ten_thousand_findings_stay_bounded(tmp_path: Path) -> None:
    book = sample_rulebook(tmp_path)
    started = time.process_time()
    text = html.render(many_findings(10_000), book)
    assert time.process_time() - started < 20
    fixed = len(html.render(many_findings(0), book))
    assert len(text) - fixed < 10_000 * 2_000
    assert text.count('<details class="finding"') == 10_000


def test_searchable_facts_stand_on_each_finding(page: Page) -> None:
    found = {attrs["data-rule"]: attrs for attrs in page.named("details") if "data-rule" in attrs}
    assert found["header-missing"]["data-is"] == "accepted"
    assert found["header-missing"]["data-path"] == "apps/web/next.config.js"
    assert found["tenant-can-read-others"]["data-sev"] in {"critical", "high"}
    assert found["endpoint-unlimited"]["data-is"] == "unknown"


def _luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_text_has_contrast_aa_in_both_themes(theme: int) -> None:
    style = (data_folder("reports") / "templates" / "report.css").read_text("utf-8")
    found = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", style)
    colours = {name: both[theme] for name, *both in found}
    for text in ("ink", "soft", "link", "good", "bad", "warn", "open", "mute"):
        for ground in ("paper", "sheet", "well"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert _contrast(colours["sheet"], colours["bad"]) >= 4.5
    assert _contrast(colours["ink"], colours["mark"]) >= 4.5
    assert _contrast(colours["bad"], colours["mark"]) >= 4.5
    assert _contrast(colours["warn"], colours["amber"]) >= 4.5
