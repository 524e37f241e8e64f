"""Columns with secrets, in tables of which whoever asks may read every row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.open_reads import all_readers
from auditor.detectors.policies import PG_CLASS
from auditor.model import Answer, DbObject, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.schema import Column, Table
    from auditor.sources.database import Database

_READABLE = """
select e.oid::bigint as oid, a.name as role, array_agg(t.attname::text order by t.attnum) as columns
from exposed e
join pg_attribute t on t.attrelid = e.oid and t.attnum > 0 and not t.attisdropped
join api_role a on has_schema_privilege(a.oid, e.schema_oid, 'USAGE') and has_column_privilege(a.oid, e.oid, t.attnum, 'SELECT')
where e.kind in ('r', 'p')
group by e.oid, a.name
"""  # noqa: E501 - queries are easier to read in long lines
_SECRET = re.compile(
    r"(?:^|_)(?:(?:hashed_|encrypted_|user_|db_|smtp_|api_)?(?:password|passwd|pwd|passphrase)(?:_?(?:hash|digest|salt|encrypted|plain))?"
    r"|(?:client_|api_|app_|webhook_|signing_|shared_|jwt_|mfa_|totp_|otp_|hmac_)?secret(?:_?(?:key|hash|value|access_key))?"
    r"|(?:access|refresh|auth|session|api|bearer|reset|reset_password|password_reset|verification|verify|invite|invitation|"
    r"confirmation|magic|magic_link|oauth|bot|csrf|personal_access|unsubscribe)_token(?:_?(?:hash|encrypted))?"
    r"|(?:api|private|access|service|service_role|encryption|secret|license)_?key(?:_?hash)?"
    r"|otp_?(?:code)?|mfa_?code|backup_codes?|recovery_codes?|security_answer"
    r"|ssn|social_security(?:_number|_no)?|tax_?id(?:_number)?|national_id(?:_number)?|passport_(?:number|no)"
    r"|(?:credit_?)?card_?(?:number|num|no)|cvv2?|cvc|iban|(?:bank_)?account_number|routing_number)$",
    re.IGNORECASE,
)
_EXACT = {"token", "password", "secret", "pin_code", "credentials", "apikey", "refreshtoken", "accesstoken"}
_TYPES = {"text", "character varying", "character", "bytea", "json", "jsonb", "citext", "uuid"}
_PUBLIC = re.compile(r"public|publishable|anon", re.IGNORECASE)


def ask(database: Database) -> Iterator[Answer]:
    readable = {(row["oid"], row["role"]): set(row["columns"]) for row in database.select(_READABLE)}
    for table in database.schema.exposed:
        secret = [column for column in table.columns if is_secret(column)]
        if secret:
            yield _judge(table, secret, readable, database)


def is_secret(column: Column) -> bool:
    """Whether a column holds, by its name and type, what nobody but its owner may see."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()
    if column.type not in _TYPES or column.elements or _PUBLIC.search(name):
        return False
    return name in _EXACT or bool(_SECRET.search(name))


def _judge(table: Table, secret: list[Column], readable: dict[tuple[int, str], set[str]], database: Database) -> Answer:
    names = [column.name for column in secret]
    shown = {
        role: [name for name in names if name in readable.get((table.oid, role), ())]
        for role in all_readers(table, database)
    }
    roles = sorted(role for role, columns in shown.items() if columns)
    if not roles:
        place = DbObject("table", table.identity, PG_CLASS, table.oid)
        return Answer(place.subject, State.OK, f"not everybody reads {', '.join(names)}", place)
    columns = [name for name in names if any(name in shown[role] for role in roles)]
    place = DbObject("table", table.identity, PG_CLASS, table.oid, column=columns[0])
    why = "a policy lets them read every row" if table.rls else "row level security is off"
    detail = f"{' and '.join(roles)} may read {', '.join(columns)} of all rows: {why}"
    return Answer(place.subject, State.FAIL, detail, place, severity=Severity.HIGH, evidence=", ".join(columns))
