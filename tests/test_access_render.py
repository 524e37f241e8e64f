from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from auditor.facts.access_contract import Change
from auditor.model import FileSpan
from auditor.render import access as render
from auditor.render.html import render_access
from auditor.render.html_access import matrices_of
from auditor.report import AccessCell, ProofResult

PROOF = ProofResult(script="select 1;", seen="SELECT of 1 row", expected="")
CALLERS = ("service_role", "admin", "member", "owner", "other", "stranger", "anonymous-user", "anon")
COMMANDS = ("DELETE", "SELECT", "TRUNCATE", "INSERT", "UPDATE")


def cell(name: str, caller: str, command: str, state: str = "denied", *, database: str = "db") -> AccessCell:
    proof = PROOF if state == "allowed" else None
    return AccessCell.model_validate(
        {"unit": ".", "database": database, "object": name, "caller": caller, "command": command, "state": state,
         "proof": proof}
    )  # fmt: skip


def shown(cells: list[AccessCell], width: int = 100, encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding)
    render.table(cells, Console(file=stream, width=width, highlight=False))
    stream.flush()
    return raw.getvalue().decode(encoding).splitlines()


STATES = [
    cell("public.t", "anon", "SELECT", "own-rows"),
    cell("public.t", "anon", "INSERT", "allowed"),
    cell("public.t", "anon", "UPDATE", "error"),
    cell("public.t", "anon", "DELETE", "unknown"),
    cell("public.t", "anon", "TRUNCATE"),
    cell("public.t", "owner", "SELECT", "allowed"),
]


def test_the_signs_of_a_row() -> None:
    lines = shown(STATES)
    assert lines[1].split() == ["anon", "owner"]
    assert lines[2].split() == ["public.t", "sI!?-", "S...."]
    assert "not tried" in " ".join(lines)
    assert "not tried" not in " ".join(shown(STATES[:5])), "the legend names what is there"


def test_callers_and_commands_have_their_order() -> None:
    cells = [cell("public.t", c, k, "allowed") for c in (*CALLERS, "reporter") for k in COMMANDS]
    lines = shown(cells, 120)
    heads = re.findall(r"\S+", lines[1])
    assert heads == ["anon", "anonymous-", "stranger", "other", "owner", "member", "admin", "reporter", "service_"]
    assert set(lines[3].split()[1:]) == {"SIUDT"}


def test_eight_callers_fit_on_a_hundred_columns() -> None:
    cells = [cell("public.webhook_deliveries_2026", c, k) for c in CALLERS for k in COMMANDS]
    lines = shown(cells)
    assert max(map(len, lines)) <= 100
    assert lines[3].startswith("public.webhook_deliveries_2026 ")


def test_a_terminal_that_knows_no_unicode() -> None:
    lines = shown([cell("public.größe", "anon", "SELECT", "allowed")], encoding="ascii")
    assert any(re.match(r"public\.gr\\xf6\\xdfe +S", line) for line in lines)


def test_functions_and_databases_stand_apart() -> None:
    cells = [cell("public.t", "anon", "SELECT"), cell("public.f(uuid)", "anon", "EXECUTE", "allowed")]
    lines = shown([*cells, cell("public.t", "anon", "SELECT", database="other")])
    assert [line for line in lines if line in {"db", "db, functions", "other"}] == ["db", "db, functions", "other"]
    assert any(re.match(r"public\.f\(uuid\) +X", line) for line in lines)
    titles = [matrix.title for matrix in matrices_of(cells)]
    assert titles == ["Database db", "Functions of database db"]


def test_nothing_to_show_is_said() -> None:
    assert shown([]) == ["no table is exposed to an API role"]
    assert "exposed" in render.as_markdown([])
    assert json.loads(render.as_json([])) == []
    assert "No table is exposed" in render_access([], {}, "tool")


def test_each_chip_opens_its_transcript_and_says_what_it_is() -> None:
    page = render_access(STATES, {"other/migrations": "it could not be <read>"}, "tool 1")
    assert len(re.findall(r'<a class="chip cell-allowed" href="#x=0-\d+"', page)) == 2
    assert 'title="anon: SELECT on public.t: own rows only"' in page
    assert "not tried" in page
    assert "it could not be &lt;read&gt;" in page
    assert "A sound backend shows" not in page, "a transcript of the matrix says what is, not what should be"


def test_changes_are_told_together() -> None:
    rows = [
        ("db", Change("widened", "public.t", caller, "SELECT", "denied", "allowed"), FileSpan("m/2.sql", 7))
        for caller in ("stranger", "member")
    ]
    rows += [("db", Change("gone", "public.old", "", ""), None)]  # type: ignore[list-item]
    text = render.changes_as_markdown(rows, "access since `main`")
    assert "- `public.t: stranger, member SELECT denied -> allowed` since `m/2.sql:7`" in text
    assert "- `public.old: no caller reaches it`" in text
    assert text.index("**Widened**") < text.index("**Gone**")
    assert "**Narrowed**" not in text


@pytest.mark.parametrize("form", ["text", "md"])
def test_a_hostile_name_in_a_difference(form: str) -> None:
    rows = [("db", Change("new", "x\x1b[31m`\n|\u202e", "anon", "SELECT", None, "allowed"), None)]
    if form == "md":
        out = render.changes_as_markdown(rows, "x")
        assert out.count("`") == 2
    else:
        stream = io.StringIO()
        render.changes_as_text(rows, "x", Console(file=stream, width=100))
        out = stream.getvalue()
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert len(out.strip().splitlines()) <= 5


def test_what_no_request_sends_is_no_alarm() -> None:
    page = render_access([cell("public.t", "anon", "TRUNCATE", "allowed")], {}, "tool")
    assert 'class="chip cell-allowed quiet"' in page
