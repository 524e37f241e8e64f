"""`explain` and `rules`: read the pages, and nothing else."""

from __future__ import annotations

import difflib
import json

import click

from auditor.model import UsageError


@click.command()
@click.argument("rule")
def explain(rule: str) -> None:
    """Show the page of a RULE: what goes wrong, how to mend it, examples."""
    from auditor.rulebook import load_rulebook

    book = load_rulebook()
    page = book.page(rule)
    if page is None:
        close = difflib.get_close_matches(rule, [page.id for page in book.pages], n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "; `backend-audit rules` lists them"
        raise UsageError(f"no rule is named '{rule}'{hint}")
    meta = f"{page.id}  ·  {page.severity.value}  ·  {page.control}  ·  {page.kind.value}"
    others = f"\nequivalents: {', '.join(page.equivalents)}" if page.equivalents else ""
    click.echo(f"{meta}{others}\n\n{page.markdown.strip()}")


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
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
    width = max(len(page.id) for page in pages)
    for page in pages:
        click.echo(f"{page.id:<{width}}  {page.severity.value:<8}  {page.title}")
