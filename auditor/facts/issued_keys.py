"""Which tables hold keys that the backend issues, in which columns in clear, and what code puts there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.database_calls import chain
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.tables import Column, Table

HINTS = ("api_key", "apikey", "api_token", "apitoken", "access_token", "accesstoken", "token")
_ISSUED = re.compile(r"(?:^|_)(?:api|app|service|restricted|personal(?:_access)?|machine)_?(?:key|token)s?$")
_MAYBE = re.compile(
    r"^(?:(?:user|team|org|organization|workspace|project|account|public)_)*(?:access_)?(?:token|key|secret_key|auth_token|auth_key)s?$"
)
_NOT_ISSUED = re.compile(
    r"oauth|refresh|verif|reset|invit|session|magic|e?mail|csrf|push|device|fcm|apns|confirm|provider|integration|external"
    r"|third|one_time|otp|unsubscribe|download|upload|share|preview|publishable|anon|webhook|crypto|nft|usage|log$|event|limit"
    r"|openai|anthropic|gemini|google|(?:^|_)(?:llm|ai|aws|byok|model)_|stripe|slack|github|shopify|twilio|sendgrid|resend"
)
_FOREIGN = re.compile(
    r"^(?:provider|vendor|service_name|refresh_token|id_token|integration|openai|anthropic|platform|expires_in)(?:_|$)"
)
_PURPOSE = re.compile(r"^(?:type|purpose|identifier|email|used_at|blacklisted)$")
_ISSUING = re.compile(r"^(?:name|label|title|scopes?|permissions?|abilities|last_used\w*|revoked\w*)$")
_CLEAR = re.compile(
    r"^(?:(?:api|access|secret|auth|raw|plain|personal|bearer)_?)*(?:key|token|secret)(?:_?(?:value|string|plain|text))?$|^apikey$"
)
_KEPT = re.compile(r"hash|digest|encrypt|cipher|crypt|hmac")
_TEXT = re.compile(r"^(?:text|varchar|character|char|string|citext|nvarchar|uuid|longtext|tinytext|mediumtext)$")
_HASHES = re.compile(r"hash|digest|sha_?\d|hmac|argon|bcrypt|scrypt|pbkdf|encrypt|make_password", re.IGNORECASE)
_NO_VALUE = re.compile(r"^(?:true|false|True|False|null|undefined|None|\{|\[|[\"'](?:asc|desc)|z\.|string\b|text\()")
_BESIDE = re.compile(r"^api_?(?:key|token)$")  # in a table of something else, such as the customer's own
_WHERE = re.compile(
    r"\bwhere\s*:\s*\{[^}]{0,2000}\}|\.eq\([^)]*\)|\.match\(\s*\{[^}]{0,2000}\}|\b(?:filter_by|objects\.get|objects\.filter)\([^)]*\)"
)
_MIN_HITS = 2


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def holds_issued_keys(table: Table) -> bool:
    """By its name; a table that is only called `tokens` also has what keys have: a name, scopes, a last use."""
    name, columns = snake(table.name), [snake(column) for column in (c.name for c in table.columns.values())]
    if _NOT_ISSUED.search(name) or any(_FOREIGN.match(column) for column in columns):
        return False
    if _ISSUED.search(name):
        return True
    if not _MAYBE.search(name) or any(_PURPOSE.match(column) for column in columns):
        return False
    return sum(_ISSUING.match(column) is not None for column in columns) >= _MIN_HITS


def clear_columns(table: Table) -> list[Column]:
    """The columns of text whose names say the key itself."""
    return [c for c in table.columns.values() if _CLEAR.match(snake(c.name)) and _TEXT.match(c.type)]


def beside_columns(table: Table) -> list[Column]:
    """The key of a customer that stands in a table of another kind; keys of other services are never looked up by."""
    name, columns = snake(table.name), [snake(column.name) for column in table.columns.values()]
    if _NOT_ISSUED.search(name) or any(_FOREIGN.match(column) for column in columns):
        return []
    return [c for c in table.columns.values() if _BESIDE.match(snake(c.name)) and _TEXT.match(c.type)]


def kept_columns(table: Table) -> list[str]:
    """The columns whose names say that the key was hashed or encrypted."""
    return [column.name for column in table.columns.values() if _KEPT.search(snake(column.name))]


def accessor(table: Table) -> re.Pattern[str]:
    """How code reaches a table: `.apiKey.create(`, `.from("api_keys")`, `.insert(apiKeys)`, `ApiKey(`."""
    names = {table.name, table.code, table.code[:1].lower() + table.code[1:]}
    either = "|".join(sorted(map(re.escape, names)))
    return re.compile(
        rf"(?:\.(?:{either})\.\w+$|\b(?:{re.escape(table.code)})(?:\.objects\.\w+)?$)|[(\"'](?:{either})[\"')]"
    )


def uses(table: Table, column: Column, text: str, calls: list[Node]) -> Iterator[bool]:
    """Whether each value that code puts into a column, or looks up there, was hashed before."""
    for statement in _statements(table, calls):
        yield from _values(statement, column, text)
    yield from _compared(table, column, text)
    for match in re.finditer(rf"\bself\.{re.escape(column.code)}\s*=(?!=)\s*([^\n]+)", _class_of(table, text)):
        if _HASHES.search(match[1]):
            yield True


def _class_of(table: Table, text: str) -> str:
    """The text of the Python class that declares a table."""
    start = re.search(rf"^class {re.escape(table.code)}\b", text, re.MULTILINE)
    return re.split(r"\n(?=\S)", text[start.start() :], maxsplit=1)[0] if start else ""


def lookups(table: Table, column: Column, text: str, calls: list[Node]) -> Iterator[bool]:
    """The same for values that rows are looked up by, and for them only."""
    for statement in _statements(table, calls):
        for match in _WHERE.finditer(statement):
            yield from _values(match[0], column, text)
    yield from _compared(table, column, text)


def _statements(table: Table, calls: list[Node]) -> Iterator[str]:
    reached = accessor(table)
    for call in calls:
        name = text_of(call.child_by_field_name("function"))
        if reached.search(name) or re.search(rf"\b{re.escape(table.code)}$", name):
            yield text_of(chain(call))


def _compared(table: Table, column: Column, text: str) -> Iterator[bool]:
    for match in re.finditer(rf"\b{re.escape(table.code)}\.{re.escape(column.code)}\s*(?:,|==)\s*([^)\n]+)", text):
        yield is_hashed(match[1], text)


def hashed_in_sql(table: Table, text: str) -> bool:
    """Whether a statement or a function of the migrations writes a hash into the table."""
    written = rf"\b(?:insert\s+into|update)\s+(?:\w+\.)?[\"`]?{re.escape(table.name)}\b[^;]{{0,800}}"
    return re.search(written + r"\b(?:digest|crypt|sha256|sha512|hmac)\s*\(", text, re.IGNORECASE) is not None


def _values(statement: str, column: Column, text: str) -> Iterator[bool]:
    either = "|".join(sorted({re.escape(column.name), re.escape(column.code)}))
    for match in re.finditer(
        rf"(?<![\w.$])[\"']?(?:{either})[\"']?\s*(?::|=(?!=))\s*([^,}}\n][^,}}]{{0,200}})", statement
    ):
        if not _NO_VALUE.match(match[1].strip()):
            yield is_hashed(match[1], text)
    for match in re.finditer(rf"\.eq\(\s*[\"'](?:{either})[\"']\s*,\s*([^)]+)\)", statement):
        yield is_hashed(match[1], text)
    for match in re.finditer(rf"[{{,]\s*({either})\s*(?=[,}}])", statement):
        yield is_hashed(match[1], text)


def is_hashed(value: str, text: str) -> bool:
    """By a call or a name that says so, in the value or where its variable or function is written."""
    value = value.strip()
    if _HASHES.search(value):
        return True
    match = re.match(r"(?:await\s+)?(\w+)\s*(\(|$|[)\s])", value)
    if match is None:
        return False
    name = re.escape(match[1])
    starts = rf"(?:\b(?:const|let|var)\s+{name}\b[^=\n]*=|\b(?:function|def)\s+{name}\b|^[ \t]*{name}\s*=(?!=))"
    return any(
        _HASHES.search(_first_statement(text[found.end() :])) for found in re.finditer(starts, text, re.MULTILINE)
    )


def _first_statement(text: str) -> str:
    """What stands up to the end of a statement or of a short function."""
    return re.split(r";|\n\s*\n|\n(?=\S)", text[:300], maxsplit=1)[0]
