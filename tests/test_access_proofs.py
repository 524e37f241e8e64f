"""Every transcript of the access matrix, pasted into psql on a fresh replay, shows what it says."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.inquiry import access_rows
from auditor.lanes import sources
from auditor.model import Target
from auditor.plan import Evidence
from auditor.sources.binaries import find_binaries
from auditor.sources.cluster import DATABASE, REPLAY_ROLE
from auditor.sources.shadow import build_shadow
from tests.shadow_support import DEBIAN_15

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.listed import AccessRow
    from auditor.model import Proof
    from auditor.sources.database import Database

LEAKY = Path(__file__).parent.parent / "fixtures" / "leaky"
PSQL = next((p for p in (find_binaries(None).bin / "psql", DEBIAN_15 / "psql") if p.is_file()), None)
pytestmark = pytest.mark.skipif(PSQL is None, reason="no psql beside the server binaries")
ERROR = re.compile(r"ERROR (?P<state>[0-9A-Z]{5}): (?P<message>.+)", re.DOTALL)
COUNT = re.compile(r"(?:[A-Z]+ of )?(?P<count>\d+) rows?\b")
TAG = re.compile(r"(?:INSERT 0|UPDATE|DELETE|SELECT) (?P<count>\d+)")
ACTS = "select set_config('request.jwt.claims'"
MARK = "-- what the caller does --"


@pytest.fixture(scope="module")
def rows() -> list[AccessRow]:
    with Evidence(sources(Target(LEAKY))) as evidence:
        evidence.get("probes")
        return access_rows(evidence)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Database]:
    """A replay on which nothing was planted."""
    with Evidence(sources(Target(LEAKY))) as evidence:
        (history,) = evidence.get("histories").histories
        config = evidence.get("repository").text(history.config) if history.config else None
    with ExitStack() as stack:
        yield build_shadow(history, find_binaries(None), config, stack)


def pasted(database: Database, script: str) -> str:
    """What psql says to a script that is typed into it."""
    assert database.cluster
    dsn = f"host={database.cluster.folder / 's'} user={REPLAY_ROLE} dbname={DATABASE}"
    settings = ("-XAt", "-v", "VERBOSITY=verbose", "-v", "SHOW_CONTEXT=never")
    with tempfile.TemporaryFile("w+") as out:
        command = [str(PSQL), *settings, dsn]
        environment = os.environ | {"PGCONNECT_TIMEOUT": "10"}
        subprocess.run(
            command, input=script, stdout=out, stderr=out, text=True, check=False, timeout=60, env=environment
        )
        out.seek(0)
        return out.read()


def marked(script: str) -> str:
    """The script with a mark in its output where its caller starts to act."""
    start, acts, rest = script.rpartition(ACTS)
    setting, end, statement = rest.partition("\n")
    return f"{start}{acts}{setting}{end}\\echo {MARK}\n{statement}"


def fault(proof: Proof, said: str) -> str:
    """Why what psql said is not what the proof shows; empty where it is."""
    planted, _, done = said.partition(MARK)
    if "ERROR:" in planted:
        return f"planting failed: {planted[planted.index('ERROR:') :].splitlines()[0]}"
    if error := ERROR.match(proof.seen):
        return "" if f"ERROR:  {error['state']}: " in done else f"no ERROR {error['state']}, but {done!r}"
    if "ERROR:" in done:
        return f"an error: {done[done.index('ERROR:') :].splitlines()[0]}"
    counted = COUNT.match(proof.seen)
    if counted and int(counted["count"]) != count(proof.script, done):
        return f"{count(proof.script, done)} rows, not {proof.seen}"
    return ""  # for one such as "TRUNCATE of all rows": that it did not fail is what it shows


def count(script: str, done: str) -> int:
    """The rows of the statement: by its tag, by the count that it selected, or as many as were printed."""
    lines = done.split("ROLLBACK", maxsplit=1)[0].strip("\n").split("\n")
    if tag := TAG.fullmatch(lines[-1]):
        return int(tag["count"])
    if "select count(*)" in script.rpartition(ACTS)[2]:
        return int(lines[-1])
    return len(lines) if lines != [""] else 0


def test_there_is_a_transcript_for_every_hole(rows: list[AccessRow]) -> None:
    allowed = [row for row in rows if row.state == "allowed"]
    assert len(allowed) > 50
    assert all(row.proof for row in allowed if row.caller in {"anon", "stranger"})
    assert {row.caller for row in allowed} >= {"anon", "stranger", "owner", "service_role"}


def test_every_transcript_shows_what_it_says(rows: list[AccessRow], fresh: Database) -> None:
    proofs = {(row.object, row.caller, row.command): row.proof for row in rows if row.proof}
    assert proofs
    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(proofs, pool.map(lambda p: pasted(fresh, marked(p.script)), proofs.values()), strict=True))
    assert all(proof.script.rstrip().endswith("rollback;") for proof in proofs.values())
    faults = {key: why for key, proof in proofs.items() if (why := fault(proof, said[key]))}
    assert not faults, "\n".join(f"{' '.join(key)}: {why}" for key, why in faults.items())


def test_a_transcript_that_shows_something_else_is_found(rows: list[AccessRow], fresh: Database) -> None:
    """The check itself, on scripts that fail before, count otherwise, or do something else."""
    row = next(r for r in rows if (r.caller, r.command, r.state) == ("anon", "SELECT", "allowed") and r.proof)
    assert row.proof
    script = marked(row.proof.script)
    assert not fault(row.proof, pasted(fresh, script))
    for wrong in (
        script.replace("set local role anon;", "set local role anon;\nselect 1/0;"),
        script.replace("select count(*)", "select 1 + count(*)"),
        script.replace(" where ", " where false and "),
    ):
        assert wrong != script
        assert fault(row.proof, pasted(fresh, wrong))


def test_nothing_of_it_stays(fresh: Database) -> None:
    count = "select count(*) from pg_stat_activity where state = 'idle in transaction'"
    assert fresh.session.execute(count.encode()).fetchall() == [(0,)]
    assert fresh.cluster
    with fresh.cluster.connect(REPLAY_ROLE) as session:
        assert session.execute("select count(*) from public.projects").fetchall() == [(0,)]
