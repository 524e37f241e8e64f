"""Roles that may become one which no policy holds back."""

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
        if role.passes:
            continue
        subject = f"role {role.name}"
        if not role.becomes:
            yield Answer(subject, State.OK, "it can become no role past the policies", DbObject("role", role.name))
            continue
        made = ("grant_role_stmt", "create_role_stmt")
        where = place_of(database, made, role.name, role.becomes[0]) or place_of(database, made[:1], role.name)
        severity = Severity.HIGH if role.of_api else Severity.MEDIUM
        detail = f"it is a member of {', '.join(role.becomes)}: after SET ROLE no policy holds for it"
        place = where or DbObject("role", role.name)
        yield Answer(subject, State.FAIL, detail, place, severity=severity, evidence=f"member of {role.becomes[0]}")
