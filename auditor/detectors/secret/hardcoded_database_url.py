"""URLs of databases and queues with a password in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, is_rehearsal, lowered, name_before, rows
from auditor.facts.secret_placeholders import is_wordy
from auditor.facts.secret_urls import find_database_urls
from auditor.facts.secrets import mask
from auditor.facts.units import is_test
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.repository import Repository

PER_FILE = True


def ask(repository: Repository) -> Iterator[Answer]:
    return rows(repository, _look, "holds no database URL with a password")


def _look(path: str, text: str) -> Iterator[Spotted]:
    for url in find_database_urls(text):
        if url.local and is_rehearsal(path):
            continue
        invented = is_test(path) and is_wordy(url.password)
        severity = Severity.INFO if url.local or invented else lowered(Severity.CRITICAL, path)
        place = f"{url.host}, a local service" if url.local else url.host
        detail = f"a {url.scheme} URL with the password {mask(url.password)} for {place}"
        yield Spotted(url.start, f"{url.scheme} URL", detail, severity, None, name_before(text, url.start))
