"""The user's own semgrep rules: read from files that the user names, checked, and turned into pages like ours.

Each becomes a page `semgrep:<id>` of a control that no checklist has: it is reported and counts for the gate, and
leaves score and verdicts alone.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.facts.semgrep_rules import RuleError, merged, named, parsed, read_rules
from auditor.model import Confidence, Kind, Severity, Unavailable, UsageError
from auditor.rulebook import Page
from auditor.sources import semgrep_core
from auditor.sources.semgrep import run_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.facts.semgrep_rules import SemgrepRule

CONTROL = "own-rules"
_PREFIX = "semgrep:"
_MAX_BYTES = 5_000_000
_MAX_TITLE = 120
_SECONDS = 60.0
_LANGUAGES = {
    "js": "javascript", "jsx": "javascript", "javascript": "javascript", "ts": "typescript", "tsx": "typescript",
    "typescript": "typescript", "py": "python", "python": "python", "python3": "python",
}  # fmt: skip
_SEVERITIES = {
    "CRITICAL": Severity.CRITICAL, "ERROR": Severity.HIGH, "HIGH": Severity.HIGH, "WARNING": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM, "LOW": Severity.LOW, "INFO": Severity.LOW, "INVENTORY": Severity.INFO,
    "EXPERIMENT": Severity.INFO,
}  # fmt: skip


def own_pages(places: Sequence[str], folder: Path) -> tuple[list[Page], list[str]]:
    """The pages of all rules, written into `folder`, and the ids of those for languages that are not read here.

    Raises UsageError, with the file, where one cannot be used.
    """
    pages: dict[str, Page] = {}
    left_out: list[str] = []
    for file in _files(places):
        for item in _items(file):
            page = _page(item, file, folder / f"own-{len(pages)}.md")
            if page is None:
                left_out.append(str(item["id"]))
            elif page.id in pages:
                raise UsageError(f"--semgrep-rules {file}: the rule {item['id']} is there twice")
            else:
                pages[page.id] = page
    if not pages:
        raise UsageError(f"--semgrep-rules {', '.join(places)}: no rule for TypeScript, JavaScript or Python")
    _check([rule for page in pages.values() for rule in _rules(page)])
    return list(pages.values()), left_out


def _files(places: Sequence[str]) -> Iterator[Path]:
    for name in places:
        place = Path(name)
        found = sorted(p for p in place.rglob("*") if p.suffix in {".yaml", ".yml"}) if place.is_dir() else [place]
        if not place.exists():
            raise UsageError(f"--semgrep-rules {name}: no such file or folder")
        if not found:
            raise UsageError(f"--semgrep-rules {name}: no .yaml file in this folder")
        yield from found


def _items(file: Path) -> list[dict[str, Any]]:
    if not file.is_file() or file.stat().st_size > _MAX_BYTES:
        raise UsageError(f"--semgrep-rules {file}: not a regular file, or larger than {_MAX_BYTES // 1_000_000} MB")
    try:
        document = parsed(file.read_text("utf-8"))
    except (RuleError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--semgrep-rules {file}: {error}") from error
    listed = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(item, dict) for item in listed):
        raise UsageError(f"--semgrep-rules {file}: it has no list of rules")
    return listed


def _page(item: dict[str, Any], file: Path, path: Path) -> Page | None:
    """One rule as a page of ours, with the rule beside it; None where its languages are not read here."""
    lacking = [key for key in ("id", "message", "languages", "severity") if not item.get(key)]
    if lacking or not isinstance(item["languages"], list):
        raise UsageError(f"--semgrep-rules {file}: the rule {item.get('id', '?')} lacks {', '.join(lacking)}")
    languages = sorted({_LANGUAGES[name] for name in map(str, item["languages"]) if name in _LANGUAGES})
    if not languages:
        return None
    rule, message = f"{_PREFIX}{item['id']}", " ".join(str(item["message"]).split())
    metadata = item.get("metadata") if isinstance(item.get("metadata"), dict) else {}
    assert isinstance(metadata, dict)
    _write(path.with_suffix(".yaml"), item | {"id": rule, "languages": languages, "metadata": _own(item)}, file)
    fix = f"Write `{item['fix']}`." if isinstance(item.get("fix"), str) else "As the rule's message says."
    path.write_text(f"# {_title(message)}\n\n{message}\n\n**Fix.** {fix}\n", "utf-8")
    return Page(
        id=rule,
        kind=Kind.CODE,
        title=_title(message),
        control=CONTROL,
        severity=_SEVERITIES.get(str(item["severity"]).upper(), Severity.MEDIUM),
        confidence=Confidence.SUSPECTED if str(metadata.get("confidence")).upper() == "LOW" else Confidence.INFERRED,
        description=message,
        fix=fix,
        path=path,
        cwe=tuple(int(number) for number in re.findall(r"CWE-(\d{1,4})", str(metadata.get("cwe", "")))),
        decisive=False,
        tags=("own",),
    )


def _own(item: dict[str, Any]) -> dict[str, Any]:
    """What of a rule is for this tool: it looks at every file but those that its paths leave out."""
    paths = item.get("paths") if isinstance(item.get("paths"), dict) else {}
    assert isinstance(paths, dict)
    return {"everywhere": True, **{key: list(map(str, paths.get(key) or ())) for key in ("include", "exclude")}}


def _write(path: Path, item: dict[str, Any], file: Path) -> None:
    try:
        path.write_text(json.dumps({"rules": [item]}), "utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"--semgrep-rules {file}: the rule {item['id'].removeprefix(_PREFIX)}: {error}") from error


def _title(message: str) -> str:
    first = re.split(r"(?<=[.!?])\s", message, maxsplit=1)[0].rstrip(".")
    return first if len(first) <= _MAX_TITLE else first[: _MAX_TITLE - 1].rstrip() + "…"


def _rules(page: Page) -> list[SemgrepRule]:
    assert page.yaml
    try:
        return read_rules(page.id, page.yaml.read_text("utf-8"))
    except RuleError as error:
        raise UsageError(f"--semgrep-rules: {page.id.removeprefix(_PREFIX)}: {error}") from error


def _check(rules: list[SemgrepRule]) -> None:
    """Let the engine read the rules before the scan; where its core is not known, it says so in the scan itself."""
    core = semgrep_core.find_core()
    if core is None:
        return
    numbered = {rule.name: rule for rule in named(rules)}
    with tempfile.TemporaryDirectory(prefix="backend-audit-") as name, ExitStack() as stack:
        semgrep_core.lay_out_rules(Path(name), merged(list(numbered.values())))
        try:
            code, out, _ = run_engine(semgrep_core.command(core, 5, 1000), Path(name), _SECONDS, stack)
            errors = json.loads(out)["errors"] if code == 0 else []
        except (OSError, ValueError, LookupError, Unavailable):
            return
    for error in errors:
        rule = numbered.get(str(error.get("rule_id")))
        said = " ".join(str(error.get("message", "")).split())[:200]
        raise UsageError(f"--semgrep-rules: {rule.page.removeprefix(_PREFIX) if rule else 'a rule'}: {said}")
