"""Channels of Supabase Realtime that code joins: a way in of their own, whoever the code belongs to.

A topic exists because somebody joins it. Where the call does not say `private: true`, whoever holds the public key may
listen there and send; the policies of `realtime.messages` are asked about private channels alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.route_paths import UNKNOWN, text_at
from auditor.facts.sites import ancestors, arguments, outermost_function, span_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of, walk
from auditor.facts.units import is_test, is_vendored, unit_of
from auditor.listed import CONTROLS, EndpointRow
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.inventory import Inventory
    from auditor.facts.parsed_files import Files
    from auditor.facts.symbols import Symbols

_JOINS = re.compile(r"\.\s*channel\s*\(")
_CLIENT = re.compile(r"supabase|realtime", re.IGNORECASE)
_KINDS = re.compile(
    r"\.\s*on\s*(?:<[^>]*>)?\(\s*[\"'`](broadcast|presence|postgres_changes)[\"'`]"
    r"|\btype\s*:\s*[\"'`](broadcast|presence)[\"'`]|\bREALTIME_LISTEN_TYPES\.(\w+)|\.\s*(httpSend)\s*\("
)
_CHAIN = {"member_expression", "call_expression", "await_expression", "parenthesized_expression"}
_MESSAGES = {"httpsend": "broadcast"}
_PRIVATE = re.compile(r"\bprivate\s*:\s*(\w+)")
_OPAQUE = re.compile(r"\.\.\.|^\s*\w+\s*$|\bconfig\s*(?::\s*\w+\s*)?[,}]|\bprivate\s*[,}]")


@dataclass(frozen=True, slots=True)
class Join:
    """A call that joins a topic: what names the topic, the options where they are given, and what goes over it."""

    call: Node
    place: Node
    topic: Node
    options: Node | None
    kinds: frozenset[str]


def channel_rows(inventory: Inventory) -> list[EndpointRow]:
    """One row for each topic, private or not, at the first call that joins it."""
    symbols = inventory.reacher.symbols
    found: dict[tuple[str, str, Presence], EndpointRow] = {}
    for path in joining_files(symbols.code):
        for row in _of_file(symbols, path, unit_of(path, inventory.given.units)):
            found.setdefault((row.unit, row.path, row.controls["auth"].presence), row)
    return sorted(found.values(), key=lambda row: (row.unit, row.path, row.controls["auth"].presence))


def joining_files(code: Files) -> list[str]:
    """The files of the application that may join a channel."""
    return [path for path, language in code.files.items() if language != "python" and _may_join(code, path)]


def _may_join(code: Files, path: str) -> bool:
    if is_test(path) or is_vendored(path):
        return False
    text = code.text(path)
    return "channel" in text and _JOINS.search(text) is not None and _CLIENT.search(text) is not None


def joins(code: Files, path: str) -> Iterator[Join]:
    """The calls of a file that join a topic which something is said to go over."""
    for call in code.nodes(path, "call_expression"):
        function, given = call.child_by_field_name("function"), arguments(call)
        named = function.child_by_field_name("property") if function is not None else None
        fits = named is not None and text_of(named) == "channel" and 1 <= len(given) <= 2  # noqa: PLR2004 - topic, options
        if named is not None and fits and (kinds := _kinds(call)):
            yield Join(call, named, given[0], given[1] if len(given) > 1 else None, frozenset(kinds))


def _of_file(symbols: Symbols, path: str, unit: str) -> Iterator[EndpointRow]:
    for join in joins(symbols.code, path):
        topic = text_at(symbols, Site(path, join.topic)) or UNKNOWN
        controls = dict.fromkeys(CONTROLS, Control(Presence.NOT_APPLICABLE))
        controls["auth"] = privacy(join)
        yield EndpointRow(unit, "WS", f"realtime:{topic}", "Supabase Realtime", span_of(path, join.place), controls)


def _kinds(call: Node) -> set[str]:
    """What is sent over a channel: found in the chain behind the call, or where its variable is used."""
    chain = _chain(call)
    text = text_of(chain)[len(text_of(call)) :] + _uses(call, chain.parent)
    found = {next(group for group in match.groups() if group).lower() for match in _KINDS.finditer(text)}
    return {_MESSAGES.get(kind, kind) for kind in found}


def _uses(call: Node, holder: Node | None) -> str:
    """The function's text from where the variable that holds the channel is first used."""
    if holder is None or holder.type not in {"variable_declarator", "assignment_expression"}:
        return ""
    name = text_of(holder.child_by_field_name("name") or holder.child_by_field_name("left"))
    function = outermost_function(call)
    whole = text_of(function)
    if len(_JOINS.findall(whole)) > 1:
        return _chains(function, name)
    used = re.search(rf"(?<![\w.]){re.escape(name)}\s*[?!]?(?=\s*\.)", whole)
    return whole[used.end() :] if used else ""


def _chains(function: Node, name: str) -> str:
    """The calls on a variable alone, where the function has another channel beside it."""
    members = (node for node in walk(function) if node.type == "member_expression")
    return "\n".join(
        text_of(_chain(node))[len(name) :] for node in members if text_of(node.child_by_field_name("object")) == name
    )


def _chain(node: Node) -> Node:
    """The whole chain of calls that a node begins."""
    for outer in ancestors(node):
        if outer.type not in _CHAIN:
            break
        node = outer
    return node


def privacy(join: Join) -> Control:
    """Whether the policies of `realtime.messages` are asked before somebody joins."""
    options, kinds = join.options, join.kinds
    said = _PRIVATE.search(text_of(options)) if options is not None else None
    if said and said[1] == "true":
        return Control(Presence.PRESENT, "private: the policies of realtime.messages decide")
    if (said and said[1] != "false") or (options is not None and not said and _OPAQUE.search(text_of(options))):
        return Control(Presence.UNRESOLVED, "whether the channel is private is decided elsewhere")
    if kinds == {"postgres_changes"}:
        return Control(Presence.NOT_APPLICABLE, "the policies of the tables decide which changes are sent")
    return Control(Presence.ABSENT, f"not private: whoever has the public key may join ({', '.join(sorted(kinds))})")
