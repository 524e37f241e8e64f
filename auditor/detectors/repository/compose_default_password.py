"""Data stores of Docker Compose files that keep the password of a tutorial."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.compose import ComposeError, is_compose, read_services, with_defaults
from auditor.facts.purpose import is_aside, is_for_development
from auditor.facts.stores import store_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.compose import Service
    from auditor.sources.repository import Repository

_NAME = re.compile(r"PASSWORD$|_PASS$|PASSWD$")
_ELSEWHERE = re.compile(r"EMPTY|RANDOM|_FILE$|HASH")
_TYPICAL = {
    "1234", "123456", "12345678", "admin", "admin123", "administrator", "changeme", "clickhouse", "database", "db",
    "dbpassword", "default", "dev", "docker", "elastic", "example", "guest", "letmein", "local", "minio",
    "minioadmin", "mongo", "mongodb", "mypassword", "mysecretpassword", "mysql", "neo4j", "pass", "passwd",
    "password", "password123", "postgres", "postgrespw", "postgresql", "pw", "pwd", "qwerty", "rabbitmq", "redis",
    "root", "rootpassword", "secret", "supersecret", "test", "toor", "user",
}  # fmt: skip


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if not is_compose(path) or is_aside(path) or is_for_development(path):
            continue
        try:
            services = read_services(repository.text(path) or "")
        except ComposeError as error:
            yield Answer(f"service {path}", State.UNKNOWN, f"the file was not read: {error}", FileSpan(path, 1))
            continue
        applications = any(service.builds for service in services)
        for service in services:
            if store_of(service) and (passwords := _passwords(service)):
                yield _service(path, service, passwords, applications=applications)


def _passwords(service: Service) -> dict[str, str]:
    """The passwords that the file itself gives; those that come from outside have nothing to be asked about."""
    given = {name: with_defaults(value) for name, value in service.environment.items() if _NAME.search(name)}
    return {name: value for name, value in given.items() if value and not _ELSEWHERE.search(name)}


def _service(path: str, service: Service, passwords: dict[str, str], *, applications: bool) -> Answer:
    subject, place = f"service {path}#{service.name}", FileSpan(path, service.line)
    typical = sorted(name for name, value in passwords.items() if value.lower() in _TYPICAL)
    if not typical:
        return Answer(subject, State.OK, "its password is no default", place)
    severity = Severity.LOW if applications else Severity.INFO
    detail = f"{', '.join(typical)}: a default that anybody tries first"
    return Answer(subject, State.FAIL, detail, place, severity=severity, evidence=" ".join(typical))
