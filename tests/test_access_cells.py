"""Every cell of the access matrix has its attempts, and pasted into psql on a fresh replay they show what it says."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.facts.histories import find_histories
from auditor.inquiry import access_rows, access_setups
from auditor.lanes import sources
from auditor.model import Target
from auditor.plan import Evidence
from auditor.render.access_script import script_of, setup_of
from auditor.render.html import render_access
from auditor.report_tables import build_access, build_setups
from auditor.sources.binaries import find_binaries
from auditor.sources.repository import read_repository
from auditor.sources.shadow import build_shadow
from tests.running import run, write
from tests.test_access_proofs import PSQL, pasted
from tests.test_probe_callers import MINE, OWN_PROFILE, READABLE, SCHEMA, _policy
from tests.test_probes import HARD, TRIGGERED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.report import AccessCell, AccessSetup, AccessStep
    from auditor.sources.database import Database

pytestmark = pytest.mark.skipif(PSQL is None, reason="no psql beside the server binaries")
LEAKY = Path(__file__).parent.parent / "fixtures" / "leaky"
MARK = "-- attempt --"
NUMBER = re.compile(r"(?:[A-Z]+ of )?(?P<count>\d+) rows?\b")
TAG = re.compile(r"(?:INSERT 0|UPDATE|DELETE|SELECT) (?P<count>\d+)")
# A trigger makes rows with ids of its own, one refuses whoever is not signed in, one refuses everybody.
MADE_UP = f"""
{TRIGGERED}
alter table public.docs enable row level security;
create policy own on public.docs for all to authenticated
  using (exists (select from public.teams t where t.id = docs.team_id and t.owner_id = (select auth.uid())));
create table public.drafts (id uuid primary key, doc_id uuid not null references public.docs, owner uuid not null);
create function public.signed_in() returns trigger language plpgsql set search_path = '' as
  $$ begin if auth.uid() is null then raise exception 'sign in'; end if; return new; end $$;
create trigger signed_in before insert on public.drafts for each row execute function public.signed_in();
create table public.closed (id uuid primary key, owner uuid references auth.users);
create function public.never() returns trigger language plpgsql set search_path = '' as
  $$ begin raise exception 'never'; end $$;
create trigger never before insert on public.closed for each row execute function public.never();
create view public.named as select d.id, d.team_id from public.docs d;
insert into storage.buckets (id, name) values ('files', 'files');
"""  # noqa: S608 - constants of this test
TENANTS = f"""
{SCHEMA}{READABLE}{OWN_PROFILE}
{_policy("notes", "update", "author_id = (select auth.uid())")}
{_policy("notes", "insert", check=f"author_id = auth.uid() and {MINE}")}
"""


@contextmanager
def _seen(root: Path) -> Iterator[tuple[list[AccessCell], AccessSetup, Database]]:
    """The matrix of a folder, and a replay on which nothing was planted."""
    with Evidence(sources(Target(root))) as evidence:
        evidence.get("probes")
        cells, setups = build_access(access_rows(evidence)), build_setups(access_setups(evidence))
    repository = read_repository(root)
    (history,) = find_histories(repository.files, repository.units, repository.text).histories
    config = repository.text(history.config) if history.config else None
    with ExitStack() as stack:
        (setup,) = setups
        yield cells, setup, build_shadow(history, find_binaries(None), config, stack)


def _fault(step: AccessStep, said: str) -> str:
    """Why what psql said is not what was seen; empty where it is."""
    state = re.match(r"ERROR (\w{5}):", step.seen)
    wanted = state[1] if state else "42501" if "holds no privilege" in step.seen else ""
    if wanted:
        return "" if f"ERROR:  {wanted}: " in said else f"no ERROR {wanted}, but {said!r}"
    if "ERROR:" in said:
        return f"not {step.seen!r}, but {said!r}"
    number = NUMBER.match(step.seen)
    lines = said.split("ROLLBACK", maxsplit=1)[0].strip().splitlines()
    last = lines[-1] if lines else ""
    tag = TAG.fullmatch(last)
    found = int(tag["count"]) if tag else int(last) if last.isdigit() else len(lines)
    return f"{found} rows, not {step.seen!r}" if number and int(number["count"]) != found else ""


def _faults(cells: list[AccessCell], setup: AccessSetup, fresh: Database) -> list[str]:
    """All attempts of each caller in one script, as the page puts them together."""
    found: list[str] = []
    for caller in dict.fromkeys(cell.caller for cell in cells):
        steps = [(c, step) for c in cells if c.caller == caller for step in c.steps if step.statement]
        lines = ["begin;", setup.rows, setup.callers[caller]]
        for _, step in steps:
            lines += ["savepoint attempt;", f"\\echo {MARK}", f"{step.statement};", "rollback to savepoint attempt;"]
        first, *rest = pasted(fresh, "\n".join([*lines, "rollback;"])).split(f"{MARK}\n")
        assert "ERROR:" not in first, first[first.index("ERROR:") :][:300]
        assert len(rest) == len(steps)
        for (cell, step), said in zip(steps, rest, strict=True):
            if why := _fault(step, said):
                found.append(f"{caller} {cell.command} {cell.object}: {why}")
    return found


@pytest.mark.parametrize("source", ["leaky", "made up", "tenants", "hard"])
def test_what_every_cell_says_is_what_psql_shows(source: str, tmp_path: Path) -> None:
    texts = {"made up": MADE_UP, "tenants": TENANTS, "hard": HARD}
    root = LEAKY if source == "leaky" else tmp_path
    if source in texts:
        write(tmp_path, {"supabase/migrations/1_a.sql": texts[source]})
    with _seen(root) as (cells, setup, fresh):
        states = {cell.state for cell in cells if any(step.statement for step in cell.steps)}
        assert states >= {"allowed", "denied"} if source in {"leaky", "tenants"} else states
        assert all(cell.steps for cell in cells)
        assert _faults(cells, setup, fresh) == []
        if source == "made up":
            assert "\\gset" in setup.rows
            assert "session_replication_role = replica" in setup.rows, "what needed triggers off says so"
            assert any(":'teams_id_a'" in step.statement for cell in cells for step in cell.steps)


def test_one_cell_stands_by_itself_and_a_wrong_one_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"supabase/migrations/1_a.sql": TENANTS})
    with _seen(tmp_path) as (cells, setup, fresh):
        for wanted in (("stranger", "denied"), ("owner", "own-rows"), ("owner", "denied")):
            cell = next(c for c in cells if (c.caller, c.state) == wanted and c.object == "public.notes")
            script = script_of(cell, setup_of(cell, [setup]))
            assert script.endswith("rollback;")
            said = pasted(fresh, script)
            assert len(re.findall("ROLLBACK", said)) == len(cell.steps) + 1
        cell = next(c for c in cells if (c.caller, c.object, c.state) == ("owner", "public.notes", "own-rows"))
        assert {step.rows for step in cell.steps} == {"own", "others"}, "its own row, and that no other is reached"
        wrong = cell.model_copy(
            update={"steps": [s.model_copy(update={"seen": "SELECT of 7 rows"}) for s in cell.steps]}
        )
        assert len(_faults([wrong], setup, fresh)) == len(cell.steps)
        unlike = setup.model_copy(update={"callers": {"owner": setup.callers["stranger"]}})
        assert _faults([cell], unlike, fresh)


def test_the_page_shows_the_rows_once_and_each_cell_what_was_run(tmp_path: Path) -> None:
    write(tmp_path, {"supabase/migrations/1_a.sql": TENANTS})
    with _seen(tmp_path) as (cells, setup, _):
        page = render_access(cells, {}, "tool", [setup])
    ran = [cell for cell in cells if cell.proof or any(step.statement for step in cell.steps)]
    chips = re.findall(r'<a class="chip [^"]+" href="#(x=0-\d+)"', page)
    assert len(chips) == len(ran)
    assert all(f'id="{anchor}"' in page for anchor in chips)
    assert page.count('id="x=0-rows"') == 1
    assert page.count("Run this first") == 1
    assert "With the same command the service role got: SELECT of 1 row." in page
    assert page.count("audit a body") < 3 * len(cells), "rows are not repeated in every cell"


def test_the_command_prints_the_script_of_one_cell(tmp_path: Path) -> None:
    write(tmp_path, {"supabase/migrations/1_a.sql": TENANTS})
    answer = run("access", tmp_path, "--cell", "notes", "stranger", "select")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("-- stranger: SELECT on public.notes: denied\nbegin;\n")
    assert "set local role authenticated;" in answer.out
    assert answer.out.rstrip().endswith("rollback;")
    unknown = run("access", tmp_path, "--cell", "nothing", "stranger", "select")
    assert (unknown.code, "no object matches" in unknown.err) == (2, True)
    mixed = run("access", tmp_path, "--cell", "notes", "stranger", "select", "--format", "json")
    assert mixed.code == 2
