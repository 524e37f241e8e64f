"""What a query chooses rows by, as pairs of a column and the value that it must have: Prisma and TypeORM, Mongoose,
Sequelize, Drizzle, supabase-js.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, string_of
from auditor.facts.effects import chained
from auditor.facts.sql_lookups import chosen_by
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.effects import Effect

Pairs = list[tuple[str, str]]
MORE = ("ownerOrMore", "")  # something that may tie the rows to the caller
_BY_KEY = re.compile(r"^(?:findById\w*|findByPk)$")
_BY_OBJECT = re.compile(
    r"^(?:find|findOne\w*|findAll|findBy|update(?:One|Many)?|delete(?:One|Many)?|replaceOne|exists|countDocuments|remove)$"
)
_REPOSITORY = re.compile(r"Repo(?:sitory)?\.(?:delete|softDelete|update|restore|findOneBy\w*)$")
_EQUAL = {"eq", "inArray"}
_NEUTRAL = {
    "and",
    "not",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "isNull",
    "isNotNull",
    "like",
    "ilike",
    "between",
    "notInArray",
}
_DRIZZLE_CALL = re.compile(r"\beq\s*\(|\binArray\s*\(")


def conditions(effect: Effect, language: str) -> Pairs:
    """The conditions of a query; none where it has none, or none that can be read."""
    node = effect.call.node
    if (condition := _drizzle(node)) is not None:
        return list(_compared(condition, language))
    if (chosen := chosen_by(node)) is not None:
        return chosen
    if ".from(" in text_of(node):
        return [*_chain(node), *_added(node, language)]
    given, name = arguments_of(node), effect.call.name
    return _of_object(given[0], name) if given and given[0].type == "object" else _by_key(given, name)


def _by_key(given: list[Node], name: str) -> Pairs:
    """`Note.findById(id)`, and what repositories take a key for."""
    by_key = _BY_KEY.match(name.rsplit(".", 1)[-1]) or _REPOSITORY.search(name)
    return [("id", text_of(given[0]))] if given and by_key else []


def _of_object(given: Node, name: str) -> Pairs:
    """`{ where: { … } }`, or the conditions themselves."""
    where = next((value for key, value in _members(given) if key == "where"), None)
    if where is not None:
        return list(_pairs(where)) if where.type == "object" else []
    return list(_pairs(given)) if _BY_OBJECT.match(name.rsplit(".", 1)[-1]) else []


def _members(holder: Node) -> Iterator[tuple[str, Node]]:
    for pair in holder.named_children:
        value = pair.child_by_field_name("value")
        if pair.type == "pair" and value is not None:
            yield text_of(pair.child_by_field_name("key")).strip("\"'"), value


def _pairs(value: Node) -> Iterator[tuple[str, str]]:
    for pair in value.named_children:
        if pair.type == "pair":
            yield text_of(pair.child_by_field_name("key")).strip("\"'"), text_of(pair.child_by_field_name("value"))
        elif pair.type == "shorthand_property_identifier":
            yield text_of(pair), text_of(pair)
        elif pair.type == "spread_element":
            yield MORE  # what is spread here may tie it to the caller


def _chain(node: Node) -> Pairs:
    """`.eq('id', id)` and the like."""
    found: Pairs = []
    for name, given in chained(node):
        if name in {"eq", "in", "is", "filter", "or", "contains"} and len(given) > 1:
            found.append((string_of(given[0]) or "", text_of(given[-1])))
        elif name in {"match", "or", "filter"}:
            found.append(MORE)
    return found


def _added(node: Node, language: str) -> Pairs:
    """What is asked of a query that a variable holds: `query = query.eq('org_id', org)`."""
    last = node
    while (outer := last.parent) is not None and outer.type in {"member_expression", "call_expression"}:
        last = outer
    holder = last.parent
    name = holder.child_by_field_name("name") if holder is not None and holder.type == "variable_declarator" else None
    if name is None or name.type != "identifier":
        return []
    around = node.parent
    while around is not None and around.type not in FUNCTIONS:
        around = around.parent
    within = nodes(language, around, "assignment_expression") if around is not None else []
    held = text_of(name)
    found: Pairs = []
    for given in within:
        if text_of(given.child_by_field_name("left")) == held and (start := _start(given, held)) is not None:
            found += _chain(start)
    return found


def _start(given: Node, held: str) -> Node | None:
    """The variable with which the chain of an assignment begins: a call's place in `chained`."""
    node = given.child_by_field_name("right")
    while node is not None and node.type in {"call_expression", "member_expression"}:
        node = node.child_by_field_name("function") or node.child_by_field_name("object")
    return node if node is not None and text_of(node) == held else None


def _drizzle(node: Node) -> Node | None:
    """The condition of `db.select().from(t).where(eq(t.id, id))` or of `db.query.t.findFirst({ where: … })`."""
    for name, given in chained(node):
        if name == "where" and given and _DRIZZLE_CALL.search(text_of(given[0])):
            return given[0]
    given = arguments_of(node)
    if not given or given[0].type != "object":
        return None
    where = next((value for key, value in _members(given[0]) if key == "where"), None)
    return where if where is not None and where.type != "object" and _DRIZZLE_CALL.search(text_of(where)) else None


def _compared(condition: Node, language: str) -> Iterator[tuple[str, str]]:
    """`and(eq(notes.id, id), eq(notes.userId, user.id))`; a call that is nobody's here may do more."""
    known = -1
    for call in nodes(language, condition, "call_expression"):
        if call.start_byte < known:
            continue  # what makes the value that a column is compared with
        name, given = text_of(call.child_by_field_name("function")).rsplit(".", 1)[-1], arguments_of(call)
        if name in _EQUAL and len(given) == 2:  # noqa: PLR2004 - the column and the value
            known = call.end_byte
            yield text_of(given[0]).rsplit(".", 1)[-1], text_of(given[1])
        elif name not in _NEUTRAL:
            yield MORE
