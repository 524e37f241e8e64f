"""Types of GraphQL that only group fields: `mutation { user { create } }` has its way in at `user.create`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, returned, unwrap
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

ROOTS = ("Query", "Mutation", "Subscription")
_NAMED = {
    "Mutation": re.compile(r"Mutations?(?:Type|Ref|Root|Namespace|Group)?$|^Mutations?[A-Z]|Namespace$"),
    "Query": re.compile(r"(?:Query|Queries)(?:Type|Ref|Root|Namespace|Group)?$|^(?:Query|Queries)[A-Z]|Namespace$"),
}
_EMPTY = re.compile(r"^(?:\{\s*\}|true|new\s+[\w.]+\(\s*\)|\"\"|'')$")


@dataclass(frozen=True, slots=True)
class Group:
    """Where a grouping type is reached: `Mutation` and `user`, or `account.user` for one within another."""

    root: str
    prefix: str

    def below(self, name: str) -> Group:
        return Group(self.root, self.path(name))

    def path(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.prefix else name


def is_group(name: str, root: str) -> bool:
    """Whether a type is called as those are that hold nothing but queries or mutations."""
    pattern = _NAMED.get(root)
    return name not in ROOTS and pattern is not None and pattern.search(name) is not None


def gives_nothing(function: Node) -> bool:
    """Whether a resolver only opens the way to the fields below: it gives `{}`, `true`, or a new empty object."""
    if function.type not in FUNCTIONS:
        return _EMPTY.match(text_of(unwrap(function))) is not None
    values = list(returned(function))
    return bool(values) and all(_EMPTY.match(text_of(unwrap(value))) for value in values)
