"""What makes this tool say less than it could: settings, suppressions, a baseline; what a change adds of it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.config import Config
from auditor.model import Confidence, Severity
from auditor.report import Location
from auditor.report_past import Weakening

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from auditor.compare import Item
    from auditor.config import Settings
    from auditor.rulebook import Rulebook
    from auditor.suppress import Waiver

_NEVER = len(Severity)
_LISTS = {
    "allow-unknown": "may be unknown",
    "exclude": "is left out",
    "public-endpoints": "is declared public",
    "auth-helpers": "counts as authentication",
    "limit-helpers": "counts as a rate limit",
    "validation-helpers": "counts as validation",
}


@dataclass(frozen=True, slots=True)
class Lenience:
    """Everything of one revision that sets findings aside; `files` holds what is compared as text (the contract)."""

    config: Config = field(default_factory=Config)
    waivers: Sequence[Waiver] = ()
    baseline: Sequence[Item] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def loosened(config: Config, book: Rulebook, given: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """What the settings loosen against those that apply without them; `given` are keys that the command line set."""
    said = [*_gate(Config().settings, config.settings, given), *_lists(Config().settings, config.settings)]
    said += _weights(config.settings, book)
    quiet = {"public-endpoints", "auth-helpers", "limit-helpers", "validation-helpers"}
    return tuple(f"{config.place(key)}: {detail}" for key, detail in said if key not in quiet)


def weakened(before: Lenience, after: Lenience, book: Rulebook, renames: Mapping[str, str]) -> list[Weakening]:
    """What `after` sets aside and `before` did not."""
    old, new = before.config.settings, after.config.settings
    said = [*_gate(old, new, frozenset()), *_relaxed(old, new), *_lists(old, new)]
    known = Counter(_weights(old, book))
    said += list((Counter(_weights(new, book)) - known).elements())
    found = [Weakening(detail=detail, location=_at(after.config, key)) for key, detail in said]
    found += [_suppression(waiver) for waiver in _added(before.waivers, after.waivers, renames)]
    held = {item.fingerprint for item in before.baseline}
    found += [
        Weakening(detail=f"the baseline takes in {item.rule} on {item.subject}")
        for item in after.baseline
        if item.fingerprint not in held
    ]
    found += [
        Weakening(detail=f"{name} is another than before", location=Location(path=name, line=1))
        for name, text in after.files.items()
        if before.files.get(name, "") != text
    ]
    return found


def _at(config: Config, key: str) -> Location:
    return Location(path=config.file, line=config.lines.get(key, 1))


def _gate(old: Settings, new: Settings, given: frozenset[str]) -> Iterator[tuple[str, str]]:
    if _fails_at(new) > _fails_at(old) and "fail-on" not in given:
        yield "fail-on", f'fail-on = "{new.fail_on}"'
    confidence = Confidence(new.min_confidence or "inferred")
    if confidence.rank > Confidence(old.min_confidence or "inferred").rank and "min-confidence" not in given:
        yield "min-confidence", f'min-confidence = "{confidence.value}"'


def _fails_at(settings: Settings) -> int:
    level = settings.fail_on or "high"
    return _NEVER if level == "never" else Severity(level).rank


def _relaxed(old: Settings, new: Settings) -> Iterator[tuple[str, str]]:
    """Demands that were made of the gate and are no longer."""
    if old.fail_on_new and (new.fail_on_new is None or new.fail_on_new.rank > old.fail_on_new.rank):
        yield "fail-on-new", f"fail-on-new was {old.fail_on_new.value}"
    if old.min_grade and (new.min_grade is None or new.min_grade > old.min_grade):  # A is the least letter
        yield "min-grade", f"min-grade was {old.min_grade}"
    if old.min_coverage and (new.min_coverage or 0) < old.min_coverage:
        yield "min-coverage", f"min-coverage was {old.min_coverage:g}"
    for name in old.require:
        if name not in new.require:
            yield "require", f"{name} is no longer required"
    for rule, severity in old.severity.items():
        if rule not in new.severity or new.severity[rule].rank < severity.rank:
            yield f"severity.{rule}", f"severity of {rule} was {severity.value}"


def _lists(old: Settings, new: Settings) -> Iterator[tuple[str, str]]:
    for key, says in _LISTS.items():
        before = getattr(old, key.replace("-", "_"))
        for value in getattr(new, key.replace("-", "_")):
            if value not in before:
                yield key, f"{key}: {value} {says}"
    if new.include and set(new.include) != set(old.include):
        yield "include", f"include: only {', '.join(new.include)} is scanned"
    if new.access_contract != old.access_contract:
        yield "access-contract", f"access-contract: {new.access_contract or 'the usual name'}"


def _weights(settings: Settings, book: Rulebook) -> list[tuple[str, str]]:
    """Severities and weights below those of the rule book."""
    found = []
    for rule, severity in settings.severity.items():
        page = book.page(rule)
        if page and severity.rank < page.severity.rank:
            found.append((f"severity.{rule}", f"severity of {rule} is {severity.value} (rule: {page.severity.value})"))
    for control in book.controls:
        weight = settings.weight.get(control.id)
        if weight and weight.rank < control.weight.rank:
            detail = f"weight of {control.id} is {weight.value} (checklist: {control.weight.value})"
            found.append((f"weight.{control.id}", detail))
    for number, scope in enumerate(settings.scope):
        rules = ", ".join(scope.rules) or "every rule"
        found.append((f"scope.{number}", f"{rules} is {scope.severity.value} in {', '.join(scope.paths)}"))
    return found


def _added(old: Iterable[Waiver], new: Iterable[Waiver], renames: Mapping[str, str]) -> list[Waiver]:
    """Suppressions that are new, or run longer; their lines do not matter, nor that their file was renamed."""
    known = Counter(_key(waiver, renames) for waiver in old)
    added = []
    for waiver in new:
        key = _key(waiver, {})
        if known[key]:
            known[key] -= 1
        else:
            added.append(waiver)
    return added


def _key(waiver: Waiver, renames: Mapping[str, str]) -> tuple[object, ...]:
    path = renames.get(waiver.path, waiver.path) if waiver.path else None
    return waiver.rule, path, waiver.subject_glob, waiver.path_glob, waiver.until, waiver.advisories


def _suppression(waiver: Waiver) -> Weakening:
    path, _, line = waiver.written_at.rpartition(":")
    names = ", ".join(sorted(waiver.advisories)) or waiver.rule or "no rule"
    where = waiver.subject_glob or waiver.path_glob
    covers = f" on {where}" if where else ""
    until = f" until {waiver.until}" if waiver.until else " without an end"
    reason = waiver.reason or "no reason given"
    return Weakening(
        detail=f"a suppression of {names}{covers}{until}: {reason}", location=Location(path=path, line=int(line or 1))
    )
