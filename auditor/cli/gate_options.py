"""Options of the gate, of the baseline and of the comparisons; each stands once, for `scan` and what builds on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auditor.model import Confidence, Severity, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from auditor.audit import Request
    from auditor.baseline import Baseline
    from auditor.config import Config
    from auditor.gate import GateSettings
    from auditor.review import Review
    from auditor.rulebook import Rulebook

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_LEVELS = ["critical", "high", "medium", "low", "never"]
_OPTIONS = (
    click.option("--fail-on", type=click.Choice(_LEVELS), help="Least severity that fails the gate.  [default: high]"),
    click.option(
        "--fail-on-new",
        type=click.Choice(_LEVELS),
        help="Least severity of a finding that --new-since calls new which fails the gate; --fail-on is never then,"
        " unless given.",
    ),
    click.option("--min-grade", type=click.Choice(["A", "B", "C", "D", "F"]), help="Least grade that passes the gate."),
    click.option(
        "--min-coverage", type=click.FloatRange(0, 100), metavar="PERCENT", help="Least coverage that passes the gate."
    ),
    click.option(
        "--require", multiple=True, metavar="CONTROL", help="This control must pass; unknown is no pass (repeatable)."
    ),
    click.option(
        "--min-confidence",
        type=click.Choice([c.value for c in Confidence]),
        help="Least confidence that fails the gate.  [default: inferred]",
    ),
    click.option(
        "--allow-unknown",
        multiple=True,
        metavar="CONTROL|all",
        help="Unknown controls that do not make the scan incomplete (repeatable).",
    ),
    click.option("--new-since", metavar="REF", help="Say what is new, moved and fixed since a branch, tag or commit."),
    click.option(
        "--changed", is_flag=True, help="Only what is staged adds, without a database: for a pre-commit hook."
    ),
    click.option(
        "--baseline",
        metavar="FILE",
        help="Findings that do not fail the gate.  [default: backend-audit.baseline.json in PATH]",
    ),
    click.option("--no-baseline", is_flag=True, help="Do not read the baseline that is there."),
    click.option(
        "--history/--no-history",
        default=None,
        help="Keep the scan in PATH/.backend-audit, and show what came before.  [default: on, off where CI is set]",
    ),
)


def gate_options(command: _Command) -> _Command:
    """Add these options to a command, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def gate_of(options: dict[str, Any], config: Config, book: Rulebook) -> GateSettings:
    """What the gate asks for: the command line before the settings; lists and demands add up."""
    from auditor.gate import GateSettings
    from auditor.leniency import loosened

    _check_names(options, book)
    settings = config.settings
    fail_on_new = options["fail_on_new"] or settings.fail_on_new
    if options["fail_on_new"] not in {None, "never"} and not (options["new_since"] or options["changed"]):
        raise UsageError("--fail-on-new counts what is new since a revision: name it with --new-since REF")
    only_new = options["fail_on_new"] is not None
    fail_on = options["fail_on"] or ("never" if only_new else settings.fail_on) or "high"
    given = frozenset(key for key in ("fail-on", "min-confidence") if options[key.replace("-", "_")])
    return GateSettings(
        fail_on=_severity(fail_on),
        min_confidence=Confidence(options["min_confidence"] or settings.min_confidence or "inferred"),
        allow_unknown=(*settings.allow_unknown, *options["allow_unknown"]),
        fail_on_new=_severity(fail_on_new),
        min_grade=options["min_grade"] or settings.min_grade,
        min_coverage=settings.min_coverage if options["min_coverage"] is None else options["min_coverage"],
        require=tuple(dict.fromkeys((*settings.require, *options["require"]))),
        notes=loosened(config, book, given | ({"fail-on"} if only_new else set())),
    )


def _severity(level: str | None) -> Severity | None:
    return None if level in {None, "never"} else Severity(level)


def _check_names(options: dict[str, Any], book: Rulebook) -> None:
    from auditor.overrides import unknown_name

    controls = {control.id for control in book.controls}
    _known("--allow-unknown", options["allow_unknown"], {"all", *controls}, unknown_name)
    _known("--require", options["require"], controls, unknown_name)


def _known(option: str, names: Iterable[str], known: set[str], say: Callable[[str, str, Iterable[str]], str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{option}: {say('control', name, known)}")


def review_of(request: Request, options: dict[str, Any], book: Rulebook) -> Review:
    """The audit with what it is compared with."""
    from auditor.review import Review

    if options["baseline"] and options["no_baseline"]:
        raise UsageError("--baseline names a file, and --no-baseline leaves it out: give one of them")
    reader = baseline_reader(options, request.target.root, book)
    return Review(request, reader, options["new_since"], _history(options))


def baseline_reader(options: dict[str, Any], root: Path, book: Rulebook) -> Callable[[Path], Baseline | None]:
    """Reads the baseline of a folder: the file of that name in it, or the one that the user named."""
    from auditor.baseline import FILE_NAME, parse
    from auditor.sources.baseline import baseline_text

    given = options["baseline"]
    formerly = {name: page.id for page in book.pages for name in page.formerly}

    def read(folder: Path) -> Baseline | None:
        # At another revision the baseline is that revision's, where the file lies in the folder.
        name, elsewhere = FILE_NAME, given
        if given and folder != root and Path(given).resolve().is_relative_to(root):
            name, elsewhere = Path(given).resolve().relative_to(root).as_posix(), None
        text = None if options["no_baseline"] else baseline_text(folder, name, elsewhere)
        return None if text is None else parse(text, given or FILE_NAME, formerly)

    return read


def _history(options: dict[str, Any]) -> bool:
    """A part of the rules tells nothing of the whole, so such scans are never kept."""
    if options["only"] or options["include"] or options["exclude"]:
        if options["history"]:
            raise UsageError("--history keeps whole scans: it goes with none of --only, --include, --exclude")
        return False
    if options["history"] is not None:
        return bool(options["history"])
    return os.environ.get("CI", "").lower() in {"", "0", "false"}
