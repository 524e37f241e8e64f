"""Rules that read the same evidence, asked together: each batch at the same time as the others, or out of the cache.

A batch is found again by everything that its answers rest on. The files that it read are compared one by one, so that
a change elsewhere does not cost it anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from auditor.inquiry import access_rows, access_setups, ask_database_rules, ask_files_of, served_endpoints
from auditor.model import Kind, RuleAnswers, Unavailable
from auditor.packed import pack, unpack
from auditor.plan import ALSO, Source
from auditor.report import EvidenceNote
from auditor.sources.store import key_of
from auditor.text_rules import ask_texts, is_per_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.listed import AccessRow, AccessSetup, EndpointRow
    from auditor.plan import Evidence
    from auditor.rulebook import Page, Rulebook
    from auditor.sources.repository import Repository
    from auditor.sources.store import Store

_DATABASE = {Kind.CATALOG, Kind.PROBE, Kind.MIGRATION}
_NOTED = {
    "database": ("histories", "shadow database", "live database", "databases", "probes"),
    "code": ("code", "endpoints", "semgrep"),
    "texts": (),
    "history": ("git history",),
    "packages": ("packages",),
}
_BY_CHANCE = re.compile(r"could not be (?:asked|read)|worker process|stopped")
_RULES, _ROWS = 20, 2_000  # in one entry of the cache
_BY_TIME = {
    "shadow database": "database",
    "databases": "database",
    "probes": "database",
    "semgrep": "code",
    "git history": "history",
}


@dataclass(slots=True)
class Asked:
    """What a batch came to; `notes` are of the evidence that it read."""

    answers: dict[str, RuleAnswers] = field(default_factory=dict)
    endpoints: tuple[EndpointRow, ...] = ()
    access: tuple[AccessRow, ...] = ()
    setups: tuple[AccessSetup, ...] = ()
    notes: list[EvidenceNote] = field(default_factory=list)

    def add(self, other: Asked) -> None:
        self.answers |= other.answers
        self.endpoints += other.endpoints
        self.access += other.access
        self.setups += other.setups
        self.notes += other.notes


Ask = Callable[["Evidence", Sequence["Page"]], Asked]


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where answers are kept, and what each batch rests on besides the files; a batch that is not named is not kept."""

    store: Store
    rests_on: dict[str, Any]


def batch_of(page: Page) -> str:
    """The batch that a rule belongs to; empty for one that nothing is asked of."""
    if page.kind in _DATABASE:
        return "database"
    if page.kind in {Kind.CODE, Kind.ROUTE}:
        return "code"
    if page.kind in {Kind.SECRET, Kind.REPOSITORY}:
        return "history" if page.id in ALSO else "texts"
    return "packages" if page.kind is Kind.DEPENDENCY else ""


def batch_sources(pages: Sequence[Page], ask_code: Ask, ask_history: Ask, keeping: Keeping | None) -> dict[str, Source]:
    """A source for each batch that has one of these rules."""
    asks: dict[str, Ask] = {
        "database": _database, "code": ask_code, "texts": partial(_texts, keeping), "history": ask_history,
        "packages": _files,
    }  # fmt: skip
    found: dict[str, Source] = {}
    for name, ask in asks.items():
        if mine := [page for page in pages if batch_of(page) == name]:
            kept = keeping is not None and name in keeping.rests_on
            load = partial(_kept, keeping, name, ask, mine) if kept else partial(_asked, ask, mine)
            found[source_name(name)] = Source(("repository",), lambda e, _, load=load: load(e))  # type: ignore[misc]
    return found


def ask_batches(book: Rulebook, chosen: Sequence[Page], evidence: Evidence) -> Asked:
    """The answers of all rules, those that are not chosen marked so; every batch at the same time."""
    names = list(dict.fromkeys(source_name(batch_of(page)) for page in chosen if batch_of(page)))
    evidence.start(names)
    whole = Asked({page.id: RuleAnswers(page.id, asked=False) for page in book.pages if page.kind is not Kind.SETTINGS})
    for name in names:
        try:
            part: Asked = evidence.get(name)
        except Unavailable as reason:
            part = Asked(unknown([page for page in chosen if source_name(batch_of(page)) == name], reason))
        whole.add(part)
    return whole


def unknown(pages: Iterable[Page], reason: Unavailable) -> dict[str, RuleAnswers]:
    """Rules of which nothing is known."""
    return {page.id: RuleAnswers(page.id, unavailable=str(reason)) for page in pages}


def source_name(batch: str) -> str:
    return f"answers: {batch}"


def _asked(ask: Ask, pages: Sequence[Page], evidence: Evidence) -> Asked:
    return ask(evidence, pages)


def _database(evidence: Evidence, pages: Sequence[Page]) -> Asked:
    answers = ask_database_rules(pages, evidence)
    access, setups = tuple(access_rows(evidence)), tuple(access_setups(evidence))
    notes = evidence.notes(_NOTED["database"])
    return Asked(answers, endpoints=tuple(served_endpoints(evidence)), access=access, setups=setups, notes=notes)


def _files(evidence: Evidence, pages: Sequence[Page]) -> Asked:
    answers = {page.id: ask_files_of(page, evidence) for page in pages}
    return Asked(answers, notes=evidence.notes(_NOTED[batch_of(pages[0])] if pages else ()))


def _texts(keeping: Keeping | None, evidence: Evidence, pages: Sequence[Page]) -> Asked:
    """Of rules that look at one file at a time, only what was changed since an earlier scan is asked."""
    alone = [page for page in pages if keeping and is_per_text(page)]
    asked = _files(evidence, [page for page in pages if page not in alone])
    if keeping and alone:
        asked.answers |= ask_texts(alone, evidence.get("repository"), keeping.store, keeping.rests_on["texts"])
    return asked


def _kept(keeping: Keeping | None, name: str, ask: Ask, pages: Sequence[Page], evidence: Evidence) -> Asked:
    """The answers that an earlier scan of the same files had, else those of now."""
    assert keeping
    repository: Repository = evidence.get("repository")
    asked_of = [(page.id, page.yaml.read_text("utf-8") if page.yaml else "") for page in pages]
    key = key_of(name, asked_of, keeping.rests_on[name], repository.stamp)
    recalled = _recalled(keeping.store, key, repository)
    if recalled is not None:
        evidence.recall(recalled.notes)
        return recalled
    asked = ask(evidence, pages)
    if _lasts(name, asked):
        _keep(keeping.store, key, asked, {path: repository.digest(path) for path in _read(name, evidence)})
    return asked


def _recalled(store: Store, key: bytes, repository: Repository) -> Asked | None:
    """What is kept under a key, None where a file that it rests on is another one."""
    found = store.get(key)
    if found is None:
        return None
    with suppress(KeyError, TypeError, ValueError, AttributeError):  # written by nobody who knows the form
        if all(repository.digest(path) == digest for path, digest in found["read"].items()):
            parts = (store.get(_part_key(key, number)) for number in range(found["parts"]))
            return _unpacked(found["notes"], parts)
    return None


def _keep(store: Store, key: bytes, asked: Asked, read: dict[str, str]) -> None:
    """Keep answers in parts, so that they are never packed all at once; what says how many comes last."""
    count = 0
    for count, part in enumerate(_packed(asked), start=1):
        store.put({_part_key(key, count - 1): part})
    store.put({key: {"parts": count, "notes": [note.model_dump() for note in asked.notes], "read": read}})


def _part_key(key: bytes, number: int) -> bytes:
    return key_of(key.hex(), number)


def _lasts(name: str, asked: Asked) -> bool:
    """Whether the answers would be the same the next time: nothing crashed, ran out of time or could not be started."""
    if any(_BY_CHANCE.search(found.unavailable or "") for found in asked.answers.values()):
        return False
    lanes = [note for note in asked.notes if note.source in _BY_TIME and _BY_TIME[note.source] == name]
    return all(note.status != "unavailable" and note.reason is None for note in lanes)


def _read(name: str, evidence: Evidence) -> list[str]:
    """The files that a batch rests on: those that the lane of the databases asked for, else all."""
    if name == "database":
        return sorted(evidence.get("database files").touched)
    repository: Repository = evidence.get("repository")
    return list(repository.files)


def _packed(asked: Asked) -> Iterator[dict[str, Any]]:
    rows = {"answers": list(asked.answers.values()), "endpoints": asked.endpoints, "access": asked.access}
    for name, each in (rows | {"setups": asked.setups}).items():
        size = _RULES if name == "answers" else _ROWS
        yield from ({name: pack(each[start : start + size])} for start in range(0, len(each), size))


def _unpacked(notes: list[Any], parts: Iterable[Any]) -> Asked:
    known: dict[Any, Any] = {}
    asked = Asked(notes=[EvidenceNote.model_validate(note) for note in notes])
    for part in parts:
        rows = {name: unpack(value, known) for name, value in part.items()}
        rows["answers"] = {found.rule: found for found in rows.get("answers", ())}
        asked.add(Asked(**rows))
    return asked
