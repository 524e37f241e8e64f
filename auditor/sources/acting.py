"""A session that acts as one caller after the other, one savepoint for each attempt, everything rolled back.

It logs in as `authenticator`, as PostgREST does, and takes a role from there: a superuser that merely sets a role could
be talked out of it by a policy's function. Attempts go out together and their answers are read together, since waiting
for each would take longer than the server takes for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import sql

from auditor.model import Unavailable
from auditor.sources.pipeline import Group, converse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.sources.callers import Caller
    from auditor.sources.database import Database
    from auditor.sources.pipeline import Answer

SUPABASE_LOGIN = "authenticator"
PLAIN_LOGIN = "backend_audit_api"
"""On a plain server: made before the history, a member of nothing until the replay role lets it be."""
_WHO = "select current_user"
_CHECKED = "set constraints all immediate"
_SERVICE = "set local role service_role"
# Released as well: thousands of savepoints inside one another would cost more with each.
_UNDO = ("rollback to savepoint attempt", "release savepoint attempt", _WHO)
_CANCELLED = "57014"
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Step:
    """One statement to try; `setting` runs before it."""

    statement: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`count` is the rows touched; `value` the first value of the first row, as text."""

    count: int = 0
    value: str | None = None
    error: psycopg.Error | None = None


class Actor:
    """Carries out attempts. Raises Unavailable when it cannot be sure of who it is."""

    def __init__(self, database: Database) -> None:
        assert database.cluster
        assert database.watchdog
        self._watchdog = database.watchdog
        self._cluster = database.cluster
        self._login = SUPABASE_LOGIN if database.supabase else PLAIN_LOGIN
        self._caller: Caller | None = None
        self.session = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        # The search path is PostgREST's, not what a history set for the database: there `count` could be its own.
        return self._cluster.connect(
            self._login, statement_timeout="5000", client_min_messages="error", search_path="public,extensions"
        )

    def close(self) -> None:
        self.session.close()

    def become(self, caller: Caller) -> None:
        """Begin a transaction as `caller`; the one before is rolled back."""
        self._caller = caller
        self.session = self._watchdog.revive(self.session, self._connect)
        try:
            self.session.execute("rollback")
            self.session.execute("begin")
            self.session.execute(sql.SQL("set local role {}").format(sql.Identifier(caller.role)))
            self.session.execute("select set_config('request.jwt.claims', %s, true)", (caller.claims,))
            powers = "select rolsuper from pg_catalog.pg_roles where rolname = current_user and current_user = %s"
            row = self.session.execute(powers, (caller.role,)).fetchone()
        except psycopg.Error as error:
            raise Unavailable(f"nobody can act as {caller.role}: {first_line(error)}") from None
        if row is None or row[0]:  # every right would be granted to it, and prove nothing
            raise Unavailable(f"the caller {caller.name} acts as a superuser, not as {caller.role}")

    def attempt(self, statement: str, *, setting: str = "") -> Outcome:
        """One statement, undone again."""
        return self.attempts([Step(statement, setting)])[0]

    def attempts(self, steps: Sequence[Step]) -> list[Outcome]:
        """Each undone before the next."""
        return self._all([_attempting(step) for step in steps], self._outcome)

    def differs(self, statement: str, check: str) -> tuple[str | None, str | None] | None:
        """What `check` returns to the service role before and after `statement`; None where that cannot be said."""
        return self.differences([(statement, check)])[0]

    def differences(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str | None, str | None] | None]:
        """The same of several statements, each undone before the next.

        The service role sees every row: the caller may not see what its own statement did.
        """
        assert self._caller
        role = sql.SQL("set local role {}").format(sql.Identifier(self._caller.role)).as_string()
        groups: list[Group] = [
            ("savepoint attempt", _WHO, _SERVICE, check, role, statement, _CHECKED, _SERVICE, check)
            for statement, check in pairs
        ]
        return self._all(groups, self._difference)

    def _all(self, groups: list[Group], read: Callable[[Answer], _Read]) -> list[_Read]:
        """Whoever is found to be somebody else begins anew, and so does a session that an attempt ended."""
        assert self._caller
        found: list[_Read] = []
        together = len(groups)
        while waiting := groups[len(found) : len(found) + together]:
            with self._watchdog.watch(self.session):
                answers = converse(self.session, waiting, _UNDO)
            together = len(groups)
            for answer in answers:
                # Cancelled perhaps for the time that others took; lost perhaps with a session that a later one ended.
                again = len(waiting) > 1 and (answer.state == _CANCELLED or answer.lost)
                if not again:
                    found.append(read(answer))
                if anew := answer.lost or self._is_another(answer.after):
                    self.become(self._caller)
                if again or anew:
                    together = 1 if again else together
                    break
        return found

    def _outcome(self, answer: Answer) -> Outcome:
        """A probe that slipped out of its role proves nothing."""
        assert self._caller
        if self._is_another(answer.values[1:2]):
            return self._slipped()
        if answer.error is not None:
            return Outcome(error=answer.error)
        if self._is_another(answer.values[-1:]):
            return self._slipped()
        return Outcome(answer.counts[-3], answer.values[-3])

    def _slipped(self) -> Outcome:
        assert self._caller
        return Outcome(error=psycopg.errors.InvalidRoleSpecification(f"the session is no longer {self._caller.role}"))

    def _difference(self, answer: Answer) -> tuple[str | None, str | None] | None:
        if answer.error is not None or self._is_another(answer.values[1:2]):
            return None
        return answer.values[3], answer.values[-1]

    def _is_another(self, who: Sequence[str | None]) -> bool:
        assert self._caller
        return bool(who) and who[0] != self._caller.role


def _attempting(step: Step) -> Group:
    first = (step.setting,) if step.setting else ()
    return ("savepoint attempt", _WHO, *first, step.statement, _CHECKED, _WHO)


def first_line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error) or type(error).__name__).splitlines()[0]
