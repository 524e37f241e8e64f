"""What the rules on SECURITY DEFINER functions share: who can call a function, what it is given, what it asks."""

# ruff: noqa: E501 - queries are easier to read in long lines

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.detectors.dumps import read_dumps
from auditor.detectors.open_reads import open_relations, reads_what_is_open
from auditor.model import Answer, DbObject, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.model import Confidence, Severity
    from auditor.sources.database import Database

CHANGES = "changes data"  # how the detail of a finding begins where the function does more than read
PG_PROC = 1255  # the oid of pg_catalog.pg_proc, fixed in every PostgreSQL
_FUNCTIONS = """
select f.oid::bigint as oid, f.identity, f.name, f.served, f.definer, l.lanname::text as language,
  case when to_jsonb(p) ->> 'prosqlbody' is not null then pg_get_functiondef(f.oid) else p.prosrc end as body,
  case when l.lanname = 'plpgsql' and p.prokind in ('f', 'p') then pg_get_functiondef(f.oid) end as definition,
  f.returns in ('trigger'::regtype, 'event_trigger'::regtype) as by_trigger,
  t.typname::text as result, p.proretset as many, t.typtype::text as result_type, p.provolatile::text as volatility,
  (select coalesce(array_agg(a.name order by a.name), '{}') from api_role a
    where f.served and has_schema_privilege(a.oid, p.pronamespace, 'USAGE') and has_function_privilege(a.oid, f.oid, 'EXECUTE')) as callers,
  (select coalesce(jsonb_agg(jsonb_build_array(coalesce(p.proargnames[k.n], ''), format_type(k.type, null), y.typcategory) order by k.n), '[]')
    from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality k(type, n) join pg_type y on y.oid = k.type
    where coalesce(p.proargmodes[k.n]::text, 'i') in ('i', 'b', 'v')) as parameters,
  exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0 and g.privilege_type = 'EXECUTE') as by_public,
  exists (select from pg_depend d where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_proc'::regclass and d.refobjid = f.oid) as in_policy
from own_function f
join pg_proc p on p.oid = f.oid
join pg_language l on l.oid = p.prolang
join pg_type t on t.oid = p.prorettype
where p.prokind in ('f', 'p')
order by f.identity
"""
# A body in another schema, auth say, may ask for the caller just as well.
_BODIES = """
select p.proname::text as name, p.prosrc as body from pg_proc p, setting s
where p.oid >= 16384 and not exists (select from extension_member e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
"""
_COMMENT = re.compile(r"('(?:[^']|'')*')|--[^\n\r]*|/\*.*?\*/", re.DOTALL)
_ASKS = re.compile(
    r"\bauth\s*\.\s*(?:uid|jwt|role|email)\s*\(|\buid\s*\(\s*\)|\bjwt\s*\(\s*\)|request\.(?:jwt|headers?)|"
    r"current_setting\s*\(\s*'(?:role|app\.|my\.|jwt\.)|\bsession_user\b",
    re.IGNORECASE,
)
_CALL = re.compile(r'"?(\w+)"?\s*\(')
_WRITES = re.compile(
    r"\binsert\s+into\b|\bupdate\s+(?:only\s+)?[\w.\"]+|\bdelete\s+from\b|\btruncate\b|\bmerge\s+into\b|\bexecute\b|"
    r"\b(?:create|alter|drop)\s+(?:table|role|policy|user|index|schema)\b|\bnet\.http_|\bhttp_(?:post|put|delete)\b|"
    r"\bcron\.(?:un)?schedule|\bpgmq\.(?:send|delete|archive|pop|read)|\bvault\.(?:create|update)_secret",
    re.IGNORECASE,
)
# A lock on rows, and text whose rows are handed out: that they are changed would stand in the text.
_READS = re.compile(
    r"\bfor\s+(?:no\s+key\s+)?update\b|\breturn\s+query\s+execute\b|\bfor\s+\w+\s+in\s+execute\b", re.IGNORECASE
)
_TOUCHES = re.compile(r"\b(?:from|join|perform|call|copy|using)\b", re.IGNORECASE)
_SCALAR = re.compile(r"^(?:bool|int[248]|numeric|float[48]|uuid|text|varchar|date|timestamptz?|void|citext|name)$")


@dataclass(frozen=True, slots=True)
class Parameter:
    """`category` is the type's: `S` for text, which alone can carry SQL."""

    name: str
    type: str
    category: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the application. `body` has no comments; `callers` are the API's roles that can call it through
    the API; `asks` says whether it looks at who is calling, itself or through a function that it calls; `reads_open`
    whether it reads only what its callers may read without it.
    """

    oid: int
    identity: str
    name: str
    definer: bool
    language: str
    body: str
    definition: str | None
    by_trigger: bool
    result: str
    many: bool
    result_type: str
    callers: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    in_policy: bool
    asks: bool
    writes: bool
    calls_unknown_check: bool
    reads_open: bool

    @property
    def touches_data(self) -> bool:
        return self.writes or bool(_TOUCHES.search(self.body))

    @property
    def yes_or_no(self) -> bool:
        return self.result == "bool" and not self.many

    @property
    def single_value(self) -> bool:
        """One plain value, an enum's label included."""
        return not self.many and (bool(_SCALAR.match(self.result)) or self.result_type == "e")

    def mentions(self, parameter: Parameter) -> bool:
        """Whether the body uses a parameter, by its name or by its number."""
        number = self.parameters.index(parameter) + 1
        named = rf"\b{re.escape(parameter.name)}\b" if parameter.name else r"(?!)"
        return bool(re.search(rf"{named}|\${number}\b", self.body))


def read_functions(database: Database) -> list[Function]:
    """All functions of the application's own schemas."""
    bodies: dict[str, str] = {}
    for row in database.select(_BODIES):
        bodies[row["name"]] = bodies.get(row["name"], "") + "\n" + without_comments(row["body"] or "")
    asking = _reaching(bodies, lambda body: bool(_ASKS.search(body)))
    writing = _reaching(bodies, _changes)
    rows = database.select(_FUNCTIONS)
    dumped = read_dumps(database)
    open_to = open_relations(database)
    for row in rows:
        if not row["by_public"] and dumped.restrict(DbObject("function", row["identity"], PG_PROC, row["oid"])):
            row["callers"] = [role for role in row["callers"] if role in dumped.named.get(row["name"], ())]
    functions = [_function(row, asking, writing, bodies) for row in rows]
    return [replace(function, reads_open=_reads_open(function, bodies, open_to)) for function in functions]


def _reads_open(function: Function, bodies: dict[str, str], open_to: dict[str, frozenset[str]]) -> bool:
    """What functions that it calls may read is not looked into."""
    calls = set(_CALL.findall(function.body)) & set(bodies)
    return not (function.writes or calls) and reads_what_is_open(function.body, function.callers, open_to)


def without_comments(body: str) -> str:
    return _COMMENT.sub(lambda match: match[1] or " ", body)


def _changes(body: str) -> bool:
    return bool(_WRITES.search(_READS.sub(" ", body)))


def _reaching(bodies: dict[str, str], does: Callable[[str], bool]) -> set[str]:
    """Names of functions that do something, themselves or through those that they call."""
    called = {name: set(_CALL.findall(body)) - {name} for name, body in bodies.items()}
    found = {name for name, body in bodies.items() if does(body)}
    while more := {name for name, names in called.items() if name not in found and names & found}:
        found |= more
    return found


_CHECK = re.compile(r"^(?:is|has|can|check|assert|require|verify|ensure|authori[sz]e|current|validate)_", re.IGNORECASE)


def _function(row: dict[str, Any], asking: set[str], writing: set[str], bodies: dict[str, str]) -> Function:
    body = without_comments(row["body"] or "")
    calls = set(_CALL.findall(body))
    return Function(
        oid=row["oid"],
        identity=row["identity"],
        name=row["name"],
        definer=row["definer"],
        language=row["language"],
        body=body,
        definition=row["definition"],
        by_trigger=row["by_trigger"],
        result=row["result"],
        many=row["many"],
        result_type=row["result_type"],
        callers=tuple(row["callers"]),
        parameters=tuple(Parameter(*item) for item in row["parameters"]),
        in_policy=row["in_policy"],
        asks=bool(_ASKS.search(body)) or bool(calls & asking),
        writes=_changes(body) or bool(calls & writing),
        calls_unknown_check=any(_CHECK.match(name) and name not in bodies for name in calls - {"current_setting"}),
        reads_open=False,
    )


def function_answer(
    function: Function,
    fault: str | None,
    *,
    ok: str = "",
    severity: Severity | None = None,
    confidence: Confidence | None = None,
    evidence: str = "",
) -> Answer:
    """A row about one function; `fault` is the sentence of the finding, None when it is sound."""
    place = DbObject("function", function.identity, PG_PROC, function.oid)
    state = State.FAIL if fault else State.OK
    return Answer(place.subject, state, fault or ok, place, severity=severity, confidence=confidence, evidence=evidence)


_CAPABILITY = re.compile(
    r"token|secret|(?:^|_)code(?:_|$)|otp|api_?key|password|hash|signature|(?:^|_)key$|nonce|invite_?id", re.IGNORECASE
)


def asked_secret(function: Function) -> str | None:
    """The parameter that only those know who were given it: a token, a code, a key."""
    found = (p.name for p in function.parameters if _CAPABILITY.search(p.name) and function.mentions(p))
    return next(found, None)


_IDENTITY = re.compile(
    r"^_*(?:p|in|i|v|arg|param|target|the|new|current|input|for|caller|by)?_*(?:target_|new_|current_|requesting_)?"
    r"(?:user|owner|profile|account|org|organi[sz]ation|team|tenant|workspace|company|member|customer|author|creator|"
    r"actor|caller|sender)_?(?:u?u?id|uid)_*(?:param|input|arg|in|p)?$|^_*(?:p_|in_)?(?:uid|userid|ownerid|orgid)_*$",
    re.IGNORECASE,
)
_ID_TYPES = {"uuid", "text", "character varying", "integer", "bigint"}


def caller_id(function: Function) -> Parameter | None:
    """The parameter that says whose rows are meant, where the body uses it."""
    for parameter in function.parameters:
        named = _IDENTITY.match(parameter.name) and parameter.type in _ID_TYPES
        if named and function.mentions(parameter):
            return parameter
    return None


def whom(function: Function) -> str:
    return " and ".join(function.callers)
