"""How grave it is that a definer function asks nobody: by what whoever calls it could bring about."""

from __future__ import annotations

import pytest

from auditor.detectors.ask import ask_database
from auditor.detectors.confirm import reported_once
from auditor.model import Answer, RuleAnswers, Severity, State
from auditor.rulebook import load_rulebook
from tests.shadow_support import shadow

PAGES = {page.id: page for page in load_rulebook().pages}
PAGE = PAGES["definer-function-exposed"]
TRUSTS = PAGES["definer-function-trusts-caller-id"]
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


@pytest.mark.parametrize(
    ("body", "revoked", "severity"),
    [
        ("select * from public.codes where owner_id = p_user_id", "", "high"),
        ("select * from public.codes where owner_id = p_user_id", "public, anon", "medium"),
        ("delete from public.codes where owner_id = p_user_id returning *", "", "critical"),
        ("delete from public.codes where owner_id = p_user_id returning *", "public, anon", "high"),
    ],
)
def test_reading_for_whoever_is_named_ranks_below_changing(body: str, revoked: str, severity: str) -> None:
    text = "create table public.codes (id uuid primary key, owner_id uuid, note text);\n"
    text += "create function public.f(p_user_id uuid) returns setof public.codes language sql\n"
    text += f"security definer set search_path = '' as $$ {body} $$;\n"
    text += f"revoke execute on function public.f(uuid) from {revoked};" if revoked else ""
    with shadow(text) as database:
        (answer,) = [row for row in ask_database(TRUSTS, database) if row.state is State.FAIL]
    assert answer.severity
    assert answer.severity.value == severity


def _row(subject: str, detail: str, severity: Severity | None = None) -> Answer:
    return Answer(subject, State.FAIL, detail, severity=severity, database="db")


def test_a_function_that_trusts_an_id_is_reported_once() -> None:
    trusts = [_row("function f", "reads data", Severity.MEDIUM), _row("function g", "changes data", Severity.HIGH)]
    reached = [_row("function f", "joins", Severity.CRITICAL), _row("function h", "returns")]
    rules = {TRUSTS.id: trusts, "definer-function-reaches-others": reached}
    once = reported_once({rule: RuleAnswers(rule, rows) for rule, rows in rules.items()})
    assert [row.severity for row in once[TRUSTS.id].answers] == [Severity.CRITICAL, Severity.HIGH]
    (settled, kept) = once["definer-function-reaches-others"].answers
    assert (settled.state, kept.state) == (State.OK, State.FAIL)
    assert TRUSTS.id in settled.detail


def test_an_exposed_function_that_only_reads_is_reported_where_its_calls_are() -> None:
    exposed = [_row("function f", "works with", Severity.HIGH), _row("function g", "changes data with", Severity.HIGH)]
    reached = [_row("function f", "returns"), _row("function g", "changes")]
    rules = {PAGE.id: exposed, "definer-function-reaches-others": reached}
    once = reported_once({rule: RuleAnswers(rule, rows) for rule, rows in rules.items()})
    assert [row.state for row in once[PAGE.id].answers] == [State.OK, State.FAIL]
    assert [row.severity for row in once["definer-function-reaches-others"].answers] == [Severity.HIGH, None]


_READ = """
create table public.products (id uuid primary key, name text, price numeric, active boolean not null);
create table public.orders (id uuid primary key, user_id uuid not null references auth.users, total numeric);
create table public.invoices (id uuid primary key, product_id uuid references public.products, customer_email text);
create function public.f() returns table (id uuid, n numeric) language plpgsql stable security definer
set search_path = '' as $$ begin BODY end $$;
"""


@pytest.mark.parametrize(
    ("body", "severity", "word"),
    [
        ("return query select p.id, p.price from public.products p where p.active;", "medium", "works"),
        ("return query select o.id, o.total from public.orders o;", "high", "works"),
        ("return query select i.id, 0.0 from public.products p join public.invoices i on true;", "high", "works"),
        ("return query execute format('select id, %I from public.products', 'price');", "high", "works"),
        ("return query execute 'update public.products set price = 0 returning id, price';", "high", "changes data"),
        ("execute 'select 1'; return query select p.id, p.price from public.products p;", "high", "changes data"),
    ],
)
def test_rows_that_are_nobodys_are_less_than_rows_of_somebody(body: str, severity: str, word: str) -> None:
    with shadow(_READ.replace("BODY", body)) as database:
        (answer,) = [row for row in ask_database(PAGE, database) if row.state is State.FAIL]
    assert (answer.severity or PAGE.severity).value == severity
    assert answer.detail.startswith(word)
