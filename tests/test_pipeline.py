"""Attempts that go out together: each is undone, and none is judged by what became of another."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from auditor.sources import acting
from auditor.sources.acting import Actor, Step
from auditor.sources.callers import Caller, anonymous
from auditor.sources.pipeline import Answer, converse
from tests import shadow_support as support

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.sources.acting import Outcome
    from auditor.sources.pipeline import Group

SCHEMA = """
create table public.open (id int primary key);
insert into public.open values (1), (2);
grant all on public.open to anon;
create table public.late (id int primary key, open_id int references public.open deferrable initially deferred);
grant all on public.late to anon;
create function public.slip() returns int language plpgsql as
  $$ begin perform set_config('role', 'service_role', true); return 1; end $$;
create function public.ends() returns int language plpgsql security definer as
  $$ begin perform pg_terminate_backend(pg_backend_pid()); return 1; end $$;
create function public.slow() returns int language plpgsql as
  $$ begin perform set_config('statement_timeout', '0', true), pg_sleep(30); return 1; end $$;
create rule much as on insert to public.open where new.id = 77
  do also select repeat('x', 1000) from generate_series(1, 100000);
"""
COUNT = "select count(*) from public.open"


@contextmanager
def _acting(caller: Caller | None = None, statement_seconds: float = 20.0) -> Iterator[Actor]:
    with support.shadow(SCHEMA, statement_seconds=statement_seconds) as database:
        assert support.failed(database) == []
        actor = Actor(database)
        try:
            actor.become(caller or anonymous())
            yield actor
        finally:
            actor.close()


def _told(outcomes: list[Outcome]) -> list[str | int | None]:
    return [
        o.error.sqlstate or "session" if o.error else (o.value if o.value is not None else o.count) for o in outcomes
    ]


def test_one_error_is_its_own_alone_and_all_is_undone() -> None:
    texts = [
        COUNT,
        "delete from public.open",
        "select 1/0",
        COUNT,
        "insert into public.open values (3)",
        "gibberish",
        COUNT,
    ]
    with _acting() as actor:
        assert _told(actor.attempts(list(map(Step, texts)))) == ["2", 2, "22012", "2", 1, "42601", "2"]
        assert _told([actor.attempt(COUNT)]) == ["2"]


def test_a_deferred_constraint_speaks_before_the_attempt_is_undone() -> None:
    with _acting() as actor:
        assert _told([actor.attempt("insert into public.late values (1, 99)")]) == ["23503"]


@pytest.mark.parametrize("way", ["select public.slip()", "set local role service_role", "reset role"])
def test_whoever_slips_out_of_the_role_proves_nothing_and_spoils_nothing(way: str) -> None:
    with _acting() as actor:
        first, slipped, *rest = actor.attempts([Step(COUNT), Step(way), Step("select current_user"), Step(COUNT)])
    assert first.value == "2"
    assert "no longer anon" in str(slipped.error)
    assert [outcome.value for outcome in rest] == ["anon", "2"]


def test_a_savepoint_that_undoes_the_role_is_noticed() -> None:
    """The role is set before the first savepoint; one that was set inside is gone after it."""
    with _acting() as actor:
        for command in ("reset role", "savepoint inner_one", "set local role anon"):
            actor.session.execute(command)
        assert actor.attempt(COUNT).value == "2"
        actor.session.execute("rollback to savepoint inner_one")
        outcome = actor.attempt(COUNT)
    assert "no longer anon" in str(outcome.error)


def test_a_session_that_an_attempt_ends_is_begun_anew_for_the_next() -> None:
    with _acting() as actor:
        told = _told(
            actor.attempts([Step(COUNT), Step("select public.ends()"), Step(COUNT), Step("select current_user")])
        )
    assert told[0] == "2"
    assert told[1] in {"57P01", "session"}
    assert told[2:] == ["2", "anon"]


def test_what_was_lost_with_the_session_of_a_later_attempt_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    talks: list[int] = []

    def losing(session: Any, groups: Sequence[Group], undo: Group) -> list[Answer]:  # noqa: ANN401 - as it is called
        talks.append(len(groups))
        if len(talks) > 1:
            return converse(session, groups, undo)
        session.close()  # the server ended it, and what it had said before never came
        return [Answer(error=psycopg.OperationalError("the session ended"), lost=True)]

    with _acting() as actor:
        monkeypatch.setattr(acting, "converse", losing)
        assert _told(actor.attempts([Step(COUNT), Step("select current_user"), Step(COUNT)])) == ["2", "anon", "2"]
    assert talks == [3, 1, 2]


def test_a_statement_that_is_stopped_does_not_stop_its_neighbours() -> None:
    with _acting(statement_seconds=1.0) as actor:
        told = _told(actor.attempts([Step(COUNT), Step("select public.slow()"), Step(COUNT)]))
    assert told == ["2", "57014", "2"]


def test_what_a_rule_selects_is_dropped_by_the_server() -> None:
    with _acting() as actor:
        outcome = actor.attempt("insert into public.open values (77)")
    assert (outcome.error, outcome.value) == (None, None)


def test_differences_are_what_the_service_role_sees() -> None:
    pairs = [
        ("delete from public.open", COUNT),
        ("select 1", COUNT),
        ("select 1/0", COUNT),
        ("select public.slip()", COUNT),
    ]
    with _acting() as actor:
        found = actor.differences(pairs)
        assert found[:3] == [("2", "0"), ("2", "2"), None]
        assert actor.attempt("select current_user").value == "anon"
