from __future__ import annotations

import pytest

from auditor.detectors.catalog.policy_auth_call_per_row import bare_calls
from auditor.facts.predicates import Truth, only_own_columns, truth_of


@pytest.mark.parametrize(
    "predicate",
    [
        "true",
        "(1 < 2)",
        "(true OR (id = 1))",
        "(NOT false)",
        "( SELECT true AS bool)",
        "COALESCE(true, false)",
        "((a IS NULL) OR (a IS NOT NULL))",
        "('t'::text = 't'::text)",
        "('true'::boolean)",
        "((owner = auth.uid()) OR (1 = 1))",
        "(( SELECT (1 = 1)) OR (a = b))",
    ],
)
def test_always_true(predicate: str) -> None:
    assert truth_of(predicate) == Truth(value=True)


def test_true_unless_null() -> None:
    assert truth_of("(organization_id = organization_id)") == Truth(value=True, unless_null=("organization_id",))


@pytest.mark.parametrize("predicate", ["false", "(1 > 2)", "(true AND false)", "('f'::boolean)"])
def test_always_false(predicate: str) -> None:
    assert truth_of(predicate).value is False


@pytest.mark.parametrize(
    "predicate",
    [
        "(user_id = auth.uid())",
        "(auth.uid() IS NOT NULL)",
        "(EXISTS ( SELECT 1 FROM members m WHERE (m.team_id = notes.team_id)))",
        "((a IS NULL) OR (b IS NOT NULL))",
        "(a.id = b.id)",
        "(random() = random())",
        "not sql at all ((",
        "(" * 500 + "true" + ")" * 500,
    ],
)
def test_undecided(predicate: str) -> None:
    assert truth_of(predicate).value is None


@pytest.mark.parametrize(
    ("predicate", "calls"),
    [
        ("(auth.uid() = user_id)", ["auth.uid"]),
        ("(( SELECT auth.uid() AS uid) = user_id)", []),
        ("((( SELECT auth.jwt() AS jwt) ->> 'role'::text) = 'a'::text)", []),
        ("(id IN ( SELECT m.id FROM members m WHERE (m.user_id = auth.uid())))", ["auth.uid"]),
        ("(current_setting('app.user'::text) = owner)", ["current_setting"]),
        ("(other.uid() = user_id)", []),
    ],
)
def test_calls_per_row(predicate: str, calls: list[str]) -> None:
    assert bare_calls(predicate) == calls


def test_rows_published_by_their_own_columns() -> None:
    assert only_own_columns("(published AND (status = 'live'::text))")
    assert not only_own_columns("(user_id = auth.uid())")
    assert not only_own_columns("(EXISTS ( SELECT 1 FROM members))")
    assert not only_own_columns("is_member(team_id)")
