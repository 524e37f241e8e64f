"""What semgrep said of a text, kept for the next scan: by the text, the rules that ask, and the engine's version."""

from __future__ import annotations

import importlib.metadata
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.sources.store import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.sources.store import Store

_PARTLY = "PartialParsing"


@dataclass(slots=True)
class Said:
    """The engine's answers by the names of the copies; `keys` are those of the store, `whole` errors of no file."""

    keys: dict[str, bytes] = field(default_factory=dict)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    whole: list[dict[str, Any]] = field(default_factory=list)
    version: str = ""
    engine: str = ""

    def add(self, store: Store | None, names: Iterable[str], engine: str, output: Mapping[str, Any]) -> None:
        """Sort a new answer by file, and keep what would be the same the next time."""
        self.version, self.engine = str(output.get("version", "")), engine
        scanned = {_name(path) for path in output["paths"]["scanned"]}
        fresh: dict[str, dict[str, Any]] = {
            name: {"results": [], "errors": [], "scanned": name in scanned, "version": self.version, "engine": engine}
            for name in names
        }
        for kind in ("results", "errors"):
            for item in output[kind]:
                if (name := _name(item.get("path") or "")) in fresh:
                    fresh[name][kind].append(item)
                elif kind == "errors":
                    self.whole.append(item)
        self.known |= fresh
        if store is not None and not self.whole:
            store.put({self.keys[name]: value for name, value in fresh.items() if _lasts(value)})

    def output(self) -> dict[str, Any]:
        """All of it in the form of the engine's own answer, in the order of the names."""
        parts = [(name, self.known[name]) for name in sorted(self.known)]
        return {
            "version": self.version,
            "results": [item | {"path": name} for name, part in parts for item in part["results"]],
            "errors": [*self.whole, *(item | {"path": name} for name, part in parts for item in part["errors"])],
            "paths": {"scanned": [name for name, part in parts if part["scanned"]]},
        }


def recall(store: Store | None, questions: Mapping[str, Any]) -> Said:
    """What was said before on these questions, each by the name of its copy."""
    if store is None:
        return Said()
    version = _version()
    said = Said({name: key_of("semgrep", version, question) for name, question in questions.items()})
    found = store.get_all(said.keys.values())
    said.known = {name: found[key] for name, key in said.keys.items() if _is_answer(found.get(key))}
    for value in said.known.values():
        said.version, said.engine = value["version"], value["engine"]
    return said


def _lasts(value: Mapping[str, Any]) -> bool:
    """Whether an answer is whole: nothing ran out of time or memory."""
    kinds = [error["type"] for error in value["errors"]]
    return value["scanned"] and all((kind[0] if isinstance(kind, list) else kind) == _PARTLY for kind in kinds)


def _is_answer(value: Any) -> bool:  # noqa: ANN401 - whatever lay in the store
    return isinstance(value, dict) and value.keys() == {"results", "errors", "scanned", "version", "engine"}


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _version() -> str:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("semgrep")
    return ""
