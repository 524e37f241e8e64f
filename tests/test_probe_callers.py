"""Every kind of hole, planted once and proved, beside its mended twin; and a harness that rather fails than passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.model import Unavailable
from auditor.sources import probes
from auditor.sources.acting import Actor
from auditor.sources.callers import Caller, anonymous
from auditor.sources.cluster import REPLAY_ROLE, SUPERUSER
from auditor.sources.matrix import cells
from auditor.sources.planting import Planter
from tests import shadow_support as support

if TYPE_CHECKING:
    from auditor.sources.planting import Planted
    from auditor.sources.probes import Probed

SCHEMA = """
create table public.teams (id uuid primary key, owner_id uuid not null references auth.users, plan text);
create table public.members (
  team_id uuid references public.teams, user_id uuid references auth.users,
  role text not null check (role in ('member', 'admin')), primary key (team_id, user_id));
create table public.notes (
  id uuid primary key, team_id uuid not null references public.teams, author_id uuid not null references auth.users,
  body text);
create table public.profiles (
  id uuid primary key references auth.users, bio text, is_admin boolean not null default false);
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.notes enable row level security;
alter table public.profiles enable row level security;
create policy own on public.members for select to authenticated using (user_id = (select auth.uid()));
create function public.my_teams() returns setof uuid language sql stable security definer set search_path = '' as
  $$ select team_id from public.members where user_id = (select auth.uid()) $$;
"""
MINE = "team_id in (select public.my_teams())"
OWN = "author_id = (select auth.uid())"
SIGNED_IN = "auth.uid() is not null"
REVERT = """
create function public.keep() returns trigger language plpgsql set search_path = '' as
  $$ begin new.is_admin := old.is_admin; return new; end $$;
create trigger keep before update on public.profiles for each row execute function public.keep();
"""
OVERRIDE = """
create function public.mine() returns trigger language plpgsql set search_path = '' as
  $$ begin new.author_id := auth.uid(); return new; end $$;
create trigger mine before insert on public.notes for each row execute function public.mine();
"""
OWN_PROFILE = """create policy own on public.profiles to authenticated
  using (id = (select auth.uid())) with check (id = (select auth.uid()));"""


def _policy(table: str, command: str, using: str = "", check: str = "") -> str:
    clauses = (f" using ({using})" if using else "") + (f" with check ({check})" if check else "")
    return f"create policy p_{command} on public.{table} for {command} to authenticated{clauses};"


READABLE = _policy("notes", "select", MINE)
# A hole, its mended twin, and the attempt that tells them apart: caller, table, command, aim.
HOLES = {
    "read": (
        _policy("notes", "select", SIGNED_IN),
        READABLE,
        ("stranger", "notes", "SELECT", "others"),
    ),
    "insert in another's name": (
        READABLE + _policy("notes", "insert", check=SIGNED_IN),
        READABLE + _policy("notes", "insert", check=f"author_id = auth.uid() and {MINE}"),
        ("stranger", "notes", "INSERT", "others"),
    ),
    "insert in another tenant": (
        READABLE + _policy("notes", "insert", check="author_id = auth.uid()"),
        READABLE + _policy("notes", "insert", check=f"author_id = auth.uid() and {MINE}"),
        ("other", "notes", "INSERT", "join"),
    ),
    "a trigger sets the owner": (
        READABLE + _policy("notes", "insert", check=SIGNED_IN),
        READABLE + _policy("notes", "insert", check=SIGNED_IN) + OVERRIDE,
        ("stranger", "notes", "INSERT", "others"),
    ),
    "update without a WHERE": (
        READABLE + _policy("notes", "update", SIGNED_IN),
        READABLE + _policy("notes", "update", MINE),
        ("stranger", "notes", "UPDATE", "others"),
    ),
    "delete": (
        READABLE + _policy("notes", "delete", SIGNED_IN),
        READABLE + _policy("notes", "delete", MINE),
        ("stranger", "notes", "DELETE", "others"),
    ),
    "move to another tenant": (
        _policy("notes", "select", OWN) + _policy("notes", "update", OWN),
        _policy("notes", "select", OWN) + _policy("notes", "update", OWN, f"{OWN} and {MINE}"),
        ("owner", "notes", "UPDATE", "move"),
    ),
    "more privilege": (OWN_PROFILE, OWN_PROFILE + REVERT, ("owner", "profiles", "UPDATE", "raise")),
    "anonymous sign-in": (
        _policy("notes", "select", f"{SIGNED_IN} or (auth.jwt()->>'is_anonymous')::boolean"),
        _policy("notes", "select", f"{MINE} and (auth.jwt()->>'is_anonymous')::boolean is false"),
        ("anonymous-user", "notes", "SELECT", "others"),
    ),
    "without any sign-in": (
        "create policy p on public.notes using (true);",
        "create policy p on public.notes to authenticated using (true);",
        ("anon", "notes", "DELETE", "others"),
    ),
}


def _states(probed: Probed, wanted: tuple[str, str, str, str]) -> set[str]:
    caller, name, command, aim = wanted
    result = next(result for result in probed.tables.values() if result.table.name == name)
    assert result.unplanted is None
    tried = [a for a in result.attempts if (a.caller, a.command, a.aim) == (caller, command, aim)]
    return {attempt.state for attempt in tried if attempt.column in {"", "team_id", "is_admin"}}


@pytest.mark.parametrize("hole", HOLES)
def test_each_hole_is_proved_and_its_twin_is_not(hole: str) -> None:
    bad, good, wanted = HOLES[hole]
    with support.shadow(SCHEMA + bad) as database:
        assert _states(probes.probe(database), wanted) == {"allowed"}
    with support.shadow(SCHEMA + good) as database:
        probed = probes.probe(database)
        assert _states(probed, wanted) == {"denied"}
        assert _states(probed, ("service_role", wanted[1], "SELECT", "others")) == {"allowed"}, "there was a row to get"


def test_the_matrix_tells_own_rows_from_all() -> None:
    policies = READABLE + _policy("notes", "update", "author_id = (select auth.uid())") + OWN_PROFILE
    with support.shadow(SCHEMA + policies) as database:
        found = {(c.object, c.caller, c.command): c.state for c in cells(probes.probe(database))}
    assert found["public.notes", "owner", "SELECT"] == "own-rows"
    assert found["public.notes", "owner", "DELETE"] == "denied"
    assert found["public.notes", "stranger", "SELECT"] == "denied"
    assert found["public.notes", "service_role", "DELETE"] == "allowed"
    assert found["public.profiles", "owner", "INSERT"] == "own-rows", (
        "stopped by the key that is taken, not by a policy"
    )
    assert found["public.members", "other", "INSERT"] == "denied"


VIEW = """
create view public.overview as select n.id, n.author_id from public.notes n;
create view public.mine with (security_invoker = true) as select n.id, n.author_id from public.notes n;
create view public.constants as select 1 as one;
"""


def test_what_a_stranger_sees_through_a_view() -> None:
    with support.shadow(SCHEMA + READABLE + VIEW) as database:
        views = {view.identity: {s.caller: s.state for s in view.sights} for view in probes.probe(database).views}
    assert views["public.overview"] == {"anon": "allowed", "stranger": "allowed", "service_role": "allowed"}
    assert views["public.mine"] == {"anon": "denied", "stranger": "denied", "service_role": "allowed"}
    assert set(views["public.constants"].values()) == {"unknown"}, "nothing of the planted rows is in it for anybody"


PLAIN = """
create role login noinherit login;
create role web_anon nologin;
grant web_anon to login;
create table public.open (id int primary key, secret text);
create table public.closed (id int primary key, secret text);
alter table public.closed enable row level security;
grant select on public.open, public.closed to web_anon;
"""


def test_roles_of_a_plain_server_act_too() -> None:
    with support.shadow(PLAIN, supabase=False) as database:
        found = {(c.object, c.caller, c.command): c.state for c in cells(probes.probe(database))}
    assert found["public.open", "web_anon", "SELECT"] == "allowed"
    assert found["public.closed", "web_anon", "SELECT"] == "denied"
    assert found["public.open", "web_anon", "DELETE"] == "denied"


def test_a_caller_that_is_secretly_a_superuser_makes_the_harness_fail() -> None:
    with support.shadow(SCHEMA) as database:
        assert database.cluster
        with database.cluster.connect(SUPERUSER) as session:
            session.execute("alter role anon superuser")
        with pytest.raises(Unavailable, match="superuser"):
            probes.probe(database)


def test_a_row_that_is_not_there_is_no_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Planter):
        def run(self) -> Planted:
            planted = super().run()
            assert self._cluster
            with self._cluster.connect(REPLAY_ROLE) as session:
                session.execute("delete from public.notes")
            return planted

    monkeypatch.setattr(probes, "Planter", Forgetful)
    with support.shadow(SCHEMA + READABLE) as database:
        found = {(c.object, c.caller, c.command): c.state for c in cells(probes.probe(database))}
    assert found["public.notes", "stranger", "SELECT"] == "unknown"


@pytest.mark.parametrize("undo", ["reset role", "set local role service_role"])
def test_a_session_that_lost_its_role_proves_nothing(undo: str) -> None:
    with support.shadow(SCHEMA) as database:
        actor = Actor(database)
        try:
            actor.become(anonymous())
            actor.session.execute(undo.encode())
            outcome = actor.attempt("select count(*) from public.notes")
        finally:
            actor.close()
    assert outcome.error is not None
    assert "no longer anon" in str(outcome.error)


def test_a_role_that_does_not_exist_is_no_denial() -> None:
    with support.shadow(SCHEMA) as database:
        actor = Actor(database)
        with pytest.raises(Unavailable, match="nobody can act"):
            actor.become(Caller("ghost", "ghost", "{}"))
        actor.close()


CHANNEL = """
create policy listen on realtime.messages for select to authenticated using (
  extension = 'broadcast' and exists (
    select from public.members m
    where m.user_id = (select auth.uid()) and 'team:' || m.team_id = (select realtime.topic())));
"""
OPEN_CHANNEL = (
    "create policy listen on realtime.messages for select to authenticated using (realtime.topic() like 'team:%');"
)


def test_a_private_channel_is_tried_by_the_topic_that_the_policies_know() -> None:
    states = {}
    for name, policy in (("bound", CHANNEL), ("open", OPEN_CHANNEL)):
        with support.shadow(SCHEMA + policy) as database:
            found = cells(probes.probe(database))
            states[name] = {(c.object, c.caller, c.command): c.state for c in found if c.object.startswith("realtime")}
    channel = "realtime.messages on team:<tenant>"
    assert states["bound"][channel, "owner", "SELECT"] == "own-rows"
    assert states["bound"][channel, "stranger", "SELECT"] == "denied"
    assert states["bound"][channel, "owner", "INSERT"] == "denied"
    assert states["open"][channel, "stranger", "SELECT"] == "allowed"
    assert states["open"][channel, "anon", "SELECT"] == "denied"
    assert {key[0] for key in states["bound"]} == {channel}, "of topics that the owner cannot use nothing is said"
