"""Findings keep their identity through what does not change them, and lose it where the fault is another one."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.audit import Request, audit
from auditor.compare import Context, Item, Matches, item_of, match
from auditor.model import Severity, Target
from auditor.rulebook import load_rulebook
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.report import Finding

ROUTES = """import { Hono } from 'hono'
const app = new Hono()
app.post('/users', async (c) => {
  try { await save(await c.req.json()) } catch {}
  return c.json({})
})
app.delete('/users/:id', async (c) => {
  try { await drop(c.req.param('id')) } catch (error) {}
  return c.json({})
})
function helper() {
  try { work() } catch (e) {}
}
export default app
"""
RULES = ("empty-catch", "endpoint-without-auth", "endpoint-without-validation", "audit-trail-absent")


def _found(folder: Path, files: dict[str, str]) -> list[Finding]:
    write(folder, {"package.json": '{"dependencies": {"hono": "4"}}', **files})
    return audit(Request(Target(folder, shadow=False), only=RULES), load_rulebook())[0].findings


def _prints(findings: list[Finding]) -> set[str]:
    return {finding.fingerprint for finding in findings}


def _shifted(text: str, chance: random.Random) -> str:
    """Blank lines and comments at random places."""
    lines = []
    for line in text.split("\n"):
        lines += chance.choice(([], [""], ["// a remark"], ["", "/* two", "lines */"])) if line else []
        lines.append(line)
    return "\n".join(lines)


def _reformatted(text: str, chance: random.Random) -> str:
    """Other indentation, other quotes, braces on lines of their own."""
    text = text.replace("  ", chance.choice(("\t", "    "))).replace("'", '"')
    return (
        text.replace("{ await", "{\n      await").replace("{ work()", "{\n work()") if chance.random() < 0.7 else text
    )


@pytest.mark.parametrize("seed", range(6))
def test_lines_and_formatting_are_no_part_of_it(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same text in every run
    before = _found(tmp_path / "a", {"src/app.ts": ROUTES})
    assert len(before) >= 4
    changed = _reformatted(_shifted(ROUTES, chance), chance)
    assert changed != ROUTES
    assert _prints(_found(tmp_path / "b", {"src/app.ts": changed})) == _prints(before)


def test_a_renamed_file_keeps_its_findings(tmp_path: Path) -> None:
    before = _found(tmp_path / "a", {"src/app.ts": ROUTES})
    after = _found(tmp_path / "b", {"server/http/main.ts": ROUTES})
    assert not _prints(before) & _prints(after)
    found = _matched(before, after, Context(renames={"src/app.ts": "server/http/main.ts"}))
    assert (found.gone, found.new, len(found.pairs)) == ([], [], len(before))
    assert all(pair.moved for pair in found.pairs)


def test_a_file_that_git_calls_no_rename_keeps_what_stayed_the_same(tmp_path: Path) -> None:
    before = _found(tmp_path / "a", {"src/app.ts": ROUTES})
    after = _found(tmp_path / "b", {"src/main.ts": ROUTES})
    context = Context(before={"src/app.ts"}, after={"src/main.ts"})
    assert not _matched(before, after, context).new
    both = Context(before={"src/app.ts"}, after={"src/main.ts", "src/app.ts"})
    left = _matched(before, after, both)
    assert {item.rule for item in left.new} == {"empty-catch"}, "the file is still there: what is elsewhere is another"


def test_a_copy_is_new(tmp_path: Path) -> None:
    before = _found(tmp_path / "a", {"src/app.ts": ROUTES})
    copied = ROUTES.replace("/users", "/teams")
    after = _found(tmp_path / "b", {"src/app.ts": ROUTES, "src/copy.ts": copied})
    found = _matched(before, after, Context(before={"src/app.ts"}, after={"src/app.ts", "src/copy.ts"}))
    assert (found.gone, len(found.pairs)) == ([], len(before))
    assert len(found.new) == len(after) - len(before)
    assert all(item.place == "src/copy.ts" for item in found.new)


def test_another_route_is_another_finding(tmp_path: Path) -> None:
    """The hole of one route went, and the same hole of another came: nothing of it moved."""
    before = _found(tmp_path / "a", {"src/app.ts": ROUTES})
    after = _found(tmp_path / "b", {"src/other.ts": ROUTES.replace("/users", "/teams")})
    found = _matched(before, after, Context({"src/app.ts": "src/other.ts"}, {}, {"src/app.ts"}, {"src/other.ts"}))
    routes = {item.subject for item in found.new}
    assert any("/teams" in subject for subject in routes)
    assert not [pair for pair in found.pairs if "/users" in pair.old.subject]


def _matched(before: list[Finding], after: list[Finding], context: Context) -> Matches:
    return match(map(item_of, before), map(item_of, after), context)


ITEM = Item("rls-disabled", "f1", Severity.HIGH, "table public.a", "db", "off", in_database=True)


def test_a_hole_of_another_table_is_new() -> None:
    other = replace(ITEM, fingerprint="f2", subject="table public.b")
    assert match([ITEM], [other]) == Matches([], [ITEM], [other])


def test_a_renamed_folder_of_migrations_keeps_its_findings() -> None:
    moved = replace(ITEM, fingerprint="f2", place="other")
    assert [pair.moved for pair in match([ITEM], [moved]).pairs] == [True]
    # Both databases are there on either side: the fault of one is not the fault of the other.
    both = Context(before={"db", "other"}, after={"db", "other"})
    assert match([ITEM], [moved], both).pairs == []
    twin = replace(ITEM, fingerprint="f3", place="third")
    assert match([ITEM], [moved, twin]).pairs == [], "which of the two it became is not known"


def test_former_names_of_rules_are_honoured() -> None:
    renamed = replace(ITEM, fingerprint="f2", rule="rls-off")
    assert match([ITEM], [renamed]).pairs == []
    found = match([ITEM], [renamed], Context(formerly={"rls-disabled": "rls-off"}))
    assert [(pair.old, pair.new) for pair in found.pairs] == [(ITEM, renamed)]


def test_what_became_more_severe_is_worse() -> None:
    worse = replace(ITEM, severity=Severity.CRITICAL)
    assert [pair.worse for pair in match([ITEM], [worse]).pairs] == [True]
    assert [pair.worse for pair in match([worse], [ITEM]).pairs] == [False]


def test_a_package_that_was_raised_and_is_still_at_fault_is_not_new() -> None:
    old = Item("vulnerable-dependency", "f1", Severity.HIGH, "package npm:@a/b@1.0.0", "bun.lock", "CVE-1")
    new = replace(old, fingerprint="f2", subject="package npm:@a/b@1.0.1")
    assert [pair.moved for pair in match([old], [new]).pairs] == [True]
    for other in (replace(new, evidence="CVE-2"), replace(new, subject="package npm:@a/c@1.0.1")):
        assert match([old], [other]).pairs == []
    assert match([old], [new, replace(new, fingerprint="f3", subject="package npm:@a/b@2.0.0")]).pairs == []


def test_another_evidence_is_another_finding() -> None:
    assert match([ITEM], [replace(ITEM, fingerprint="f2", evidence="CVE-2")]).pairs == []


SQL = """create table public.notes (id uuid primary key, owner uuid not null);
create table public.safe (id uuid primary key, owner uuid not null);
alter table public.safe enable row level security;
create policy "all rows" on public.safe for select using (true);
"""


def _of_database(folder: Path, text: str, name: str = "1_init.sql") -> list[Finding]:
    write(folder, {f"supabase/migrations/{name}": text})
    return audit(Request(Target(folder), only=("rls-disabled", "policy-always-true")), load_rulebook())[0].findings


def test_the_findings_of_a_table_are_its_own(tmp_path: Path) -> None:
    before = _of_database(tmp_path / "a", SQL)
    assert {finding.rule for finding in before} == {"rls-disabled", "policy-always-true"}
    reformatted = "-- a remark\n\n" + SQL.replace("(", "(\n    ").replace("create table", "CREATE  TABLE")
    assert _prints(_of_database(tmp_path / "b", reformatted, "20250101_other.sql")) == _prints(before)
    copied = SQL + SQL.replace("notes", "letters").replace("safe", "sound")
    after = _of_database(tmp_path / "c", copied)
    found = _matched(before, after, Context())
    assert (found.gone, len(found.pairs)) == ([], len(before))
    assert {item.subject.split('."')[0] for item in found.new} == {"table public.letters", "policy public.sound"}
