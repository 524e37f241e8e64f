"""Images whose process runs as root."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.dockerfile import final_user, is_dockerfile, read_stages
from auditor.facts.purpose import is_aside, is_for_development
from auditor.model import Answer, FileSpan, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.dockerfile import Stage
    from auditor.sources.repository import Repository

_NON_ROOT = re.compile(
    r"distroless.*nonroot|(?:^|/)chainguard/|^cgr\.dev/|(?:^|/)bitnami|unprivileged|[-:.]nonroot|rootless|chiseled|"
    r"^public\.ecr\.aws/lambda/|^gotenberg/|^docker\.elastic\.co/|^grafana/|keycloak"
)
# Images known to start as root. Of any other image only its own Dockerfile says.
_ROOT = re.compile(
    r"(?:docker\.io/)?(?:library/)?(?:node|python|golang|ruby|rust|php|openjdk|eclipse-temurin|amazoncorretto|maven|"
    r"gradle|alpine|debian|ubuntu|fedora|busybox|nginx|httpd|caddy|scratch|elixir|erlang|perl|swift|oraclelinux|"
    r"rockylinux|almalinux|buildpack-deps|oven/bun|denoland/deno|ghcr\.io/astral-sh/uv|nvidia/cuda)(?:[:@].*)?|"
    r"gcr\.io/distroless/.*|mcr\.microsoft\.com/(?:dotnet|playwright)/?.*"
)
_DROPS = re.compile(r"\b(?:gosu|su-exec|setpriv|runuser|s6-setuidgid)\b")


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if is_dockerfile(path) and not is_aside(path) and not is_for_development(path):
            yield _file(path, repository)


def _file(path: str, repository: Repository) -> Answer:
    subject = f"dockerfile {path}"
    text = repository.text(path)
    if text is None:
        reason = repository.skipped.get(path, "cannot be read")
        return Answer(subject, State.UNKNOWN, f"the file was not read: {reason}", FileSpan(path, 1))
    stages = read_stages(text)
    if not stages:
        return Answer(subject, State.UNKNOWN, "it has no FROM", FileSpan(path, 1))
    user, line, root = final_user(stages)
    state, detail = _named(user) if user else _unnamed(root, stages[-1])
    evidence = ("root" if user else "no user") if state is State.FAIL else ""
    return Answer(subject, state, detail, FileSpan(path, line), evidence=evidence)


def _named(user: str) -> tuple[State, str]:
    name = user.partition(":")[0]
    if name in {"root", "0"}:
        return State.FAIL, f"the last USER is {user}"
    return State.OK, f"it runs as {user}"


def _unnamed(root: Stage, last: Stage) -> tuple[State, str]:
    """No stage in the chain has a USER: the base image decides, or what the container starts with."""
    base = root.base.lower()
    if _NON_ROOT.search(base):
        return State.OK, f"the base image {root.base} does not run as root"
    if _DROPS.search(last.starts):
        return State.OK, "what it starts with gives root up"
    if _DROPS.search(last.runs):
        return State.UNKNOWN, "it installs a tool that gives root up, perhaps in the script that it starts with"
    if not _ROOT.fullmatch(base):
        return State.UNKNOWN, f"no USER: the base image {root.base} decides, and was not read"
    return State.FAIL, f"no USER is set, so it runs as root, the user of {root.base}"
