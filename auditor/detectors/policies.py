"""What the policy rules share: the policies of exposed tables, as subjects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.policy_functions import Function, expand, named
from auditor.facts.policy_outcomes import FALSE, SIGNED_IN, TRUE, caller_of, outcomes
from auditor.facts.policy_terms import terms_of
from auditor.facts.predicates import only_own_columns, truth_of
from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.policy_functions import Functions
    from auditor.facts.policy_terms import Term
    from auditor.facts.schema import Policy, Table
    from auditor.model import Confidence, Severity
    from auditor.sources.database import Database


def exposed_policies(database: Database) -> Iterator[tuple[Table, Policy]]:
    """Policies that decide what an API role can do: on an exposed table, for a role of the API or for everybody."""
    for table in database.schema.exposed:
        for policy in table.policies:
            if reached_roles(policy, database):
                yield table, policy


def reached_roles(policy: Policy, database: Database) -> tuple[str, ...]:
    """The API's roles that a policy is for."""
    if "public" in policy.roles:
        return database.api_roles
    return tuple(role for role in database.api_roles if role in policy.roles)


def policy_answer(
    table: Table,
    policy: Policy,
    fault: str | None,
    *,
    ok: str = "",
    severity: Severity | None = None,
    confidence: Confidence | None = None,
    evidence: str = "",
) -> Answer:
    """A row about one policy; `fault` is the sentence of the finding, None when it is sound."""
    quoted = (
        policy.name
        if policy.name.isidentifier() and policy.name.islower()
        else '"' + policy.name.replace('"', '""') + '"'
    )
    place = DbObject("policy", f"{table.identity}.{quoted}", _PG_POLICY, policy.oid, relation=table.identity)
    state = State.FAIL if fault else State.OK
    return Answer(
        place.subject,
        state,
        fault or ok,
        place,
        severity=severity if fault else None,
        confidence=confidence if fault else None,
        evidence=evidence if fault else "",
    )


def role_of(caller: str) -> str:
    """The database role that a caller of the probes takes; a role of the history calls by its own name."""
    return "authenticated" if caller in _USERS else caller


_USERS = {"stranger", "other", "owner", "member", "admin", "anonymous-user"}
_PG_POLICY = 3256  # the oid of pg_catalog.pg_policy, fixed in every PostgreSQL
PG_CLASS = 1259  # likewise of pg_catalog.pg_class
PG_PROC = 1255  # and of pg_catalog.pg_proc


def table_place(table: Table, aspect: str = "definition") -> DbObject:
    return DbObject("table", table.identity, PG_CLASS, table.oid, aspect=aspect)


def open_by_its_words(policy: Policy) -> bool:
    """Always true, true of a role that it names, or decided by the row's own columns alone (`published = true`)."""
    clauses = [text for text in (policy.using, policy.check) if text]
    return any(truth_of(text).value is True or only_own_columns(text) or _names_the_role(text) for text in clauses)


def _names_the_role(text: str) -> bool:
    """`auth.role() = 'authenticated'` says what `to authenticated using (true)` says. One that asks for the user's id
    and then compares it with nothing is a slip rather than a decision.
    """
    term = terms_of(text)
    return term is not None and not term.calls & {"auth.uid", "uid"} and outcomes(term, SIGNED_IN) == {TRUE}


def to_blame(table: Table, callers: set[str], commands: set[str]) -> DbObject:
    """Where to look when callers got through: what switched row level security off, the policy that let them in, or
    the table when several policies may have done so.
    """
    if not table.rls:
        return table_place(table, aspect="rls")
    roles = {"public", *map(role_of, callers)}
    passing = [
        policy
        for policy in table.policies
        if policy.permissive and roles & set(policy.roles) and policy.command in {"all", *commands}
    ]
    passing = [policy for policy in passing if open_by_its_words(policy)] or passing
    if len(passing) != 1:
        return table_place(table)
    return DbObject("table", table.identity, _PG_POLICY, passing[0].oid)


@dataclass(frozen=True, slots=True)
class Clauses:
    """USING and CHECK as terms, with the functions that they call put in; `written` are they without that."""

    using: Term | None
    check: Term | None
    written: tuple[Term, ...]

    @property
    def new_row(self) -> Term | None:
        """What a new row must pass: an UPDATE without CHECK reuses USING."""
        return self.check or self.using

    @property
    def both(self) -> tuple[Term, ...]:
        return tuple(clause for clause in (self.using, self.check) if clause)


_FUNCTIONS = """
select p.oid::bigint as oid, n.nspname::text as schema, p.proname::text as name, l.lanname::text as language,
  quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')' as identity,
  case when coalesce(p.prosrc, '') = '' then pg_get_functiondef(p.oid) else p.prosrc end as source,
  coalesce(p.proargnames, '{}') as arguments, p.prosecdef as definer, p.provolatile::text as volatility,
  p.proleakproof as leakproof, o.rolbypassrls or o.rolsuper as bypasses
from own_function f
join pg_proc p on p.oid = f.oid
join pg_namespace n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
join pg_roles o on o.oid = p.proowner
where p.prokind = 'f'
order by n.nspname <> 'public', f.identity
"""


def read_functions(database: Database) -> Functions:
    """The application's own functions."""
    rows = database.select(_FUNCTIONS)
    return named(Function(**{**row, "arguments": tuple(row["arguments"])}) for row in rows)


def read_policies(database: Database) -> Iterator[tuple[Table, Policy, Clauses]]:
    """The exposed policies that could be parsed, each with its clauses."""
    functions = read_functions(database)
    for table, policy in exposed_policies(database):
        yield table, policy, read_clauses(table, policy, functions)


def read_clauses(table: Table, policy: Policy, functions: Functions) -> Clauses:
    using = terms_of(policy.using, table.name) if policy.using else None
    check = terms_of(policy.check, table.name) if policy.check else None
    return Clauses(
        expand(using, functions) if using else None,
        expand(check, functions) if check else None,
        tuple(clause for clause in (using, check) if clause),
    )


def holds_for(term: Term, policy: Policy, database: Database) -> tuple[str, ...]:
    """The API's roles for which a condition can come out true."""
    return tuple(role for role in reached_roles(policy, database) if TRUE in outcomes(term, caller_of(role)))


def serves(policy: Policy, command: str) -> bool:
    return policy.command in {"all", command}


def restricted(table: Table, policy: Policy, database: Database) -> bool:
    """Whether a restrictive policy that is no formality stands beside this one for the same roles and commands."""
    for other in table.policies:
        if other.permissive or not set(reached_roles(policy, database)) <= set(reached_roles(other, database)):
            continue
        text = other.using or other.check
        term = terms_of(text, table.name) if text else None
        if other.command in {"all", policy.command} and term and _bites(term):
            return True
    return False


def _bites(term: Term) -> bool:
    found = outcomes(term, caller_of("authenticated"))
    return FALSE in found and bool(term.own_columns)
