"""Functions that a GraphQL server keeps on its context: `context.mutations.createNote(context, input)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_KEPT = re.compile(r"^(?:context|ctx)\.(?P<folder>mutations|queries|services|actions|useCases)\.(?P<name>\w+)$")
_ASKS = re.compile(
    r"^(?:context|ctx|req|request|c)\.(?:validate|check|require|ensure|assert|verify|enforce)\w*"
    r"(?:[pP]ermissions?|[aA]uth\w*|[aA]ccess|[rR]oles?|[uU]ser|[sS]ession|[lL]ogin|[aA]dmin)$"
)


def kept_on_context(symbols: Symbols, name: str) -> Site | None:
    """The function behind such a call: the one file of its name, `mutations/createNote.js`."""
    found = _KEPT.match(name)
    if found is None:
        return None
    ends = tuple(f"/{found['folder']}/{found['name']}.{ending}" for ending in ("js", "ts", "mjs"))
    paths = [path for path in symbols.code.files if path.endswith(ends)]
    made = symbols.exported(paths[0], "default") if len(paths) == 1 else None
    return made if isinstance(made, Site) else None


def asks_by_throwing(name: str, node: Node) -> bool:
    """Whether a check of the caller is asked of the context as a statement of its own: then it throws."""
    holder = node.parent
    while holder is not None and holder.type in {"await_expression", "parenthesized_expression"}:
        holder = holder.parent
    stands = holder is not None and holder.type == "expression_statement"
    return stands and _ASKS.match(name) is not None and text_of(node).endswith(")")
