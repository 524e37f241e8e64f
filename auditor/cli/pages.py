"""`explain` and `rules`: read the pages; a finding is read out of a report."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.model import UsageError

if TYPE_CHECKING:
    from auditor.report import Finding
    from auditor.rulebook import Page

_FINGERPRINT = re.compile(r"[0-9a-f]{4,64}")
_WIDTH = 120


@click.command()
@click.argument("name", metavar="RULE|FINGERPRINT")
@click.option("--report", type=click.Path(path_type=Path), help="The JSON report that a finding is in.")
def explain(name: str, report: Path | None) -> None:
    """Show a rule's page, or one finding of the last scan of this folder (the start of its fingerprint is enough)."""
    from auditor.rulebook import find_page, load_rulebook

    if page := find_page(name):
        click.echo(_page(page))
        return
    book = load_rulebook()
    finding = _finding(name, report)
    if finding is None:
        close = difflib.get_close_matches(name, [page.id for page in book.pages], n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "; `backend-audit rules` lists them"
        raise UsageError(f"no rule is named '{name}', and no finding of the last scan here{hint}")
    page = book.page(finding.rule)
    click.echo(_shown(finding) + (f"\n\n{_page(page)}" if page else ""))


def _page(page: Page) -> str:
    meta = f"{page.id}  ·  {page.severity.value}  ·  {page.control}  ·  {page.kind.value}"
    others = f"\nequivalents: {', '.join(page.equivalents)}" if page.equivalents else ""
    cwe = f"\n{', '.join(f'CWE-{number}' for number in page.cwe)}" if page.cwe else ""
    return f"{meta}{cwe}{others}\n\n{page.markdown.strip()}"


def _finding(name: str, file: Path | None) -> Finding | None:
    """The finding whose fingerprint starts so, in a file or in what the last scan of this folder left."""
    if not _FINGERPRINT.fullmatch(name):
        return None
    from auditor.cli.last_report import recall
    from auditor.cli.report import read_report
    from auditor.sources.user_cache import user_folder

    report = read_report(file) if file else recall(Path.cwd(), user_folder(Path.cwd()))
    found = [finding for finding in (report.findings if report else ()) if finding.fingerprint.startswith(name)]
    if len({finding.fingerprint for finding in found}) > 1:
        raise UsageError(f"{len(found)} findings have a fingerprint that starts with {name}: give more of it")
    return found[0] if found else None


def _shown(finding: Finding) -> str:
    from auditor.render.frames import frame_lines
    from auditor.render.safe_text import one_line, visible

    lines = [one_line(f"{finding.severity.value}[{finding.rule}] {finding.title}: {finding.subject}")]
    lines += ["".join(text for text, _ in parts) for parts in frame_lines(finding, _WIDTH)]
    lines += ["", visible(finding.detail), f"confidence: {finding.confidence.value}; {finding.status}"]
    lines += [f"fix: {visible(finding.fix)}"]
    if proof := finding.proof:
        lines += ["", "proof (paste it into the database of `backend-audit shadow`):", visible(proof.script)]
        lines += [f"seen: {visible(proof.seen)}", f"expected: {visible(proof.expected)}"]
    lines += [
        one_line(f"since {step.location.path}:{step.location.line}: {step.statement}") for step in finding.history
    ]
    return "\n".join(lines)


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json", "md"]), default="text", show_default=True)
def rules(form: str) -> None:
    """List every rule."""
    from auditor.rulebook import load_rulebook

    pages = load_rulebook().pages
    if form == "json":
        rows = [
            {
                "id": page.id,
                "kind": page.kind.value,
                "control": page.control,
                "severity": page.severity.value,
                "title": page.title,
                "equivalents": list(page.equivalents),
                "formerly": list(page.formerly),
            }
            for page in pages
        ]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if form == "md":
        click.echo("| rule | severity | kind | control | what goes wrong |\n|---|---|---|---|---|")
        for page in pages:
            click.echo(f"| `{page.id}` | {page.severity.value} | {page.kind.value} | {page.control} | {page.title} |")
        return
    width = max(len(page.id) for page in pages)
    for page in pages:
        click.echo(f"{page.id:<{width}}  {page.severity.value:<8}  {page.title}")
