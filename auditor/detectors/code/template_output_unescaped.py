"""Templates that write request data into their page without escaping it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import named
from auditor.facts.code_values import Value, content
from auditor.facts.page_templates import Written, by_name, unescaped
from auditor.facts.syntax import line_of
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_RENDERS = re.compile(
    r"\b(?:render|render_template|render_to_string|render_async|renderView|view|viewAsync|TemplateResponse)\(\s*(?:[\w.]+\s*,\s*|request\s*=\s*\w+\s*,\s*|name\s*=\s*)?"
    r"[\"'`]([\w./-]+)[\"'`]"
)
_CALLS = re.compile(r"(?:^|\.)(?:render|render_template|render_to_string|renderView|view|viewAsync|TemplateResponse)$")


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    names = by_name(repository.files)
    asked = _asked(code, names) if names else {}
    for template, paths in sorted(asked.items()):
        yield from _of_template(code, template, list(unescaped(template, repository.text(template) or "")), paths)


def _asked(code: Code, names: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every template that code of this repository renders by its name, with the files that do."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in code.files:
        for name in dict.fromkeys(_RENDERS.findall(code.text(path)) if "(" in code.text(path) else ()):
            for template in names.get(name.lstrip("./"), ()):
                found[template].append(path)
    return found


def _of_template(code: Code, template: str, written: list[Written], paths: list[str]) -> Iterator[Answer]:
    subject, place = f"template {template}", FileSpan(template, written[0].line if written else 1)
    for path in paths if written else ():
        flow = code.flow(path)
        if flow is None:
            yield Answer(subject, State.UNKNOWN, f"{path} is too long or too deep to follow", place)
            return
        for event in flow.events:
            if fault := _fault(event, template, written):
                one, data = fault
                detail = f"{named(data)} is written as it came: a script in it runs for the visitor"
                detail += f", from {path}:{line_of(event.node)}"
                yield Answer(subject, State.FAIL, detail, FileSpan(template, one.line), evidence=".".join(one.path))
                return
    detail = "what it does not escape is no request data" if written else "it escapes what it writes"
    yield Answer(subject, State.OK, detail, place)


def _fault(event: Event, template: str, written: list[Written]) -> tuple[Written, frozenset[str]] | None:
    """The first thing that a template is given by a call, writes as it is, and has from the request."""
    if event.kind != "call" or not _CALLS.search(event.name) or not _names(event, template):
        return None
    for one in written:
        value = _given(event, one.path)
        data = event.data(content(value), "html") if value is not None else frozenset()
        if data:
            return one, data
    return None


def _names(event: Event, template: str) -> bool:
    texts = [value.const for value in (*event.args[:2], *event.named.values()) if isinstance(value.const, str)]
    ends = {template, template.rpartition(".")[0]}
    return any(f"/{end}".endswith("/" + text.lstrip("./")) for text in texts for end in ends)


def _given(event: Event, path: tuple[str, ...]) -> Value | None:
    """What a template finds under a name: a named argument, or a member of a mapping."""
    if path[0] in event.named:
        return _member(event.named[path[0]], path[1:])
    for value in (*event.args[1:], *(event.named[name] for name in ("context", "**") if name in event.named)):
        if value.keys is not None and path[0] in value.keys:
            return _member(value.keys[path[0]], path[1:])
        if value.whole and value.taint and not value.keys:  # the whole body, or the whole query
            return value
    return None


def _member(value: Value, path: tuple[str, ...]) -> Value | None:
    for name in path:
        if value.keys is None:
            return value if value.taint and value.items is None else None
        if name not in value.keys:
            return None
        value = value.keys[name]
    return value
