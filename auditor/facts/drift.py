"""What differs between a live database and the replay of its migrations. Pure: both sides come as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Objects = dict[tuple[str, str], dict[str, Any]]
"""(kind, identity) to what is compared: properties by name."""
# What weakens a database that nobody reviewed weighs more than what is merely different.
_ONLY_LIVE = {
    "policy": (Severity.MEDIUM, "exists on the server only: no migration makes it"),
    "table": (Severity.LOW, "exists on the server only: no migration makes it"),
    "view": (Severity.LOW, "exists on the server only: no migration makes it"),
    "function": (Severity.LOW, "exists on the server only: no migration makes it"),
}
_ONLY_SHADOW = {
    "policy": (Severity.MEDIUM, "the migrations make it, the server does not have it"),
    "table": (Severity.LOW, "the migrations make it, the server does not have it"),
    "view": (Severity.LOW, "the migrations make it, the server does not have it"),
    "function": (Severity.LOW, "the migrations make it, the server does not have it"),
}
_WORDS = {
    "rls": "row level security", "columns": "columns", "definition": "definition", "command": "command",
    "roles": "roles", "using": "USING", "check": "WITH CHECK", "permissive": "kind", "definer": "SECURITY DEFINER",
    "config": "settings", "invoker": "security_invoker",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One object of which the two sides do not say the same; `fault` is empty where they do."""

    kind: str
    identity: str
    fault: str
    severity: Severity


def compare(live: Objects, shadow: Objects) -> Iterator[Difference]:
    """Every object of either side, in order; those that agree have no fault."""
    for key in sorted(live.keys() | shadow.keys()):
        kind, identity = key
        if key not in shadow:
            yield Difference(kind, identity, _ONLY_LIVE[kind][1], _only_live(kind, live[key]))
        elif key not in live:
            yield Difference(kind, identity, _ONLY_SHADOW[kind][1], _ONLY_SHADOW[kind][0])
        else:
            yield _both(kind, identity, live[key], shadow[key])


def _only_live(kind: str, properties: Mapping[str, Any]) -> Severity:
    return Severity.MEDIUM if properties.get("definer") else _ONLY_LIVE[kind][0]


def _both(kind: str, identity: str, live: Mapping[str, Any], shadow: Mapping[str, Any]) -> Difference:
    grants = _wider(live.get("grants") or {}, shadow.get("grants") or {})
    changed = [name for name in _WORDS if _plain(live.get(name)) != _plain(shadow.get(name))]
    if live.get("rls") is False and shadow.get("rls"):
        fault, severity = "row level security is off on the server, and on after the migrations", Severity.HIGH
    elif grants:
        fault, severity = f"the server grants more than the migrations: {grants}", Severity.MEDIUM
    elif changed:
        fault = f"differs from what the migrations make: {', '.join(_WORDS[name] for name in changed)}"
        severity = Severity.MEDIUM if kind == "policy" or {"rls", "definer", "invoker"} & set(changed) else Severity.LOW
    else:
        fault, severity = "", Severity.INFO
    return Difference(kind, identity, fault, severity)


def _wider(live: Mapping[str, list[str]], shadow: Mapping[str, list[str]]) -> str:
    """The commands that a role has on the server and would not have after the migrations."""
    more = {role: sorted(set(commands) - set(shadow.get(role, ()))) for role, commands in live.items()}
    return "; ".join(f"{', '.join(commands)} for {role}" for role, commands in sorted(more.items()) if commands)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a property of any kind
    """Texts without the differences in spacing that server versions have."""
    return " ".join(value.split()) if isinstance(value, str) else value
