"""Histories that lean on what was made elsewhere: the replay goes on, and no rule speaks of what stands in for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.facts.assumptions import made_in, made_of_types, missing_name
from tests.running import run

if TYPE_CHECKING:
    from pathlib import Path

TYPES = """
export type Database = { public: {
  Tables: {
    profiles: { Row: { id: string; name: string | null; kind: Database["public"]["Enums"]["kind"]; tags: string[] } }
    unasked: { Row: { id: number } }
  }
  Enums: { kind: "person" | "team" }
} }
"""
SETUP = """
create type kind as enum ('a');
create table only_here (id int);
create table profiles (id uuid, kind kind, team int references teams);
create table teams (id int primary key);
alter table profiles add primary key (id);
"""
NOTES = """
create table notes (id uuid primary key, owner uuid references profiles (id));
alter table notes enable row level security;
create policy own on notes using (owner = (select auth.uid()));
create table shared (id uuid primary key, kind public.kind);
create table read_by_profile (id uuid primary key, owner uuid);
alter table read_by_profile enable row level security;
create policy named on read_by_profile for select using (exists (select from profiles p where p.id = owner));
"""


def _scan(root: Path, files: dict[str, str]) -> dict[str, Any]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    run("scan", root, "-o", f"json={root / 'out.json'}", "-q", "--offline")
    report: dict[str, Any] = json.loads((root / "out.json").read_text("utf-8"))
    return report


def _found(report: dict[str, Any], rule: str) -> list[str]:
    return sorted({finding["subject"] for finding in report["findings"] if finding["rule"] == rule})


def _unknown(report: dict[str, Any], rule: str) -> int:
    return next(int(entry["subjects_unknown"]) for entry in report["rules"] if entry["id"] == rule)


def _facts(report: dict[str, Any]) -> str:
    return json.dumps(next(lane for lane in report["evidence"] if lane["source"] == "shadow database"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/database.types.ts", TYPES),
        ("docs/setup.sql", SETUP),
    ],
)
def test_a_history_goes_on_with_stand_ins(tmp_path: Path, path: str, text: str) -> None:
    report = _scan(tmp_path, {"supabase/migrations/1_notes.sql": NOTES, path: text})
    assert _found(report, "rls-disabled") == ["table public.shared"], "neither profiles nor teams is reported"
    assert _unknown(report, "cross-tenant-read") == 1, "nobody knows what the policy that reads profiles lets through"
    assert "public.profiles" in _facts(report)
    assert path in _facts(report)
    alone = ["migration supabase/migrations/1_notes.sql"]
    assert _found(report, "migration-replay-failure") == alone, "the migrations alone do not replay"


def test_no_stand_in_for_what_the_history_makes_itself_or_nobody_knows(tmp_path: Path) -> None:
    history = (
        "create table a (id int references later (id)); create table later (id int primary key); select from nowhere;"
    )
    report = _scan(tmp_path, {"supabase/migrations/1_a.sql": history, "src/database.types.ts": TYPES})
    assert "no migration makes it" not in _facts(report)
    assert _found(report, "rls-disabled") == ["table public.later"]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ('relation "a" does not exist', "public.a"),
        ('relation "app.a" does not exist', "app.a"),
        ('type "kind[]" does not exist', "public.kind"),
        ('schema "app" does not exist', "schema app"),
        ("function private.is_admin(uuid) does not exist", "private.is_admin"),
        ('column "b" of relation "a" does not exist', None),
        ('relation "a" already exists', None),
    ],
)
def test_the_name_that_an_error_misses(message: str, name: str | None) -> None:
    assert missing_name(message) == name


def test_what_files_make() -> None:
    texts = {item.name: item.text for item in made_of_types("t.ts", TYPES)}
    assert texts["public.kind"] == """create type "public"."kind" as enum ('person', 'team')"""
    assert texts["public.profiles"] == (
        'create table "public"."profiles" ("id" uuid default gen_random_uuid() primary key, "name" text, '
        '"kind" "public"."kind", "tags" text[])'
    )
    made = [
        item.name
        for item in made_in(
            "a.sql", "create schema app; create function app.f() returns int as '' language sql; drop table x;"
        )
    ]
    assert made == ["schema app", "app.f"]


POSTGREST = """
create role authenticator login noinherit;
create role web_anon nologin;
create role backend login;
grant web_anon to authenticator;
create schema api;
create table api.todos (id int primary key);
create table api.secrets (id int primary key);
grant usage on schema api to web_anon, backend;
grant select on api.todos to web_anon;
grant all on all tables in schema api to backend;
"""


def test_roles_of_an_api_without_supabase(tmp_path: Path) -> None:
    report = _scan(tmp_path, {"db/migrations/001_a.sql": POSTGREST})
    assert "exposed to web_anon" in _facts(report), "a role that a login role without inheritance switches to"
    assert _found(report, "rls-disabled") == ["table api.todos"]


def test_a_backend_with_a_role_of_its_own_serves_no_api(tmp_path: Path) -> None:
    report = _scan(tmp_path, {"db/migrations/001_a.sql": POSTGREST.replace(" noinherit", "")})
    assert "no API role" in _facts(report)
    assert _found(report, "rls-disabled") == []
