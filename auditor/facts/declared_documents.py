"""What Mongoose, Sequelize and TypeORM store, read as tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.sites import arguments, literal
from auditor.facts.syntax import line_of, text_of
from auditor.facts.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

SCHEMAS = ("mongoose", "sequelize", "Sequelize", "DataTypes")
ENTITIES = ("@Entity(",)
_SCHEMA = re.compile(r"(?:^|\.)Schema(?:<|$)")
_DEFINES = re.compile(r"\.(?:define|init)$")
_IS_TEXT = re.compile(
    r"^(?:(?:mongoose\.|Schema\.Types\.|Types\.)*String|[\"']string[\"'])$|\btype\s*:\s*(?:\w+\.)*String\b"
    r"|(?:DataTypes|Sequelize)\.(?:STRING|TEXT|UUID|CHAR)\b"
)
_STORED = re.compile(r"@(?:Column|ManyToOne|OneToOne)\b")
_ENCRYPTED = re.compile(r"encrypt|cipher|transformer|\bset\s*[:(]", re.IGNORECASE)


def document_tables(path: str, text: str, calls: list[Node]) -> Iterator[Table]:
    """`new Schema({ resetToken: String })` by the name of its model, `define("User", { … })`, `User.init({ … })`."""
    for node in calls:
        fields = next((arg for arg in arguments(node)[:2] if arg.type == "object"), None)
        name = _named(node, text) if fields is not None else ""
        if not name or fields is None:
            continue
        table = Table(name, name, path, line_of(node))
        for pair in fields.named_children:
            if column := _column(path, pair):
                table.add(column)
        yield table


def _named(node: Node, text: str) -> str:
    made = text_of(node.child_by_field_name("constructor") or node.child_by_field_name("function"))
    if _SCHEMA.search(made):
        holder = node.parent
        return _model(text, text_of(holder.child_by_field_name("name")) if holder is not None else "")
    if not _DEFINES.search(made) or ("DataTypes" not in text_of(node) + made and "Sequelize." not in text_of(node)):
        return ""
    return literal(arguments(node)[0]) or made.rpartition(".")[0].rpartition(".")[2]


def _model(text: str, variable: str) -> str:
    given = rf"\bmodel(?:<[^()]*>)?\(\s*[\"'`](\w+)[\"'`]\s*,\s*{re.escape(variable)}\b"
    match = re.search(given, text) if variable else None
    if match:
        return match[1]
    bare = re.sub(r"_?[sS]chema$", "", variable)
    return bare[:1].upper() + bare[1:] or "document"


def _column(path: str, pair: Node) -> Column | None:
    value = pair.child_by_field_name("value")
    if pair.type != "pair" or value is None:
        return None
    key, written = text_of(pair.child_by_field_name("key")).strip("\"'"), text_of(value)
    kind = "encrypted" if _ENCRYPTED.search(written) else "text" if _IS_TEXT.search(written) else "other"
    return Column(key, key, kind, path, line_of(pair))


def entity_tables(path: str, classes: list[Node]) -> Iterator[Table]:
    """`@Entity("users") class User { @Column() resetToken: string }`."""
    for node in classes:
        above = text_of(node.parent)[:2000] if node.parent is not None else ""
        body = node.child_by_field_name("body")
        match = re.search(r"@Entity\(\s*(?:\{[^}]*name:\s*)?(?:[\"'`](\w+)[\"'`])?", above + text_of(node)[:200])
        if match is None or body is None:
            continue
        code = text_of(node.child_by_field_name("name"))
        table = Table(match[1] or code, code, path, line_of(node))
        for field in body.named_children:
            if column := _field(path, field):
                table.add(column)
        yield table


def _field(path: str, field: Node) -> Column | None:
    written, name = text_of(field), text_of(field.child_by_field_name("name"))
    if field.type != "public_field_definition" or not _STORED.search(written):
        return None
    is_text = re.search(rf"\b{re.escape(name)}[?!]?\s*:\s*(?:string|Nullable<string>)", written) is not None
    renamed = re.search(r"\bname:\s*[\"'`](\w+)[\"'`]", written)
    kind = "encrypted" if _ENCRYPTED.search(written) else "text" if is_text else "other"
    line = line_of(field) + written[: written.rfind(name)].count("\n")
    return Column(renamed[1] if renamed else name, name, kind, path, line)
