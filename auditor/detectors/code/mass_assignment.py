"""Records that are written with every field a request names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.detectors.validated_bodies import behind_schema, by_contract
from auditor.facts.code_requests import ENTERS
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"\.(?:create|insert|update|upsert|save|values|set|insertMany|insertOne|findByIdAndUpdate|findOneAndUpdate|updateOne|build|bulkCreate|"
    r"objects|assign|merge|fill|patch|create_user|insert_one|update_one|__dict__)\b"
    r"|setattr|\bnew [A-Z]\w+\(\s*(?:req|body|\{\s*\.\.\.)|\*\*"
)
_PRISMA = re.compile(
    r"^(?:\w+\.)*(?:prisma|db|tx|trx|client|prismaClient|database)(?:\.\w+)*\.\w+\.(?:create|update|upsert|createMany|updateMany|createManyAndReturn)$|PrismaClient\(\)\.\w+\.(?:create|update|upsert|createMany|updateMany)$"
)
_ROWS = re.compile(
    r"(?:\.(?:insert|update|from|into)\(\)\.(?:values|set|insert|update|upsert)$)|\.from\(\)\.(?:insert|update|upsert)$|^knex\(\)\.(?:insert|update)$"
)
_MODELS = re.compile(
    r"^(?:\w+\.)*(?P<model>[A-Z]\w*)\.(?P<how>create|insertMany|bulkCreate|build|update|updateOne|updateMany|findByIdAndUpdate"
    r"|findOneAndUpdate|replaceOne|insertOne|upsert|insert|save|findOneAndReplace|objects\.create|objects\.update|objects\.update_or_create)$"
)
_COLLECTION = re.compile(
    r"(?:collection\(\)|\.collection\[\]|\bdb\.\w+|_collection|Collection|collection)\.(?P<how>insertOne|insertMany|insert|insert_one|updateOne|findOneAndUpdate|update_one)$"
)
_SECOND = {
    "update",
    "updateOne",
    "updateMany",
    "findByIdAndUpdate",
    "findOneAndUpdate",
    "replaceOne",
    "findOneAndReplace",
    "update_one",
}
# Of TypeORM and MikroORM, that store what they are given.
_REPOSITORY = re.compile(
    r"(?:[rR]epo(?:sitory)?|getRepository\(\)|getMongoRepository\(\)|[eE]ntityManager)\.(?P<how>save|insert|update|upsert|create|merge|preload)$"
)
_ENTITY = re.compile(r"(?i)(?:^|[/.@])(?:\w*entit(?:y|ies)|models?)(?:[/.].*)?\.[A-Z]\w*\(\)$")
_OPERATORS = ("$set", "$setOnInsert", "$push")
_BUILT_IN = re.compile(
    r"^(?:Object|Array|Promise|Date|Map|Set|Error|URL|URLSearchParams|Headers|Response|Request|NextResponse|Buffer|JSON|FormData|Blob|Uint8Array|String|Number|Math|Intl|Reflect|Symbol|RegExp|Proxy|WeakMap)$"
)
_PEOPLE = re.compile(
    r"(?i)user|account|member|profile|admin|role|org|tenant|team|customer|employee|permission|wallet|person"
)
_LISTED = re.compile(r"^(?:\w+\.)*(?:db|models|orm)\.[a-z]\w*\.(?:create|bulkCreate|build|update|upsert|insertMany)$")
_WRITTEN = re.compile(r"^(?:(?:db|models|sequelize\.models)\.)?(?P<model>[A-Z]\w*)\.(?P<how>\w+)$")
_UPDATES = re.compile(r"\.objects(?:\.\w+\(\))*\.(?:update|create|get_or_create|update_or_create)$")
_SQLALCHEMY = re.compile(r"\b(?:SQLAlchemy|sqlalchemy|declarative_base|db\.Model|django|mongoengine|peewee|tortoise)\b")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "write", (_WORDS, ENTERS), _judge, Severity.MEDIUM, _excused)


def _excused(code: Code, home: str, event: Event, judged: Judged) -> str:
    """A body in whose place a schema of the route has put the fields that it knows."""
    if by_contract(code, home):
        return "the contract of its route names the fields"
    of_body = re.match(r"`(?:\w+\.)*body`", judged.detail) is not None
    return "a schema of its route names the fields" if of_body and behind_schema(code, home, event, strips=True) else ""


def _judge(event: Event, text: str) -> Judged | None:
    given = _given(event, text)
    if given is None:
        return None
    data = frozenset().union(*(_whole(event, one) for value in given for one in (value, *_operands(value))))
    if not data:
        return Judged("the fields are named, or not the request's")
    people = _PEOPLE.search(event.name) is not None
    detail = f"{named(data)} is written with every field that the caller adds to it"
    return Judged(detail, "whole-body", Severity.HIGH if people else None)


def _operands(value: Value) -> list[Value]:
    """What the operators of a document store's update are given."""
    return [one for name, one in (value.keys or {}).items() if name in _OPERATORS]


def _whole(event: Event, value: Value) -> frozenset[str]:
    """Request data as a whole: a body or its copy, not a member that was picked."""
    if not value.whole or value.built:
        return frozenset()
    return frozenset(path for path in event.data(value, "structure") if _BODY.search(path))


_BODY = re.compile(
    r"(?:\.(?:body|json|get_json|data|query|form|POST|values|readBody|parseBody|rawBody|fields)|^body|readBody)$"
)


def _given(event: Event, text: str) -> list[Value] | None:  # noqa: C901, PLR0911 - a case per line
    """What a write stores; None for every other call."""
    name = _name(event)
    if event.kind == "new":
        return _made(event)
    if event.kind != "call":
        return None
    if _PRISMA.match(name) and event.args and event.args[0].keys is not None:
        keys = event.args[0].keys
        return [value for key, value in keys.items() if key in {"data", "create", "update"}]
    if _ROWS.search(name):
        return list(event.args[:1])
    if match := (_MODELS.match(name) or _COLLECTION.search(name)):
        return _of_model(event, match)
    if (kept := _REPOSITORY.search(event.name)) and event.args:
        return list(event.args[1:] if kept["how"] in {"update", "merge"} else event.args[:1])
    if _LISTED.match(name) and event.args and event.args[0].whole:
        return [event.args[0]]
    if "**" in event.named and (_UPDATES.search(name) or _is_model(event, name, text)):
        return [event.named["**"]]
    if name == "setattr" and len(event.args) > 2 and event.args[1].whole:  # noqa: PLR2004 - so many arguments or parts
        return [event.args[1]]
    if name == "Object.assign" and len(event.args) > 1 and _is_record(event.args[0]):
        return list(event.args[1:])
    return None


def _name(event: Event) -> str:
    """Of what is called: a model as the file calls it, whatever its module is called; else without folders."""
    if event.kind == "call" and (model := _WRITTEN.match(text_of(event.node.child_by_field_name("function")))):
        return f"{model['model']}.{model['how']}"
    return event.name.rpartition("/")[2].removeprefix(".")


def _is_model(event: Event, name: str, text: str) -> bool:
    """A class of records: in a file that defines some, or out of a module of them."""
    if not re.match(r"^(?:\w+\.)*[A-Z]\w+$", name):
        return False
    origin = event.func.origin if event.func is not None else None
    return _SQLALCHEMY.search(text) is not None or (origin is not None and "model" in origin.module)


def _of_model(event: Event, match: re.Match[str]) -> list[Value] | None:
    if _BUILT_IN.match(match.groupdict().get("model") or ""):
        return None
    if "**" in event.named:
        return [event.named["**"]]
    if "objects" in match["how"]:
        return []
    if len(event.args) > 1 and "where" in (
        event.args[1].keys or {}
    ):  # Sequelize: the values, then what to write them to
        return list(event.args[:1])
    return list(event.args[1:2] if match["how"] in _SECOND and len(event.args) > 1 else event.args[:1])


def _made(event: Event) -> list[Value] | None:
    """`new User(req.body)`."""
    last = text_of(event.node.child_by_field_name("constructor")).rpartition(".")[2]
    if not re.match(r"[A-Z]\w+$", last) or _BUILT_IN.match(last) or len(event.args) != 1:
        return None
    origin = event.func.origin if event.func is not None else None
    is_record = _PEOPLE.search(last) or (origin is not None and re.search(r"(?i)(?:^|/)models?\b", origin.module))
    return [event.args[0]] if event.args[0].whole and is_record else None


def _is_record(value: Value) -> bool:
    """What was found in a store by the same function, or is a new one of its rows."""
    return bool(re.search(r"\.(?:find\w*|get\w*|load\w*|query)\(\)$", value.name) or _ENTITY.search(value.name))
