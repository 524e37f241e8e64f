"""Libraries that answer a whole address by themselves: sign-in, tRPC and GraphQL, queues with signed calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.symbols import External

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Reacher

SIGN_IN, SIGNED, OPERATIONS, DOCUMENTS = "sign-in", "signed", "operations", "documents"
_PACKAGES = (
    (SIGN_IN, r"next-auth|@auth/\w+|@hono/auth-js"),
    (SIGN_IN, r"better-auth|@better-auth/[\w-]+"),
    (SIGN_IN, r"@clerk/[\w-]+|@auth0/[\w-]+|@kinde-oss/[\w-]+|@workos-inc/[\w-]+|@stackframe/\w+|supertokens-[\w-]+"),
    (SIGN_IN, r"oidc-provider|@node-oauth/[\w-]+"),
    (SIGNED, r"inngest|@upstash/(?:workflow|qstash)|@trigger\.dev/\w+|@vercel/queue|svix"),
    (OPERATIONS, r"@trpc/server|@hono/trpc-server|trpc-\w+"),
    (
        OPERATIONS,
        r"@apollo/server|@as-integrations/\w+|apollo-server-\w+|graphql-yoga|graphql-http|express-graphql|mercurius",
    ),
    (OPERATIONS, r"@hono/graphql-server|uploadthing|@orpc/server|@ts-rest/\w+"),
    (DOCUMENTS, r"swagger-ui-express|@scalar/[\w-]+|@hono/swagger-ui|serve-static|@hono/node-server"),
)
_NAMES = {
    SIGN_IN: r"default|NextAuth|handlers?|Auth|to(?:NextJs|Node)Handler|handle\w*|\w+Handler",
    SIGNED: r"serve\w*|default|handleCallback|createAppRoute",
    OPERATIONS: r"fetchRequestHandler|create(?:Next|HTTP|Express|Route|OpenApi|Yoga|Handler|Uploadthing)\w*"
    r"|trpcServer|default|fetch"
    r"|nodeHTTPRequestHandler|fastifyTRPCPlugin|expressMiddleware|startServerAndCreate\w+|graphqlHTTP|graphqlServer"
    r"|handleRequest|executeHTTPGraphQLRequest|RPCHandler|OpenAPIHandler",
    DOCUMENTS: r"[\w.]*",
}
_KNOWN = [
    (kind, re.compile(rf"^(?:{packages})(?:/|$)"), re.compile(rf"(?:^|\.)(?:{_NAMES[kind]})(?:\(\))?(?:\.[A-Z]+)?$"))
    for kind, packages in _PACKAGES
]


@dataclass(frozen=True, slots=True)
class Delegate:
    """Who answers in the handler's stead, and what that means for the controls."""

    kind: str
    package: str


def delegate(reacher: Reacher, endpoint: Endpoint) -> Delegate | None:
    """The library that the endpoint hands the whole request to; None where the code answers itself."""
    for package, name in _candidates(reacher, endpoint):
        for kind, packages, names in _KNOWN:
            if packages.match(package) and names.search(name):
                return Delegate(kind, package)
    return None


def _candidates(reacher: Reacher, endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    if endpoint.handler is None:
        package, _, name = endpoint.lost.partition(":")
        yield package.strip(), name.strip() or "default"
        return
    for call in reacher.own(endpoint.handler):
        if isinstance(call.target, External):
            yield call.target.package, call.target.name
