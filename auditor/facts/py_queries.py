"""Queries of SQLAlchemy, SQLModel and Django as they are written: their model, and where the whole of one ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import positional
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_OF_MODEL = re.compile(
    r"^(?:\w+\.)*(?P<model>[A-Z]\w*[a-z]\w*)\.(?:objects|_default_manager|query)\.(?:get|filter|filter_by|all|get_or_404|exclude"
    r"|order_by|aget|select_related|prefetch_related|where)$"
)
_OF_SESSION = re.compile(
    r"^(?:[\w.]*[._])?(?:db|session|db_session|conn|s|tx|uow|async_session)(?:\(\))?\.(?:query|get|get_one|get_or_404|first_or_404)$"
)
_SELECT = re.compile(r"^(?:\w+\.)?select$")
_SHORT = re.compile(r"^(?:get_object_or_404|aget_object_or_404|get_list_or_404)$")
_MODEL = re.compile(r"^(?:\w+\.)*([A-Z]\w*[a-z]\w*)$")


def model_of(call: Node) -> str:
    """The model that a call begins a query of, empty for any other call."""
    name = "".join(text_of(call.child_by_field_name("function")).split())
    if match := _OF_MODEL.match(name):
        return match["model"]
    given = positional(call)
    first = text_of(given[0]) if given else ""
    begins = _OF_SESSION.match(name) or _SELECT.match(name) or _SHORT.match(name)
    named = _MODEL.match(first.removesuffix(".objects"))
    return named[1] if begins and named else ""


def whole_query(call: Node) -> Node:
    """The chain around a call: `db.query(X).filter(…).first()`, `session.exec(select(X).where(…)).all()`."""
    node = call
    while node.parent is not None:
        parent = node.parent
        called = parent.type == "call" and parent.child_by_field_name("function") == node
        if not called and parent.type not in {"attribute", "await", "parenthesized_expression"} and not _is_run(parent):
            break
        node = parent
    return node


def _is_run(parent: Node) -> bool:
    """Whether a statement is handed to what runs it: `session.scalars(statement)`."""
    if parent.type == "argument_list":
        run = parent.parent
        name = text_of(run.child_by_field_name("function")) if run is not None else ""
        return bool(re.search(r"\.(?:execute|scalars?|exec|stream|fetch_(?:one|all))$", name))
    return parent.type == "call" and bool(
        re.search(
            r"\.(?:execute|scalars?|exec|stream|fetch_(?:one|all))$", text_of(parent.child_by_field_name("function"))
        )
    )
