"""Request data that is handed from file to file, and data that a schema has let through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.detectors.ask import ask_files
from auditor.facts.semgrep_output import PageMatches, Semgrep
from auditor.facts.semgrep_rules import read_rules
from auditor.model import State
from auditor.rulebook import load_rulebook
from auditor.sources.code import Code, read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.model import Answer

_READ = 'import fs from "fs";\nexport const read = (name: string) => fs.readFileSync("/data/" + name);\n'
_CHECKED = (
    'import fs from "fs";\nexport function read(name: string) {\n'
    '  if (!/^[a-z]+$/.test(name)) throw new Error();\n  return fs.readFileSync("/data/" + name);\n}\n'
)
_ROUTE = 'import { read } from "./files";\napp.get("/x", (req, res) => res.send(read(%s)));\n'
_CLASS = (
    'import fs from "fs";\nexport class Files {\n  read(name: string) { return fs.readFileSync("/data/" + name); }\n}\n'
    "export default Files;\nexport const files = new Files();\n"
)
_NEST = (
    'import { Files } from "./files";\nclass Controller {\n  constructor(private readonly files: Files) {}\n'
    "  get(req: Request) { return this.files.read(req.query.name); }\n}\n"
)
_COMMON = 'const fs = require("fs");\nmodule.exports = { read(name) { return fs.readFileSync("/data/" + name); } };\n'
_PYTHON = "def read(name):\n    return open('/data/' + name).read()\n"
_PYTHON_ROUTE = "@app.route('/x')\ndef x():\n    return %s\n"


def _paths(folder: Path, files: dict[str, str]) -> list[Answer]:
    code = read_code(read_repository(write(folder, files)))
    return _failed(code)


def _failed(code: Code) -> list[Answer]:
    page = next(page for page in load_rulebook().pages if page.id == "path-traversal")
    return [a for a in ask_files(page, code.repository, code).answers if a.state is State.FAIL]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"files.ts": _READ, "a.ts": _ROUTE % "req.query.name"}, ["files.ts:2"]),
        ({"files.ts": _READ, "a.ts": _ROUTE % "Number(req.query.name)"}, []),
        ({"files.ts": _READ, "a.ts": _ROUTE % '"notes"'}, []),
        ({"files.ts": _CHECKED, "a.ts": _ROUTE % "req.query.name"}, []),
        ({"one.ts": _READ, "files.ts": 'export { read } from "./one";\n', "a.ts": _ROUTE % "req.query.name"}, ["one.ts:2"]),  # noqa: E501 - one line of code
        ({"one.ts": _READ, "files.ts": 'export * from "./one";\n', "a.ts": _ROUTE % "req.query.name"}, ["one.ts:2"]),
        (
            {"files.ts": _CLASS, "a.ts": 'import F from "./files";\napp.get("/", (req) => new F().read(req.query.a));\n'},  # noqa: E501 - one line of code
            ["files.ts:3"],
        ),
        (
            {"files.ts": _CLASS, "a.ts": 'import { files } from "./files";\napp.get("/", (req) => files.read(req.query.a));\n'},  # noqa: E501 - one line of code
            ["files.ts:3"],
        ),
        ({"files.ts": _CLASS, "a.ts": _NEST}, ["files.ts:3"]),
        (
            {"files.js": _COMMON, "a.js": 'const files = require("./files");\napp.get("/", (req) => files.read(req.query.a));\n'},  # noqa: E501 - one line of code
            ["files.js:2"],
        ),
        ({"files.py": _PYTHON, "a.py": "import files\n" + _PYTHON_ROUTE % "files.read(request.args['n'])"}, ["files.py:2"]),  # noqa: E501 - one line of code
        (
            {
                "app/__init__.py": "", "app/files.py": _PYTHON,
                "app/a.py": "from .files import read as get\n" + _PYTHON_ROUTE % "get(request.args['n'])",
            },
            ["app/files.py:2"],
        ),
        ({"files.py": _PYTHON, "a.py": "import files\n" + _PYTHON_ROUTE % "files.read(str(int(request.args['n'])))"}, []),  # noqa: E501 - one line of code
    ],
)  # fmt: skip
def test_data_is_followed_into_other_files(tmp_path: Path, files: dict[str, str], found: list[str]) -> None:
    answers = _paths(tmp_path, files)
    assert [f"{answer.span.path}:{answer.span.line}" for answer in answers if answer.span] == found


def test_the_place_where_data_came_in_is_named(tmp_path: Path) -> None:
    (answer,) = _paths(tmp_path, {"files.ts": _READ, "routes/a.ts": _ROUTE.replace("./", "../") % "req.query.name"})
    assert answer.detail.endswith("from routes/a.ts:2")


def test_modules_that_import_one_another_come_to_an_end(tmp_path: Path) -> None:
    files = {
        "a.ts": 'import { b } from "./b";\nexport const a = (x) => b(x);\napp.get("/", (req) => a(req.query.x));\n',
        "b.ts": 'import { a } from "./a";\nexport const b = (x) => a(x);\n',
    }
    assert _paths(tmp_path, files) == []


_PROCEDURE = 'import { z } from "zod";\nimport fs from "fs";\nexport const r = p.input(z.object({ a: %s })).query(({ input, ctx }) => fs.readFileSync("/d/" + input.a));\n'  # noqa: E501 - one line of code


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ("z.string()", True), ("z.string().min(1).optional()", True), ("z.string().uuid()", False),
        ("z.string().regex(/^a$/)", False), ('z.enum(["a"])', False), ("z.number()", False),
        ("z.union([z.literal(1), z.string()])", True), ("z.coerce.number()", False), ("Unknown", False),
    ],
)  # fmt: skip
def test_a_text_that_a_schema_lets_through_is_data(tmp_path: Path, schema: str, *, found: bool) -> None:
    assert bool(_paths(tmp_path, {"a.ts": _PROCEDURE % schema})) == found


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("str", True),
        ("str | None", True),
        ("int", False),
        ("Literal['a']", False),
        ("str = Field(pattern='^a$')", False),
    ],
)
def test_a_field_that_is_any_text_is_data(tmp_path: Path, kind: str, *, found: bool) -> None:
    models = f"class Item(BaseModel):\n    name: {kind}\n"
    route = "from models import Item\n@app.post('/x')\ndef x(item: Item):\n    return open('/d/' + item.name)\n"
    assert bool(_paths(tmp_path, {"models.py": models, "a.py": route})) == found


def test_a_validator_of_hono_is_known_to_its_handler(tmp_path: Path) -> None:
    route = (
        'import { z } from "zod";\nimport fs from "fs";\n'
        'app.get("/", zValidator("query", z.object({ a: z.string(), b: z.number() })), (c) => {\n'
        '  fs.readFileSync("/d/" + c.req.valid("query").a);\n  fs.readFileSync("/d/" + c.req.valid("query").b);\n});\n'
    )
    assert [answer.span.line for answer in _paths(tmp_path, {"a.ts": route}) if answer.span] == [4]


def _statements(folder: Path, files: dict[str, str]) -> list[str]:
    """The places of SQL injection, with an engine that has found nothing."""
    code = read_code(read_repository(write(folder, files)))
    page = next(page for page in load_rulebook().pages if page.id == "sql-injection")
    assert page.yaml
    rules = tuple(read_rules(page.id, page.yaml.read_text("utf-8")))
    answers = ask_files(page, code.repository, code, Semgrep({page.id: PageMatches(rules=rules, has_subjects=True)}))
    return [f"{a.span.path}:{a.span.line}" for a in answers.answers if a.state is State.FAIL and a.span]


@pytest.mark.parametrize(
    ("given", "found"),
    [("request.args['n']", ["dao.py:2"]), ("int(request.args['n'])", []), ("'notes'", [])],
)
def test_statements_are_followed_without_the_engine(tmp_path: Path, given: str, found: list[str]) -> None:
    files = {
        "dao.py": "def run(conn, text):\n    return conn.execute(text)\n",
        "users.py": "from dao import run\ndef find(name):\n    return run(conn, f\"SELECT * FROM u WHERE n = '{name}'\")\n",  # noqa: E501 - one line of code
        "a.py": "from users import find\n" + _PYTHON_ROUTE % f"find({given})",
    }
    assert _statements(tmp_path, files) == found
