from __future__ import annotations

import json

import pytest

from auditor.facts.histories import Histories, find_histories
from auditor.facts.regime import read_exposure
from auditor.facts.statements import split_statements
from auditor.facts.units import find_units, is_test, unit_of

CREATE = "create table a (id int);"


def _find(files: dict[str, str]) -> Histories:
    units = find_units(tuple(files), {p: t for p, t in files.items() if p.endswith(("package.json", "config.toml"))})
    return find_histories(sorted(files), units, files.get)


def test_supabase_in_order_with_its_config() -> None:
    found = _find(
        {
            "apps/web/package.json": '{"dependencies": {"@supabase/supabase-js": "2"}}',
            "apps/web/supabase/config.toml": "",
            "apps/web/supabase/migrations/20240102_b.sql": CREATE,
            "apps/web/supabase/migrations/20240101_a.sql": CREATE,
            "apps/web/supabase/migrations/notes.sql": "not numbered",
        }
    )
    (history,) = found.histories
    assert history.layout == "supabase"
    assert [path.rsplit("/", 1)[1] for path in history.files] == ["20240101_a.sql", "20240102_b.sql"]
    assert history.unit == "apps/web"
    assert history.config == "apps/web/supabase/config.toml"
    assert history.supabase
    assert list(found.set_aside) == ["apps/web/supabase/migrations/notes.sql"]


def test_a_hyphen_after_the_time_stamp_is_a_migration_too() -> None:
    folder = "supabase/migrations"
    names = ["20250609234010-de1700cf-28fa.sql", "20250610_b.sql", "20250611000000-c.sql", "2-notes.sql"]
    found = _find({f"{folder}/{name}": CREATE for name in names})
    (history,) = found.histories
    assert [path.rsplit("/", 1)[1] for path in history.files] == names[:3]
    assert list(found.set_aside) == [f"{folder}/2-notes.sql"]


def test_prisma_by_folder_and_provider() -> None:
    files = {
        "prisma/schema.prisma": 'datasource db {\n  provider = "postgresql"\n}\ngenerator c {\n  provider = "js"\n}',
        "prisma/migrations/20240102_b/migration.sql": CREATE,
        "prisma/migrations/20240101_a/migration.sql": CREATE,
    }
    (history,) = _find(files).histories
    assert history.layout == "prisma"
    assert not history.supabase
    assert next(iter(history.files)).startswith("prisma/migrations/20240101_a")
    files["prisma/migrations/migration_lock.toml"] = 'provider = "mysql"'
    assert _find(files).histories == ()
    assert "mysql" in _find(files).set_aside["prisma/migrations"]


def test_drizzle_follows_its_journal() -> None:
    journal = {"dialect": "postgresql", "entries": [{"idx": 1, "tag": "0001_z"}, {"idx": 0, "tag": "0000_y"}]}
    files = {
        "drizzle/meta/_journal.json": json.dumps(journal),
        "drizzle/0001_z.sql": CREATE,
        "drizzle/0000_y.sql": CREATE,
    }
    (history,) = _find(files).histories
    assert list(history.files) == ["drizzle/0000_y.sql", "drizzle/0001_z.sql"]
    files["drizzle/meta/_journal.json"] = json.dumps({**journal, "dialect": "sqlite"})
    assert _find(files).histories == ()


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["V10__b.sql", "V2__a.sql", "R__c.sql"], ["V2__a.sql", "V10__b.sql", "R__c.sql"]),
        (["000002_b.up.sql", "000001_a.up.sql", "000001_a.down.sql"], ["000001_a.up.sql", "000002_b.up.sql"]),
    ],
)
def test_plain_sql_is_ordered_by_version(names: list[str], order: list[str]) -> None:
    (history,) = _find({f"db/migrations/{name}": CREATE for name in names}).histories
    assert [path.rsplit("/", 1)[1] for path in history.files] == order


@pytest.mark.parametrize(
    ("up", "down", "layout"),
    [
        ("-- +goose Up\n-- +goose StatementBegin", "-- +goose StatementEnd\n-- +goose Down", "goose"),
        ("-- migrate:up", "-- migrate:down", "dbmate"),
        ("-- Up Migration", "-- Down Migration", "sql"),
        ("-- +migrate Up", "-- +migrate Down", "sql"),
    ],
)
def test_the_way_down_is_cut_off(up: str, down: str, layout: str) -> None:
    text = f"{up}\ncreate table a (id int);\n{down}\ndrop table a;\n"
    (history,) = _find({"migrations/001_a.sql": text}).histories
    assert "drop" not in history.files["migrations/001_a.sql"]
    assert history.layout == layout


def test_flyway_without_its_undo_scripts() -> None:
    names = ["V1.1__b.sql", "V1__a.sql", "U1__a.sql", "R__views.sql", "beforeMigrate.sql"]
    (history,) = _find({f"src/main/resources/db/migration/{name}": CREATE for name in names}).histories
    assert [path.rsplit("/", 1)[1] for path in history.files] == ["V1__a.sql", "V1.1__b.sql", "R__views.sql"]
    assert history.layout == "flyway"


def test_sqitch_follows_its_plan() -> None:
    plan = """%syntax-version=1.0.0
%project=shop

users 2024-01-01T00:00:00Z A <a@example.com> # the users
@v1 2024-01-02T00:00:00Z A <a@example.com> # a tag
app/orders [users] 2024-01-03T00:00:00Z A <a@example.com> # the orders
never_written 2024-01-04T00:00:00Z A <a@example.com>
"""
    files = {"db/sqitch.plan": plan, "db/deploy/app/orders.sql": CREATE, "db/deploy/users.sql": CREATE}
    files |= {"db/revert/users.sql": "drop table a;", "db/verify/users.sql": "select 1;"}
    (history,) = _find(files).histories
    assert list(history.files) == ["db/deploy/users.sql", "db/deploy/app/orders.sql"]
    assert history.layout == "sqitch"


def test_pairs_of_up_and_down_in_a_folder_each() -> None:
    files = {f"migrations/2024-0{n}-01-000000_x/{way}.sql": CREATE for n in (2, 1) for way in ("up", "down")}
    (history,) = _find(files).histories
    assert list(history.files) == ["migrations/2024-01-01-000000_x/up.sql", "migrations/2024-02-01-000000_x/up.sql"]


def test_prisma_with_its_schema_in_several_files() -> None:
    files = {
        "prisma/schema/base.prisma": 'datasource db {\n  provider = "mysql"\n}',
        "prisma/schema/user.prisma": "model User {\n  id Int @id\n}",
        "prisma/migrations/1_a/migration.sql": CREATE,
    }
    assert "mysql" in _find(files).set_aside["prisma/migrations"]
    at_the_root = {path.removeprefix("prisma/"): text for path, text in files.items()}
    assert "mysql" in _find(at_the_root).set_aside["migrations"]


def test_files_that_ask_for_no_transaction() -> None:
    files = {
        "migrations/1_a.sql": "-- migrate:up transaction:false\nselect 1;",
        "migrations/2_b.sql": "-- migrate:up\nselect 1;",
        "goose/migrations/1_a.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nselect 1;",
        "fly/migrations/V1__a.sql": CREATE,
        "fly/migrations/V1__a.sql.conf": "executeInTransaction=false",
        "fly/migrations/V2__b.sql": CREATE,
    }
    found = {path for history in _find(files).histories for path in history.unwrapped}
    assert found == {"migrations/1_a.sql", "goose/migrations/1_a.sql", "fly/migrations/V1__a.sql"}


def test_a_dump_with_data_and_commands_of_psql_is_a_schema() -> None:
    dump = (
        "\\restrict abc\n\\connect shop\nSET check_function_bodies = false;\n"
        "CREATE TABLE public.a (id integer, note text);\n"
        "COPY public.a (id, note) FROM stdin;\n1\tit's; \\N\n\\.\n\n"
        "CREATE TABLE public.b (id integer);\n\\unrestrict abc\n"
    )
    (history,) = _find({"db/structure.sql": dump}).histories
    assert history.layout == "schema"
    statements = split_statements("db/structure.sql", history.files["db/structure.sql"])
    made = [(s.kind, s.line) for s in statements]
    assert made == [("variable_set_stmt", 3), ("create_stmt", 4), ("create_stmt", 9)]


def test_a_schema_file_counts_only_without_migrations() -> None:
    files = {"schema.sql": CREATE, "supabase/migrations/1_a.sql": CREATE}
    assert [history.layout for history in _find(files).histories] == ["supabase"]
    assert [history.layout for history in _find({"schema.sql": CREATE}).histories] == ["schema"]


def test_without_a_usual_name_the_folder_with_the_most_tables_is_the_schema() -> None:
    files = {
        "sql/02_more.sql": CREATE,
        "sql/01_tables.sql": CREATE * 2,
        "scripts/report.sql": "select 1",
        "supabase/schemas/x.sql": CREATE,
    }
    (history,) = _find(files).histories
    assert list(history.files) == ["sql/01_tables.sql", "sql/02_more.sql"]
    assert _find({"scripts/report.sql": "select 1"}).histories == ()


def test_examples_vendored_and_other_dialects_are_set_aside() -> None:
    found = _find(
        {
            "node_modules/x/migrations/1_a.sql": CREATE,
            "examples/x/migrations/1_a.sql": CREATE,
            "db/migrations/1_a.sql": "create table a (id integer primary key autoincrement);",
            "ch/migrations/1_a.sql": "create table a (id String) ENGINE = ReplacingMergeTree order by id;",
        }
    )
    assert found.histories == ()
    assert set(found.set_aside) == {"examples/x/migrations", "db/migrations", "ch/migrations"}


NOTES = "create table public.notes (id int primary key);"
SHARES = "create table public.shares (id int primary key);"
TAGS = "create table public.tags (id int primary key);"


def _numbered(folder: str, *texts: str) -> dict[str, str]:
    return {f"{folder}/{number:03}_x.sql": text for number, text in enumerate(texts)}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ((NOTES, SHARES, TAGS), "a copy of supabase/migrations"),
        ((NOTES, SHARES + "\r\n", TAGS), "a copy of supabase/migrations"),
        ((NOTES, TAGS, SHARES), ""),
        ((NOTES, SHARES), ""),
    ],
)
def test_a_copied_folder_of_migrations_is_replayed_once(other: tuple[str, ...], reason: str) -> None:
    copied = "packages/db/supabase/migrations"
    found = _find(_numbered("supabase/migrations", NOTES, SHARES, TAGS) | _numbered(copied, *other))
    assert [history.folder for history in found.histories] == [copied] * (not reason) + ["supabase/migrations"]
    assert found.set_aside.get(copied, "").startswith(reason)


def test_the_same_files_that_serve_other_schemas_are_no_copy() -> None:
    folders = ("a/supabase", "b/supabase")
    files = _numbered("a/supabase/migrations", NOTES) | _numbered("b/supabase/migrations", NOTES)
    served = {f"{folder}/config.toml": f'[api]\nschemas = ["{folder[0]}"]\n' for folder in folders}
    assert len(_find(files).histories) == 1
    assert len(_find(files | served).histories) == 2


def test_of_two_copies_the_one_that_went_on_is_replayed() -> None:
    older, newer = (NOTES, SHARES, TAGS), (NOTES, SHARES, TAGS, "alter table public.tags enable row level security;")
    found = _find(_numbered("db/migrations", *older) | _numbered("supabase/migrations", *newer))
    assert [history.folder for history in found.histories] == ["supabase/migrations"]
    assert found.set_aside == {
        "db/migrations": "an older copy of supabase/migrations by its content; that one is replayed"
    }


def test_a_repository_with_an_auth_schema_of_its_own_gets_no_stand_in() -> None:
    text = "create schema auth; create function auth.uid() returns uuid language sql as 'select null::uuid';"
    (history,) = _find({"migrations/1_a.sql": text}).histories
    assert not history.supabase


def test_units_with_their_stack() -> None:
    manifests = {
        "package.json": '{"dependencies": {"hono": "4"}}',
        "services/api/pyproject.toml": '[project]\ndependencies = ["fastapi>=0.1", "psycopg[binary]"]',
        "broken/package.json": "{",
        "odd/package.json": "[" * 100_000,
    }
    units = find_units(tuple(manifests), manifests)
    assert {unit.path: unit.stack for unit in units} == {
        ".": ("Hono",),
        "services/api": ("FastAPI", "PostgreSQL"),
        "broken": (),
        "odd": (),
    }
    assert unit_of("services/api/main.py", units) == "services/api"
    assert unit_of("src/a.ts", units) == "."
    assert is_test("src/a.test.ts")
    assert not is_test("src/latest.ts")


def test_exposure_comes_from_the_config_and_never_goes_quiet() -> None:
    assert read_exposure(None).schemas == ("public", "graphql_public")
    assert read_exposure("[api]\nschemas = ['app']").schemas == ("app",)
    assert read_exposure("[api]\nschemas = []").schemas == ("public", "graphql_public")
    assert read_exposure(None).legacy
    assert not read_exposure("[api]\nauto_expose_new_tables = false").legacy
    broken = read_exposure("[api")
    assert broken.legacy
    assert "does not parse" in broken.reason
