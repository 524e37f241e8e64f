"""What a middleware puts on the request under a name of the project's own, and a handler demands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.asked import asked, is_code

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Reacher

_REQUEST = r"(?:req|request|ctx|c|reply|res\.locals|ctx\.state)"
_PUT = re.compile(rf"\b{_REQUEST}\.(?P<name>[A-Za-z_]\w*)\s*=(?![=>])")
_DEMANDED = re.compile(
    rf"\bif\s*\(\s*!\s*{_REQUEST}\.(?P<name>[A-Za-z_]\w*)\s*\)\s*\{{?\s*"
    r"(?:throw\b|return\b[^;}]{0,80}\b(?:40[134]|[uU]nauthori[sz]ed|[fF]orbidden|notFound|callNotFound)\b"
    r"|(?:res|reply|response)\b[^;}]{0,60}\b40[134]\b)"
)


def demanded(reacher: Reacher, endpoint: Endpoint, hops: int) -> str:
    """What a handler, or a guard, wants of the request before all else, and a guard that asks who calls put there."""
    sites = (*((endpoint.handler,) if endpoint.handler is not None else ()), *endpoint.guards)
    wanted = frozenset[str]().union(*(reacher.says(site, demands) for site in sites if is_code(site)))
    for guard in endpoint.guards if wanted else ():
        if asked(reacher, guard, hops) is not None:
            put = {name for body in reacher.reach(guard, 1).bodies for name in reacher.says(body, puts)}
            if found := sorted(wanted & put):
                return f"refuses requests without {found[0]}"
    return ""


def puts(text: str) -> frozenset[str]:
    """The names that code gives to what it has found out: `req.service = true`."""
    return frozenset(match["name"] for match in _PUT.finditer(text))


def demands(text: str) -> frozenset[str]:
    """The names without which code answers nobody: `if (!req.service) return res.status(404).send();`."""
    return frozenset(match["name"] for match in _DEMANDED.finditer(text))
