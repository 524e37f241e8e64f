"""Endpoints of Fastify, tRPC, GraphQL and NestJS, by small file trees: `tests/data/endpoints_frameworks/*.md`.

A mark `// <- MUTATION user.delete: asked, valid` stands behind the line where the handler is: method and path, whether
somebody asks who calls (`asked`, `open`, `unknown`), and what is known of its input (`valid`, `raw`, or nothing where
it takes none). Every endpoint of a tree must be marked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor.facts.guarded import validation
from auditor.facts.inventory import Inventory, find_endpoints
from auditor.model import Presence
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

_PAGES = sorted((Path(__file__).parent / "data/endpoints_frameworks").glob("*.md"))
_FENCE = re.compile(r"^```\w+ (?P<path>\S.*)\n(?P<body>(?:.*\n)*?)```$", re.MULTILINE)
_MARK = re.compile(r"[ \t]*(?://|#) <- (?P<mark>.*)$")
_ENDPOINT = re.compile(r"(?P<method>[A-Z]+) (?P<path>\S+): (?P<auth>asked|open|unknown)(?:, (?P<input>valid|raw))?")
_AUTH = {Presence.PRESENT: "asked", Presence.ABSENT: "open", Presence.UNRESOLVED: "unknown"}
_INPUT = {Presence.PRESENT: "valid", Presence.ABSENT: "raw"}
Row = tuple[str, str, str, str, str, str]


@dataclass(slots=True)
class Case:
    title: str
    files: dict[str, str] = field(default_factory=dict)
    expected: list[Row] = field(default_factory=list)


def _cases(page: Path) -> list[Case]:
    head, *sections = page.read_text().split("\n## ")
    framework = head.split("\n")[0].removeprefix("# ")
    return [_case(f"{page.stem}: {section.partition(chr(10))[0]}", framework, section) for section in sections]


def _case(title: str, framework: str, section: str) -> Case:
    case = Case(title)
    for fence in _FENCE.finditer(section):
        lines = fence["body"].split("\n")
        for number, line in enumerate(lines):
            if mark := _MARK.search(line):
                lines[number] = line[: mark.start()]
                case.expected += _rows(framework, mark["mark"], f"{fence['path']}:{number + 1}")
        case.files[fence["path"]] = "\n".join(lines)
    return case


def _rows(framework: str, marks: str, place: str) -> list[Row]:
    rows = []
    for mark in marks.split("; "):
        found = _ENDPOINT.fullmatch(mark)
        assert found, mark
        rows.append((framework, found["method"], found["path"], place, found["auth"], found["input"] or ""))
    return rows


def _inventory(folder: Path, files: dict[str, str]) -> Inventory:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    repository = read_repository(folder)
    return find_endpoints(read_code(repository), repository.files, repository.text, repository.units)


@pytest.mark.parametrize("case", [case for page in _PAGES for case in _cases(page)], ids=lambda case: case.title)
def test_inventory(case: Case, tmp_path: Path) -> None:
    inventory = _inventory(tmp_path, case.files)
    found = [
        (
            each.framework, each.method, each.path, f"{each.where.path}:{each.where.line}",
            _AUTH[inventory.authentication(each).presence], _INPUT.get(validation(inventory, each).presence, ""),
        )
        for each in inventory.endpoints
    ]  # fmt: skip
    assert sorted(found) == sorted(case.expected)


def test_unserved_router_of_trpc_is_no_endpoint(tmp_path: Path) -> None:
    """A router that only the code itself calls has no address while another one is served."""
    files = {
        "server.ts": 'import { initTRPC } from "@trpc/server";\n'
        'import { fetchRequestHandler } from "@trpc/server/adapters/fetch";\n'
        "const t = initTRPC.create();\n"
        "const inner = t.router({ secret: t.procedure.query(() => 1) });\n"
        "const app = t.router({ open: t.procedure.query(() => 2) });\n"
        "const caller = t.createCallerFactory(inner)({});\n"
        'export const serve = (req) => fetchRequestHandler({ endpoint: "/trpc", req, router: app });\n',
    }
    assert [each.path for each in _inventory(tmp_path, files).endpoints] == ["open"]
