"""A report in each of its formats. Imported when there is a report to write: the renderers are not light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.model import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.report import Report
    from auditor.rulebook import Rulebook
    from auditor.sources.repository import Repository


def render(form: str, report: Report, book: Rulebook, repository: Repository | None = None) -> str:
    """`repository` is the scanned one, where the report is new. Raises UsageError for what cannot be made later."""
    prefix = report.target.prefix
    if form == "html":
        from auditor.render import html

        return html.render(report, book)
    if form == "sarif":
        from auditor.render import sarif

        return sarif.render(report, book, prefix)
    if form == "cyclonedx":
        return _cyclonedx(report, repository)
    if form in {"github", "gitlab-codequality", "gitlab-sast"}:
        return _host_writer(form)(report, prefix)
    return _plain_writer(form)(report)


def _cyclonedx(report: Report, repository: Repository | None) -> str:
    if repository is None:
        raise UsageError("-o cyclonedx: a report does not hold the list of packages; scan with -o cyclonedx=FILE")
    from auditor.render import cyclonedx
    from auditor.sources.packages import read_packages

    return cyclonedx.render(report, read_packages(repository, None).locked)


def _plain_writer(form: str) -> Callable[[Report], str]:
    """The formats that are made of the report alone."""
    from auditor.render import comment, csv_report, json_report, junit

    return {
        "json": json_report.render,
        "junit": junit.render,
        "markdown": comment.render,
        "csv": csv_report.render,
    }[form]


def _host_writer(form: str) -> Callable[[Report, str], str]:
    """The formats of services that look files up from the git top level."""
    from auditor.render import github, gitlab

    return {
        "github": github.render,
        "gitlab-codequality": gitlab.render_codequality,
        "gitlab-sast": gitlab.render_sast,
    }[form]
