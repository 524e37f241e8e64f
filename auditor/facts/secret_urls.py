"""URLs of databases and queues that carry a password. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.secret_placeholders import is_blank, is_weak_password

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEMES = ("postgres", "mysql", "mariadb", "mongodb", "redis", "amqp", "clickhouse")
_NAMES = r"postgres(?:ql)?(?:\+\w+)?|mysql2?(?:\+\w+)?|mariadb(?:\+\w+)?|mongodb(?:\+srv)?|rediss?|amqps?|clickhouse"
_SCHEME = re.compile(rf"\b(?:{_NAMES})\Z")
_MAX_SCHEME = 40
_URL = re.compile(
    rf"\b(?P<scheme>{_NAMES})://"
    r"(?P<user>[^\s:@/\"'`]{0,100}):(?P<password>[^\s\"'`@/]{1,200}|[^\s\"'`/]{1,200})@(?P<host>[^\s/:\"'`?,;)\]@]++)(?!@)",
)
_PLACEHOLDER_HOST = re.compile(
    r"your|example|[<>${}\[\]*%]|\.{3}|x{3,}|^(?:my)?host(?:name)?$|placeholder|^server$|^domain\b|\.test$|\.invalid$|^HOST$"
    r"|project[_-]?(?:ref|id)|^(?:aws-\d-)?region\b",
    re.IGNORECASE,
)
# What people type for a server of their own; elsewhere such a password is real, and a bad one.
_TYPED = re.compile(r"pass|p(?:@|%40)ss|secret|test|local|dev", re.IGNORECASE)
_LOCAL_SUFFIXES = (".local", ".localhost", ".internal.docker", "docker.internal")


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL by the place of its password; `local` where the host is a developer's machine or a compose service."""

    start: int
    end: int
    scheme: str
    password: str
    host: str
    local: bool


def may_hold_url(text: str) -> bool:
    """A quick look: whether a URL of one of the schemes may be in a text."""
    return "://" in text and any(scheme in text for scheme in _SCHEMES)


def find_database_urls(text: str) -> Iterator[DatabaseUrl]:
    """URLs whose password is real: neither a reference, nor a placeholder, nor a tutorial's default."""
    if not may_hold_url(text):
        return
    for match in _urls(text):
        password, user, host = match["password"], match["user"], match["host"]
        local = is_local_host(host)
        if local and _TYPED.search(password):
            continue
        if is_weak_password(password, user) or is_blank(user) or _PLACEHOLDER_HOST.search(host):
            continue
        yield DatabaseUrl(*match.span("password"), match["scheme"], password, host, local)


def _urls(text: str) -> Iterator[re.Match[str]]:
    """Every URL with a password, looked for from its `://`, which is rare."""
    for middle in re.finditer("://", text):
        scheme = _SCHEME.search(text, max(0, middle.start() - _MAX_SCHEME), middle.start())
        if scheme and (match := _URL.match(text, scheme.start())):
            yield match


def is_local_host(host: str) -> bool:
    """A name without a dot is a service of the same compose file or cluster."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_SUFFIXES)
    return address.is_loopback or address.is_unspecified
