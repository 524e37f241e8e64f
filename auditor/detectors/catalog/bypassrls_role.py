"""Roles of the application that pass by every policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.own_roles import own_roles
from auditor.detectors.statement_places import place_of
from auditor.model import Answer, DbObject, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for role in own_roles(database):
        subject = f"role {role.name}"
        if not role.passes:
            yield Answer(subject, State.OK, "policies hold for it", DbObject("role", role.name))
            continue
        where = place_of(database, ("create_role_stmt", "alter_role_stmt"), role.name, "bypassrls")
        severity = Severity.MEDIUM if role.login else Severity.LOW
        how = "can log in" if role.login else "cannot log in itself"
        detail = f"it has BYPASSRLS, so no policy of any table holds for it, and it {how}"
        place = where or DbObject("role", role.name)
        yield Answer(subject, State.FAIL, detail, place, severity=severity, evidence="bypassrls")
