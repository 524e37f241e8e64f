# ruff: noqa: E501 - examples are easier to read in long lines
from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from auditor.audit import Request, audit
from auditor.config import Suppression
from auditor.model import Answer, DbObject, FileSpan, RuleAnswers, Severity, State, Target
from auditor.rulebook import load_rulebook
from auditor.suppress import Complaint, apply, from_settings, from_text

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 6, 1)
PATH = "supabase/migrations/1.sql"
RULE = "rls-disabled"
SOUND = 'until=2027-01-31 reason="moves to its own schema"'


def _answer(line: int, state: State = State.FAIL, severity: Severity | None = None, name: str = "a") -> Answer:
    where = DbObject("table", f"public.{name}")
    return Answer(where.subject, state, where=where, span=FileSpan(PATH, line, line + 1), severity=severity)


def _applied(text: str, *answers: Answer, asked: RuleAnswers | None = None) -> tuple[list[str], list[Complaint]]:
    """The reasons of the accepted answers, and the complaints."""
    book = load_rulebook()
    rows = {RULE: asked or RuleAnswers(RULE, answers)}
    accepted, complaints = apply(book, rows, from_text(PATH, text), TODAY)
    return [accepted[id(answer)] for answer in answers if id(answer) in accepted], complaints


@pytest.mark.parametrize("comment", ["--", "//", "#", "/*", "--  "])
def test_a_note_covers_the_next_line_that_is_no_comment(comment: str) -> None:
    text = f"select 1;\n{comment} backend-audit: ignore[{RULE}] {SOUND}\n-- more\n\ncreate table a (\n  id int);\n"
    assert _applied(text, _answer(5)) == (["moves to its own schema"], [])
    assert _applied(text, _answer(6))[0] == []


def test_a_note_at_the_end_of_a_line_covers_that_line() -> None:
    text = f"create table a ( -- backend-audit: ignore[{RULE}] {SOUND}\n  id int);\ncreate table b (id int);\n"
    accepted, complaints = _applied(text, _answer(1), _answer(3, name="b"))
    assert (len(accepted), complaints) == (1, [])


def test_line_ends_of_all_kinds_and_odd_separators_keep_the_lines() -> None:
    note = f"-- backend-audit: ignore[{RULE}] {SOUND}"
    assert _applied(f"select 1;\r\n{note}\r\ncreate table a (id int);\r\n", _answer(3))[1] == []
    assert _applied(f"-- \x0b\x0c\x1c\u2028\n{note}\ncreate table a (id int);\n", _answer(3))[1] == []


@pytest.mark.parametrize(
    ("note", "rule", "said"),
    [
        (f'ignore[{RULE}] until=2026-05-31 reason="long over"', "suppression-expired", "ended on 2026-05-31"),
        (f"ignore[{RULE}] until=2027-01-31", "suppression-incomplete", "gives no reason"),
        (f'ignore[{RULE}] until=2027-01-31 reason="  "', "suppression-incomplete", "gives no reason"),
        (f"ignore[{RULE}] until=2027-01-31 reason=because", "suppression-incomplete", "gives no reason"),
        (f'ignore[{RULE}] reason="no end"', "suppression-incomplete", "needs an end date"),
        (f'ignore[{RULE}] until=31.1.2027 reason="odd date"', "suppression-incomplete", "is no date"),
        (f'ignore[{RULE}] until=2027-02-30 reason="odd date"', "suppression-incomplete", "is no date"),
        (f"ignore[rls-of] {SOUND}", "suppression-unused", "no rule is named rls-of"),
        (f"ignore[{RULE}, other] {SOUND}", "suppression-unused", "no rule is named rls-disabled, other"),
        (f"ignore {SOUND}", "suppression-incomplete", "names no rule"),
        (f"ignore[] {SOUND}", "suppression-incomplete", "names no rule"),
        (f"ignore[suppression-unused] {SOUND}", "suppression-unused", "cannot be suppressed"),
    ],
)  # fmt: skip
def test_what_is_not_honoured_is_reported(note: str, rule: str, said: str) -> None:
    accepted, complaints = _applied(f"-- backend-audit: {note}\ncreate table a (id int);\n", _answer(2))
    assert accepted == []
    assert [(complaint.rule, said in complaint.detail) for complaint in complaints] == [(rule, True)]


def test_the_last_day_still_counts() -> None:
    note = f'-- backend-audit: ignore[{RULE}] until={TODAY} reason="today"\ncreate table a (id int);\n'
    assert _applied(note, _answer(2)) == (["today"], [])


def test_no_date_is_needed_below_high() -> None:
    note = f'-- backend-audit: ignore[{RULE}] reason="harmless"\ncreate table a (id int);\n'
    assert _applied(note, _answer(2, severity=Severity.MEDIUM)) == (["harmless"], [])


def test_unused_is_said_only_where_it_is_known() -> None:
    note = f"-- backend-audit: ignore[{RULE}] {SOUND}\ncreate table a (id int);\n"
    assert [c.rule for c in _applied(note, _answer(2, State.OK))[1]] == ["suppression-unused"]
    assert _applied(note, asked=RuleAnswers(RULE, asked=False))[1] == []
    assert _applied(note, asked=RuleAnswers(RULE, unavailable="no database"))[1] == []
    assert _applied(note, _answer(2, State.UNKNOWN))[1] == []
    assert apply(load_rulebook(), {}, from_text(PATH, note), TODAY) == ({}, [])


def test_settings_cover_by_subject_and_path() -> None:
    book = load_rulebook()
    answers = [_answer(1), _answer(5, name="b")]
    entry = Suppression(
        rule=RULE, reason="only this", subject="table public.a", path="supabase/*", until=date(2027, 1, 1)
    )
    waivers = from_settings([entry], "backend-audit.toml")
    accepted, complaints = apply(book, {RULE: RuleAnswers(RULE, answers)}, waivers, TODAY)
    assert (accepted, complaints) == ({id(answers[0]): "only this"}, [])


def test_other_text_is_no_note() -> None:
    assert from_text(PATH, "-- see backend-audit: it ignores this\nselect 'backend-audit';\n") == []


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        (
            "src/a.ts",
            'try { work() } catch {} // backend-audit: ignore[empty-catch] reason="best effort"\n',
            "empty-catch",
        ),
        (
            "docker-compose.yml",
            'services:\n  db:\n    image: postgres\n    ports:\n      # backend-audit: ignore[compose-database-published] reason="behind a firewall"\n      - "5432:5432"\n',
            "compose-database-published",
        ),
        (
            "Dockerfile",
            '# backend-audit: ignore[dockerfile-runs-as-root] reason="a build image"\nFROM node:22\n',
            "dockerfile-runs-as-root",
        ),
    ],
)
def test_a_note_holds_in_every_kind_of_file_that_a_rule_points_at(
    tmp_path: Path, path: str, text: str, rule: str
) -> None:
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(text)
    report, _ = audit(Request(Target(tmp_path), only=(rule,)), load_rulebook())
    assert [(finding.rule, finding.status) for finding in report.findings] == [(rule, "accepted")]
