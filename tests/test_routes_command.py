"""`backend-audit routes`: the endpoint table in every format, and its filters."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.running import run, write

SOUND = Path(__file__).resolve().parent.parent / "fixtures" / "sound"


def _rows(*options: str) -> list[dict[str, Any]]:
    found = run("routes", SOUND, "--no-shadow", "--format", "json", *options)
    assert found.code == 0
    rows: list[dict[str, Any]] = json.loads(found.out)
    return rows


def test_the_table_names_every_endpoint_with_its_controls() -> None:
    found = run("routes", SOUND, "--no-shadow")
    assert found.code == 0
    assert "/v1/organizations/:orgId/projects" in found.out
    assert "31 endpoints; auth: 26 yes" in " ".join(found.out.split())


def test_filters() -> None:
    assert {row["method"] for row in _rows("--method", "post", "--method", "PATCH")} == {"POST", "PATCH"}
    assert {row["path"] for row in _rows("--path", "/v1/auth/*")} == {
        "/v1/auth/login", "/v1/auth/refresh", "/v1/auth/password-reset",
    }  # fmt: skip
    assert all(row["auth"]["state"] != "present" for row in _rows("--unauthenticated"))
    assert len(_rows()) == 31


def test_formats() -> None:
    listed = list(csv.DictReader(io.StringIO(run("routes", SOUND, "--no-shadow", "--format", "csv").out)))
    assert len(listed) == 31
    assert listed[0].keys() >= {"method", "path", "auth", "file", "line"}
    assert len(run("routes", SOUND, "--no-shadow", "--format", "md").out.splitlines()) == 33
    document = json.loads(run("routes", SOUND, "--no-shadow", "--format", "openapi").out)
    operation = document["paths"]["/v1/organizations/{orgId}/projects/{id}"]["patch"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["orgId", "id"]
    assert operation["x-source"] == "src/routes/projects.ts:59"


def test_nothing_to_list_and_a_wrong_path(tmp_path: Path) -> None:
    assert run("routes", tmp_path / "none").code == 2
    assert run("routes", tmp_path).code == 5
    write(tmp_path, {"a.ts": "export const x = 1\n"})
    assert json.loads(run("routes", tmp_path, "--format", "json").out) == []


@pytest.mark.parametrize("form", ["text", "md", "csv", "json"])
def test_a_hostile_path_acts_on_nothing(tmp_path: Path, form: str) -> None:
    start = 'import { Hono } from "hono"\nexport const app = new Hono()\n'
    code = start + 'app.get("=cmd|\x1b[31m`x`", (c) => c.text(""))\n'
    write(tmp_path, {"a.ts": code})
    out = run("routes", tmp_path, "--format", form).out
    assert "\x1b" not in out


def test_base_paths_of_the_settings_stand_before_the_addresses(tmp_path: Path) -> None:
    code = 'import { Hono } from "hono"\nexport const app = new Hono()\napp.get("/notes", (c) => c.text(""))\n'
    settings = '[base-paths]\n"." = "/all"\n"apps/api" = "/v2/api"\n'
    write(tmp_path, {"apps/api/a.ts": code, "apps/web/b.ts": code, "backend-audit.toml": settings})
    listed = json.loads(run("routes", tmp_path, "--format", "json").out)
    assert sorted(row["path"] for row in listed) == ["/all/notes", "/v2/api/notes"]


def test_a_base_path_that_is_none_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.ts": "let a = 1\n", "backend-audit.toml": '[base-paths]\n"." = "api"\n'})
    assert run("routes", tmp_path).code == 2
