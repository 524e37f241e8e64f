"""GraphQL servers that answer queries of any depth, or describe themselves to everybody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.code_values import Value
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"ApolloServer|createYoga|graphqlHTTP|mercurius|GraphQLView|GraphQLRouter|createHandler|ApolloArmor|\bgraphene\b|\bariadne\b"
)
_SERVERS = re.compile(
    r"(?:^|\.)(?:ApolloServer|createYoga|graphqlHTTP|express-graphql|mercurius|GraphQLModule\.forRoot)$"
)
_PYTHON = re.compile(r"(?:^|\.)(?:\w*View\.as_view|GraphQLRouter|GraphQL|GraphQLApp)$")
_SHOWN = (
    (("introspection", "playground", "graphiql"), "the schema is shown to everybody in every environment"),
    (("batch", "allowBatchedHttpRequests"), "one request may hold any number of queries"),
)
_LIMITS = re.compile(r"(?i)depth|complexity|cost|armor|maxAliases|maxTokens|queryLimit|persisted|QueryDepthLimiter")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "server", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    options = _options(event)
    if options is None:
        return None
    if "*" in options:
        return Judged("its options come from elsewhere")
    more = [says for names, says in _SHOWN if any(name in options and options[name].const is True for name in names)]
    if _LIMITS.search(text):
        return Judged(", and ".join(more), "introspection", Severity.LOW) if more else Judged("queries are limited")
    return Judged(", and ".join(("nothing limits how deep or how costly a query may be", *more)), "no-limit")


def _options(event: Event) -> dict[str, Value] | None:
    """What a server of GraphQL is made with; None for every other call."""
    if event.kind not in {"call", "new"}:
        return None
    if _PYTHON.search(event.name) and "schema" in event.named:
        return {name: value for name, value in event.named.items() if name != "**"}
    if not _SERVERS.search(event.name) or not event.args:
        return None
    return next((arg.keys for arg in event.args if arg.keys is not None), {"*": Value()})
