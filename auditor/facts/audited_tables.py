"""Tables whose changes a trigger writes into an audit trail, as the text of the migrations says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded, is_trail
from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.servers import Listed

_NAME = r"(?:\"?\w+\"?\s*\.\s*)?\"?(\w+)\"?"
_FUNCTION = re.compile(
    rf"create\s+(?:or\s+replace\s+)?function\s+{_NAME}\s*\(.*?(\$\w*\$)(?P<body>.*?)\2", re.IGNORECASE | re.DOTALL
)
_INSERT = re.compile(rf"\binsert\s+into\s+{_NAME}", re.IGNORECASE)
_TRIGGER = re.compile(
    rf"create\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\s+\S+\s+after\s+[\w\s]+?\bon\s+(?P<table>\S+)[^;]*?"
    rf"execute\s+(?:function|procedure)\s+{_NAME}",
    re.IGNORECASE,
)
_LOOPED = re.compile(
    r"foreach\s+\w+\s+in\s+array\s+array\s*\[([^\]]*)\]|\bin\s*\(\s*((?:'\w+'\s*,?\s*)+)\)", re.IGNORECASE
)


def audited_tables(repository: Listed) -> set[str]:
    """Folded names of the tables whose changes are recorded by triggers; `*` for all of them."""
    texts = list(_texts(repository))
    functions = {match[1].lower() for text in texts for match in _FUNCTION.finditer(text) if _records(match["body"])}
    return {name for text in texts for name in _triggers(text, functions)}


def _texts(repository: Listed) -> Iterator[str]:
    for path in repository.files:
        if path.endswith(".sql") and not (is_vendored(path) or is_test(path) or is_example(path)):
            text = repository.text(path) or ""
            if re.search(r"\btrigger\b|\binsert\s+into\b", text, re.IGNORECASE):
                yield re.sub(r"--[^\n]*", "", text)


def _records(body: str) -> bool:
    return any(is_trail(match[1]) for match in _INSERT.finditer(body))


def _triggers(text: str, functions: set[str]) -> Iterator[str]:
    """Also `execute format('create trigger … on %I …', name)` in a loop over a written list of names."""
    for match in _TRIGGER.finditer(text):
        if match[2].lower() not in functions:
            continue
        table = match["table"].strip('"').rsplit(".", 1)[-1].strip('"')
        if "%" not in table:
            yield folded(table)
            continue
        start = text.rfind("do ", 0, match.start())
        listed = _LOOPED.search(text, max(start, 0), match.start())
        names = re.findall(r"'(\w+)'", listed[0]) if listed else []
        yield from ([folded(name) for name in names] or ["*"])
