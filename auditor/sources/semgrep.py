"""semgrep, one call per scan: the rules of every page that was asked for, on copies of the files that may hold a match.

The engine never sees the repository. It gets the texts as numbered files in a private folder, so that neither a file's
name nor an ignore file nor a link has a say in what is read, an environment of its own without a proxy or a token, and
rules from this tool alone. `nosemgrep` comments do not count: only this tool's own suppressions do.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.facts.semgrep_output import PageMatches, Scope, Semgrep, fatal, read_output
from auditor.facts.semgrep_rules import RuleError, copy_name, merged, named, read_rules
from auditor.facts.sites import says_use_client
from auditor.facts.type_arguments import without_type_arguments
from auditor.model import Unavailable
from auditor.sources import semgrep_core, semgrep_said
from auditor.sources.store import key_of
from auditor.sources.tool import tool_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import ExitStack

    from auditor.facts.semgrep_rules import SemgrepRule
    from auditor.rulebook import Page
    from auditor.sources.code import Code
    from auditor.sources.store import Store

_MOST_SECONDS = 240.0
_FILE_SECONDS = 20  # for one rule; a machine that is busy with the other lanes takes its time
_MEGABYTES = 2500
_TARGETS = "targets"


def read_semgrep(
    pages: Iterable[Page], code: Code, seconds: float, stack: ExitStack, store: Store | None = None
) -> Semgrep:
    """What the rules of these pages match; raises Unavailable when semgrep cannot be had.

    What it once said of a text and these rules is in the `store`; only the other files are given to the engine.
    """
    found, rules = _rules(pages)
    targets = _choose(rules, code, found, store)
    if not targets:
        return Semgrep(found)
    started = time.monotonic()
    names = {copy_name(n, asking, code.files[path]): path for n, (path, asking) in enumerate(targets.items(), 1)}
    said = semgrep_said.recall(store, {name: _question(code, path, targets[path]) for name, path in names.items()})
    missing = {name: path for name, path in names.items() if name not in said.known}
    if missing:
        engine, output = _asked(missing, rules, code, started + min(seconds, _MOST_SECONDS), stack)
        said.add(store, missing, engine, output)
    texts = {path: code.text(path) for path in targets}
    read_output(said.output(), Scope({rule.name: rule for rule in rules}, names, texts), found)
    taken = round(time.monotonic() - started, 2)
    return Semgrep(found, len(targets), said.version, taken, said.engine)


def _question(code: Code, path: str, asking: list[SemgrepRule]) -> list[Any]:
    return [code.files[path], _copied(code, path), [[rule.id, rule.definition] for rule in asking]]


def _asked(
    names: Mapping[str, str], rules: list[SemgrepRule], code: Code, until: float, stack: ExitStack
) -> tuple[str, dict[str, Any]]:
    """How the engine was asked about these copies, and what it answers."""
    with tempfile.TemporaryDirectory(prefix="backend-audit-", ignore_cleanup_errors=True) as name:
        _lay_out(Path(name), names, rules, code)
        languages = {copy: code.files[path] for copy, path in names.items()}
        return _answer(Path(name), languages, until, stack)


def _answer(folder: Path, languages: Mapping[str, str], until: float, stack: ExitStack) -> tuple[str, dict[str, Any]]:
    """What the engine answers, asked without its command line if it can be."""
    stopped = threading.Event()
    stack.callback(stopped.set)
    if core := semgrep_core.find_core():
        semgrep_core.lay_out(folder, _TARGETS, languages)
        with contextlib.suppress(OSError):
            ended = _run(semgrep_core.command(core, _FILE_SECONDS, _MEGABYTES), folder, until, stack)
            if output := semgrep_core.read(ended):
                return "core", output
        semgrep_core.clear(folder, _TARGETS)
    if stopped.is_set():  # a scan that is cancelled has killed the engine, and wants no other
        raise Unavailable("semgrep was stopped with the scan")
    try:
        return "command line", _read(_run(_command(find_semgrep()), folder, until, stack))
    except OSError as error:
        raise Unavailable(f"semgrep could not be started: {error.strerror}") from error


def _rules(pages: Iterable[Page]) -> tuple[dict[str, PageMatches], list[SemgrepRule]]:
    """The rules of all pages; a page whose file does not parse is marked as broken."""
    found: dict[str, PageMatches] = {}
    rules: list[SemgrepRule] = []
    for page in pages:
        assert page.yaml
        found[page.id] = PageMatches()
        try:
            listed = read_rules(page.id, page.yaml.read_text("utf-8"))
        except RuleError as error:
            found[page.id].broken = f"{page.yaml.name} cannot be used: {error}"
            continue
        found[page.id].has_subjects = any(rule.is_subject for rule in listed)
        found[page.id].rules = tuple(listed)
        rules += [rule for rule in listed if not rule.followed]
    return found, named(rules)


def _choose(
    rules: list[SemgrepRule], code: Code, found: dict[str, PageMatches], store: Store | None
) -> dict[str, list[SemgrepRule]]:
    """Every file that may hold a match, and of which rules; the engine takes a second for a dozen of files.

    What was chosen for a file is in the `store`: to look for the words of all rules takes a second of its own.
    """
    shared = key_of("choice", tool_id(), [[rule.id, rule.definition] for rule in rules]).hex() if store else ""
    keys = {path: key_of(shared, path, language, code.repository.digest(path)) for path, language in code.files.items()}
    known = store.get_all(keys.values()) if store else {}
    chosen = {path: _known_choice(known.get(key), len(rules)) for path, key in keys.items()}
    fresh = {path: _indexes(rules, code, path) for path, indexes in chosen.items() if indexes is None}
    if store and fresh:
        store.put({keys[path]: {"rules": indexes} for path, indexes in fresh.items()})
    targets: dict[str, list[SemgrepRule]] = {}
    for path in code.files:
        if asking := [rules[index] for index in fresh.get(path) or chosen[path] or ()]:
            targets[path] = asking
            for page in {rule.page for rule in asking}:
                found[page].files += (path,)
    return targets


def _known_choice(value: Any, count: int) -> list[int] | None:  # noqa: ANN401 - whatever the store holds
    listed = value.get("rules") if isinstance(value, dict) else None
    sound = isinstance(listed, list) and all(isinstance(index, int) and 0 <= index < count for index in listed)
    return listed if sound else None


def _indexes(rules: list[SemgrepRule], code: Code, path: str) -> list[int]:
    """The rules, by their place in the list, whose words a file holds."""
    holds, language = partial(code.holds, path), code.files[path]  # the rules of a page share their words
    asking = [n for n, rule in enumerate(rules) if rule.may_match(language, holds) and rule.may_look_at(path)]
    if asking and says_use_client(code.text(path)):
        asking = [n for n in asking if rules[n].everywhere]
    return asking


def _lay_out(folder: Path, names: Mapping[str, str], rules: list[SemgrepRule], code: Code) -> None:
    """Write the copies by their names, the rules and an empty ignore file."""
    (folder / _TARGETS).mkdir()
    (folder / "home").mkdir()
    (folder / ".semgrepignore").write_text("", "utf-8")  # without one the engine has a list of its own
    (folder / "rules.json").write_text(merged(rules), "utf-8")
    for name, path in names.items():
        (folder / _TARGETS / name).write_text(_copied(code, path), "utf-8", newline="")


def _copied(code: Code, path: str) -> str:
    typed = code.files[path] in {"typescript", "tsx"}
    return without_type_arguments(code.text(path)) if typed else code.text(path)


def find_semgrep() -> Path:
    """The executable that was installed with this tool: neither PATH nor the current folder is asked."""
    beside = Path(sys.executable).parent / "semgrep"
    if beside.is_file():
        return beside
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("semgrep") or ():
            place = Path(str(file.locate()))
            if file.name == "semgrep" and file.parent.name == "bin" and place.is_file():
                return place
    raise Unavailable("semgrep was not found beside backend-audit: install the package semgrep into its environment")


def _command(program: Path) -> list[str]:
    return [
        str(program), "scan", "--config", "rules.json", "--json", "--quiet", "--metrics", "off",
        "--disable-version-check", "--disable-nosem", "--no-git-ignore", "--max-target-bytes", "0", "--timeout",
        str(_FILE_SECONDS), "--timeout-threshold", "3", "--max-memory", str(_MEGABYTES), "--jobs", "1", _TARGETS,
    ]  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    home = str(folder / "home")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "XDG_CACHE_HOME": home,
        "TMPDIR": home,
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
        "SEMGREP_SETTINGS_FILE": f"{home}/settings.yml",
        "SEMGREP_LOG_FILE": f"{home}/semgrep.log",
        "SEMGREP_SEND_METRICS": "off",
        "SEMGREP_ENABLE_VERSION_CHECK": "0",
    }


def run_engine(command: list[str], folder: Path, seconds: float, stack: ExitStack) -> tuple[int, bytes, bytes]:
    """The engine's exit code and what it wrote; it sees `folder` alone."""
    return _run(command, folder, time.monotonic() + seconds, stack)


def _run(command: list[str], folder: Path, until: float, stack: ExitStack) -> tuple[int, bytes, bytes]:
    seconds = max(until - time.monotonic(), 0.0)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(folder),
        cwd=folder,
        start_new_session=True,  # the engine starts workers: they end with it, as one group
    )
    stack.callback(_kill, process)  # a scan that is cancelled closes the stack
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        process.communicate()
        raise Unavailable(f"semgrep was stopped after {seconds:.0f} s") from error
    return process.returncode, out, err


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read(ended: tuple[int, bytes, bytes]) -> dict[str, Any]:
    code, out, err = ended
    try:
        output: dict[str, Any] = json.loads(out)
        reason = fatal(output) if {"results", "errors", "paths"} <= output.keys() else "an answer of unknown form"
    except (ValueError, AttributeError, TypeError, KeyError):
        lines = err.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1].strip()[:200] if lines else "no answer"
    if reason:
        raise Unavailable(f"semgrep failed (exit code {code}): {reason}")
    return output
