"""What keeps memory and time in proportion: trees that are let go of, and statistics for the catalog queries."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.code_lane import asked_of_whole
from auditor.desk import OwnDesk
from auditor.facts import portions as facts_portions
from auditor.facts.pieces import Site
from auditor.facts.portions import portions
from auditor.lanes import find_inventory
from auditor.model import DbObject, Kind
from auditor.rulebook import load_rulebook
from auditor.sources import code as code_module
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write
from tests.shadow_support import shadow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Tree

    from auditor.batches import Asked
    from auditor.facts.inventory import Inventory
    from auditor.model import Answer, RuleAnswers
    from auditor.sources.code import Code

TEXT = "export const value = () => work(1);\n"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Code:
    """Ten files, of which the trees of three are kept."""
    monkeypatch.setattr(code_module, "_PARSED", 3 * len(TEXT))
    write(tmp_path, {f"src/a{number}.ts": TEXT for number in range(10)})
    return read_code(read_repository(tmp_path))


def _kept(code: Code) -> int:
    return len(code._trees)  # noqa: SLF001 - what it holds is what is asked


def test_trees_that_nobody_looks_at_are_let_go_of(code: Code) -> None:
    assert 1 <= _kept(code) <= 3
    assert [len(code.nodes(path, "call_expression")) for path in code.files] == [1] * 10
    assert 1 <= _kept(code) <= 3


def test_a_tree_stays_as_long_as_somebody_has_a_node_of_it(code: Code) -> None:
    held = {path: code.nodes(path, "call_expression") for path in list(code.files)[:5]}
    for path in code.files:
        code.nodes(path, "arrow_function")
    assert _kept(code) >= 5
    assert all(code.nodes(path, "call_expression") == found for path, found in held.items())
    held.clear()
    for path in code.files:
        code.nodes(path, "arrow_function")
    assert _kept(code) <= 3


def test_the_words_of_few_texts_are_kept(code: Code) -> None:
    pattern = re.compile(r"\bwork\b")
    assert all(code.holds(path, pattern) for path in code.files)
    assert len(code._folded) <= 8  # noqa: SLF001 - as above


def test_the_server_knows_how_many_tables_a_history_made() -> None:
    made = "".join(f"create table public.t{number} (id uuid default gen_random_uuid());\n" for number in range(60))
    counted = "select reltuples::int from pg_class where oid = 'pg_attrdef'::regclass"
    with shadow(made, supabase=False) as database:
        row = database.session.execute(counted).fetchone()
    assert row is not None
    assert row[0] >= 60


def test_the_place_of_policies_is_that_of_the_last_one_made() -> None:
    files = {
        "1_a.sql": "create table public.a (id int);\nalter table public.a enable row level security;\n",
        "2_b.sql": "create policy one on public.a for select using (true);\n",
        "3_c.sql": "create policy two on public.a for insert with check (true);\n",
        "4_d.sql": "create table public.b (id int);\n",
    }
    with shadow(files, supabase=False) as database:
        assert database.provenance
        ids = database.session.execute(
            "select 'pg_class'::regclass::oid::int, 'public.a'::regclass::oid::int"
        ).fetchone()
        assert ids
        found = database.provenance.span(DbObject("table", "public.a", ids[0], ids[1], aspect="policy"))
    assert found is not None
    assert found.path.endswith("3_c.sql")


def test_those_who_hold_trees_are_told_to_let_go(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_module, "_HELD", 4 * len(TEXT))
    keeper = _Keeper()
    code.watch(keeper.forget)
    for path in code.files:
        keeper.held += code.nodes(path, "arrow_function")
    assert 1 <= len(keeper.held) < 10
    assert _kept(code) < 10


class _Keeper:
    """Somebody who holds nodes."""

    def __init__(self) -> None:
        self.held: list[object] = []

    def forget(self) -> None:
        self.held.clear()


def test_a_parked_site_lets_its_tree_go_and_finds_its_node_again(code: Code) -> None:
    path = next(iter(code.files))
    site, twin = (Site(path, code.nodes(path, "arrow_function")[0]) for _ in range(2))
    before = site.node.text, hash(site)
    site.park(code)
    assert site.is_parked
    assert site == twin
    del twin
    code.forget([path])
    assert (site.node.text, hash(site)) == before
    assert site == Site(path, code.nodes(path, "arrow_function")[0])
    site.park(code)
    assert site.is_parked


@pytest.mark.parametrize("name", ["leaky", "sound"])
def test_letting_go_all_the_time_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _routes(name)
    monkeypatch.setattr(code_module, "_PARSED", 0)
    monkeypatch.setattr(code_module, "_HELD", -1_000_000)
    again = _routes(name)
    assert again.endpoints == whole.endpoints
    assert again.answers == whole.answers


_FIXTURES = Path(__file__).parents[1] / "fixtures"


def _routes(name: str) -> Asked:
    repository = read_repository(_FIXTURES / name)
    pages = [page for page in load_rulebook().pages if page.kind is Kind.ROUTE]
    return asked_of_whole(OwnDesk(repository, read_code(repository)), pages, {})


@pytest.mark.parametrize("name", ["leaky", "sound"])
def test_portions_of_the_endpoints_say_what_all_of_them_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _routes(name)
    sizes: list[int] = []

    def small(inventory: Inventory) -> Iterator[Inventory]:
        for portion in portions(inventory, most=3, size=4):
            sizes.append(len(portion.asked))
            yield portion
            asked = {id(site) for endpoint in portion.asked for site in endpoint.sites}
            held = {id(site) for each in portion.endpoints for site in each.sites if not site.is_parked}
            assert held
            assert held <= asked, "only a portion holds its code"

    monkeypatch.setattr(facts_portions, "portions", small)
    parts = _routes(name)
    assert len(sizes) > 1
    assert max(sizes) == 4
    assert parts.endpoints == whole.endpoints
    assert {name: _rows(found) for name, found in parts.answers.items()} == {
        name: _rows(found) for name, found in whole.answers.items()
    }


def _rows(found: RuleAnswers) -> tuple[str | None, set[Answer]]:
    return found.not_applicable, set(found.answers)


_AUDITED = (
    "import express from 'express';\nimport { db, requireUser, auditLog } from './lib';\nconst app = express();\n"
    "app.delete('/a/:id', requireUser, async (req, res) => { await db.member.delete({ where: { id: req.params.id } });"
    " res.json({}) });\n"
    "app.delete('/b/:id', requireUser, async (req, res) => { await db.member.delete({ where: { id: req.params.id } });"
    " await auditLog('deleted', req.params.id); res.json({}) });\n"
)


def test_a_record_of_another_portion_makes_a_rule_apply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lib = "export const requireUser = (req, res, next) => { if (!req.user) return res.status(401).end(); next() }\n"
    write(tmp_path, {"src/app.ts": _AUDITED, "src/lib.ts": lib, "package.json": '{"dependencies": {"express": "4"}}'})
    repository = read_repository(tmp_path)
    pages = [page for page in load_rulebook().pages if page.id == "privileged-endpoint-without-audit-record"]
    monkeypatch.setattr(facts_portions, "portions", partial(portions, most=1, size=1))
    (found,) = asked_of_whole(OwnDesk(repository, read_code(repository)), pages, {}).answers.values()
    assert [(answer.subject, answer.state.value) for answer in found.answers] == [
        ("endpoint DELETE /a/:id", "fail"),
        ("endpoint DELETE /b/:id", "ok"),
    ]


_NEST = """import { Controller, Get } from '@nestjs/common';
@Controller('m{n}')
export class Things { @Get() all() { return 1 } }
"""
_FASTIFY = "import Fastify from 'fastify';\nconst app = Fastify();\napp.get('/m{n}', async () => 1);\n"
_TRPC = """import { initTRPC } from '@trpc/server';
const t = initTRPC.create();
export const thingRouter = t.router({ m{n}: t.procedure.query(() => 1) });
"""
_GRAPHQL = """import { createSchema } from 'graphql-yoga';
export const resolvers = { Query: { m{n}: () => 1 } };
export const schema = createSchema({ resolvers });
"""
_FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/m{n}')\ndef all(): return 1\n"
_FLASK = "from flask import Flask\napp = Flask(__name__)\n@app.get('/m{n}')\ndef all(): return 1\n"
_DJANGO = "from django.urls import path\ndef all(request): return 1\nurlpatterns = [path('m{n}/', all)]\n"


@pytest.mark.parametrize(
    ("package", "name", "text"),
    [
        ("@nestjs/common", "m{n}.controller.ts", _NEST),
        ("fastify", "m{n}.ts", _FASTIFY),
        ("@trpc/server", "m{n}.ts", _TRPC),
        ("graphql-yoga", "m{n}.ts", _GRAPHQL),
        ("fastapi", "m{n}.py", _FASTAPI),
        ("flask", "m{n}.py", _FLASK),
        ("django", "m{n}/urls.py", _DJANGO),
    ],
    ids=["nestjs", "fastify", "trpc", "graphql", "fastapi", "flask", "django"],
)
def test_what_a_finder_collects_holds_no_tree(
    package: str, name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"src/{name}".replace("{n}", str(n)): text.replace("{n}", str(n)) for n in range(30)}
    manifest = {"package.json": f'{{"dependencies": {{"{package}": "1"}}}}', "requirements.txt": f"{package}==1\n"}
    write(tmp_path, files | {m: held for m, held in manifest.items() if (m == "package.json") == name.endswith(".ts")})
    repository = read_repository(tmp_path)
    code = read_code(repository)
    code.forget(list(code.files))
    most, tree = 0, code_module.Code.tree

    def counted(self: Code, path: str) -> Tree:
        nonlocal most
        found = tree(self, path)
        most = max(most, _kept(self))
        return found

    monkeypatch.setattr(code_module, "_PARSED", 0)
    monkeypatch.setattr(code_module, "_HELD", -1_000_000)
    monkeypatch.setattr(code_module.Code, "tree", counted)
    assert len(find_inventory(repository, code).endpoints) == 30
    assert most <= 8, "of thirty"
