"""Endpoints for administrators that ask who calls, and not whether that is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.effects import WRITE
from auditor.facts.purposes import by_machine
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of
from auditor.model import Answer, Presence, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_ADMIN = re.compile(r"(?i)(?:^|/)(?:super-?)?admin(?:s|istration)?(?:/|$)|(?:^|/)back-?office(?:/|$)")
_OPEN = re.compile(
    r"(?i)/(?:log-?in|log-?out|sign-?in|sign-?out|session|me|profile|auth\w*|callback|invitations?)(?:/|$)"
)
# What tells administrators from everybody else: a role that is compared, a permission, a function named for it.
_TELLS = re.compile(
    r"(?i)\broles?\b[\"'\])]*\s*(?:[!=]==?|\?\?|\bin\b|not\s+in)|[!=]==?\s*[\w.]*\.roles?\b|\broles?\??\.(?:includes|some|has|name)"
    r"|includes\([^()]*\brole|\brole\w*\(|\w+_?roles?\(|\broles?\s*[:=]\s*\[|role_?(?:guard|check|required|middleware|based)|\bRoles\b"
    r"|\bis_?(?:the_?)?(?:\w+_?)?admin|is_?staff|super_?user|super_?admin|permission|privilege|\bcan\(|abilit"
    r"|(?:require|ensure|verify|check|assert|only|must_?be|with|validate|get|current|protect|restrict)\w*_?admin"
    r"|admin_?(?:only|required|guard|middleware|auth\w*|check|procedure|access|user\b|session|token|secret|key|api_?key|emails?|ids?\b|handler)"
    r"|authori[sz]e|\bscopes?\b|is_?allowed|allowed_?(?:users|emails|roles)|\bpolic(?:y|ies)\b|entitle|\bacl\b|rbac|\bcasl\b"
    r"|\w\??\.admin\s*(?:[!=]==?|&&|\|\||\?|\))|!\s*[\w.?]+\.admin\b|[\"']admin[\"']|(?-i:\b[A-Z_]*ADMIN[A-Z_]*\b)|membership"
)
_HOPS = 3


def ask(_: Repository, code: Code, inventory: Inventory) -> Iterator[Answer]:
    del code
    for endpoint in inventory.asked:
        path = endpoint.address
        if not path.startswith("/") or not _ADMIN.search(path) or _OPEN.search(path) or endpoint.handler is None:
            continue
        found = inventory.authentication(endpoint)
        if found.presence is not Presence.PRESENT or by_machine(endpoint, found.shows) or endpoint.lost:
            continue
        if _TELLS.search(found.shows) or endpoint.gateway or _asks(inventory, endpoint):
            yield Answer(endpoint.subject, State.OK, "something asks for more than a sign-in", endpoint.where)
        elif all(_is_known(inventory, guard) for guard in (*endpoint.guards, *endpoint.middleware)):
            yield _open(inventory, endpoint)


def _asks(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether the handler, what runs before it, or what they call says anything of a role or a right."""
    reacher = inventory.reacher
    assert endpoint.handler is not None
    sites = (endpoint.handler, *endpoint.guards, *endpoint.middleware)
    return any(reacher.says(body, _tells) for site in sites for body in reacher.reach(site, _HOPS).bodies)


def _tells(text: str) -> bool:
    return _TELLS.search(text) is not None


def _is_known(inventory: Inventory, guard: Site) -> bool:
    """Whether the code of what runs before the handler was read."""
    named = guard.node.type in {"identifier", "member_expression", "attribute", "call_expression", "call"}
    if not named or re.match(r"passport\.authenticate\(|login_required|Depends\(", text_of(guard.node)):
        return True
    return isinstance(inventory.reacher.symbols.resolve(guard.path, guard.node), Site)


def _open(inventory: Inventory, endpoint: Endpoint) -> Answer:
    writes = any(effect.kind == WRITE for effect in inventory.effects(endpoint))
    does = "changes data" if writes else "answers"
    detail = f"it is for administrators by its path, and {does} for everybody who is signed in: nothing asks for a role"
    severity = Severity.HIGH if writes else None
    return Answer(endpoint.subject, State.FAIL, detail, endpoint.where, severity=severity, evidence="no-role")
