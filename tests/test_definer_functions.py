"""How grave it is that a definer function asks nobody: by what whoever calls it could bring about."""

from __future__ import annotations

import pytest

from auditor.detectors.ask import ask_database
from auditor.model import Severity, State
from auditor.rulebook import load_rulebook
from tests.shadow_support import shadow

PAGE = next(page for page in load_rulebook().pages if page.id == "definer-function-exposed")
TABLE = "create table public.codes (id uuid primary key, note text, expires_at timestamptz);\n"


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        ("begin delete from public.codes where expires_at < now(); end", Severity.LOW),
        ("begin delete from public.codes c where c.expires_at <= current_timestamp; end", Severity.LOW),
        ("begin delete from public.codes where expires_at < now() or note is null; end", Severity.HIGH),
        (
            "begin delete from public.codes where expires_at < now(); update public.codes set note = ''; end",
            Severity.HIGH,
        ),
        ("begin delete from public.codes; end", Severity.HIGH),
    ],
)
def test_clearing_what_has_expired_harms_nobody(body: str, severity: Severity) -> None:
    made = "create function public.f() returns void language plpgsql security definer set search_path = ''"
    text = f"{TABLE}{made} as $${body}$$;"
    with shadow(text) as database:
        (answer,) = [row for row in ask_database(PAGE, database) if row.state is State.FAIL]
    assert (answer.severity or PAGE.severity) is severity
