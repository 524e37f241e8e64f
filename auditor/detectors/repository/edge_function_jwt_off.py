"""Supabase Edge Functions that anybody may call."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from auditor.facts.edge_authentication import sign_of, suggestive
from auditor.facts.edge_source import reach
from auditor.facts.purpose import is_aside
from auditor.facts.purposes import signs_in_at
from auditor.facts.supabase_config import ConfigError, line_of, read_config, setting
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.edge_source import Module
    from auditor.sources.repository import Repository

_ENTRY = re.compile(r"(?P<project>(?:.+/)?supabase)/functions/(?P<name>[A-Za-z0-9][\w-]*)/index\.(?:ts|tsx|js|mjs)")


def ask(repository: Repository) -> Iterator[Answer]:
    found = [match for path in repository.files if not is_aside(path) and (match := _ENTRY.fullmatch(path))]
    configs: dict[str, dict[str, Any] | str] = {}
    modules: dict[str, Module] = {}
    for match in found:
        path = f"{match['project']}/config.toml"
        if path not in configs:
            configs[path] = _config(path, repository)
        yield _function(match[0], match["name"], path, configs[path], repository, modules)


def _config(path: str, repository: Repository) -> dict[str, Any] | str:
    """The configuration, or the reason why it is not known; no file means that every default holds."""
    if path not in repository.files and path not in repository.skipped:
        return {}
    try:
        return read_config(repository.text(path))
    except ConfigError as error:
        return str(error)


def _function(
    entry: str,
    name: str,
    path: str,
    config: dict[str, Any] | str,
    repository: Repository,
    modules: dict[str, Module],
) -> Answer:
    subject = f"function {name}"
    if isinstance(config, str):
        return Answer(subject, State.UNKNOWN, f"{path}: {config}", FileSpan(path, 1))
    if setting(config, f"functions.{name}.verify_jwt") is not False:
        return Answer(subject, State.OK, "the platform asks for a valid JWT", FileSpan(entry, 1))
    where = FileSpan(path, line_of(repository.text(path) or "", f"functions.{name}.verify_jwt"))
    own = setting(config, f"functions.{name}.entrypoint")
    if isinstance(own, str):
        entry = posixpath.normpath(posixpath.join(posixpath.dirname(path), own))
    state, detail = _authenticates(entry, repository, modules)
    return Answer(subject, state, f"verify_jwt is off; {detail}", where, evidence="verify_jwt = false")


def _authenticates(entry: str, repository: Repository, modules: dict[str, Module]) -> tuple[State, str]:
    files = set(repository.files)

    def read(path: str) -> str | None:
        return repository.text(path) if path in files else None

    if read(entry) is None:
        return State.UNKNOWN, f"its source {entry} was not read"
    reached = reach(entry, read, modules)
    for path, text in reached.parts:
        if sign := sign_of(text):
            return State.OK, f"its own source {sign} ({path})"
    if signs_in_at(f"/{posixpath.basename(posixpath.dirname(entry))}"):
        return State.OK, "people who sign in here have no token yet"
    if name := suggestive([text for _, text in reached.parts], reached.outside):
        return State.UNKNOWN, f"whether {name} authenticates the caller could not be followed"
    return State.FAIL, f"and nothing in {entry} or what it imports authenticates the caller"
