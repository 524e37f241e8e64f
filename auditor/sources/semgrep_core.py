"""semgrep's engine without its command line, which takes seconds before it reads the first file.

The engine's own interface is internal and may change with every release. So it is asked only in versions that were
tried, and every run carries three lines of its own that must be found, one per language, past a `nosemgrep` comment.
Whenever anything is not as it was when it was tried, there is no answer, and the caller takes the command line.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.facts.semgrep_output import fatal

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIED = frozenset({"1.182.0"})
_SENTINEL = "sentinel"
_RULE = {
    "id": _SENTINEL,
    "severity": "ERROR",
    "languages": ["typescript", "javascript", "python"],
    "message": _SENTINEL,
    "pattern": f"{_SENTINEL}(...)",
    "paths": {"include": [f"*-{_SENTINEL}-*"]},
}
_LINES = {
    "000000-sentinel-.ts": ("typescript", "sentinel(1); // nosemgrep\n"),
    "000000-sentinel-.js": ("javascript", "sentinel(1); // nosemgrep\n"),
    "000000-sentinel-.py": ("python", "sentinel(1)  # nosemgrep\n"),
}
_GRAMMARS = {"typescript": "typescript", "tsx": "typescript", "javascript": "javascript", "python": "python"}
_RULES = "core-rules.json"
_LIST = "core-targets.json"


def find_core() -> Path | None:
    """The engine inside the installed package, if it is one of a version that was tried; nothing is imported."""
    spec = importlib.util.find_spec("semgrep")
    if spec is None or importlib.metadata.version("semgrep") not in TRIED:
        return None
    places = (Path(folder) / "bin" / "semgrep-core" for folder in spec.submodule_search_locations or ())
    return next((place for place in places if place.is_file()), None)


def lay_out(folder: Path, targets: str, languages: Mapping[str, str]) -> None:
    """Beside the rules and the copies: the lines that must be found, and the list of all targets by their language."""
    for name, (_, line) in _LINES.items():
        (folder / targets / name).write_text(line, "utf-8")
    rules = json.loads((folder / "rules.json").read_text("utf-8"))
    (folder / _RULES).write_text(json.dumps({"rules": [*rules["rules"], _RULE]}), "utf-8")
    grammars = {name: grammar for name, (grammar, _) in _LINES.items()}
    grammars |= {name: _GRAMMARS[language] for name, language in languages.items()}
    listed = [_target(f"{targets}/{name}", grammar) for name, grammar in grammars.items()]
    (folder / _LIST).write_text(json.dumps(["Targets", listed]), "utf-8")


def lay_out_rules(folder: Path, rules: str) -> None:
    """Rules alone, for the engine to read and to complain about."""
    (folder / "home").mkdir()
    (folder / _RULES).write_text(rules, "utf-8")
    (folder / _LIST).write_text(json.dumps(["Targets", []]), "utf-8")


def clear(folder: Path, targets: str) -> None:
    """Take the lines out again: the command line looks at every file of the folder."""
    for name in _LINES:
        (folder / targets / name).unlink()


def _target(place: str, grammar: str) -> list[Any]:
    path = {"fpath": place, "ppath": f"/{place}"}
    return ["CodeTarget", {"path": path, "analyzer": grammar, "products": ["sast"]}]


def command(program: Path, seconds: int, megabytes: int) -> list[str]:
    return [
        str(program), "-rules", _RULES, "-targets", _LIST, "-json_nodots", "-fast", "-j", "1", "-timeout", str(seconds),
        "-timeout_threshold", "3", "-max_memory", str(megabytes),
    ]  # fmt: skip


def read(ended: tuple[int, bytes, bytes]) -> dict[str, Any] | None:
    """The answer in the form of the command line's; nothing if it is not an answer of the form that was tried."""
    try:
        output = json.loads(ended[1])
        if ended[0] != 0 or output["version"] not in TRIED:
            return None
        mine = {item["path"].rsplit("/", 1)[-1] for item in output["results"] if item["check_id"] == _SENTINEL}
        answer = {
            "version": output["version"],
            "results": [_result(item) for item in output["results"] if item["check_id"] != _SENTINEL],
            "errors": [_error(item) for item in output["errors"]],
            "paths": {"scanned": list(output["paths"]["scanned"])},
        }
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return answer if mine == _LINES.keys() and not fatal(answer) else None


def _result(item: Mapping[str, Any]) -> dict[str, Any]:
    """A match, also one that a `nosemgrep` comment marks."""
    ends = {key: {"line": int(item[key]["line"]), "col": int(item[key]["col"])} for key in ("start", "end")}
    return {"check_id": item["check_id"], "path": item["path"]} | ends


def _error(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = item["error_type"]
    error = {"type": kind, "level": item["severity"], "message": item["message"], "rule_id": item.get("rule_id")}
    if place := item.get("location"):
        error["path"] = place["path"]
    if isinstance(kind, list):
        error["spans"] = kind[1] if kind[0] == "PartialParsing" else []
    return error
