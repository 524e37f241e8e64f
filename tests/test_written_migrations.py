"""Databases whose migrations are programs: what is known of them, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.facts.written_migrations import api_sign, written_migrations
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

DJANGO = {
    "requirements.txt": "Django==5.2\npsycopg==3.2.1\n",
    "shop/migrations/0001_initial.py": "from django.db import migrations\n",
    "shop/views.py": "def index(request):\n    return None\n",
}
ROLES = ("rls-on-all-tables", "tenant-isolation", "least-privilege-database")


def _controls(root: Path) -> dict[str, dict[str, Any]]:
    place = root.parent / "report.json"
    run("scan", root, "--offline", "--only", "catalog", "--only", "migration", "-o", f"json={place}")
    report = json.loads(place.read_text("utf-8"))
    return {control["id"]: control for control in report["controls"]}


def test_no_api_role_exists_where_only_the_application_serves_the_tables(tmp_path: Path) -> None:
    found = _controls(write(tmp_path / "root", DJANGO))
    assert {found[name]["verdict"] for name in ROLES} == {"not_applicable"}
    assert "application code alone" in found["rls-on-all-tables"]["reason"]
    indexes = found["indexed-access-paths"]  # what the tables are is not known all the same
    assert indexes["verdict"] == "unknown"
    assert "Django's, in Python (shop/migrations/0001_initial.py" in indexes["reason"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("docker-compose.yml", "services:\n  api:\n    image: postgrest/postgrest\n"),
        (".env.example", "DATABASE_URL=postgres://postgres.abc@aws-0-eu.pooler.supabase.com/postgres\n"),
        ("shop/migrations/0002_roles.py", "sql = 'GRANT SELECT ON orders TO reader'\n"),
    ],
)
def test_a_sign_of_an_api_leaves_it_unknown(tmp_path: Path, path: str, text: str) -> None:
    found = _controls(write(tmp_path / "root", {**DJANGO, path: text}))
    assert {found[name]["verdict"] for name in ROLES} == {"unknown"}


def test_whose_migrations_there_are() -> None:
    paths = [
        "api/alembic/versions/3f9a_add.py", "src/migrations/1597626060117-Initial.ts", "migrations/versions/1_a.py",
        "tests/migrations/0001_initial.py", "shop/migrations/__init__.py",
    ]  # fmt: skip
    assert written_migrations(paths) == {
        "Alembic's, in Python": "api/alembic/versions/3f9a_add.py",
        "written in JavaScript": "src/migrations/1597626060117-Initial.ts",
    }
    texts = {"README.md": "uses Supabase", "app.py": "supabase", "tests/compose.yml": "hasura"}
    assert api_sign(texts, texts.get) == "README.md"


def test_tables_that_may_lie_in_the_project_that_the_code_uses(tmp_path: Path) -> None:
    files = {
        "package.json": '{"dependencies": {"@supabase/supabase-js": "2.0.0", "postgres": "3.0.0"}}',
        "schema.sql": "create table notes (id int primary key, owner uuid);",
    }
    found = _controls(write(tmp_path / "root", files))
    assert {found[name]["verdict"] for name in ROLES[:2]} == {"unknown"}
    assert "whether these tables lie there" in found["rls-on-all-tables"]["reason"]
    plain = _controls(write(tmp_path / "plain", {**files, "package.json": '{"dependencies": {"postgres": "3.0.0"}}'}))
    assert plain["rls-on-all-tables"]["verdict"] == "not_applicable"
