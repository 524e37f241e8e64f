"""OSV's archives of all records of an ecosystem, fetched to a folder as osv-scanner lays them out."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from auditor.facts.lock_graph import NPM, PYPI
from auditor.model import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES = 2_000_000_000
_SECONDS = 60.0
_PIECE = 1_000_000


def download(url: str, folder: Path) -> None:
    """Fetch both ecosystems; raises Unavailable."""
    for ecosystem in (NPM, PYPI):
        place = folder / ecosystem / "all.zip"
        place.parent.mkdir(parents=True)
        try:
            _fetch(f"{url.rstrip('/')}/{ecosystem}/all.zip", place)
        except urllib.error.HTTPError as error:
            error.close()
            raise Unavailable(f"the records of {ecosystem} could not be fetched: HTTP {error.code}") from error
        except OSError as error:
            raise Unavailable(f"the records of {ecosystem} could not be fetched: {_said(error)}") from error


def _said(error: OSError) -> str:
    """The kind of fault; a text of the library may quote a proxy with its password."""
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    return type(inner).__name__


def _fetch(url: str, place: Path) -> None:
    if not url.startswith(("https://", "http://")):
        raise Unavailable("only http and https addresses are fetched")
    total = 0
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer, place.open("wb") as file:  # noqa: S310 - checked above
        while piece := answer.read(_PIECE):
            total += len(piece)
            if total > _MAX_BYTES:
                raise Unavailable("the archive is larger than any real one")
            file.write(piece)
