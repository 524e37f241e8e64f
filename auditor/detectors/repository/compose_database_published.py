"""Data stores of Docker Compose files whose port is open to the network."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from auditor.facts.compose import ComposeError, is_compose, read_services, with_defaults
from auditor.facts.purpose import is_aside, is_for_development
from auditor.facts.stores import store_of, without_password
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.compose import Port, Service
    from auditor.sources.repository import Repository

_TYPICAL = {"", "postgres", "password", "root", "admin", "example", "secret", "test", "dev", "changeme", "minioadmin"}


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if is_compose(path) and not is_aside(path):
            yield from _file(path, repository)


def _file(path: str, repository: Repository) -> Iterator[Answer]:
    text = repository.text(path)
    if text is None:
        yield _unread(path, repository.skipped.get(path, "cannot be read"))
        return
    try:
        services = read_services(text)
    except ComposeError as error:
        yield _unread(path, str(error))
        return
    local = is_for_development(path) or _only_stores(services)
    for service in services:
        if store := store_of(service):
            yield _service(path, service, store, local=local)


def _unread(path: str, reason: str) -> Answer:
    return Answer(f"service {path}", State.UNKNOWN, f"the file was not read: {reason}", FileSpan(path, 1))


def _only_stores(services: tuple[Service, ...]) -> bool:
    """Stores for a developer: none of the services is an application, and the passwords are typical."""
    stores = [service for service in services if store_of(service)]
    passwords = [
        with_defaults(v).lower() for s in stores for k, v in s.environment.items() if re.search(r"PASSWORD|SECRET", k)
    ]
    return (
        not any(service.builds for service in services)
        and len(stores) == len(services)
        and _TYPICAL.issuperset(passwords)
    )


def _service(path: str, service: Service, store: str, *, local: bool) -> Answer:
    subject = f"service {path}#{service.name}"
    if service.host_network:
        place = FileSpan(path, service.host_network)
        detail = "network_mode: host: every port that it listens on is a port of the machine"
        return _failed(subject, service, store, place, detail, local=local)
    reaches = [(port, _reach(port)) for port in service.ports]
    for port, reach in sorted(reaches, key=lambda item: _is_meant(store, item[0])):
        if reach == "open":
            detail = f"port {port.text} is published on {_interfaces(port)}"
            return _failed(subject, service, store, FileSpan(path, port.line), detail, port=port, local=local)
    for port, reach in reaches:
        if reach == "unknown":
            detail = f"port {port.text} is bound to an address that the file does not say"
            return Answer(subject, State.UNKNOWN, detail, FileSpan(path, port.line))
    if service.inherits:
        detail = f"it extends a service of {service.inherits}, which was not followed"
        return Answer(subject, State.UNKNOWN, detail, FileSpan(path, service.line))
    detail = "its ports are bound to this machine" if service.ports else "no port is published"
    return Answer(subject, State.OK, detail, FileSpan(path, service.line))


def _failed(
    subject: str, service: Service, store: str, where: FileSpan, detail: str, *, local: bool, port: Port | None = None
) -> Answer:
    bare = without_password(service, store)
    mild = local or (port is not None and _is_meant(store, port))
    severity = Severity.LOW if mild else Severity.HIGH if bare else Severity.MEDIUM
    if bare:
        detail += f", and no password is asked for ({bare})"
    if local:
        detail += "; a file for local development, where the whole local network reaches it"
    evidence = f"{store}:{port.target if port else 'host'}:{'open' if bare else ''}"
    return Answer(subject, State.FAIL, detail, where, severity=severity, evidence=evidence)


def _is_meant(store: str, port: Port) -> bool:
    """The S3 port of MinIO is made for browsers with signed addresses: publishing it is the usual way."""
    return store == "minio" and port.target == "9000"


def _interfaces(port: Port) -> str:
    return f"address {port.address}" if port.address else "every interface"


def _reach(port: Port) -> str:
    """`open`, `local` or `unknown`: who reaches the address that a port is bound to."""
    if "$" in port.address:
        return "unknown"
    if not port.address:
        return "open"
    try:
        address = ipaddress.ip_address(port.address)
    except ValueError:
        return "local" if port.address == "localhost" else "unknown"
    return "open" if address.is_unspecified or not address.is_private else "local"
