"""SQL text to statements with their lines, split by PostgreSQL's own grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from auditor.facts.deep_syntax import TOO_DEEP, is_too_deep, parse_tree

# To the server a lone carriage return ends a comment, too.
_LEADING = re.compile(rb"(?:\s+|--[^\n\r]*|/\*(?:[^*]|\*(?!/))*\*/|;)+")
_PSQL = re.compile(r"^[ \t]*\\[^\n]*$", re.MULTILINE)
_COPY = re.compile(r"COPY\b[^;\n]*\bFROM[ \t]+stdin\b[^;\n]*;[ \t]*\r?", re.IGNORECASE)
_COPY_END = re.compile(r"\\\.[ \t]*\r?")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a file. `number` counts over the whole history, `node` is libpg_query's tree.

    `node` is None, and `error` says why, where the grammar refuses the text.
    """

    number: int
    path: str
    line: int
    end_line: int
    text: str
    node: Any = None
    error: str | None = None

    @property
    def kind(self) -> str:
        """The name of the grammar's node, such as `create_stmt`; empty where it did not parse."""
        return self.node.WhichOneof("node") or "" if self.node is not None else ""

    @property
    def body(self) -> Any:  # noqa: ANN401 - a protobuf message of one of some 200 types
        return getattr(self.node, self.kind)

    def line_at(self, offset: int) -> int:
        """The line of the file for a byte offset into this statement's text, as libpg_query gives locations."""
        return self.line + self.text.encode()[:offset].count(b"\n")


def split_statements(path: str, text: str, first_number: int = 0) -> list[Statement]:
    """All statements of one file, also of one that does not parse as a whole (then scanned, each tried alone)."""
    import postgast

    if is_too_deep(text):
        return [_broken(path, text, first_number, TOO_DEEP)]
    plain = _without_psql(text)
    try:
        pieces = postgast.split(plain, method="parser")
    except postgast.PgQueryError:
        try:
            pieces = postgast.split(plain, method="scanner")
        except postgast.PgQueryError as error:
            return [_broken(path, plain, first_number, error.message)]
    return _locate(path, plain.encode(), pieces, first_number)


def _broken(path: str, text: str, number: int, message: str) -> Statement:
    return Statement(number, path, 1, text.count("\n") + 1, text, error=message)


def _without_psql(text: str) -> str:
    """Blank what only psql understands (meta-commands, inline COPY data), keeping every line where it is."""
    text = text.replace("\0", " ").removeprefix("\ufeff")
    if "\\" not in text:
        return text
    text = _without_copy_data(text)
    outside = _PSQL.sub("", text)
    # A line that starts with a backslash inside a string or a function body is not psql's.
    return outside if _parses(outside) and not _parses(text) else text


def _without_copy_data(text: str) -> str:
    """Blank each `COPY … FROM stdin;` with its data: line by line, because a pattern over all may never end."""
    lines = text.split("\n")
    ends = iter([n for n, line in enumerate(lines) if _COPY_END.fullmatch(line)])
    end = next(ends, None)
    start = 0
    while end is not None and start < len(lines):
        if _COPY.fullmatch(lines[start]):
            while end is not None and end < start:
                end = next(ends, None)
            if end is not None:
                lines[start : end + 1] = [""] * (end + 1 - start)
                start = end
        start += 1
    return "\n".join(lines)


def _parses(text: str) -> bool:
    import postgast

    try:
        postgast.split(text, method="parser")
    except postgast.PgQueryError:
        return False
    return True


def _locate(path: str, data: bytes, pieces: list[str], number: int) -> list[Statement]:
    statements: list[Statement] = []
    position, counted, line = 0, 0, 1
    for piece in pieces:
        raw = piece.encode()
        start = data.find(raw, position)
        leading = _LEADING.match(raw)
        skipped = leading.end() if leading else 0
        line += data.count(b"\n", counted, start + skipped)
        body = raw[skipped:].rstrip()
        # The next piece may have the same text: look for it after this one.
        position, counted = start + len(raw), start + skipped
        if body:
            end_line = line + body.count(b"\n")
            statements.append(_statement(number + len(statements), path, line, end_line, body.decode()))
    return statements


def _statement(number: int, path: str, line: int, end_line: int, text: str) -> Statement:
    import postgast

    try:
        parsed = parse_tree(text)
    except postgast.PgQueryError as error:
        return Statement(number, path, line, end_line, text, error=error.message)
    node = parsed.stmts[0].stmt if parsed.stmts else None
    return Statement(number, path, line, end_line, text, node)


def as_btree(statement: Statement) -> Statement:
    """A CREATE INDEX as a plain btree: servers before 18 refuse the access methods of the stand-ins."""
    import postgast

    parsed = postgast.parse(statement.text)
    node = parsed.stmts[0].stmt
    node.index_stmt.access_method = "btree"
    node.index_stmt.ClearField("options")
    for item in node.index_stmt.index_params:
        item.index_elem.ClearField("opclass")
        item.index_elem.ClearField("opclassopts")
    return replace(statement, text=postgast.deparse(parsed))


def relation_name(relation: Any, default_schema: str = "public") -> str:  # noqa: ANN401 - a protobuf RangeVar
    """`schema.name` of a relation in the tree."""
    return f"{relation.schemaname or default_schema}.{relation.relname}"


def enum_name(message: Any, field: str) -> str:  # noqa: ANN401 - a protobuf message
    """The grammar's name for the value of an enumerated field."""
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return str(values[getattr(message, field)].name)


def names(items: Any) -> tuple[str, ...]:  # noqa: ANN401 - a list of protobuf String nodes
    """The strings of a list of String nodes, such as a qualified name."""
    return tuple(item.string.sval for item in items if item.WhichOneof("node") == "string")


def mentioned_relations(node: Any) -> set[str]:  # noqa: ANN401 - any protobuf node
    """Every relation that a statement names, anywhere in its tree, as `schema.name`."""
    import postgast

    found = set()
    for _, item in postgast.walk(node):
        kind = type(item).__name__
        if kind == "RangeVar":
            found.add(relation_name(item))
        elif kind == "DropStmt":
            found |= {name for target in item.objects if (name := _dropped_relation(item, target))}
    return found


def _dropped_relation(drop: Any, target: Any) -> str | None:  # noqa: ANN401 - protobuf messages
    """The table of `drop table`, and also of `drop policy p on t`, whose name comes last."""
    if target.WhichOneof("node") != "list":
        return None
    field = drop.DESCRIPTOR.fields_by_name["remove_type"]
    what = field.enum_type.values_by_number[drop.remove_type].name
    parts = names(target.list.items)
    parts = parts[:-1] if what in {"OBJECT_POLICY", "OBJECT_TRIGGER", "OBJECT_RULE"} else parts
    return ".".join(("public", *parts)[-2:]) if parts else None
