"""Policies that let whoever asks list the files of a public bucket, where each file alone could be had anyway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.platform_policies import answer, policies_on, tells_callers_apart
from auditor.facts.alternatives import anybody_meets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from auditor.detectors.platform_policies import PlatformPolicy
    from auditor.facts.statements import Statement
    from auditor.model import Answer
    from auditor.sources.database import Database

_LITERAL = re.compile(r"'([^']*)'")
_CHANGED = re.compile(r"\bpublic\s*=\s*(true|false)\b", re.IGNORECASE)


def ask(database: Database) -> Iterator[Answer]:
    statements = database.replay.statements if database.replay else []
    public = _public_buckets(statements)
    for policy in policies_on(database, "storage.objects"):
        if policy.command in {"select", "all"}:
            yield _judge(policy, public)


def _judge(policy: PlatformPolicy, public: set[str]) -> Answer:
    listed = {bucket for part in policy.alternatives for bucket in _listed(part) & public}
    if not listed:
        return answer(policy, None, ok="it opens no public bucket to listing")
    fault = (
        f"{policy.who} may list every file of {', '.join(sorted(listed))}, "
        "a public bucket, whose files need no policy to be read"
    )
    return answer(policy, fault, evidence="lists a public bucket")


def _listed(conditions: tuple[str, ...]) -> set[str]:
    """The buckets that an alternative opens as a whole: no condition is about more than the bucket."""
    buckets = [condition for condition in conditions if "bucket_id" in condition]
    others = [condition for condition in conditions if condition not in buckets]
    if tells_callers_apart(conditions) or not all(map(anybody_meets, others)):
        return set()
    return {word for condition in buckets for word in _LITERAL.findall(condition)}


def _public_buckets(statements: list[Statement]) -> set[str]:
    """Ids of the buckets that the history makes public, and does not make private again."""
    public: set[str] = set()
    for statement in statements:
        if _is_on_buckets(statement, "insert_stmt"):
            public |= set(_inserted(statement))
        elif _is_on_buckets(statement, "update_stmt") and (change := _CHANGED.search(statement.text)):
            named = set(_LITERAL.findall(statement.text))
            public = public | named if change[1].lower() == "true" else public - named
    return public


def _is_on_buckets(statement: Statement, kind: str) -> bool:
    if statement.kind != kind:
        return False
    relation = statement.body.relation
    return (relation.schemaname, relation.relname) == ("storage", "buckets")


def _inserted(statement: Statement) -> Iterator[str]:
    columns = [item.res_target.name for item in statement.body.cols]
    if not {"id", "public"} <= set(columns):
        return
    for row in statement.body.select_stmt.select_stmt.values_lists:
        values = dict(zip(columns, row.list.items, strict=False))
        if _is_true(values["public"]):
            yield values["id"].a_const.sval.sval


def _is_true(value: Any) -> bool:  # noqa: ANN401 - a protobuf node
    return bool(value.a_const.boolval.boolval) or value.a_const.sval.sval.lower() in {"t", "true"}
