"""Runtimes and servers that a repository chooses and that get no more mends."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.compose import ComposeError, is_compose, read_services
from auditor.facts.end_of_life import Chosen, chosen_runtimes, engine_of, support_of
from auditor.facts.lock_graph import NPM, table
from auditor.facts.purpose import is_for_development
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_manifests import Manifest
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_NAMES = {".nvmrc", ".node-version", ".python-version", "runtime.txt", ".tool-versions", "config.toml"}


def ask(repository: Repository, packages: Packages) -> Iterator[Answer]:
    seen: set[str] = set()
    for chosen in _chosen(repository, packages):
        support = support_of("runtime", chosen.product, chosen.release)
        subject = f"runtime {chosen.path}:{chosen.product} {chosen.release}"
        if support is None or subject in seen:
            continue
        seen.add(subject)
        place = FileSpan(chosen.path, chosen.line)
        if support.ends >= packages.today:
            yield Answer(subject, State.OK, f"{support.title} {support.release} is mended until {support.ends}", place)
        else:
            detail = f"{chosen.text}: {support.title} {support.release} has had no mends since {support.ends}"
            severity = Severity.LOW if _is_aside(chosen.path, repository) else None
            yield Answer(subject, State.FAIL, detail, place, severity=severity, evidence=f"{chosen.product} ended")


def _chosen(repository: Repository, packages: Packages) -> Iterator[Chosen]:
    for path in repository.files:
        name = PurePosixPath(path).name
        if is_vendored(path) or is_test(path) or is_example(path):
            continue
        if name in _NAMES or "ocker" in name or "compose" in name or "ontainerfile" in name:
            yield from chosen_runtimes(path, repository.text(path) or "")
    for manifest in packages.manifests:
        if manifest.ecosystem == NPM:
            yield from _engines(manifest, repository)


def _engines(manifest: Manifest, repository: Repository) -> Iterator[Chosen]:
    """Only an end that is set: `>=18` also runs on a release that is mended."""
    lines = (repository.text(manifest.path) or "").splitlines()
    for key in ("engines", "volta"):
        spec = table(manifest.data, key).get("node")
        release = engine_of(spec) if isinstance(spec, str) else None
        if release:
            line = next((n for n, text in enumerate(lines, 1) if '"node"' in text), 1)
            yield Chosen("node", release, manifest.path, line, f'"{key}": node {spec}')


def _is_aside(path: str, repository: Repository) -> bool:
    """Files for development: what they start serves nobody. A Compose file of stores alone is one, too."""
    if is_for_development(path) or ".devcontainer" in path:
        return True
    if not is_compose(path):
        return False
    try:
        return not any(service.builds for service in read_services(repository.text(path) or ""))
    except ComposeError:
        return False
