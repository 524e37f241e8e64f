"""Services of Docker Compose files that are given the machine they run on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.compose import ComposeError, is_compose, read_services
from auditor.facts.purpose import is_aside, is_for_development
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.compose import Service
    from auditor.sources.repository import Repository

# What a tool for containers or for the machine cannot do without.
_TOOLS = re.compile(
    r"traefik|portainer|watchtower|dozzle|cadvisor|node-exporter|node_exporter|promtail|alloy|fluent|vector|datadog|"
    r"docker-proxy|socket-proxy|dockerproxy|socat|autoheal|nginx-proxy|acme-companion|swag|dind|docker:|runner|agent|netdata|beyla|"
    r"diun|ofelia|wireguard|tailscale|buildkit|localstack|testcontainers|lazydocker|diskover|crowdsec|falco|otel",
    re.IGNORECASE,
)


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if not is_compose(path) or is_aside(path):
            continue
        text = repository.text(path)
        try:
            services = read_services(text or "") if text is not None else None
        except ComposeError as error:
            yield _unread(path, str(error))
            continue
        if services is None:
            yield _unread(path, repository.skipped.get(path, "cannot be read"))
        yield from (_service(path, service) for service in services or ())


def _unread(path: str, reason: str) -> Answer:
    return Answer(f"service {path}", State.UNKNOWN, f"the file was not read: {reason}", FileSpan(path, 1))


def _service(path: str, service: Service) -> Answer:
    subject = f"service {path}#{service.name}"
    if not service.powers:
        return Answer(subject, State.OK, "it is a container like any other", FileSpan(path, service.line))
    named = ", ".join(dict.fromkeys(what for what, _ in service.powers))
    tool = _TOOLS.search(f"{service.image} {service.name} {service.command}") is not None
    severity = Severity.INFO if tool else Severity.LOW if is_for_development(path) else Severity.MEDIUM
    detail = f"{named}: who breaks into it has the machine" + ("; a tool that may need it" if tool else "")
    return Answer(subject, State.FAIL, detail, FileSpan(path, service.powers[0][1]), severity=severity, evidence=named)
