"""The rules on code, shared out: files to worker processes where there are many, the whole code to one of them."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.batches import Asked, unknown
from auditor.desk import OwnDesk
from auditor.detectors.ask import ask_engine
from auditor.detectors.code_answers import settled
from auditor.file_rules import from_packed, is_per_file
from auditor.inquiry import joined, with_unread_languages
from auditor.lanes import describe_code
from auditor.model import Kind, RuleAnswers, Unavailable
from auditor.packed import unpack
from auditor.plan import Source
from auditor.report import EvidenceNote
from auditor.sources.code import Code, list_code, mark_broken
from auditor.sources.store import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import ExitStack

    from auditor.desk import Desk
    from auditor.facts.helper_names import Helpers
    from auditor.facts.semgrep_output import Semgrep
    from auditor.file_rules import FileAnswers
    from auditor.model import Target
    from auditor.plan import Evidence
    from auditor.rulebook import Page
    from auditor.sources.repository import Repository
    from auditor.sources.store import Store

WORTH_A_PROCESS = 150  # files: a process takes half a second before it reads the first
_MOST_PROCESSES = 8
_FEW = 100  # changed files
# Files that say which file an import means.
_RESOLVES = re.compile(r"(?:config|package|deno|import)[^/]*(?:/[^/]*)?\.jsonc?$")


@dataclass(frozen=True, slots=True)
class CodeLane:
    """How the code is worked on: with how many processes, what the endpoints are found with, and where per-file
    answers are kept (`rests_on` is what they rest on besides the files).
    """

    target: Target
    jobs: int
    public: tuple[str, ...] = ()
    helpers: Helpers | None = None
    store: Store | None = None
    rests_on: Any = None

    def sources(self) -> dict[str, Source]:
        """The sources that take the place of those that work in one process."""
        return {
            "listed code": Source(("repository",), lambda e, _: list_code(e.get("repository"))),
            "desks": Source(("listed code",), self._desks),
            "history desk": Source(("repository",), self._history_desk),
            "code": Source(("desks",), lambda e, _: self._code(e), describe_code),
        }

    def _desks(self, evidence: Evidence, stack: ExitStack) -> Desks:
        code: Code = evidence.get("listed code")
        repository: Repository = evidence.get("repository")
        processes = min(self.jobs, _MOST_PROCESSES, len(code.files) // WORTH_A_PROCESS)
        if processes <= 1:
            own = OwnDesk(repository, code, self.public, self.helpers)
            return Desks([own], own)
        from auditor.sources.workers import worker_on

        whole, *sharing = (worker_on(repository, code, self.public, self.helpers, stack) for _ in range(processes))
        return Desks(sharing, whole)

    def _history_desk(self, evidence: Evidence, stack: ExitStack) -> Desk:
        """Git's history is read beside everything else, where there is much of it."""
        repository: Repository = evidence.get("repository")
        if self.jobs <= 1 or len(repository.files) < WORTH_A_PROCESS:
            return OwnDesk(repository, Code(repository))
        from auditor.sources.workers import worker_on

        return worker_on(repository, Code(repository), (), None, stack)

    def ask_history(self, evidence: Evidence, pages: Sequence[Page]) -> Asked:
        """The rules on git's history."""
        desk: Desk = evidence.get("history desk")
        value = desk.ask_history(pages, self.target)
        asked = Asked({found.rule: found for found in unpack(value["answers"])})
        asked.notes = [EvidenceNote.model_validate(note) for note in value["notes"]]
        evidence.adopt(asked.notes)
        return asked

    def _code(self, evidence: Evidence) -> Code:
        code: Code = evidence.get("listed code")
        keys = {path: self._key("parses", evidence, path) for path in code.files}
        known = {path: value for path, value in self._recalled(keys).items() if isinstance(value.get("broken"), bool)}
        desks: Desks = evidence.get("desks")
        missing = [path for path in code.files if path not in known]
        desks.changed = len(missing)
        broken = {path for part in desks.shared(missing, lambda desk, share: desk.broken(share)) for path in part}
        self._keep({keys[path]: {"broken": path in broken} for path in missing})
        broken |= {path for path, value in known.items() if value["broken"]}
        mark_broken(code, sorted(broken))
        return code

    def ask(self, evidence: Evidence, pages: Sequence[Page]) -> Asked:
        """All rules on code."""
        engine = [page for page in pages if page.yaml]
        evidence.start(["semgrep"] if engine else ())
        alone = [page for page in pages if is_per_file(page)]
        whole = [page for page in pages if page not in alone and not page.yaml]
        desks: Desks = evidence.get("desks")
        code: Code = evidence.get("code")
        asked = Asked()
        shares = desks.of_whole(whole)
        with ThreadPoolExecutor(1 if desks.whole in desks.sharing else 3) as pool:
            files = pool.submit(self._file_by_file, alone, evidence, code, desks)
            rest = [(part, pool.submit(asked_of_whole, desk, part, code.unread)) for desk, part in shares]
            try:
                found = files.result()
                asked.answers |= with_unread_languages(_by_rule(alone, found), evidence)
                asked.answers |= with_unread_languages(_by_engine(engine, found, evidence), evidence)
            except Unavailable as reason:
                asked.answers |= unknown([*alone, *engine], reason)
            for part, answer in rest:
                try:
                    found_there = answer.result()
                    evidence.adopt(found_there.notes)
                    asked.add(found_there)
                except Unavailable as reason:
                    asked.answers |= unknown(part, reason)
        asked.notes += evidence.notes(["code", "semgrep"])
        return asked

    def _file_by_file(self, pages: Sequence[Page], evidence: Evidence, code: Code, desks: Desks) -> list[FileAnswers]:
        paths = sorted({*code.files, *code.unread})
        repository: Repository = evidence.get("repository")
        settings = [repository.digest(path) for path in repository.files if _RESOLVES.search(path)]
        shared = key_of([page.id for page in pages], list(code.files), repository.stamp, settings).hex()
        keys = {path: self._key("file", evidence, path, shared, code.unread.get(path)) for path in paths}
        known = {path: value for path, value in self._recalled(keys).items() if _holds(value, evidence)}
        missing = [path for path in paths if path not in known] if pages else []

        def asked(desk: Desk, share: Sequence[str]) -> dict[str, FileAnswers]:
            parts = desk.ask_files(pages, share, code.unread)
            return _read_said(self._kept_said(keys, part, repository) for part in parts)

        found = _read_said([known])
        for part in desks.shared(missing, asked):
            found |= part
        # A file that nobody answered for is an error, and not a file without findings.
        return [found[path] for path in paths] if pages else []

    def _kept_said(self, keys: dict[str, bytes], part: dict[str, Any], repository: Repository) -> dict[str, Any]:
        """What a desk says of some files, kept together with what it rests on."""
        digest = repository.digest
        self._keep(
            {
                keys[path]: {"said": value["said"], "others": {other: digest(other) for other in value["others"]}}
                for path, value in part.items()
            }
        )
        return part

    def _key(self, what: str, evidence: Evidence, path: str, *more: Any) -> bytes:  # noqa: ANN401 - what JSON knows
        if self.store is None:
            return path.encode("utf-8", "surrogatepass")
        return key_of(what, self.rests_on, path, evidence.get("repository").digest(path), *more)

    def _recalled(self, keys: dict[str, bytes]) -> dict[str, Any]:
        if self.store is None:
            return {}
        found = self.store.get_all(keys.values())
        return {path: found[key] for path, key in keys.items() if isinstance(found.get(key), dict)}

    def _keep(self, values: dict[bytes, Any]) -> None:
        if self.store is not None and values:
            self.store.put(values)


def _read_said(parts: Iterable[dict[str, Any]]) -> dict[str, FileAnswers]:
    """What was said of each file; what many of the answers have alike is held once."""
    same: dict[Any, Any] = {}
    return {
        path: from_packed(unpack(json.loads(value["said"]), same)) for part in parts for path, value in part.items()
    }


def _holds(value: dict[str, Any], evidence: Evidence) -> bool:
    """Whether the other files that were looked at are as they were."""
    repository: Repository = evidence.get("repository")
    said, others = value.get("said"), value.get("others")
    if not isinstance(said, str) or not isinstance(others, dict):
        return False
    return all(repository.digest(path) == digest for path, digest in others.items())


@dataclass(slots=True)
class Desks:
    """Those that share the files, and the one that looks at the whole; `changed` files are asked about anew."""

    sharing: Sequence[Desk]
    whole: Desk
    changed: int = 0

    def of_whole(self, pages: Sequence[Page]) -> list[tuple[Desk, Sequence[Page]]]:
        """Who is asked which of the rules on the whole code: where few files have changed, those without endpoints
        go to a desk that has next to nothing else to do.
        """
        if self.changed > _FEW or self.whole in self.sharing:
            return [(self.whole, pages)] if pages else []
        routes = [page for page in pages if page.kind is Kind.ROUTE]
        others = [page for page in pages if page.kind is not Kind.ROUTE]
        return [(desk, part) for desk, part in ((self.whole, routes), (self.sharing[0], others)) if part]

    def shared(self, paths: Sequence[str], do: Callable[[Desk, Sequence[str]], Any]) -> list[Any]:
        """What each desk makes of its share of the files, every so-manieth one, so that the shares weigh the same."""
        if not paths:
            return []
        count = len(self.sharing)
        with ThreadPoolExecutor(count) as pool:
            parts = [pool.submit(do, desk, paths[i::count]) for i, desk in enumerate(self.sharing)]
            return [part.result() for part in parts]


def _by_rule(pages: Sequence[Page], found: Sequence[FileAnswers]) -> dict[str, RuleAnswers]:
    answers: dict[str, RuleAnswers] = {}
    for page in pages:
        if page.yaml:
            continue
        crashed = next((part.crashed[page.id] for part in found if page.id in part.crashed), None)
        rows = [row for part in found for row in part.answers.get(page.id, ())]
        answers[page.id] = RuleAnswers(page.id, () if crashed else list(settled(rows, page.severity)), crashed)
    return answers


def _by_engine(pages: Sequence[Page], found: Sequence[FileAnswers], evidence: Evidence) -> dict[str, RuleAnswers]:
    """The answers of the rules that semgrep is asked for, put right by what the files say of their places."""
    if not pages:
        return {}
    places = {page.id: [place for part in found for place in part.places.get(page.id, ())] for page in pages}
    try:
        semgrep: Semgrep = evidence.get("semgrep")
    except Unavailable as reason:
        return unknown(pages, reason)
    given = evidence.get("repository"), evidence.get("code"), semgrep
    return {page.id: ask_engine(page, *given, places[page.id]) for page in pages}


def asked_of_whole(desk: Desk, pages: Sequence[Page], unread: dict[str, str]) -> Asked:
    """What a desk makes of the whole code."""
    asked, known = Asked(), {}  # type: ignore[var-annotated]
    answers: dict[str, list[RuleAnswers]] = {}
    for part in desk.ask_whole(pages, unread):
        for found in unpack(part["answers"], known):
            answers.setdefault(found.rule, []).append(found)
        asked.endpoints += unpack(part["endpoints"], known)
        asked.notes += [EvidenceNote.model_validate(note) for note in part["notes"]]
    asked.answers = {rule: joined(parts) for rule, parts in answers.items()}
    return asked
