"""How grave it is that a definer function asks nobody: by what whoever calls it could bring about."""

from __future__ import annotations

import pytest

from auditor.detectors.ask import ask_database
from auditor.model import Severity, State
from auditor.rulebook import load_rulebook
from tests.shadow_support import shadow

PAGES = {page.id: page for page in load_rulebook().pages}
PAGE = PAGES["definer-function-exposed"]
TABLE = "create table public.codes (id uuid primary key, note text, expires_at timestamptz);\n"
FIRST_ADMIN = """
create table public.roles (user_id uuid primary key, role text not null);
create function public.make_first_admin(_user_id uuid) returns boolean
language plpgsql security definer set search_path = '' as $$ begin
  -- first
  insert into public.roles (user_id, role) values (_user_id, 'admin');
  return true;
end $$;
"""


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ("begin delete from public.codes where expires_at < now(); end", Severity.LOW),
        ("begin delete from public.codes c where c.expires_at <= current_timestamp; end", Severity.LOW),
        ("begin delete from public.codes where expires_at < now() or note is null; end", Severity.HIGH),
        (
            "begin delete from public.codes where expires_at < now(); update public.codes set note = ''; end",
            Severity.HIGH,
        ),
        ("begin delete from public.codes; end", Severity.HIGH),
    ],
)
def test_clearing_what_has_expired_harms_nobody(body: str, severity: Severity) -> None:
    made = "create function public.f() returns void language plpgsql security definer set search_path = ''"
    text = f"{TABLE}{made} as $${body}$$;"
    with shadow(text) as database:
        (answer,) = [row for row in ask_database(PAGE, database) if row.state is State.FAIL]
    assert (answer.severity or PAGE.severity) is severity


@pytest.mark.parametrize(
    ("first", "severity"),
    [
        ("if exists (select 1 from public.roles where role = 'admin') then raise exception 'no'; end if;", "medium"),
        ("if exists (select 1 from public.roles where user_id = _user_id) then return false; end if;", "critical"),
        ("", "critical"),
    ],
)
def test_the_first_administrator_is_made_once(first: str, severity: str) -> None:
    text = FIRST_ADMIN.replace("-- first", first)
    page = PAGES["definer-function-trusts-caller-id"]
    with shadow(text) as database:
        (answer,) = [row for row in ask_database(page, database) if row.state is State.FAIL]
    assert (answer.severity or page.severity).value == severity
