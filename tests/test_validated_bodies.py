"""Bodies that a schema in the route of another file has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.detectors.ask import ask_files
from auditor.model import State
from auditor.rulebook import load_rulebook
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

_HANDLER = (
    'import { UserModel } from "./models/user";\n'
    "export const create = async (req, res) => res.json(await UserModel.create(req.body));\n"
)
_ROUTE = 'import { Router } from "express";\nimport { create } from "./users";\nconst router = Router();\n%s\n'
_REPLACES = "export const validate = (s) => (req, res, next) => { req.body = s.parse(req.body); next(); };\n"
_LOOKS = "export const validate = (s) => (req, res, next) => { s.parse(req.body); next(); };\n"
_JOI = "export const validate = (s) => (req, res, next) => { const { value } = s.validate(object); Object.assign(req, value); next(); };\n"  # noqa: E501 - one line of code


@pytest.mark.parametrize(
    ("route", "middleware", "found"),
    [
        ('router.post("/users", validate(userSchema), create);', _REPLACES, 0),
        ('router.post("/users", validate(userSchema), create);', _JOI, 0),
        ('router.post("/users", validate(userSchema), create);', _LOOKS, 1),
        ('router.post("/users", create);', _REPLACES, 1),
        ('router.post("/users", create);\nrouter.put("/users", validate(userSchema), change);', _REPLACES, 1),
        ("router.use(create);", _REPLACES, 1),
    ],
)
def test_a_schema_in_the_route_of_another_file(tmp_path: Path, route: str, middleware: str, found: int) -> None:
    files = {"users.ts": _HANDLER, "routes.ts": _ROUTE % route, "validate.ts": middleware}
    code = read_code(read_repository(write(tmp_path, files)))
    page = next(page for page in load_rulebook().pages if page.id == "mass-assignment")
    answers = ask_files(page, code.repository, code).answers
    assert sum(answer.state is State.FAIL for answer in answers) == found
