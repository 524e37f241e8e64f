"""The imports of each file, as an earlier scan read them: to look for them takes a second for 2,000 files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.facts.imports_index import Use, may_import, read_imports, uses_of
from auditor.sources.store import key_of
from auditor.sources.tool import tool_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.facts.imports_index import Imports, Uses
    from auditor.sources.repository import Repository
    from auditor.sources.store import Store

_FIELDS = 5


def imports_of(repository: Repository, paths: Iterable[str], store: Store | None) -> Imports:
    """The imports of these files, those of an unchanged one as the `store` has them."""
    importing = [path for path in paths if may_import(path)]
    known = _known(repository, importing, store) if store is not None and store.usable else None
    return read_imports(importing, repository.text, known)


def _known(repository: Repository, paths: Sequence[str], store: Store) -> Mapping[str, Uses]:
    tool = tool_id()
    keys = {path: key_of("imports", tool, path, repository.digest(path)) for path in paths}
    kept = store.get_all(keys.values())
    found = {path: uses for path, key in keys.items() if (uses := _read(path, kept.get(key))) is not None}
    fresh = {path: uses_of(path, repository.text(path)) for path in paths if path not in found}
    store.put({keys[path]: [_written(*use) for use in uses] for path, uses in fresh.items()})
    return found | fresh


def _written(name: str, use: Use) -> list[Any]:
    return [name, use.line, sorted(use.symbols), use.module, use.types]


def _read(path: str, value: Any) -> Uses | None:  # noqa: ANN401 - whatever the store holds
    """The imports again; None where nobody who knows the form wrote them."""
    if not isinstance(value, list) or not all(isinstance(row, list) and len(row) == _FIELDS for row in value):
        return None
    rows = ((row[0], Use(path, row[1], frozenset(row[2]), row[3], row[4])) for row in value)
    return tuple(rows)
