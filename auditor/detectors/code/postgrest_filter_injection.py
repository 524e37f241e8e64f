"""Filters and selections of PostgREST that request data is written into, by supabase-js and supabase-py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts import code_ir as ir
from auditor.facts.code_values import CLEAN, NOTHING, Value, content
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_ir import Function
    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"supabase|Supabase|SUPABASE|postgrest")
_SINKS = re.compile(r"\.(?:or|or_|filter|not|select)$")
_QUERY = re.compile(
    r"\.(?:from|from_|table|rpc|schema)\(\)|(?:^|[._])(?:q|qb|builder|base|req|request|\w*[qQ]uery\w*|\w*Builder)(?:\.|$|\()"
)
_SELECTS = re.compile(r"\.(?:from|from_|table)\(\)(?:\.(?:insert|update|upsert|delete)\(\))?\.select$")
_OTHERS = re.compile(r"^(?:sqlalchemy|sqlmodel|z|zod|django|knex|eb|_)\.|Array|\.(?:map|keys|values|entries)\(\)")
# Hooks and build-time variables of an interface: there, whoever sits before it has the API itself.
_INTERFACE = re.compile(
    r"\buse(?:State|Effect|Memo|Callback|SearchParams|Navigate|Router|Ref|Query)\s*[(<]|import\.meta\.env\.VITE_"
    r"|from\s+[\"'](?:react-router(?:-dom)?|react-native|expo-router|svelte/store|@/integrations/supabase/client)[\"']"
)
_OWN_RIGHTS = re.compile(
    r"createServerClient|createServerComponentClient|createRouteHandlerClient|createServerActionClient|serverSupabaseClient"
    r"|supabase/(?:server|ssr)[\"']|supabase-server[\"']|@supabase/(?:ssr|auth-helpers)"
)
_ALL_RIGHTS = re.compile(r"(?i)service_?role|admin|secret_key")
_LISTS = re.compile(r"(?:^|\.)(?:in|cs|cd|ov|sl|sr|nxl|nxr|adj)$")
_ACTIONS = re.compile(r"^\s*(?:(?://[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)\s*)*[\"']use server[\"']")
_SAME_TEXT = re.compile(r"(?:\.(?:trim|toLowerCase|toUpperCase|toString|normalize)\(\))*$")
_HARMLESS = {"filter", "url"}  # quoted for a filter, or encoded for a URL: brackets and commas end nothing any more
_THREE = 3  # column, operator, value

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "filter", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind != "call" or not event.args or not _SINKS.search(event.name) or _OTHERS.search(event.name):
        return None
    if _INTERFACE.search(text) or not _WORDS.search(text):
        return None
    method = event.name.rpartition(".")[2]
    if method == "select":
        return _selected(event, text) if _SELECTS.search(event.name) else None
    if not _QUERY.search(event.name.rpartition(".")[0]):
        return None
    if method in {"or", "or_"}:
        return _alternatives(event, text)
    return _condition(event, text) if len(event.args) == _THREE else None


def _selected(event: Event, text: str) -> Judged | None:
    columns = content(event.args[0])
    if columns.const is not NOTHING:
        return None
    if found := _data(event, columns, text):
        return Judged(f"{named(found)} names the columns and tables that are read", "select", _rank(event, text))
    return Judged("no request data seen in the columns")


def _alternatives(event: Event, text: str) -> Judged | None:
    given = event.args[0]
    if given.closure is not None or (given.keys is not None and not given.built):
        return None
    if found := _data(event, content(given), text):
        detail = f"{named(found)} becomes part of the text of `or`, and may add conditions to it"
        return Judged(detail, "or", _rank(event, text))
    return Judged("no request data seen in the text of the filter")


def _condition(event: Event, text: str) -> Judged:
    """`filter(column, operator, value)`: the value stands alone, unless it is a list that was put together."""
    column, operator, value = (content(arg) for arg in event.args[:_THREE])
    if found := _data(event, column, text) | _data(event, operator, text):
        return Judged(f"{named(found)} names the column or the operator of a filter", "column", _rank(event, text))
    is_list = isinstance(operator.const, str) and _LISTS.search(operator.const) is not None and value.built
    if is_list and (found := _data(event, value, text)):
        return Judged(f"{named(found)} may add values to the list of a filter", "list", Severity.LOW)
    return Judged("no request data seen in the text of the filter")


def _data(event: Event, value: Value, text: str) -> frozenset[str]:
    """Request data in a text, and what the caller of a server action hands to it."""
    parts = [content(part) for part in value.args] if value.built and value.args else [value]
    found = _harmful(event, parts)
    beside = value.taint.difference(*(part.taint for part in parts))  # what another way of making it brought
    found |= beside & _harmful(event, [value])
    if found or event.function is None or not _ACTIONS.search(text):
        return found
    given = _given(event.function)
    return frozenset(name for part in parts if (name := _parameter(part, given)))


def _harmful(event: Event, values: list[Value]) -> frozenset[str]:
    return CLEAN.union(*(event.data(value, "sql") for value in values if not _HARMLESS & value.safe))


def _given(function: Function) -> set[str]:
    """The texts that an exported function of a module of server actions is given, and does not look at."""
    around = function.node.parent
    while around is not None and around.type in {"variable_declarator", "lexical_declaration"}:
        around = around.parent
    if around is None or around.type != "export_statement":
        return set()
    body = text_of(function.node)
    names = {text_of(p.target.node): p.type for p in function.params if isinstance(p.target, ir.Name)}
    looked = r"\b(?:test|includes|has|parse|safeParse|parseAsync|(?:is|validate|assert|check|sanitize)\w*)\(\s*{}\b"
    return {
        name
        for name, kind in names.items()
        if not re.search(r"\b(?:number|boolean|Date)\b", kind.split("|")[0])
        and not re.search(looked.format(name), body)
    }


def _parameter(part: Value, given: set[str]) -> str:
    name = _SAME_TEXT.sub("", part.name)
    return name if name in given and part.const is NOTHING and not part.taint else ""


def _rank(event: Event, text: str) -> Severity | None:
    """Less where the query runs with the caller's own rights: he may ask the API for these rows himself."""
    around = text_of(event.function.node) if event.function is not None else text
    return Severity.LOW if _OWN_RIGHTS.search(text) and not _ALL_RIGHTS.search(around) else None
