"""What a class has: its methods, its fields with their values, and the classes of what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.bindings import unwrap
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node


def members_of(holder: Node) -> dict[str, Node]:
    """What a class declares by itself: methods, and fields with their values."""
    body = holder.child_by_field_name("body")
    found: dict[str, Node] = {}
    for child in body.named_children if body is not None else ():
        named = text_of(child.child_by_field_name("name") or child.child_by_field_name("property"))
        value = child.child_by_field_name("value")
        if child.type == "method_definition":
            found.setdefault(named, child)
        elif value is not None:
            found.setdefault(named, unwrap(value))
    return found


def given_types(holder: Node) -> dict[str, Node]:
    """The classes of what a class is given: `constructor(private readonly notes: Notes)`, `@Inject() notes: Notes`."""
    body = holder.child_by_field_name("body")
    members = body.named_children if body is not None else []
    made = [each for each in members if text_of(each.child_by_field_name("name")) == "constructor"]
    listed = [each.child_by_field_name("parameters") for each in made]
    held = [each for each in members if each.type == "public_field_definition"]
    found: dict[str, Node] = {}
    for each in [*held, *(given for inside in listed if inside is not None for given in inside.named_children)]:
        name = text_of(each.child_by_field_name("name") or each.child_by_field_name("pattern"))
        annotation = each.child_by_field_name("type")
        if annotation is not None and annotation.named_children[0].type == "type_identifier":
            found.setdefault(name, annotation.named_children[0])
    return found
