"""What a Django project's settings put before every view: middleware, default permissions and throttles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import node_of
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.py_names import PyNames
    from auditor.facts.symbols import Site

_ASKS = re.compile(
    r"LoginRequired|login_required|RequireLogin|AuthRequired|AuthorizationMiddleware|PermissionMiddleware"
)
_LIMITS = re.compile(r"[Rr]ate_?[Ll]imit|[Tt]hrottl|axes\.middleware")


@dataclass(slots=True)
class Settings:
    """`everywhere` stands before all views, the rest before those of REST framework."""

    everywhere: list[Site] = field(default_factory=list)
    permissions: list[Site] = field(default_factory=list)
    throttles: list[Site] = field(default_factory=list)


def read_settings(names: PyNames) -> Settings:
    found = Settings()
    for path in names.paths():
        text = names.code.text(path)
        if "REST_FRAMEWORK" in text or "MIDDLEWARE" in text:
            _read(names, path, found)
    return found


def _read(names: PyNames, path: str, found: Settings) -> None:
    bound = names.scope(path, names.code.tree(path).root_node).bound
    for each in names.items(path, node_of(bound.get("MIDDLEWARE"))):
        if _ASKS.search(text_of(each.node)) or _LIMITS.search(text_of(each.node)):
            found.everywhere.append(each)
    framework = node_of(bound.get("REST_FRAMEWORK"))
    for pair in framework.named_children if framework is not None else ():
        key = text_of(pair.child_by_field_name("key")).strip("\"'")
        values = names.items(path, pair.child_by_field_name("value"))
        if key == "DEFAULT_PERMISSION_CLASSES" and not found.permissions:
            found.permissions = values
        elif key == "DEFAULT_THROTTLE_CLASSES" and not found.throttles:
            found.throttles = values
