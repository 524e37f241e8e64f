"""Queries of a document store that request data adds operators or code to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.detectors.validated_bodies import behind_schema, by_contract
from auditor.facts.code_values import NOTHING, Value, content
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)mongo|\bmotor\b|\bbeanie\b|\$where|\bmonk\b|nedb|documentdb|\.findOne\(|\.find_one\(")
_FILTERS = re.compile(
    r"\.(?:find|findOne|findOneAndUpdate|findOneAndDelete|findOneAndReplace|findOneAndRemove|updateOne|updateMany|update|deleteOne"
    r"|deleteMany|remove|replaceOne|count|countDocuments|exists|where|aggregate|find_one|find_one_and_update|find_one_and_delete"
    r"|update_one|update_many|delete_one|delete_many|count_documents|replace_one|\$where|match|distinct)$"
)
_NO_STORE = re.compile(
    r"(?i)prisma|\.from\(\)|knex|typeorm|repository|sequelize|^(?:req|res|request|document|\$|lodash|_)\.|headers|map\b|array|cache"
)
_SANITISED = re.compile(r"mongo-?[sS]anitize|sanitizeFilter")
_MOST = 4  # levels of a filter
# What stands under these is compared as it is, an object too.
_LITERAL = {
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$size", "$mod", "$exists", "$type", "$regex",
    "$options", "$search", "$text", "$set", "$push",
}  # fmt: skip

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "query", (_WORDS,), _judge, Severity.HIGH, _excused)


def _excused(code: Code, home: str, event: Event, judged: Judged) -> str:
    """A body that a schema of the route has been through holds no operators."""
    if by_contract(code, home):
        return "the contract of its route sees the request"
    of_body = judged.fault == "operators" and re.match(r"`(?:\w+\.)*body\.\w", judged.detail) is not None
    return "a schema of its route sees the body" if of_body and behind_schema(code, home, event) else ""


def _judge(event: Event, text: str) -> Judged | None:  # noqa: PLR0911 - a case per line
    if event.kind != "call" or not event.args or not _FILTERS.search(event.name) or _NO_STORE.search(event.name):
        return None
    if not re.search(
        r"(?i)mongo|\bmotor\b|\bbeanie\b|\bmonk\b|nedb|\bdb\.collection\(|\$where", text
    ) and not _is_model(event):
        return None
    if "where" in (event.args[0].keys or {}):  # a builder of SQL
        return None
    filters = event.args if event.name.endswith(("distinct", "where")) else event.args[:1]
    code = frozenset().union(*(_code(event, value) for value in filters))
    if code:
        return Judged(f"{named(code)} becomes part of JavaScript that the database runs", "where", Severity.CRITICAL)
    if any(_is_built_code(value) for value in filters):
        return Judged("JavaScript that the database runs is put together from an argument", "argument", Severity.MEDIUM)
    data = frozenset().union(*(_operators(event, value, _MOST) for value in filters))
    if not data or _SANITISED.search(text):
        return Judged("no request data that may hold operators seen in the query")
    return Judged(
        f"{named(data)} may be an object such as {{$ne: null}}: it becomes a condition of the query", "operators"
    )


def _is_model(event: Event) -> bool:
    """A model by its name, and none of a library that binds what it is given."""
    return re.match(r"^(?:\w+\.)*[A-Z]\w+\.\w+$", event.name) is not None and bool(
        event.args
        and event.args[0].keys is not None
        and not ({"where", "data", "include", "select"} & event.args[0].keys.keys())
    )


def _operators(event: Event, value: Value, depth: int) -> frozenset[str]:
    """Request data that may be a structure, where the database looks for operators."""
    found = event.data(value, "structure") if value.whole and not value.built else frozenset()
    if depth:
        for name, inner in (value.keys or {}).items():
            if name not in _LITERAL:
                found |= _operators(event, inner, depth - 1)
        for inner in value.items or ():
            found |= _operators(event, inner, depth - 1)
    return found


def _is_built_code(value: Value) -> bool:
    """A `$where` whose text has a part that is no constant."""
    where = (value.keys or {}).get("$where")
    return where is not None and where.built and any(part.const is NOTHING for part in where.args)


def _code(event: Event, value: Value) -> frozenset[str]:
    found = event.data(value, "code") if event.name.endswith("$where") else frozenset()
    for name, inner in (value.keys or {}).items():
        if name in {"$where", "$function", "$accumulator", "body"} and name != "body":
            found |= event.data(content(inner), "code")
        elif inner.keys is not None:
            found |= _code(event, inner)
    return found
