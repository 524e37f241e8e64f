"""What policies are read to say: table-driven, one predicate after another as `pg_get_expr` writes them."""

from __future__ import annotations

import pytest

from auditor.detectors.catalog.policy_auth_call_per_row import bare_calls
from auditor.detectors.catalog.policy_gates_on_email import email_gates
from auditor.detectors.catalog.policy_null_comparison import null_comparisons
from auditor.detectors.catalog.policy_unknown_claim_or_role_literal import wanted_roles
from auditor.facts.ownership import Owned
from auditor.facts.policy_bindings import bound_columns, own_row_columns
from auditor.facts.policy_functions import Function, called, callees, expand, named
from auditor.facts.policy_inserts import from_metadata, inserted
from auditor.facts.policy_outcomes import ANON, ANYBODY, SIGNED_IN, outcomes
from auditor.facts.policy_selects import may_give_more, scalar_selects
from auditor.facts.policy_terms import Term, terms_of
from auditor.facts.privileged_columns import is_membership, one_row_per_user, privileged_columns
from auditor.facts.schema import Column, Schema, Table

TRUE, FALSE, NULL = "true", "false", "null"
EITHER = {TRUE, FALSE}
ANY = {TRUE, FALSE, NULL}
MEMBERS = "(EXISTS ( SELECT 1 FROM public.members m WHERE ((m.team_id = notes.team_id) AND (m.user_id = auth.uid()))))"


def terms(predicate: str, table: str = "notes") -> Term:
    term = terms_of(predicate, table)
    assert term
    return term


def function(name: str, source: str, *, language: str = "sql", arguments: tuple[str, ...] = ()) -> Function:
    return Function(
        oid=hash(name),
        identity=f"public.{name}()",
        schema="public",
        name=name,
        language=language,
        source=source,
        arguments=arguments,
        definer=False,
        volatility="s",
        leakproof=False,
        bypasses=False,
    )


@pytest.mark.parametrize(
    ("predicate", "signed_in", "anon"),
    [
        ("(auth.uid() IS NOT NULL)", {TRUE}, {FALSE}),
        ("(( SELECT auth.uid() AS uid) IS NOT NULL)", {TRUE}, {FALSE}),
        ("(NOT (auth.uid() IS NULL))", {TRUE}, {FALSE}),
        ("(auth.role() = 'authenticated'::text)", {TRUE}, {FALSE}),
        ("('authenticated'::text = ( SELECT auth.role() AS role))", {TRUE}, {FALSE}),
        ("(auth.role() <> 'anon'::text)", {TRUE}, {FALSE}),
        ("(auth.role() = ANY (ARRAY['authenticated'::text, 'service_role'::text]))", {TRUE}, {FALSE}),
        ("(auth.role() <> ALL (ARRAY['anon'::text]))", {TRUE}, {FALSE}),
        ("((auth.jwt() ->> 'aud'::text) = 'authenticated'::text)", {TRUE}, {FALSE}),
        ("((auth.jwt() ->> 'sub'::text) IS NOT NULL)", {TRUE}, {FALSE}),
        (
            "(((current_setting('request.jwt.claims'::text, true))::json ->> 'role'::text) = 'authenticated'::text)",
            {TRUE},
            {FALSE},
        ),
        (
            "((NULLIF(current_setting('request.jwt.claim.sub'::text, true), ''::text))::uuid IS NOT NULL)",
            {TRUE},
            {FALSE},
        ),
        ("(COALESCE((auth.jwt() ->> 'sub'::text), ''::text) <> ''::text)", EITHER, {FALSE}),
        ("(auth.uid() = auth.uid())", {TRUE}, {NULL}),
        ("((user_id = auth.uid()) OR (auth.uid() IS NOT NULL))", {TRUE}, {NULL}),
        ("((user_id = auth.uid()) OR (auth.uid() IS NULL))", ANY, {TRUE}),
        ("(user_id = auth.uid())", ANY, {NULL}),
        ("(CURRENT_USER = 'authenticated'::name)", {TRUE}, {FALSE}),
        ("(auth.role() = 'service_role'::text)", {FALSE}, {FALSE}),
        ("((auth.uid() IS NOT NULL) IS TRUE)", {TRUE}, {FALSE}),
        ("(auth.uid() IS DISTINCT FROM NULL::uuid)", {TRUE}, {FALSE}),
        (MEMBERS, EITHER, {FALSE}),
        ("(team_id IN ( SELECT m.team_id FROM members m WHERE (m.user_id = auth.uid())))", ANY, {FALSE}),
        ("(published IS TRUE)", EITHER, EITHER),
        ("(published)", ANY, ANY),
        ("public.unheard_of(id)", ANY, ANY),
        ("(((auth.jwt() ->> 'is_anonymous'::text))::boolean IS FALSE)", {TRUE}, {FALSE}),
    ],
)
def test_outcomes(predicate: str, signed_in: set[str], anon: set[str]) -> None:
    term = terms(predicate)
    assert outcomes(term, SIGNED_IN) == signed_in
    assert outcomes(term, ANON) == anon


@pytest.mark.parametrize(
    "predicate", ["(1 = 2)", "false", "((auth.uid() IS NULL) AND false)", "('a'::text = 'b'::text)"]
)
def test_never_true_for_anybody(predicate: str) -> None:
    assert TRUE not in outcomes(terms(predicate), ANYBODY)


@pytest.mark.parametrize(
    "predicate", ["(auth.role() = 'service_role'::text)", "(id = 1)", "(auth.uid() IS NULL)", MEMBERS]
)
def test_may_be_true_for_somebody(predicate: str) -> None:
    assert TRUE in outcomes(terms(predicate), ANYBODY)


@pytest.mark.parametrize(
    ("predicate", "bound", "own"),
    [
        ("(user_id = auth.uid())", {"user_id"}, {"user_id"}),
        ("(( SELECT auth.uid() AS uid) = user_id)", {"user_id"}, {"user_id"}),
        ("((user_id)::text = (auth.jwt() ->> 'sub'::text))", {"user_id"}, {"user_id"}),
        ("((user_id = auth.uid()) AND (team_id = 1))", {"user_id"}, {"user_id"}),
        ("((user_id = auth.uid()) OR published)", set(), set()),
        ("((user_id = auth.uid()) OR (auth.role() = 'service_role'::text))", {"user_id"}, {"user_id"}),
        ("((user_id = auth.uid()) OR public.is_admin())", {"user_id"}, {"user_id"}),
        ("((user_id = auth.uid()) OR (auth.uid() IS NOT NULL))", set(), set()),
        (MEMBERS, {"team_id"}, set()),
        (f"((user_id = auth.uid()) AND {MEMBERS})", {"user_id", "team_id"}, {"user_id"}),
        ("public.is_member(team_id)", {"team_id"}, set()),
        ("(user_id IS NOT NULL)", set(), set()),
        ("(email = auth.email())", {"email"}, set()),
        ("(lower(title) = 'x'::text)", set(), set()),
    ],
)
def test_bound_columns(predicate: str, bound: set[str], own: set[str]) -> None:
    assert set(bound_columns(terms(predicate)) or ()) == bound
    assert set(own_row_columns(terms(predicate)) or ()) == own


@pytest.mark.parametrize("predicate", ["(auth.role() = 'service_role'::text)", "public.is_admin()", "false"])
def test_no_branch_for_an_ordinary_user(predicate: str) -> None:
    assert bound_columns(terms(predicate)) is None


def test_columns_of_the_row_and_of_inner_tables() -> None:
    term = terms("(EXISTS ( SELECT 1 FROM notes notes_1 WHERE (notes_1.id = notes.parent)))")
    assert term.own_columns == {"parent"}
    assert term.relations == {"notes"}


@pytest.mark.parametrize(
    ("source", "language", "outcome"),
    [
        ("select auth.uid() is not null", "sql", {TRUE}),
        ("-- signed in\nselect (select auth.role()) = 'authenticated';", "sql", {TRUE}),
        ("begin return auth.uid() is not null; end", "plpgsql", {TRUE}),
        ("BEGIN\n RETURN auth.role() = 'admin';\nEND;", "plpgsql", {FALSE}),
        ("CREATE FUNCTION public.f() RETURNS boolean LANGUAGE sql RETURN (auth.uid() IS NOT NULL)", "sql", {TRUE}),
        ("select exists (select 1 from admins where user_id = auth.uid())", "sql", EITHER),
        ("begin if now() > now() then return true; end if; return false; end", "plpgsql", ANY),
    ],
)
def test_functions_are_looked_into(source: str, language: str, outcome: set[str]) -> None:
    functions = named([function("f", source, language=language)])
    for call in ("public.f()", "f()", "( SELECT public.f() AS f)"):
        assert outcomes(expand(terms(call), functions), SIGNED_IN) == outcome


def test_a_functions_arguments_are_filled_in() -> None:
    by_name = function("mine", "select owner = auth.uid()", arguments=("owner",))
    by_number = function("mine", "select $1 = auth.uid()", arguments=("",))
    for given in (by_name, by_number):
        assert own_row_columns(expand(terms("public.mine(user_id)"), named([given]))) == frozenset({"user_id"})


def test_a_function_that_calls_itself_ends() -> None:
    assert outcomes(expand(terms("f()"), named([function("f", "select public.f()")])), SIGNED_IN) == ANY


def test_called_through_one_another() -> None:
    one = function("one", "select public.two()")
    two = function(
        "two", "begin return (select role from public.members where id = auth.uid()); end", language="plpgsql"
    )
    functions = named([one, two])
    assert [f.name for f in called(terms("public.one()"), functions)] == ["one", "two"]
    assert two.reads == {"public.members"}
    assert callees(two, functions) == []


@pytest.mark.parametrize(
    ("predicate", "roles"),
    [
        ("(auth.role() = 'admin'::text)", {"admin"}),
        ("(( SELECT auth.role() AS role) = ANY (ARRAY['a'::text, 'b'::text]))", {"a", "b"}),
        ("((auth.jwt() ->> 'role'::text) = 'x'::text)", {"x"}),
        ("(((current_setting('request.jwt.claims'::text, true))::json ->> 'role'::text) = 'x'::text)", {"x"}),
        ("(((auth.jwt() -> 'app_metadata'::text) ->> 'role'::text) = 'admin'::text)", set()),
        ("((settings ->> 'role'::text) = 'admin'::text)", set()),
        ("((auth.jwt() ->> 'user_role'::text) = 'admin'::text)", set()),
        ("(role = 'admin'::text)", set()),
    ],
)
def test_roles_that_are_waited_for(predicate: str, roles: set[str]) -> None:
    assert set(wanted_roles(terms(predicate))) == roles


@pytest.mark.parametrize(
    ("predicate", "gates"),
    [
        ("(auth.email() = 'a@b.c'::text)", ["constant"]),
        ("((auth.jwt() ->> 'email'::text) ~~ '%@b.c'::text)", ["pattern"]),
        ("(split_part(auth.email(), '@'::text, 2) = 'b.c'::text)", ["constant"]),
        ("(email = ( SELECT auth.email() AS email))", ["column"]),
        ("((( SELECT users.email FROM auth.users WHERE (users.id = auth.uid())))::text = 'a@b.c'::text)", ["constant"]),
        ("(email ~~ '%@b.c'::text)", []),
        ("((data ->> 'email'::text) = 'a@b.c'::text)", []),
    ],
)
def test_email_gates(predicate: str, gates: list[str]) -> None:
    assert list(email_gates(terms(predicate))) == gates


@pytest.mark.parametrize(
    ("predicate", "found"),
    [
        ("(a = NULL::uuid)", True),
        ("(NULL::text <> a)", True),
        ("(a <> ALL (ARRAY['x'::text, NULL::text]))", True),
        ("(a IS NULL)", False),
        ("(a IS DISTINCT FROM NULL::text)", False),
        ("(a = ANY (ARRAY['x'::text, NULL::text]))", False),
    ],
)
def test_null_comparisons(predicate: str, *, found: bool) -> None:
    assert bool(list(null_comparisons(terms(predicate)))) is found


def column(name: str, kind: str = "text") -> Column:
    return Column(name, kind, "S", not_null=True, default=None, generated=False, identity_always=False)


def table(name: str, *columns: str, unique: tuple[tuple[str, ...], ...] = ()) -> Table:
    made = tuple(column(c) for c in columns)
    return Table(hash(name), "public", name, f"public.{name}", True, True, {}, made, unique=unique)  # noqa: FBT003 - rls, exposed


@pytest.mark.parametrize(
    ("select", "more"),
    [
        ("SELECT m.team_id FROM members m WHERE (m.user_id = auth.uid())", True),
        ("SELECT m.team_id FROM members m", True),
        ("SELECT m.team_id FROM members m WHERE (m.user_id = auth.uid()) LIMIT 1", False),
        ("SELECT max(m.team_id) FROM members m WHERE (m.user_id = auth.uid())", False),
        ("SELECT m.role FROM members m WHERE ((m.user_id = auth.uid()) AND (m.team_id = notes.team_id))", False),
        ("SELECT p.team_id FROM profiles p WHERE (p.id = auth.uid())", False),
        ("SELECT p.team_id FROM profiles p WHERE ((p.id = auth.uid()) OR (p.team_id = 1))", True),
        ("SELECT m.role FROM profiles p JOIN members m ON ((m.user_id = p.id)) WHERE (p.id = auth.uid())", True),
        ("SELECT u.email FROM auth.users u WHERE (u.id = auth.uid())", False),
        ("SELECT v.x FROM some_view v", False),
    ],
)
def test_selects_that_may_give_more_rows(select: str, *, more: bool) -> None:
    members = table("members", "team_id", "user_id", "role", unique=(("team_id", "user_id"),))
    profiles = table("profiles", "id", "team_id", unique=(("id",),))
    schema = Schema({t.oid: t for t in (members, profiles)})
    found = [may_give_more(inner, schema) for inner in scalar_selects(terms(f"(team_id = ( {select}))"))]
    assert found == [more]


def test_privileged_columns_only_where_a_row_is_a_users() -> None:
    names = ("id", "name", "role", "is_admin", "plan_id", "credits", "controller", "description", "planet")
    profile = table("profiles", *names, unique=(("id",),))
    messages = table("messages", "key", "user_id", "role", unique=(("key",),))
    assert one_row_per_user(profile, Owned(("id",)))
    assert list(privileged_columns(profile, Owned(("id",)))) == ["role", "is_admin", "plan_id", "credits"]
    assert list(privileged_columns(messages, Owned(("user_id",)))) == []


def test_membership_by_key_or_name() -> None:
    owned = Owned(("user_id",), "team_id")
    assert is_membership(table("seats", "team_id", "user_id", unique=(("user_id", "team_id"),)), owned)
    assert is_membership(table("team_members", "id", "team_id", "user_id", unique=(("id",),)), owned)
    assert not is_membership(table("tasks", "id", "team_id", "user_id", unique=(("id",),)), owned)


def test_bare_and_wrapped_calls_in_one_policy() -> None:
    predicate = "((( SELECT auth.uid() AS uid) = user_id) OR (auth.uid() = editor))"
    assert bare_calls(predicate) == ["auth.uid"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("insert into p (id, role) values (new.id, new.raw_user_meta_data ->> 'role');", True),
        ("r := new.raw_user_meta_data ->> 'role'; insert into p (id, role) select new.id, coalesce(r, 'x');", True),
        ("insert into p (id, role) values (new.id, new.raw_app_meta_data ->> 'role');", False),
        ("insert into p (id, role) values (new.id, public.allowed(new.raw_user_meta_data ->> 'role'));", False),
        (
            "r text := new.raw_user_meta_data->>'r'; if r = '' then raise 'n'; end if; insert into p (role) select r;",
            False,
        ),
    ],
)
def test_values_from_metadata(body: str, *, found: bool) -> None:
    role = next(given for given in inserted(body) if given.column == "role")
    assert from_metadata(role.value, body) is found
