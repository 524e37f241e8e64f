"""Routes of which a middleware is told that they are for everybody: `setAuthLevel(AuthConfig.public)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.symbols import Site

_ABOUT_CALLERS = re.compile(r"auth|access|protect|guard|permission", re.IGNORECASE)
_EVERYBODY = re.compile(
    r"^(?:\w+\.)+(?:public|PUBLIC|Public|NONE|none|anonymous)$|^[\"'](?:public|none|anonymous)[\"']$"
)


def said_public(guards: tuple[Site, ...]) -> bool:
    """Whether the last word of a middleware on who may call is that everybody may."""
    levels: dict[str, bool] = {}
    for guard in guards:
        if guard.node.type != "call_expression":
            continue
        name, given = text_of(guard.node.child_by_field_name("function")), arguments_of(guard.node)
        if given and _ABOUT_CALLERS.search(name):
            levels[name] = _EVERYBODY.match(text_of(given[0])) is not None
    return any(levels.values())
