"""Calls that read from a database: Prisma, Drizzle, supabase-js, Knex, TypeORM, Mongoose, SQLAlchemy, Django."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.sites import arguments, innermost_function, literal, outermost_function
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

HINTS = {
    "javascript": (".find", ".count", ".aggregate(", ".groupBy(", ".distinct(", ".select", ".from(", ".rpc(", "knex("),
    "python": (".objects", ".execute(", ".query", ".scalar", ".exec(", ".get("),
}
_PRISMA = {
    "findUnique", "findUniqueOrThrow", "findFirst", "findFirstOrThrow", "findMany", "count", "aggregate", "groupBy",
}  # fmt: skip
_CLIENT = re.compile(r"(?:^|[.$_])(?:\w*[pP]risma\w*|db\w*|\w*Db|\w*DB|tx|trx|transaction|database|orm)$")
_SUPABASE = re.compile(r"supabase|client\b|Client\b|\badmin\b|\bsb\b|\bdb\b", re.IGNORECASE)
_READING = re.compile(
    r"(?:\w+_)?(?:get|fetch|list|find|search|count|match|load|read|lookup|is|has|check|can)(?:_|[A-Z]|$)"
)
_WRITING = re.compile(  # `record_price_check()` checks nothing
    r"(?:record|log|insert|update|increment|decrement|delete|remove|create|add|set|save|upsert|mark|process|refresh|sync"
    r"|recalculate|send|apply|archive|reset|complete|claim)_"
)
_REPOSITORY = re.compile(r"[rR]epo(?:sitory)?$")
_OF_REPOSITORY = {
    "find", "findOne", "findOneBy", "findBy", "findAndCount", "findAndCountBy", "count", "countBy", "findOneOrFail",
    "findOneByOrFail", "exists", "existsBy",
}  # fmt: skip
_OF_MODEL = {
    "find", "findOne", "findById", "findByPk", "findAll", "findAndCountAll", "countDocuments", "findOneBy", "distinct",
}  # fmt: skip
_NO_MODEL = re.compile(r"(?:Service|Helper|Utils?|Store|Cache|Manager|Client|Api|API|Array|Object|Map|Set|Registry)$")
_MODELS = re.compile(r"mongoose|sequelize|typeorm|/models?(?:/|[\"'])", re.IGNORECASE)
_SESSION = re.compile(r"(?:^|[._])(?:db|session|sess|s|tx|conn|connection)$")
_OF_SESSION = {"execute", "query", "scalar", "scalars", "get", "exec", "scalar_one", "get_one"}
_DJANGO = re.compile(
    r"\b([A-Z]\w*)\.objects\.(?:get|filter|exclude|all|first|last|count|exists|aggregate|values|values_list|annotate|aget|afirst)$"
)
_FLASK = re.compile(r"\b([A-Z]\w*)\.query\.(?:filter_by|filter|get|get_or_404|all|first|count)$")
_ALCHEMY = re.compile(r"\b(?:sqlalchemy|sqlmodel|flask_sqlalchemy)\b|\bdb\.session\b")
_LAZY = {"query", "filter", "exclude", "all", "annotate", "values", "values_list", "filter_by"}
_BUILT = re.compile(r"\.(?:update|delete)\(|\.(?:subquery|scalar_subquery|as_scalar|cte|exists)\(\)$|OuterRef\(")
_RUNS = re.compile(
    r"\.(?:all|first|one|one_or_none|scalar|scalars|count|get|last|exists|aggregate|earliest|latest|iterator)\("
)
_WRITES = re.compile(r"\b(?:insert|update|delete|set_config|pg_notify|pg_advisory\w*)\b", re.IGNORECASE)
# A list of ids that the program has, not one written there: `in: ids`, `.in("id", ids)`, `inArray(t.id, ids)`.
_WRITTEN = r"(?!\s*(?:\[(?!\s*\.\.\.)|[A-Z][A-Z0-9_]+\b))"
_BATCHED = re.compile(
    rf"\b(?:in|hasSome)\s*:{_WRITTEN}|\binArray\([^,]*,{_WRITTEN}|\.in\(\s*[^,]*,{_WRITTEN}|\.whereIn\([^,]*,{_WRITTEN}"
    r"|\bIn\(|\$in\b|__in\s*=|\.in_\(|\bany_\(|=\s*ANY\("
)
_CHAINED = {"member_expression", "call_expression", "attribute", "call", "non_null_expression"}


@dataclass(frozen=True, slots=True)
class DatabaseRead:
    """A read of `model` at `node`; `batched` when it reads many rows at once, `fluent` when it goes on to relations."""

    node: Node
    model: str
    batched: bool
    fluent: bool = False


def database_reads(language: str, text: str, calls: list[Node]) -> Iterator[DatabaseRead]:
    """The reads among the calls of a file."""
    for call in calls:
        model = _python(call, text) if language == "python" else _javascript(call, text)
        if model is not None:
            whole = chain(call)
            yield DatabaseRead(
                call, " ".join(model.split()), _BATCHED.search(text_of(whole)) is not None, _is_fluent(call)
            )


def chain(call: Node) -> Node:
    """The whole of `db.select().from(t).where(…)` around one of its calls."""
    node = call
    while node.parent is not None and node.parent.type in _CHAINED:
        inner = node.parent.child_by_field_name("function") or node.parent.child_by_field_name("object")
        if inner != node and node.parent.type != "non_null_expression":
            break
        node = node.parent
    return node


def _is_fluent(call: Node) -> bool:
    """`prisma.user.findUnique(…).posts()`: Prisma joins those of one tick into one query."""
    holder = call.parent
    if (
        holder is None
        or holder.type != "member_expression"
        or not text_of(call.child_by_field_name("function")).endswith("que")
    ):
        return False
    called = holder.parent is not None and holder.parent.type == "call_expression"
    return called and text_of(holder.child_by_field_name("property")) not in {"then", "catch", "finally"}


def _javascript(call: Node, text: str) -> str | None:
    function = call.child_by_field_name("function")
    if function is None or function.type == "identifier":
        return _knex(text_of(function), call, text)
    held, key = function.child_by_field_name("object"), text_of(function.child_by_field_name("property"))
    if function.type != "member_expression" or held is None:
        return None
    if key in _PRISMA and (model := _of_client(held)):
        return model
    if key in {"from", "select"}:
        return _drizzle(held, call) if key == "from" else _supabase_table(held)
    return _function(held, call) if key == "rpc" else _of_class(held, key, text)


def _function(held: Node, call: Node) -> str | None:
    """A database function whose name says that it reads."""
    name = literal(arguments(call)[0]) if arguments(call) else None
    reads = name and _READING.match(name) and not _WRITING.match(name)
    return f"{name}()" if reads and _SUPABASE.search(text_of(held)) else None


def _of_client(held: Node) -> str | None:
    """The model of `prisma.user`, and of Drizzle's `db.query.users`."""
    root = held.child_by_field_name("object")
    if held.type != "member_expression" or root is None:
        return None
    if text_of(root.child_by_field_name("property")) == "query" and root.type == "member_expression":
        root = root.child_by_field_name("object")
    return text_of(held.child_by_field_name("property")) if _CLIENT.search(text_of(root)) else None


def _drizzle(held: Node, call: Node) -> str | None:
    function = held.child_by_field_name("function") if held.type == "call_expression" else None
    if function is None or function.type != "member_expression" or not arguments(call):
        return None
    root, key = text_of(function.child_by_field_name("object")), text_of(function.child_by_field_name("property"))
    named = arguments(call)[0].type in {"identifier", "member_expression"} and not _is_part(chain(call))
    return text_of(arguments(call)[0]) if named and key.startswith("select") and _CLIENT.search(root) else None


def _is_part(query: Node) -> bool:
    """Whether a query stands inside another one: `exists(db.select()…)`, `inArray(t.id, db.select()…)`, `.as("x")`."""
    if re.search(r"\.(?:as\([\"'`]\w+[\"'`]|\$dynamic\(|getSQL\()\)$", text_of(query)):
        return True
    outer = query.parent.parent if query.parent is not None and query.parent.type == "arguments" else None
    name = text_of(outer.child_by_field_name("function")).rpartition(".")[2] if outer is not None else ""
    return name in {"exists", "notExists", "inArray", "notInArray", "eq", "as", "union", "unionAll", "except", "with"}


def _supabase_table(held: Node) -> str | None:
    """The table of `.from("t")` before `.select()`."""
    function = held.child_by_field_name("function") if held.type == "call_expression" else None
    if function is None or text_of(function.child_by_field_name("property")) != "from":
        return None
    given = arguments(held)
    return literal(given[0]) or text_of(given[0]) if len(given) == 1 else None


def _knex(name: str, call: Node, text: str) -> str | None:
    table = literal(arguments(call)[0]) if len(arguments(call)) == 1 else None
    if name not in {"knex", "trx"} or table is None or "knex" not in text:
        return None
    return None if re.search(r"\)\s*\.(?:insert|update|del|delete|truncate)\(", text_of(chain(call))) else table


def _of_class(held: Node, key: str, text: str) -> str | None:
    """TypeORM's repositories; models of Mongoose and Sequelize."""
    name = text_of(held).rpartition(".")[2]
    if key in _OF_REPOSITORY and _REPOSITORY.search(name) and "typeorm" in text:
        return _REPOSITORY.sub("", name) or name
    if key not in _OF_MODEL or not re.fullmatch(r"(?:\w+\.)*[A-Z]\w*", text_of(held)) or _NO_MODEL.search(name):
        return None
    return name if _MODELS.search(text) else None


def _python(call: Node, text: str) -> str | None:
    name = text_of(call.child_by_field_name("function"))
    root, _, key = name.rpartition(".")
    if key in _LAZY and not _is_run(call):
        return None
    if match := _DJANGO.search(name) or _FLASK.search(name):
        return match[1]
    if key not in _OF_SESSION or not _SESSION.search(root) or not _ALCHEMY.search(text):
        return None
    given = arguments(call)
    if not given or _WRITES.search(text_of(given[0])):
        return None
    if key in {"get", "get_one"} and not re.match(r"(?:\w+\.)*[A-Z]\w*$", text_of(given[0])):
        return None
    named = re.search(r"\b([A-Z][a-z]\w*)", text_of(given[0]))
    return named[1] if named else "the database"


def _is_run(call: Node) -> bool:
    """Whether a query that is only put together here is run as well, in the same expression or by its name."""
    whole = chain(call)
    if _BUILT.search(text_of(whole)):
        return False
    if _RUNS.search(text_of(whole)):
        return True
    holder = whole.parent
    if holder is not None and holder.type == "assignment":
        name = re.escape(text_of(holder.child_by_field_name("left")))
        around = text_of(innermost_function(call) or outermost_function(call))
        return re.search(rf"\b{name}{_RUNS.pattern}|\b(?:in|list|len|bool)[ (]\(*{name}\b", around) is not None
    outer = holder.parent if holder is not None and holder.type == "argument_list" else None
    return outer is None or not re.search(
        r"\.(?:append|union|union_all|add)$", text_of(outer.child_by_field_name("function"))
    )
