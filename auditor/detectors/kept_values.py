"""What code puts into a column of tokens: a hash or a ciphertext, the token itself, or nothing that was seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.issued_keys import is_hashed, uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.tables import Column, Table
    from auditor.sources.code import Code

_ENCRYPTS = re.compile(
    r"(?i)\b\w*(?:encrypt|decrypt|cipher|fernet|vault|kms)\w*\s*\(|Encrypted\w*(?:Type|Field|String|Text)|encryptOAuthTokens:\s*true"
)
_HASHES_TOKEN = re.compile(
    r"(?i)\b\w*(?:hash|sha256|digest|hmac)\w*\(\s*(?:\w+\.)*(?:raw|plain)?_?\w*(?:token|secret|code)\w*|update\(\s*(?:\w+\.)*\w*token\w*\s*\)"
    r"|\bhash\w*token\w*\(|sha256\(\s*\w*token"
)
_SHORT_CODES = re.compile(
    r"(?:generate|create|make|random|new|send)_?(?:\w*_|[A-Za-z]*)"
    r"(?:(?<![tT])(?:OTP|Otp|otp)|[oO]neTime(?:Code|Password)|one_time_(?:code|password)|[pP]asscode)s?(?:[A-Z]\w*)?\("
    r"|\brandomInt\(|\brandom\(\)\s*\*\s*9?0{4,}|randint\(\s*10{3,}"
)
_LONG = 8  # letters of a table's name that are looked for in other names
_NO_WRITE = re.compile(
    r"^(?:true|false|True|False|null|undefined|None|\{|\[|\"\"|''|z\.|string\b|text\(|str\b|String\b|Mapped|(?:sa\.|db\.|models\.)?\w*(?:Column|Field)\("
    r"|varchar\(|DataTypes|Sequelize\.|[\"']|Optional|Schema|Joi\.|void\b|never\b|any\b|unknown\b|mapped_column)"
)
_END = re.compile(r";|,\s*\n|\n(?!\s*[.?:+])|\}")
_MOST = 240  # characters of a value


def encrypts(code: Code, views: list[Table], column: Column) -> bool:
    """Whether a file that names the column also encrypts or decrypts something."""
    return any(_ENCRYPTS.search(text) for text in _naming(code, views, column))


def hashes_tokens(code: Code, views: list[Table], column: Column) -> bool:
    """Whether a file that names the table and the column also hashes a token."""
    return any(_HASHES_TOKEN.search(text) for text in _naming(code, views, column))


def makes_short_codes(code: Code, views: list[Table], column: Column) -> bool:
    """Whether a file that names the table and the column makes codes of some digits: no hash guards those."""
    return any(_SHORT_CODES.search(text) for text in _naming(code, views, column))


def _naming(code: Code, views: list[Table], column: Column) -> Iterator[str]:
    """The texts of the files in which the column is named, and the table, as itself or as a part of another name."""
    tables, columns = _names(views, column)
    parts = {name.replace("_", "").lower().removesuffix("s") for name in tables}
    parts = {part for part in parts if len(part) >= _LONG}
    for path in code.files:
        text = code.text(path)
        if not any(name in text for name in columns):
            continue
        plain = text.replace("_", "").lower() if parts else ""
        if any(name in text for name in tables) or any(part in plain for part in parts):
            yield text


def _names(views: list[Table], column: Column) -> tuple[set[str], set[str]]:
    tables = {name for table in views for name in (table.name, table.code, table.code[:1].lower() + table.code[1:])}
    held = [table.columns[column.name.lower()].code for table in views if column.name.lower() in table.columns]
    return tables, {column.name, *held}


def written(code: Code, views: list[Table], column: Column, *, alone: bool) -> list[bool]:
    """Whether each value that code gives the column was hashed or encrypted before.

    `alone`: the column's name says enough for members of that name to be looked for (`user.resetToken = …`).
    """
    tables, columns = _names(views, column)
    found: list[bool] = []
    for path, language in code.files.items():
        text = code.text(path)
        if not any(name in text for name in columns):
            continue
        if any(name in text for name in tables):
            calls = code.nodes(path, "call" if language == "python" else "call_expression")
            for table in views:
                found += uses(table, table.columns.get(column.name.lower(), column), text, calls)
        if alone:
            found += _members(text, columns)
    return found


def _members(text: str, columns: set[str]) -> Iterator[bool]:
    either = "|".join(sorted(map(re.escape, columns)))
    for match in re.finditer(rf"\.(?:{either})\s*=(?![=>])\s*", text):
        value = _END.split(text[match.end() : match.end() + _MOST], maxsplit=1)[0].strip()
        if value and not _NO_WRITE.match(value):
            yield is_hashed(value, text)
