"""GraphQL servers that answer queries of any depth, or describe themselves to everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"ApolloServer|createYoga|graphqlHTTP|mercurius|GraphQLView|GraphQLRouter|createHandler|ApolloArmor"
)
_SERVERS = re.compile(
    r"(?:^|\.)(?:ApolloServer|createYoga|graphqlHTTP|express-graphql|mercurius|GraphQLModule\.forRoot)$"
)
_LIMITS = re.compile(r"(?i)depth|complexity|cost|armor|maxAliases|maxTokens|queryLimit|persisted|QueryDepthLimiter")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "server", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind not in {"call", "new"} or not _SERVERS.search(event.name) or not event.args:
        return None
    if "import type" in text and not event.args:
        return None
    options = next((arg.keys for arg in event.args if arg.keys is not None), None)
    if options is None or "*" in options:
        return Judged("its options come from elsewhere")
    if _LIMITS.search(text):
        return _introspection(options)
    return Judged("nothing limits how deep or how costly a query may be", "no-limit")


def _introspection(options: dict[str, Value]) -> Judged:
    if any(name in options and options[name].const is True for name in ("introspection", "playground", "graphiql")):
        return Judged("the schema is shown to everybody in every environment", "introspection", Severity.LOW)
    return Judged("queries are limited")
