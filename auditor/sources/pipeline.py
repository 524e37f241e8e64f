"""Sends groups of statements in one go and reads all answers: each group ends at its own first error.

By libpq's pipeline mode, which speaks the extended protocol: there a rule's own SELECT returns nothing, however much it
selects. psycopg's own pipeline costs more for each statement than the server does.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.waiting import Ready, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

Group = tuple[str, ...]
_ERRORS = {ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE}
_DONE = {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.EMPTY_QUERY}


@dataclass(slots=True)
class Answer:
    """For each statement that succeeded the rows that it touched and its first value. `after` is the last value of what
    undoes the group; `lost` says that the session ended, or that the group could not be undone.
    """

    counts: list[int] = field(default_factory=list)
    values: list[str | None] = field(default_factory=list)
    error: psycopg.Error | None = None
    after: list[str | None] = field(default_factory=list)
    lost: bool = False

    @property
    def state(self) -> str:
        return (self.error.sqlstate if self.error else "") or ""


def converse(session: psycopg.Connection[Any], groups: Sequence[Group], undo: Group) -> list[Answer]:
    """Run every group, each undone by `undo` whatever became of it. A session that ends answers no further group."""
    results: list[PGresult] = []
    ended: psycopg.Error | None = None
    parts = [part for group in groups for part in (group, undo)]
    try:
        session.pgconn.enter_pipeline_mode()
        session.wait(_talk(session.pgconn, parts, results))
    except psycopg.Error as error:
        ended = error
        session.close()
    finally:
        with contextlib.suppress(psycopg.Error):
            session.pgconn.exit_pipeline_mode()
    waiting = iter(results)
    answers = []
    for group in groups:
        answers.append(_answer(group, undo, waiting, ended))
        if answers[-1].lost:
            break
    return answers


def _talk(connection: PGconn, parts: Sequence[Group], results: list[PGresult]) -> PQGen[None]:
    """Send all and read what comes meanwhile, so that neither side waits for the other to read."""
    for part in parts:
        for statement in part:
            connection.send_query_params(statement.encode(), None)
        connection.pipeline_sync()
    left = len(parts)
    while left:
        unsent = connection.flush()
        ready = yield Wait.RW if unsent else Wait.R
        if not ready & Ready.R:
            continue
        connection.consume_input()
        while left and not connection.is_busy():
            result = connection.get_result()
            if result is None and connection.status == ConnStatus.BAD:
                raise psycopg.OperationalError(connection.get_error_message() or "the session ended")
            if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
                left -= 1
            elif result is not None:
                results.append(result)


def _answer(group: Group, undo: Group, results: Iterator[PGresult], ended: psycopg.Error | None) -> Answer:
    done, undone = list(islice(results, len(group))), list(islice(results, len(undo)))
    answer = Answer()
    for result in done:
        if result.status not in _DONE:
            answer.error = psycopg.errors.error_from_result(result) if result.status in _ERRORS else None
            break
        answer.counts.append(result.command_tuples or 0)
        answer.values.append(_first(result))
    answer.after = [_first(undone[-1])] if undone else []
    answer.lost = len(undone) < len(undo) or any(result.status not in _DONE for result in undone)
    if answer.error is None and len(answer.values) < len(group):
        answer.error = ended or psycopg.OperationalError("the session ended")
    return answer


def _first(result: PGresult) -> str | None:
    value = result.get_value(0, 0) if result.ntuples and result.nfields else None
    return value.decode("utf-8", "replace") if value is not None else None
