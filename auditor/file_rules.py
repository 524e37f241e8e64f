"""Rules that look at one file at a time: asked file by file, so that files can be shared out and answers kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.detectors.ask import ask_detector, find_detector
from auditor.detectors.code_sites import follow, is_followed
from auditor.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.detectors.code_sites import Followed
    from auditor.model import Answer
    from auditor.rulebook import Page
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository


@dataclass(slots=True)
class FileAnswers:
    """What the rules say of one file: `answers` by rule, `crashed` why one could not be asked, `places` of rules that
    the engine is asked for, and the other files that were looked at on the way.
    """

    answers: dict[str, Sequence[Answer]] = field(default_factory=dict)
    crashed: dict[str, str] = field(default_factory=dict)
    places: dict[str, Sequence[Followed]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


def is_per_file(page: Page) -> bool:
    """Whether a rule's answers about a file come of one file at a time (it may look others up on the way)."""
    if page.yaml:
        return is_followed(page.id)
    return page.kind is Kind.CODE and getattr(find_detector(page), "PER_FILE", False) is True


def ask_file(pages: Iterable[Page], repository: Repository, code: Code, path: str) -> FileAnswers:
    """Put all of these rules to one file."""
    found = FileAnswers()
    code.share = (path,)
    code.touched, seen = set(), repository.watched()
    for page in pages:
        if page.yaml:
            if path in code.files and (places := list(follow(page.id, code, path))):
                found.places[page.id] = places
            continue
        answers, reason = ask_detector(page, seen, code)
        if answers:
            found.answers[page.id] = answers
        if reason:
            found.crashed[page.id] = reason
    code.share = None
    found.others = tuple(sorted((code.touched | seen.touched) - {path}))
    return found


def from_packed(value: dict[str, Any]) -> FileAnswers:
    """What `packed.unpack` made of it, typed again."""
    return FileAnswers(value.get("answers", {}), value.get("crashed", {}), value.get("places", {}))
