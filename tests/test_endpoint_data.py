"""What the table of endpoints says beside the four great controls: ownership, records, CORS, inputs, database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.running import run, write

_FIXTURES = Path(__file__).parent.parent / "fixtures"
Rows = dict[str, dict[str, Any]]


def _rows(folder: Path) -> Rows:
    listed = json.loads(run("routes", folder, "--format", "json").out)
    return {f"{row['method']} {row['path']}": row for row in listed}


@pytest.fixture(scope="module")
def sound() -> Rows:
    return _rows(_FIXTURES / "sound")


@pytest.fixture(scope="module")
def leaky() -> Rows:
    return _rows(_FIXTURES / "leaky")


def test_ownership_and_records(sound: Rows, leaky: Rows) -> None:
    one = "DELETE /v1/organizations/:orgId/api-keys/:id"
    assert (sound[one]["ownership"]["state"], leaky[one]["ownership"]["state"]) == ("present", "absent")
    members = "PATCH /v1/organizations/:orgId/members/:id"
    assert (sound[members]["audit"]["state"], leaky[members]["audit"]["state"]) == ("present", "absent")
    assert leaky[one]["audit"]["evidence"] == "a trigger records changes to apiKey"
    assert sound["GET /health/live"]["audit"]["state"] == "not_applicable"


def test_cross_origin_rules_and_headers(sound: Rows, leaky: Rows) -> None:
    login = "POST /v1/auth/login"
    assert sound[login]["cors"] == {"state": "present", "evidence": "origins: env.ALLOWED_ORIGINS"}
    assert leaky[login]["cors"]["evidence"] == "origins: '*'"
    assert sound["POST /hooks/stripe"]["cors"]["state"] == "absent"
    assert "hsts" in sound[login]["headers"]["evidence"]
    assert leaky[login]["headers"]["state"] == "absent"


def test_each_source_of_input_with_the_place_of_its_schema(sound: Rows, leaky: Rows) -> None:
    path = "PATCH /v1/organizations/:orgId/projects/:id"
    taken = {each["source"]: each for each in sound[path]["inputs"]}
    places = {
        source: f"{each['schema_location']['path']}:{each['schema_location']['line']}" for source, each in taken.items()
    }
    assert places == {"param": "src/lib/validation.ts:4", "json": "src/routes/projects.ts:17"}
    assert {each["state"] for each in taken.values()} == {"present"}
    assert {(each["source"], each["state"]) for each in leaky[path]["inputs"]} == {
        ("param", "absent"),
        ("json", "absent"),
    }


def test_tables_clients_and_raw_sql(sound: Rows, leaky: Rows) -> None:
    assert sound["GET /v1/integrations/projects"]["data"]["clients"] == ["service-role"]
    assert leaky["GET /v1/organizations/:orgId/webhooks/:id/deliveries"]["data"]["clients"] == ["caller"]
    data = leaky["GET /v1/organizations/:orgId/projects"]["data"]
    assert data["reads"] == ["task"]
    assert data["raw_sql"]["path"] == "src/routes/projects.ts"
    assert sound["GET /v1/organizations/:orgId/projects"]["data"]["raw_sql"] is None


def test_a_schema_that_lets_anything_pass_is_loose(tmp_path: Path) -> None:
    head = 'import { Hono } from "hono";\nimport { z } from "zod";\nconst app = new Hono();\n'
    schemas = "const Any = z.object({ a: z.any() }).passthrough();\nconst Note = z.object({ text: z.string() });\n"
    route = 'app.post("/{0}", async (c) => c.json({1}.parse(await c.req.json())));\n'
    write(tmp_path, {"src/a.ts": head + schemas + route.format("loose", "Any") + route.format("strict", "Note")})
    found = {path: row["inputs"][0]["loose"] for path, row in _rows(tmp_path).items()}
    assert found == {"POST /loose": True, "POST /strict": False}


def test_a_nest_server_sets_its_rules_for_all(tmp_path: Path) -> None:
    controller = '@Controller("notes")\nexport class Notes {\n  @Get()\n  all() { return []; }\n}\n'
    files = {
        "package.json": '{"dependencies": {"@nestjs/core": "10"}}',
        "src/main.ts": 'import helmet from "helmet";\napp.use(helmet());\napp.enableCors({ origin: "https://a" })\n',
        "src/notes.ts": 'import { Controller, Get } from "@nestjs/common";\n' + controller,
    }
    write(tmp_path, files)
    row = _rows(tmp_path)["GET /notes"]
    assert row["cors"] == {"state": "present", "evidence": "set for the whole server in src/main.ts"}
    assert row["headers"]["state"] == "present"
