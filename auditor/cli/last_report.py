"""The last report of each folder, kept in the user's cache, for `explain FINGERPRINT`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.sources.store import Store, key_of

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.report import Report


def remember(report: Report, root: Path, folder: Path | None) -> None:
    """Keep a report, without its tables; where there is no cache it is not kept."""
    kept = report.model_copy(update={"endpoints": [], "access": [], "access_setup": []})
    with Store(folder) as store:
        if store.usable:
            store.put({_key(root): {"report": kept.model_dump_json()}})


def recall(root: Path, folder: Path | None) -> Report | None:
    """The last report of a folder as `remember` keeps it, None where there is none that this version can read."""
    from pydantic import ValidationError

    from auditor.report import Report

    with Store(folder) as store:
        kept = store.get(_key(root))
    try:
        return Report.model_validate_json(kept["report"]) if isinstance(kept, dict) else None
    except (ValidationError, KeyError, TypeError):
        return None


def _key(root: Path) -> bytes:
    return key_of("last report", str(root))
