"""What is taken out of a request by its pattern: `const { body, query } = req`, `({ body }, res) => …`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import unwrap
from auditor.facts.parameters import parameters
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

_KINDS = {"body": "json", "query": "query"}
_REQUEST = re.compile(r"(?:\w+\.)?(?:req|request|_req|_request)(?:\.raw)?")
_ANSWERED = re.compile(r"_*(?:res|resp|response|rep|reply)")


def request_parts(function: Node, declared: Iterable[Node]) -> Iterator[tuple[str, Node]]:
    """(kind of input, the pattern that takes it) in a function and in the variables declared there."""
    for pattern in (*_first_parameter(function), *_taken_apart(declared)):
        for child in pattern.named_children:
            if child.type == "shorthand_property_identifier_pattern" and (kind := _KINDS.get(text_of(child))):
                yield kind, child
            elif child.type == "object_assignment_pattern" and (kind := _KINDS.get(text_of(child.named_children[0]))):
                yield kind, child.named_children[0]
            elif child.type == "pair_pattern":
                kind, value = _KINDS.get(text_of(child.child_by_field_name("key"))), child.child_by_field_name("value")
                if kind is not None and value is not None:
                    yield kind, value.named_children[0] if value.type == "assignment_pattern" else value


def _taken_apart(declared: Iterable[Node]) -> Iterator[Node]:
    for declarator in declared:
        name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
        if name is None or value is None or name.type != "object_pattern":
            continue
        if _REQUEST.fullmatch(text_of(unwrap(value))):
            yield name


def _first_parameter(function: Node) -> Iterator[Node]:
    """The first of two parameters whose second is the response: others take apart what is no request."""
    given = parameters(function)
    if len(given) > 1 and given[0].type == "object_pattern" and _ANSWERED.fullmatch(text_of(given[1])):
        yield given[0]


def put_back(call: Node, read: str) -> bool:
    """`req.body = Schema.parse(req.body)`: what is read there is what the schema let through."""
    holder = call.parent
    while holder is not None and holder.type in {"await_expression", "as_expression", "parenthesized_expression"}:
        holder = holder.parent
    if holder is None or holder.type != "assignment_expression":
        return False
    place = text_of(holder.child_by_field_name("left"))
    return "." in place and re.match(rf"{re.escape(place)}(?![\w$])", read) is not None
