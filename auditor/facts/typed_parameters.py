"""What the method of a parameter is, by the parameter's type: `createNoteRoutes(notes: INotesController)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.symbols import Parameter, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.symbols import Symbols

_MAX_FILES = 4  # a name that more files than that write a class of says nothing


def typed_method(symbols: Symbols, parameter: Parameter) -> Site | None:
    """The method behind `notes.list`, where the only class of that type, or of that name, has one."""
    name = _type(parameter) if parameter.key else ""
    found = [method for held in _classes(symbols, name) if (method := _member(symbols, held, parameter.key))]
    return found[0] if len(found) == 1 else None


def _member(symbols: Symbols, held: Site, name: str) -> Site | None:
    found = symbols.member(held, name)
    return found if isinstance(found, Site) else None


def _type(parameter: Parameter) -> str:
    """The name of a parameter's type; without one the name that its class has by custom: `NotesController`."""
    listed = parameter.site.node.child_by_field_name("parameters")
    given = [child for child in listed.named_children if child.type != "comment"] if listed is not None else []
    if parameter.index >= len(given):
        return ""
    written = given[parameter.index]
    annotation = written.child_by_field_name("type")
    if annotation is not None:
        kind = annotation.named_children[0] if annotation.named_children else annotation
        return text_of(kind) if kind.type == "type_identifier" else ""
    name = text_of(written.child_by_field_name("pattern") or written)
    return name[:1].upper() + name[1:] if re.fullmatch(r"\w+Controller", name) else ""


def _classes(symbols: Symbols, name: str) -> Iterator[Site]:
    """The classes of a name, and those that implement an interface of it or extend a class of it."""
    if not name:
        return
    declared = re.compile(rf"\bclass\s+(?:{name}\b|\w+[^{{]*?\b(?:implements|extends)\b[^{{]*\b{name}\b)")
    files = symbols.code.files
    paths = [path for path, kind in files.items() if kind != "python" and declared.search(symbols.code.text(path))]
    for path in paths if len(paths) <= _MAX_FILES else ():
        for node in symbols.code.nodes(path, "class_declaration", "class"):
            if declared.search(text_of(node).partition("{")[0]):
                yield Site(path, node)
