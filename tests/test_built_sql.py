"""What a PL/pgSQL function runs as SQL, the alternatives of a predicate, and names of secret columns."""

from __future__ import annotations

import pytest

from auditor.detectors.catalog.sensitive_column_readable import is_secret
from auditor.facts.alternatives import alternatives, anybody_meets, open_to_anybody
from auditor.facts.built_sql import run_texts, tainted_by
from auditor.facts.schema import Column


def _tainted(body: str, *free: str) -> set[str]:
    runs = run_texts(f"create function f(p text, q text) returns void language plpgsql as $$ {body} $$")
    assert runs is not None
    return tainted_by(runs, set(free))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("begin execute 'select ' || p; end", {"p"}),
        ("begin execute format('select %s', p); end", {"p"}),
        ("begin execute format('select %I, %L', p, q); end", set()),
        ("begin execute format('select %2$s, %1$I', p, q); end", {"q"}),
        ("begin execute 'select ' || quote_ident(p); end", set()),
        ("begin execute 'select $1' using p; end", set()),
        ("declare v text := p; begin v := v || ' x'; execute v; end", {"p"}),
        ("begin execute 'select ' || coalesce(lower(p), 'x'); end", {"p"}),
        ("begin execute 'select ' || p::int; end", set()),
        ("begin execute 'order by ' || case when p = 'a' then 'a' else 'b' end; end", set()),
        ("begin execute 'order by ' || case when q = 'a' then p else 'b' end; end", {"p"}),
        ("begin execute concat('select ', f.p); end", {"p"}),
    ],
)
def test_what_stands_unquoted_in_sql(body: str, wanted: set[str]) -> None:
    assert _tainted(body, "p", "q") == wanted


def test_what_does_not_parse_is_not_judged() -> None:
    assert run_texts("create function f() returns void language plpgsql as $$ begin if $$") is None


def test_alternatives_of_a_predicate() -> None:
    parts = alternatives("((a = 1) AND (b = 2)) OR (( SELECT auth.uid() AS uid) IS NOT NULL)")
    assert len(parts) == 2
    assert len(parts[0]) == 2
    assert anybody_meets(parts[1][0])


@pytest.mark.parametrize(
    ("predicate", "anon", "user"),
    [
        ("true", True, True),
        ("(auth.uid() IS NOT NULL)", False, True),
        ("(( SELECT auth.role() AS role) = 'authenticated'::text)", False, True),
        ("(auth.uid() = owner_id)", False, False),
        ("((auth.uid() IS NOT NULL) AND is_admin())", False, False),
        ("((auth.uid() = owner_id) OR true)", True, True),
        ("published", False, False),
    ],
)
def test_who_is_let_in(predicate: str, *, anon: bool, user: bool) -> None:
    assert open_to_anybody(predicate, signed_in=False) is anon
    assert open_to_anybody(predicate, signed_in=True) is user


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("passwordHash", True), ("stripe_secret_key", True), ("access_token", True), ("api_key", True),
        ("ssn", True),
        ("card_number", True), ("token", True), ("token_count", False), ("token_type", False),
        ("public_key", False),
        ("publishable_key", False), ("content_hash", False), ("secretary", False), ("key", False),
    ],
)  # fmt: skip
def test_names_of_secret_columns(name: str, *, secret: bool) -> None:
    column = Column(name, "text", "S", not_null=False, default=None, generated=False, identity_always=False)
    assert is_secret(column) is secret
