"""Which services of a Compose file are data stores, and which of them plainly let everybody in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.facts.compose import Service

# The last part of an image's name, and the store that it is. Exporters, consoles and clients are not among them.
_IMAGES = {
    "postgres": "postgres", "postgresql": "postgres", "postgis": "postgres", "pgvector": "postgres",
    "postgresql-repmgr": "postgres", "timescaledb": "postgres", "timescaledb-ha": "postgres", "timescale": "postgres",
    "timescaledb-postgis": "postgres", "paradedb": "postgres", "mysql": "mysql", "mysql-server": "mysql",
    "mariadb": "mysql", "percona": "mysql", "mongo": "mongo", "mongodb": "mongo", "mongodb-community-server": "mongo",
    "mongodb-atlas-local": "mongo", "redis": "redis", "redis-stack": "redis", "redis-stack-server": "redis",
    "redis-cluster": "redis", "valkey": "redis", "keydb": "redis", "dragonfly": "redis", "memcached": "memcached",
    "elasticsearch": "elasticsearch", "opensearch": "opensearch", "rabbitmq": "rabbitmq", "minio": "minio",
    "clickhouse": "clickhouse", "clickhouse-server": "clickhouse", "cassandra": "cassandra", "neo4j": "neo4j",
    "qdrant": "qdrant", "weaviate": "weaviate", "cockroach": "cockroach", "db": "", "database": "",
}  # fmt: skip
_BESIDE = re.compile(
    r"exporter|admin|insight|commander|express|migrat|backup|init|proxy|http|rest|meta|ui|web|setup|client|seed|cli|"
    r"dashboards?|worker|studio|create|test"
)
_OPEN = {  # what the environment says where no password is asked for
    "POSTGRES_HOST_AUTH_METHOD": "trust", "xpack.security.enabled": "false", "plugins.security.disabled": "true",
    "DISABLE_SECURITY_PLUGIN": "true", "ALLOW_EMPTY_PASSWORD": "yes", "MYSQL_ALLOW_EMPTY_PASSWORD": "*",
    "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "*", "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true", "NEO4J_AUTH": "none",
}  # fmt: skip


def store_of(service: Service) -> str | None:
    """The store that a service runs, by its image; by its own name where it has none to go by. `store`: of any kind."""
    image = service.image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()
    if image and "$" not in image and not service.builds:
        return _IMAGES.get(image) or None
    words = re.split(r"[^a-z0-9]+", service.name.lower())
    if any(_BESIDE.fullmatch(word) for word in words):
        return None
    return next((_IMAGES[word] or "store" for word in words if word in _IMAGES), None)


def without_password(service: Service, store: str) -> str:
    """Why everybody who reaches the port is let in; empty where a password, or nothing certain, was found."""
    for name, value in service.environment.items():
        wanted = _OPEN.get(name)
        if wanted and (value.lower() == wanted or (wanted == "*" and value.lower() in {"1", "yes", "true"})):
            return f"{name}={value}"
    if service.env_file or service.inherits or service.builds or not service.image:
        return ""  # what they bring was not read
    return _bare(service, store)


def _bare(service: Service, store: str) -> str:
    """For images that ask for no password unless told to."""
    told = " ".join((service.command, *service.environment))
    bitnami = "bitnami" in service.image
    if store == "redis" and not bitnami and not re.search(r"requirepass|aclfile|\.conf|REDIS_ARGS|PASSWORD", told):
        return "no --requirepass"
    if store == "mongo" and not bitnami and not re.search(r"ROOT_PASSWORD|--auth|--keyFile|\.conf", told):
        return "no MONGO_INITDB_ROOT_PASSWORD"
    if store == "memcached" and not re.search(r"(?:^|\s)(?:-S|-Y|--enable-sasl)", told):
        return "memcached without SASL"
    return ""
