"""Which texts a PL/pgSQL function runs as SQL, and whose words are in them.

`parse_plpgsql` of libpg_query gives the statements; each expression is then parsed as `select <expression>`. What went
through `quote_ident`, `quote_literal`, or `%I` and `%L` of `format` is harmless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.facts.deep_syntax import is_too_deep, parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTING = {"quote_ident", "quote_literal", "quote_nullable", "length", "char_length", "md5", "to_regclass", "count"}
_SPECIFIER = re.compile(r"%(?:(\d+)\$)?-?\d*([sIL%])")
_ASSIGNED = re.compile(r'^\s*"?(\w+)"?(?:\.\w+|\[[^\]]*\])*\s*:?=\s*(.+)$', re.DOTALL)
_TEXTUAL = {"text", "varchar", "bpchar", "name", "citext", "json", "jsonb"}


@dataclass(slots=True)
class Runs:
    """`executed` are expressions whose value is run as SQL; `assigned` pairs a variable with what it was given."""

    executed: list[str] = field(default_factory=list)
    assigned: list[tuple[str, str]] = field(default_factory=list)


def run_texts(definition: str) -> Runs | None:
    """What the function runs; None where its text cannot be read."""
    import postgast

    if is_too_deep(definition):
        return None
    try:
        tree = postgast.parse_plpgsql(definition)
    except (postgast.PgQueryError, ValueError):
        return None
    runs = Runs()
    for kind, node in _nodes(tree):
        _note(kind, node, runs)
    return runs


def _nodes(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - nested JSON
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            yield from ((key, value) for key, value in item.items() if isinstance(value, dict))
            waiting.extend(item.values())


def _note(kind: str, node: dict[str, Any], runs: Runs) -> None:
    if kind in {"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"}:
        runs.executed.append(_text(node.get("query")))
    elif kind in {"PLpgSQL_stmt_return_query", "PLpgSQL_stmt_open"} and "dynquery" in node:
        runs.executed.append(_text(node["dynquery"]))
    elif kind == "PLpgSQL_var" and "default_val" in node:
        runs.assigned.append((node["refname"], _text(node["default_val"])))
    elif kind == "PLpgSQL_stmt_assign" and (match := _ASSIGNED.match(_text(node.get("expr")))):
        runs.assigned.append((match[1], match[2]))


def _text(expression: Any) -> str:  # noqa: ANN401 - nested JSON
    return str((expression or {}).get("PLpgSQL_expr", {}).get("query", ""))


def tainted_by(runs: Runs, free: set[str]) -> set[str]:
    """The parameters of `free` that stand unquoted in SQL that is run, directly or by way of variables."""
    origins = {name: {name} for name in free}
    for _ in range(4):  # a text is put together in a few steps
        for variable, expression in runs.assigned:
            found = _origins(expression, origins)
            if found:
                origins[variable] = origins.get(variable, set()) | found
    return {name for expression in runs.executed for name in _origins(expression, origins)}


def _origins(expression: str, origins: dict[str, set[str]]) -> set[str]:
    if not any(re.search(rf"\b{re.escape(name)}\b", expression) for name in origins):
        return set()
    names = _raw_names(expression)
    return {origin for name in names for origin in origins.get(name, ())}


def _raw_names(expression: str) -> set[str]:
    """Names whose value stands in the expression's value as it is."""
    import postgast

    text = f"select {expression}"
    if is_too_deep(text):
        return set()
    try:
        tree = parse_tree(text)
    except postgast.PgQueryError:
        return set()
    targets = tree.stmts[0].stmt.select_stmt.target_list
    return _in(targets[0].res_target.val) if targets else set()


def _in(node: Any) -> set[str]:  # noqa: ANN401 - a protobuf node
    kind = node.WhichOneof("node")
    if not kind:
        return set()
    body = getattr(node, kind)
    if kind == "column_ref":
        return _column_names(body)
    if kind == "func_call":
        return _call(body)
    if kind == "type_cast":
        return _in(body.arg) if body.type_name.names[-1].string.sval in _TEXTUAL else set()
    return set().union(*(_in(part) for part in _parts(kind, body)))


def _column_names(body: Any) -> set[str]:  # noqa: ANN401 - a protobuf node
    """`name`, or `function.name`, which means the same."""
    fields = [item.string.sval for item in body.fields if item.WhichOneof("node") == "string"]
    return {fields[-1]} if len(fields) == 1 else {fields[0], fields[-1]} if fields else set()


def _parts(kind: str, body: Any) -> list[Any]:  # noqa: ANN401 - a protobuf node
    """The operands whose text may be in the value."""
    if kind == "a_expr":
        return [item for item in (body.lexpr, body.rexpr) if item.WhichOneof("node")] if _joins(body) else []
    if kind == "case_expr":
        return [*(item.case_when.result for item in body.args), body.defresult]
    if kind in {"coalesce_expr", "min_max_expr"}:
        return list(body.args)
    return [body.arg] if kind == "a_indirection" else []


def _joins(body: Any) -> bool:  # noqa: ANN401 - a protobuf node
    """Whether an operator hands on text: `||` and what takes a value out of JSON, but no comparison."""
    return bool(body.name) and body.name[0].string.sval in {"||", "->", "->>", "#>", "#>>"}


def _call(body: Any) -> set[str]:  # noqa: ANN401 - a protobuf node
    name = body.funcname[-1].string.sval
    if name in _QUOTING:
        return set()
    arguments = list(body.args)
    if name == "format" and arguments:
        pattern = arguments[0].a_const.sval.sval
        if pattern:
            return set().union(*(_in(item) for item in _unquoted(pattern, arguments[1:])))
    return set().union(*(_in(item) for item in arguments)) if arguments else set()


def _unquoted(pattern: str, values: list[Any]) -> list[Any]:
    """The arguments of `format` that `%s` puts in as they are."""
    chosen, position = [], 0
    for number, letter in _SPECIFIER.findall(pattern):
        if letter == "%":
            continue
        position = int(number) if number else position + 1
        if letter == "s" and 0 < position <= len(values):
            chosen.append(values[position - 1])
    return chosen
