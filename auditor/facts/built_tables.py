"""Tables that migrations in JavaScript build with Knex or Kysely or in SQL of their own, and Kysely's types of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.sites import FUNCTIONS, ancestors, arguments, literal
from auditor.facts.syntax import line_of, text_of, walk
from auditor.facts.tables import Column, Table, change_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tree_sitter import Node

BUILDERS = ("createTable", "alterTable", ".raw(", "sql`", ".table(", "queryRunner.query(")
_UP = re.compile(r"\bup\s*(?:[=:(]|\()|\bfunction\s+up\b")
_MADE = {"createTable", "createTableIfNotExists"}
_CHANGED = {"alterTable", "table"}
_NO_COLUMN = {
    "foreign",
    "unique",
    "index",
    "primary",
    "charset",
    "collate",
    "comment",
    "engine",
    "inherits",
    "timestamps",
}
_SQL_CALLS = {"raw", "query"}
_KYSELY_TYPE = re.compile(r"^(?:(?:Generated|GeneratedAlways|ColumnType|JSONColumnType)<\s*)?(\w+)")
_ROOT = re.compile(r"\b(?:Kysely|Transaction|ExpressionBuilder|DatabaseConnection)<\s*(\w+)\s*[,>]")
_ROOTS = {"Database", "DB", "KyselyDatabase", "DatabaseSchema"}


def is_built(text: str) -> bool:
    """Whether a file is a migration that builds tables, by its way up."""
    return any(word in text for word in BUILDERS) and _UP.search(text) is not None


def built_tables(files: Iterable[tuple[str, list[Node]]]) -> dict[str, Table]:
    """The tables that migrations leave behind; each file comes with its calls, in the order in which they run."""
    tables: dict[str, Table] = {}
    for path, calls in files:
        for call in sorted(calls, key=lambda node: _name_node(node).start_byte):
            if not _goes_down(call):
                _apply(tables, path, call)
    return tables


def _name_node(call: Node) -> Node:
    function = call.child_by_field_name("function") or call
    return function.child_by_field_name("property") or function


def _goes_down(node: Node) -> bool:
    """Whether a call stands in the way back."""
    return any(
        re.search(r"(?:^|\.)down$", text_of(outer.child_by_field_name(field)))
        for outer in ancestors(node)
        for field in ("name", "key", "left")
        if outer.type not in {"program", "statement_block"} and outer.child_by_field_name(field) is not None
    )


def _apply(tables: dict[str, Table], path: str, call: Node) -> None:
    named, given = text_of(_name_node(call)), arguments(call)
    if sql := _sql(call, named, given):
        change_tables(tables, path, "\n" * (line_of(sql) - 1) + text_of(sql)[1:-1])
        return
    name = literal(given[0]) if given else None
    if not name:
        return
    if named in _MADE:
        table = Table(name, _camel(name), path, line_of(_name_node(call)))
        _columns(table, path, call, given)
        tables.setdefault(name.lower(), table)
    elif named in _CHANGED and (known := tables.get(name.lower())):
        _columns(known, path, call, given)
    elif named in {"dropTable", "dropTableIfExists"}:
        tables.pop(name.lower(), None)
    elif named == "renameTable" and len(given) > 1 and (known := tables.pop(name.lower(), None)):
        known.name = literal(given[1]) or known.name
        tables[known.name.lower()] = known


def _sql(call: Node, named: str, given: list[Node]) -> Node | None:
    """The text of a statement: `knex.raw("…")`, `` sql`…`.execute(db) ``."""
    tagged = call.child_by_field_name("arguments")
    if named == "sql" and tagged is not None and tagged.type == "template_string":
        return tagged
    if named in _SQL_CALLS and given and given[0].type in {"string", "template_string"}:
        return given[0]
    return None


def _columns(table: Table, path: str, call: Node, given: list[Node]) -> None:
    if len(given) > 1 and given[-1].type in FUNCTIONS:
        _in_callback(table, path, given[-1])
    for chained in _chained(call):
        if args := arguments(chained):
            _kysely(table, path, chained, text_of(_name_node(chained)), args)


def _in_callback(table: Table, path: str, function: Node) -> None:
    """`(table) => { table.string("token"); table.dropColumn("secret") }`."""
    parameters = function.child_by_field_name("parameters") or function.child_by_field_name("parameter")
    first = re.match(r"\(?\s*(\w+)", text_of(parameters))
    holders = {first[1] if first else "this", "this"}
    for node in walk(function):
        callee = node.child_by_field_name("function") if node.type == "call_expression" else None
        if callee is None or text_of(callee.child_by_field_name("object")) not in holders:
            continue
        named, args = text_of(callee.child_by_field_name("property")), arguments(node)
        names = [name for name in map(literal, args) if name]
        if named in {"dropColumn", "dropColumns"}:
            for name in names:
                table.columns.pop(name.lower(), None)
        elif named == "renameColumn" and len(names) > 1:
            _rename(table, names[0], names[1])
        elif names and named not in _NO_COLUMN and not named.startswith(("drop", "set")):
            kind = names[1] if named == "specificType" and len(names) > 1 else named
            table.add(_column(path, node, names[0], kind))


def _chained(call: Node) -> Iterator[Node]:
    """The calls that follow one in its chain, up to the next table."""
    node = call
    while node.parent is not None and node.parent.type == "member_expression":
        outer = node.parent.parent
        if outer is None or outer.type != "call_expression" or text_of(_name_node(outer)) in _MADE | _CHANGED:
            return
        yield outer
        node = outer


def _kysely(table: Table, path: str, call: Node, named: str, args: list[Node]) -> None:
    """`.addColumn("token", "varchar(255)")`, `.renameColumn("a", "b")`, `.dropColumn("a")`."""
    name = literal(args[0])
    if name is None:
        return
    if named == "addColumn" and len(args) > 1:
        kind = literal(args[1]) or text_of(args[1]).removeprefix("sql").strip("`")
        table.add(_column(path, _name_node(call), name, kind))
    elif named == "dropColumn":
        table.columns.pop(name.lower(), None)
    elif named == "renameColumn" and len(args) > 1 and (new := literal(args[1])):
        _rename(table, name, new)


def _rename(table: Table, old: str, new: str) -> None:
    if held := table.columns.pop(old.lower(), None):
        table.add(Column(new, _camel(new), held.type, held.path, held.line))


def _column(path: str, node: Node, name: str, kind: str) -> Column:
    listed = "[]" in kind
    plain = re.match(r"\w*", kind.strip().lower())
    return Column(name, _camel(name), "list" if listed or plain is None else plain[0], path, line_of(node))


def _camel(name: str) -> str:
    """A name as a program has it whose columns are translated; one without underscores is as it is."""
    return re.sub(r"_+([a-z0-9])", lambda match: match[1].upper(), name)


def kysely_tables(
    paths: Iterable[str], text: Callable[[str], str], nodes: Callable[[str], list[Node]]
) -> Iterator[Table]:
    """`interface Database { person: PersonTable }` with the interfaces that it names; `nodes` gives those of a file."""
    naming = {path for path in paths if "kysely" in text(path)}
    if not naming:
        return
    roots = _ROOTS | {match[1] for path in naming for match in _ROOT.finditer(text(path))}
    named = re.compile(rf"\b(?:interface|type)\s+(?:{'|'.join(sorted(map(re.escape, roots)))})\b")
    holders = [path for path in paths if path in naming or named.search(text(path))]
    wanted = {name: kind for path in holders for name, kind in _members_of(nodes(path), roots)}
    made = set(wanted.values())
    for path in paths if made else ():
        if not any(kind in text(path) for kind in made):
            continue
        for node in nodes(path):
            kind = text_of(node.child_by_field_name("name"))
            for name in (name for name, wanted_kind in wanted.items() if wanted_kind == kind):
                yield _typed(path, node, name)


def _members_of(interfaces: list[Node], roots: set[str]) -> Iterator[tuple[str, str]]:
    for node in interfaces:
        if text_of(node.child_by_field_name("name")) in roots:
            for key, kind, _ in _members(node):
                if re.fullmatch(r"\w+", kind):
                    yield key, kind


def _members(interface: Node) -> Iterator[tuple[str, str, Node]]:
    body = interface.child_by_field_name("body") or interface.child_by_field_name("value")
    for member in body.named_children if body is not None else ():
        key = text_of(member.child_by_field_name("name")).strip("\"'")
        kind = text_of(member.child_by_field_name("type")).removeprefix(":").strip()
        if member.type == "property_signature" and key and kind:
            yield key, kind, member


def _typed(path: str, interface: Node, name: str) -> Table:
    table = Table(name, _camel(name), path, line_of(interface))
    for key, kind, member in _members(interface):
        match = _KYSELY_TYPE.match(kind)
        table.add(Column(_snake(key), key, match[1].lower() if match else "other", path, line_of(member)))
    return table


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
