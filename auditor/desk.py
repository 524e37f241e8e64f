"""What one process does of the rules on code: parse, ask rules on single files, ask rules on the whole.

A scan has one desk of its own, or several in worker processes (`auditor.worker`), which do the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from auditor.facts.unlisted import unread_languages
from auditor.file_rules import ask_file
from auditor.inquiry import ask_files_of
from auditor.lanes import describe_endpoints, find_inventory, history_source
from auditor.model import Kind, NotApplicable, Unavailable
from auditor.packed import pack
from auditor.plan import Evidence, Source
from auditor.sources.code import broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.facts.helper_names import Helpers
    from auditor.facts.inventory import Inventory
    from auditor.listed import EndpointRow
    from auditor.model import RuleAnswers, Target
    from auditor.report import EvidenceNote
    from auditor.rulebook import Page
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_FILES = 200  # in one part of the answers


class Desk(Protocol):
    """The work that can be given away; what comes back is packed."""

    def broken(self, paths: Sequence[str]) -> list[str]:
        """Those of the files that do not parse."""
        ...

    def ask_files(
        self, pages: Sequence[Page], paths: Sequence[str], unread: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        """The answers of rules on single files, in parts: by path, `said` as JSON text, which takes little memory, and
        the `others` that were looked at.
        """
        ...

    def ask_whole(self, pages: Sequence[Page], unread: dict[str, str]) -> Iterator[dict[str, Any]]:
        """The answers of rules on the whole code, the endpoints, and what is noted of them: each part as soon as it is
        known, so that nobody holds all of them packed.
        """
        ...

    def endpoints(self, place: int, count: int) -> list[Any]:
        """The rows of every so-manieth endpoint, beginning with the one at a place."""
        ...

    def ask_history(self, pages: Sequence[Page], target: Target) -> dict[str, Any]:
        """The answers of rules on git's history, and what is noted of it."""
        ...


class OwnDesk:
    """The desk of this process."""

    def __init__(
        self,
        repository: Repository,
        code: Code,
        public: tuple[str, ...] = (),
        helpers: Helpers | None = None,
    ) -> None:
        self._repository, self._code = repository, code
        self._public, self._helpers = public, helpers

    def broken(self, paths: Sequence[str]) -> list[str]:
        return broken(self._code, paths)

    def ask_files(
        self, pages: Sequence[Page], paths: Sequence[str], unread: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        self._code.unread = unread
        for start in range(0, len(paths), _FILES):
            yield {path: self._ask_file(pages, path) for path in paths[start : start + _FILES]}

    def _ask_file(self, pages: Sequence[Page], path: str) -> dict[str, Any]:
        answered = ask_file(pages, self._repository, self._code, path)
        said = {"answers": pack(answered.answers), "crashed": answered.crashed, "places": pack(answered.places)}
        self._code.forget([path])
        return {"said": json.dumps(said), "others": answered.others}

    def ask_whole(self, pages: Sequence[Page], unread: dict[str, str]) -> Iterator[dict[str, Any]]:
        self._code.unread = unread
        with Evidence(self._sources()) as evidence:
            yield from self._ask_routes([page for page in pages if page.kind is Kind.ROUTE], evidence)
            answers = [ask_files_of(page, evidence) for page in pages if page.kind is not Kind.ROUTE]
            yield _part(answers, notes=evidence.notes(["endpoints"]))

    def _ask_routes(self, pages: Sequence[Page], evidence: Evidence) -> Iterator[dict[str, Any]]:
        """The answers of rules on endpoints, and the endpoints, one portion of them after the other."""
        if not pages:
            return
        from auditor.facts.guarded import endpoint_rows
        from auditor.facts.portions import portions
        from auditor.facts.realtime_channels import channel_rows

        try:
            inventory: Inventory = evidence.get("endpoints")
        except (Unavailable, NotApplicable):
            yield _part([ask_files_of(page, evidence) for page in pages])
            return
        for portion in portions(inventory):
            table = self._sources() | {"endpoints": Source((), lambda _, __, given=portion: given)}  # type: ignore[misc]
            with Evidence(table) as part:
                found = [ask_files_of(page, part) for page in pages]
            yield _part(found, endpoint_rows(portion))
            del portion, table, part, found  # before the next one is made
        yield _part((), channel_rows(inventory))

    def endpoints(self, place: int, count: int) -> list[Any]:
        from auditor.facts.guarded import endpoint_rows

        inventory = find_inventory(self._repository, self._code, self._public, self._helpers)
        return list(pack(endpoint_rows(inventory, inventory.endpoints[place::count])))

    def ask_history(self, pages: Sequence[Page], target: Target) -> dict[str, Any]:
        """The answers of rules on git's history, and what is noted of it."""
        table = {"repository": Source((), lambda _, __: self._repository), "git history": history_source(target)}
        with Evidence(table) as evidence:
            answers = [ask_files_of(page, evidence) for page in pages]
            return {"answers": pack(answers), "notes": [note.model_dump() for note in evidence.notes(["git history"])]}

    def _sources(self) -> dict[str, Source]:
        return {
            "repository": Source((), lambda _, __: self._repository),
            "code": Source((), lambda _, __: self._code),
            "unread languages": Source(
                (), lambda _, __: unread_languages(self._repository.files, self._repository.text)
            ),
            "endpoints": Source(
                (),
                lambda _, __: find_inventory(self._repository, self._code, self._public, self._helpers),
                describe_endpoints,
            ),
        }


def _part(
    answers: Sequence[RuleAnswers], rows: Iterable[EndpointRow] = (), notes: Iterable[EvidenceNote] = ()
) -> dict[str, Any]:
    """What travels between processes."""
    return {
        "answers": pack(answers), "endpoints": pack(list(rows)), "notes": [note.model_dump() for note in notes],
    }  # fmt: skip
