"""The findings of two reports of one folder: which are new, moved, fixed, or cannot be told. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.compare import Context, Match, item_of, match, past_finding
from auditor.model import Outcome
from auditor.report_past import Comparison

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from auditor.compare import Item
    from auditor.report import Finding, Report, RuleResult
    from auditor.report_past import PastFinding, Weakening

_SILENT = {Outcome.UNKNOWN, Outcome.NOT_ASKED}


@dataclass(frozen=True, slots=True)
class Changes:
    """The findings with what became of each, and those of then that are gone."""

    findings: list[Finding]
    fixed: list[PastFinding]
    unsettled: list[PastFinding]
    not_compared: list[str]

    def comparison(self, ref: str, commit: str | None, weakenings: Sequence[Weakening]) -> Comparison:
        counts = Counter(finding.change for finding in self.findings if finding.change)
        return Comparison.model_validate(
            {
                "ref": ref,
                "commit": commit,
                **{word: counts[word] for word in ("new", "worse", "returned", "moved", "unchanged")},
                "fixed": self.fixed,
                "unsettled": self.unsettled,
                "not_compared": self.not_compared,
                "weakened": list(weakenings),
            }
        )


def compared(
    old: Report | None,
    new: Report,
    renames: Mapping[str, str],
    formerly: Mapping[str, str],
    files: tuple[Collection[str], Collection[str]],
    commits: Collection[str] = (),
) -> Changes:
    """`files` are those of then and of now; `formerly` leads from old names of rules to new ones; `commits` are those
    that were made since.
    """
    past = old.findings if old else []
    before, after = (
        frozenset((*names, *(finding.database or "" for finding in findings)))
        for names, findings in zip(files, (past, new.findings), strict=True)
    )
    found = match(map(item_of, past), map(item_of, new.findings), Context(renames, formerly, before, after))
    then = {rule.id: rule for rule in old.rules} if old else {}
    pairs = {pair.new.fingerprint: pair for pair in found.pairs}
    findings = [
        _told(finding, pairs.get(finding.fingerprint), then.get(finding.rule), commits) for finding in new.findings
    ]
    fixed, unsettled = _gone(found.gone, new, formerly)
    return Changes(findings, fixed, unsettled, _not_compared(then, new))


def _told(finding: Finding, pair: Match | None, then: RuleResult | None, commits: Collection[str]) -> Finding:
    """A rule that was not put to the older files is asked of the commits; one that failed there does not clear."""
    change: dict[str, str | None]
    if pair is None and then and then.outcome is Outcome.NOT_ASKED:
        change = {"change": _by_commit(finding, commits)}
    elif pair is None:
        change = {"change": "new"}
    elif pair.worse:
        change = {"change": "worse", "change_reason": f"it was {pair.old.severity.value}"}
    elif pair.moved:
        elsewhere = pair.old.place != pair.new.place
        was = f"it was in {pair.old.place}" if elsewhere else f"it was {pair.old.subject}"
        change = {"change": "moved", "change_reason": was}
    else:
        change = {"change": "unchanged"}
    return finding.model_copy(update=change)


def _by_commit(finding: Finding, commits: Collection[str]) -> str | None:
    """Whether a finding in git's history came with a commit since then; None for one that names no commit."""
    if finding.object is None or finding.database is not None:
        return None
    short = finding.object.partition(" ")[0]
    return "new" if any(commit.startswith(short) for commit in commits) else "unchanged"


def _gone(
    gone: Sequence[Item], new: Report, formerly: Mapping[str, str]
) -> tuple[list[PastFinding], list[PastFinding]]:
    """What is fixed, and what cannot be told because the rule, or the rule about that subject, gave no answer."""
    silent = {rule.id for rule in new.rules if rule.outcome in _SILENT and not rule.subjects_unknown}
    unknown = {(row.rule, row.subject) for row in new.not_checked}
    places = {(row.rule, row.location.path) for row in new.not_checked if row.location}
    fixed: list[PastFinding] = []
    unsettled: list[PastFinding] = []
    for item in gone:
        rule = formerly.get(item.rule, item.rule)
        doubtful = rule in silent or (rule, item.subject) in unknown or (rule, item.place) in places
        (unsettled if doubtful else fixed).append(past_finding(item))
    return fixed, unsettled


def _not_compared(then: Mapping[str, RuleResult], new: Report) -> list[str]:
    now = {rule.id: rule.outcome for rule in new.rules}
    return [
        f"{rule.id}: {rule.reason}"
        for rule in then.values()
        if rule.outcome in _SILENT and not rule.subjects_unknown and now.get(rule.id) not in _SILENT
    ]
