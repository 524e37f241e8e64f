"""Channels of Supabase Realtime that code joins: a way in of their own, whoever the code belongs to.

A topic exists because somebody joins it. Where the call does not say `private: true`, whoever holds the public key may
listen there and send; the policies of `realtime.messages` are asked about private channels alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.route_paths import UNKNOWN, text_at
from auditor.facts.sites import ancestors, arguments, outermost_function, span_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of
from auditor.facts.units import is_example, is_test, is_vendored, unit_of
from auditor.listed import CONTROLS, EndpointRow
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.inventory import Inventory
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


def channel_rows(inventory: Inventory) -> list[EndpointRow]:
    """One row for each topic, private or not, at the first call that joins it."""
    symbols = inventory.reacher.symbols
    found: dict[tuple[str, str, Presence], EndpointRow] = {}
    for path, language in symbols.code.files.items():
        if language == "python" or is_test(path) or is_example(path) or is_vendored(path):
            continue
        text = symbols.code.text(path)
        if "channel" in text and _JOINS.search(text) and _CLIENT.search(text):
            for row in _of_file(symbols, path, unit_of(path, inventory.given.units)):
                found.setdefault((row.unit, row.path, row.controls["auth"].presence), row)
    return sorted(found.values(), key=lambda row: (row.unit, row.path, row.controls["auth"].presence))


def _of_file(symbols: Symbols, path: str, unit: str) -> Iterator[EndpointRow]:
    for call in symbols.code.nodes(path, "call_expression"):
        function, given = call.child_by_field_name("function"), arguments(call)
        named = function.child_by_field_name("property") if function is not None else None
        joins = named is not None and text_of(named) == "channel" and 1 <= len(given) <= 2  # noqa: PLR2004 - topic, options
        if named is not None and joins and (kinds := _kinds(call)):
            topic = text_at(symbols, Site(path, given[0])) or UNKNOWN
            controls = dict.fromkeys(CONTROLS, Control(Presence.NOT_APPLICABLE))
            controls["auth"] = _auth(given[1] if len(given) > 1 else None, kinds)
            yield EndpointRow(unit, "WS", f"realtime:{topic}", "Supabase Realtime", span_of(path, named), controls)


def _kinds(call: Node) -> set[str]:
    """What is sent over a channel: found in the chain behind the call, or where its variable is used."""
    chain = call
    for node in ancestors(call):
        if node.type not in _CHAIN:
            break
        chain = node
    text = text_of(chain)[len(text_of(call)) :] + _uses(call, chain.parent)
    found = {next(group for group in match.groups() if group).lower() for match in _KINDS.finditer(text)}
    return {_MESSAGES.get(kind, kind) for kind in found}


def _uses(call: Node, holder: Node | None) -> str:
    """The function's text from where the variable that holds the channel is first used."""
    if holder is None or holder.type not in {"variable_declarator", "assignment_expression"}:
        return ""
    name = re.escape(text_of(holder.child_by_field_name("name") or holder.child_by_field_name("left")))
    whole = text_of(outermost_function(call))
    used = re.search(rf"(?<![\w.]){name}\s*[?!]?(?=\s*\.)", whole)
    return whole[used.end() :] if used else ""


def _auth(options: Node | None, kinds: set[str]) -> Control:
    said = _PRIVATE.search(text_of(options)) if options is not None else None
    if said and said[1] == "true":
        return Control(Presence.PRESENT, "private: the policies of realtime.messages decide")
    if (said and said[1] != "false") or (options is not None and not said and _OPAQUE.search(text_of(options))):
        return Control(Presence.UNRESOLVED, "whether the channel is private is decided elsewhere")
    if kinds == {"postgres_changes"}:
        return Control(Presence.NOT_APPLICABLE, "the policies of the tables decide which changes are sent")
    return Control(Presence.ABSENT, f"not private: whoever has the public key may join ({', '.join(sorted(kinds))})")
