"""Rules that look for something in the text of one file at a time: what they said of an unchanged file is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.detectors.ask import ask_files, find_detector, placed
from auditor.model import Answer, FileSpan, Kind, RuleAnswers, State
from auditor.packed import pack, unpack
from auditor.sources.store import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.rulebook import Page
    from auditor.sources.repository import Repository
    from auditor.sources.store import Store

    _Rows = dict[str, list[Answer]]  # by rule, of one file


def is_per_text(page: Page) -> bool:
    """Whether what a rule says of a file rests on the path and the text of that file, and on nothing else."""
    return page.kind is Kind.SECRET and getattr(find_detector(page), "PER_FILE", False) is True


def ask_texts(pages: Sequence[Page], repository: Repository, store: Store, rests_on: object) -> dict[str, RuleAnswers]:
    """The answers of such rules, as asking them about the whole repository gives them."""
    shared = key_of("text", [page.id for page in pages], rests_on).hex()
    keys = {path: key_of(shared, path, repository.digest(path)) for path in repository.files}
    kept = store.get_all(keys.values())
    known = {path: rows for path, key in keys.items() if (rows := _read(path, kept.get(key))) is not None}
    missing = tuple(path for path in repository.files if path not in known)
    asked = {page.id: ask_files(page, replace(repository, files=missing)) for page in pages}
    if any(found.unavailable or found.not_applicable for found in asked.values()):
        return {page.id: ask_files(page, repository) for page in pages}
    fresh = _by_file(asked.values(), missing)
    readable = {path: rows for path, rows in fresh.items() if path not in repository.skipped}
    store.put({keys[path]: _written(rows) for path, rows in readable.items()})
    return {rule: _joined(rule, repository, known | fresh, found) for rule, found in asked.items()}


def _by_file(asked: Iterable[RuleAnswers], paths: Sequence[str]) -> dict[str, _Rows]:
    found: dict[str, _Rows] = {path: {} for path in paths}
    for answers in asked:
        for answer in answers.answers:
            if (path := _path_of(answer)) in found:
                found[path].setdefault(answers.rule, []).append(answer)
    return found


def _joined(rule: str, repository: Repository, known: Mapping[str, _Rows], asked: RuleAnswers) -> RuleAnswers:
    """The rows in the order of the files; at the end those about files that are not listed."""
    rows = [placed(row, repository) for path in repository.files for row in known[path].get(rule, ())]
    return RuleAnswers(rule, [*rows, *(row for row in asked.answers if _path_of(row) not in known)])


def _path_of(answer: Answer) -> str:
    return answer.where.path if isinstance(answer.where, FileSpan) else ""


def _written(rows: _Rows) -> dict[str, Any]:
    """A file that holds nothing needs no more than what is said of it."""
    return {
        rule: answers[0].detail if len(answers) == 1 and answers[0].state is State.OK else pack(answers)
        for rule, answers in rows.items()
    }


def _read(path: str, value: Any) -> _Rows | None:  # noqa: ANN401 - whatever the store holds
    if not isinstance(value, dict):
        return None
    try:
        return {rule: _unpacked(path, rows) for rule, rows in value.items()}
    except (KeyError, TypeError, ValueError):  # written by nobody who knows the form
        return None


def _unpacked(path: str, rows: Any) -> list[Answer]:  # noqa: ANN401 - whatever the store holds
    if isinstance(rows, str):
        return [Answer(f"file {path}", State.OK, rows, where=FileSpan(path, 1))]
    return list(unpack(rows))
