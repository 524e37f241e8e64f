"""What the sources of advisories say, together, about one package; and what the dependency rules share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.advisory_answers import key_of, merged
from auditor.model import Answer, FileSpan, NotApplicable, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.advisory_answers import Hit
    from auditor.facts.lock_graph import Package
    from auditor.facts.lock_manifests import Manifest
    from auditor.facts.lockfiles import Locked
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_MOST = 3  # reasons told
SOURCE = "no advisory source was given: --advisories FOLDER|ZIP of OSV records audits the packages"


@dataclass(frozen=True, slots=True)
class Said:
    """`clean` when some source knows the package's ecosystem and names no fault; else `reason` says why not."""

    hits: tuple[Hit, ...]
    clean: bool
    source: str
    reason: str


def about(package: Package, packages: Packages) -> Said:
    key = key_of(package)
    sources = [source for source in packages.answers if key in source.answered]
    hits = merged((hit for source in sources for hit in source.answered[key]), package.ecosystem)
    reasons = [source.unanswered[key] for source in packages.answers if key in source.unanswered]
    named = ", ".join(source.source for source in sources)
    return Said(tuple(hits), bool(sources) and not hits, named, _sentence(reasons) or SOURCE)


def unanswered(packages: Packages) -> str:
    """Why nothing is known of any package; empty where there is no package to know of."""
    if not packages.packages:
        return ""
    reasons = dict.fromkeys(reason for source in packages.answers for reason in source.unanswered.values())
    ordered = sorted(reasons, key=lambda reason: "another registry" in reason)
    return _sentence(ordered[:_MOST]) or SOURCE


def _sentence(reasons: Iterable[str]) -> str:
    """Reasons in the order in which the sources were asked, and what to do about them once, at the end."""
    several = list(dict.fromkeys(reasons))
    plain = [reason.split("; --advisories")[0] for reason in several]
    hint = next((reason[len(start) :] for reason, start in zip(several, plain, strict=True) if reason != start), "")
    return "; ".join(plain) + hint


def summed_up(packages: Packages) -> dict[str, str]:
    """Lockfiles of whose packages none was answered for: one row says so, with the reason, instead of thousands."""
    if packages.complete:
        return {}
    answered = {key for source in packages.answers for key in source.answered}
    silent: dict[str, list[Package]] = {}
    for package in packages.packages:
        silent.setdefault(package.path, []).append(package)
    return {
        path: f"{len(listed)} packages: {about(listed[0], packages).reason}"
        for path, listed in silent.items()
        if len(listed) > 1 and not any(key_of(package) in answered for package in listed)
    }


def nothing_to_audit(repository: Repository, packages: Packages) -> None:
    """Raises NotApplicable where there is neither a manifest nor a lockfile."""
    named = any(path.rsplit("/", 1)[-1] in {"package.json", "deno.json"} for path in repository.files)
    if not (packages.lockfiles or packages.packages or packages.unlocked or named):
        raise NotApplicable("neither a manifest nor a lockfile of npm or Python was found")


def lock_of(manifest: Manifest, packages: Packages) -> Locked | None:
    """The lockfile that locks a manifest: one beside it, else one above that lists it among its workspace."""
    for locked in packages.locked:
        folder = PurePosixPath(locked.path).parent.as_posix().removeprefix(".")
        if locked.ecosystem != manifest.ecosystem or locked.path.endswith("deno.lock"):
            continue
        if folder == manifest.folder:
            return locked
        inner = manifest.folder.removeprefix(f"{folder}/" if folder else "")
        if (inner != manifest.folder or not folder) and any(root.folder == inner for root in locked.roots or ()):
            return locked
    return None


def line_answer(
    subject: str, path: str, line: int, fault: str, severity: Severity | None = None, evidence: str = ""
) -> Answer:
    """A row on one line of a file: failed where `fault` says something."""
    if not fault:
        return Answer(subject, State.OK, "", FileSpan(path, line))
    return Answer(subject, State.FAIL, fault, FileSpan(path, line), severity=severity, evidence=evidence)


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Names in a sentence: the first few, and how many more there are."""
    every = list(dict.fromkeys(names))
    return ", ".join(every[:limit]) + (f" and {len(every) - limit} more" if len(every) > limit else "")
