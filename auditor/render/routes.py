"""The table of endpoints by itself: terminal, JSON, Markdown, CSV and an OpenAPI document. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

from auditor.render.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from auditor.report import Endpoint, EndpointControl

CONTROLS = {"auth": "auth", "validation": "validation", "rate_limit": "limit", "signature": "signature"}
FURTHER = ("ownership", "audit", "cors", "headers")
_WORDS = {"present": "yes", "absent": "NO", "unresolved": "?", "not_applicable": "-"}
_STYLES = {"present": "green", "absent": "red", "unresolved": "yellow", "not_applicable": "dim"}
_WIDEST = 70
_REACHED = ("reads", "writes", "clients", "raw_sql", "inputs_without_schema", "loose_inputs")
_HTTP = {"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"}


def control(endpoint: Endpoint, name: str) -> EndpointControl:
    found: EndpointControl = getattr(endpoint, name)
    return found


def table(endpoints: Sequence[Endpoint], console: Console) -> None:
    """The table for a terminal, a line for each endpoint whatever its width, and one line of counts."""
    from rich.text import Text

    width = min(max((len(endpoint.path) for endpoint in endpoints), default=4), _WIDEST)
    head = f"{'method':<12}{'path':<{width + 2}}" + "".join(f"{title:<12}" for title in CONTROLS.values()) + "where"
    console.print(Text(head, style="bold"), soft_wrap=True)
    for endpoint in endpoints:
        line = Text(f"{endpoint.method:<12}{one_line(endpoint.path):<{width + 2}}")
        for name in CONTROLS:
            state = control(endpoint, name).state
            line.append(f"{_WORDS[state]:<12}", style=_STYLES[state])
        console.print(line.append(one_line(_where(endpoint)), style="dim"), soft_wrap=True)
    console.print(Text(counts(endpoints), style="dim"), soft_wrap=True)


def counts(endpoints: Sequence[Endpoint]) -> str:
    """`31 endpoints; auth: 26 yes, 5 NO; …`."""
    parts = [f"{len(endpoints)} endpoint{'' if len(endpoints) == 1 else 's'}"]
    for name, title in CONTROLS.items():
        states = [control(endpoint, name).state for endpoint in endpoints]
        said = [f"{states.count(state)} {word}" for state, word in _WORDS.items() if state in states and word != "-"]
        parts += [f"{title}: {', '.join(said)}"] if said else []
    return "; ".join(parts)


def as_json(endpoints: Iterable[Endpoint]) -> str:
    rows = [endpoint.model_dump(mode="json") for endpoint in endpoints]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def as_csv(endpoints: Iterable[Endpoint]) -> str:
    """Cells that a spreadsheet would run as a formula are quoted with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["unit", "framework", "method", "path", *CONTROLS, "file", "line", *FURTHER, *_REACHED])
    for endpoint in endpoints:
        place = endpoint.location
        states = [control(endpoint, name).state for name in CONTROLS]
        row = [endpoint.unit, endpoint.framework, endpoint.method, endpoint.path, *states]
        where = [place.path if place else "", str(place.line) if place else ""]
        further = [control(endpoint, name).state for name in FURTHER]
        writer.writerow([_harmless(cell) for cell in (*row, *where, *further, *_reached(endpoint))])
    return text.getvalue().rstrip("\n")


def _reached(endpoint: Endpoint) -> list[str]:
    """The cells about the database and the input: tables, whose rights, raw SQL, sources without a schema."""
    data = endpoint.data
    raw = f"{data.raw_sql.path}:{data.raw_sql.line}" if data.raw_sql else ""
    unseen = [each.source for each in endpoint.inputs if each.state == "absent"]
    loose = [each.source for each in endpoint.inputs if each.loose]
    return [" ".join(cell) for cell in (data.reads, data.writes, data.clients, [raw], unseen, loose)]


def as_markdown(endpoints: Iterable[Endpoint]) -> str:
    lines = [f"| method | path | {' | '.join(CONTROLS.values())} | where |", "|---|---|" + "---|" * (len(CONTROLS) + 1)]
    for endpoint in endpoints:
        cells = [_WORDS[control(endpoint, name).state] for name in CONTROLS]
        lines.append(
            f"| {endpoint.method} | {_code(endpoint.path)} | {' | '.join(cells)} | {_code(_where(endpoint))} |"
        )
    return "\n".join(lines)


def as_openapi(endpoints: Iterable[Endpoint]) -> str:
    """OpenAPI 3.1 with the paths and methods; what this tool saw of the controls stands in `x-controls`."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        methods = [endpoint.method] if endpoint.method in _HTTP else ["GET", "POST"] if endpoint.method == "ALL" else []
        path = re.sub(r"\[+(?:\.\.\.)?(\w+)\]+|:(\w+)(?:\{[^}]*\})?", lambda m: f"{{{m[1] or m[2]}}}", endpoint.path)
        for method in methods if path.startswith("/") else ():
            paths.setdefault(path, {})[method.lower()] = _operation(endpoint, path)
    document = {"openapi": "3.1.0", "info": {"title": "endpoints", "version": "0"}, "paths": paths}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _operation(endpoint: Endpoint, path: str) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", path)
    shown = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in dict.fromkeys(names)
    ]
    states = {name: control(endpoint, name).state for name in (*CONTROLS, *FURTHER)}
    return {
        "parameters": shown,
        "responses": {"default": {"description": ""}},
        "x-source": _where(endpoint),
        "x-controls": states,
    }


def _where(endpoint: Endpoint) -> str:
    return f"{endpoint.location.path}:{endpoint.location.line}" if endpoint.location else ""


def _code(text: str) -> str:
    plain = one_line(text).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
