"""The inventory of endpoints, by small file trees: `tests/data/endpoints/*.md` holds a page for each framework.

A mark `// <- GET /path (guards) [flags]` stands behind the line where the endpoint's handler is. Guards are compared
where they are written, flags always: `lost` (the handler), `gateway` (the platform checks), `behind` (a middleware).
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor.facts.inventory import Inventory, find_endpoints
from auditor.facts.syntax import text_of
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

_PAGES = sorted((Path(__file__).parent / "data/endpoints").glob("*.md"))
_FENCE = re.compile(r"^```\w+ (?P<path>\S.*)\n(?P<body>(?:.*\n)*?)```$", re.MULTILINE)
_MARK = re.compile(r"[ \t]*// <- (?P<mark>.*)$")
_ENDPOINT = re.compile(
    r"(?:(?P<framework>[\w. ]+): )?(?P<method>[A-Z]+) (?P<path>\S+)"
    r"(?: (?P<at>\S+:\d+))?(?: \((?P<guards>.*)\))?(?: \[(?P<flags>[\w ]+)\])?"
)


@dataclass(slots=True)
class Case:
    title: str
    files: dict[str, str] = field(default_factory=dict)
    expected: dict[tuple[str, ...], str | None] = field(default_factory=dict)


def _cases(page: Path) -> list[Case]:
    head, *sections = page.read_text().split("\n## ")
    framework, shared = head.split("\n")[0].removeprefix("# "), Case("")
    _read_fences(shared, framework, head)
    cases = []
    for section in sections:
        case = Case(f"{page.stem}: {section.partition(chr(10))[0]}", dict(shared.files))
        _read_fences(case, framework, section)
        for line in re.findall(r"^Also: (.*)$", section, re.MULTILINE):
            _expect(case, framework, line, "")
        cases.append(case)
    return cases


def _read_fences(case: Case, framework: str, section: str) -> None:
    for fence in _FENCE.finditer(section):
        lines = fence["body"].split("\n")
        for number, line in enumerate(lines):
            if mark := _MARK.search(line):
                lines[number] = line[: mark.start()]
                _expect(case, framework, mark["mark"], f"{fence['path']}:{number + 1}")
        case.files[fence["path"]] = "\n".join(lines)


def _expect(case: Case, framework: str, marks: str, place: str) -> None:
    for mark in marks.split("; "):
        found = _ENDPOINT.fullmatch(mark)
        assert found, f"{case.title}: {mark}"
        at, flags = found["at"] or place, found["flags"] or ""
        case.expected[(found["framework"] or framework, found["method"], found["path"], at, flags)] = found["guards"]


def _inventory(folder: Path, files: dict[str, str]) -> Inventory:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    repository = read_repository(folder)
    return find_endpoints(read_code(repository), repository.files, repository.text, repository.units)


def _found(inventory: Inventory) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for each in inventory.endpoints:
        flags = {"lost": each.handler is None, "gateway": each.gateway, "behind": each.middleware}
        place = f"{each.where.path}:{each.where.line}"
        key = (each.framework, each.method, each.path, place, " ".join(name for name, on in flags.items() if on))
        assert key not in found, key
        found[key] = ", ".join(text_of(guard.node) for guard in each.guards)
    return found


@pytest.mark.parametrize("case", [case for page in _PAGES for case in _cases(page)], ids=lambda case: case.title)
def test_inventory(case: Case, tmp_path: Path) -> None:
    found = _found(_inventory(tmp_path, case.files))
    assert sorted(found) == sorted(case.expected)
    wanted = {key: guards for key, guards in case.expected.items() if guards is not None}
    assert {key: found[key] for key in wanted} == wanted


def _hostile(kind: str, size: int) -> dict[str, str]:
    head = 'const app = require("express")()\n'
    return {
        "chain": {"app.js": head + "app" + "".join(f"\n.get('/{n}', (q, r) => r.end())" for n in range(size))},
        "lines": {"app.js": head + "".join(f"app.get('/{n}', (q, r) => r.end())\n" for n in range(size))},
        "inside": {"app.js": head + "f(app)\nfunction f(app) {" + "app.get('/x', h); " * size + "}"},
        "nested": {"app.js": head + "function f() { " * (size // 5) + "app.get('/x', h)" + "}" * (size // 5)},
        "members": {"app.js": head + "a" + ".b" * size + ".get('/x', h)\napp.use(a" + ".b" * size + ")"},
        "own": {
            "app.js": head + "let x = x.y(); let y = [y, ...y]; app.use(x, ...y); app.use('/y', y)\n" * (size // 50)
        },
        "cycle": {f"f{n}.js": f"module.exports = require('./f{(n + 1) % (size // 5)}')" for n in range(size // 5)}
        | {"app.js": head + "app.use('/x', require('./f0'))"},
        "helpers": {
            "app.js": head
            + "".join(f"function f{n}(p) {{ app.get(p, h); f{n + 1}(p); f{n + 2}(p) }}\n" for n in range(size // 10))
            + "f0('/x')\n" * (size // 10)
        },
        "mounted": {"app.js": head + "app.use('/a', app)\n" * (size // 250)},
    }[kind]


@pytest.mark.parametrize(
    "kind", ["chain", "lines", "inside", "nested", "members", "own", "cycle", "helpers", "mounted"]
)
def test_hostile_code_costs_in_proportion_to_its_length(kind: str, tmp_path: Path) -> None:
    seconds = []
    for size in (500, 1000):
        started = time.process_time()
        _inventory(tmp_path / str(size), _hostile(kind, size))
        seconds.append(time.process_time() - started)
    assert seconds[1] < 8 * max(seconds[0], 0.2)
