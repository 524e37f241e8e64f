"""Members and elements of values, and the events that looking at them or setting them is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts.code_requests import made_here, member
from auditor.facts.code_values import NOTHING, Env, Event, Flow, Value, constant, union

if TYPE_CHECKING:
    from tree_sitter import Node


def record(flow: Flow, env: Env, kind: str, name: str, node: Node, args: tuple[Value, ...], **more: Any) -> None:  # noqa: ANN401 - as the event takes them
    """`more`: the named arguments and the receiver."""
    named, receiver = more.get("named", {}), more.get("receiver", Value())
    flow.events.append(Event(kind, name, node, args, named, receiver, env.cleared, env.function, *whereabouts(flow)))


def whereabouts(flow: Flow) -> tuple[str, int]:
    """The file that is being followed, and, away from home, the line that led there."""
    return flow.path, flow.entry if flow.path != flow.home else 0


def attribute(flow: Flow, obj: Value, name: str, env: Env) -> Value:
    """A member of a value: one that was set, request data, or one of which only the name is known."""
    dotted = f"{obj.name}.{name}" if obj.name else f".{name}"
    if obj.name and (known := env.get(dotted)):
        return known
    if obj.keys is not None:
        return obj.keys.get(name) or _unknown_key(obj, dotted, flow.language)
    if obj.taint:
        return _part_of(obj, name, dotted, flow.language)
    return member(flow.language, dotted) or Value(name=dotted, origin=obj.origin and obj.origin.member(name))


def _unknown_key(obj: Value, dotted: str, language: str) -> Value:
    if "*" in (obj.keys or {}):
        return (obj.keys or {})["*"]
    return _part_of(obj, dotted.rpartition(".")[2], dotted, language) if obj.taint else Value(name=dotted)


_PATH = re.compile(r"(?:^|\.)(?:Path|Pure(?:Posix|Windows)?Path|PosixPath)\(\)$")
_SAME = {".value", ".then", ".data"}


def _part_of(obj: Value, name: str, dotted: str, language: str) -> Value:
    """A member of request data has a path of its own; the host of a URL is still the URL's data."""
    if name in {"length", "size"}:
        return Value()
    if (made_here(dotted) and language != "python") or name.startswith(("valid", "parsed")):
        return Value(name=dotted)
    if _PATH.search(obj.name) and name in {"name", "stem", "suffix"}:
        return replace(obj, safe=obj.safe | {"path"}, name=dotted, prefix="")  # of the last part, without a slash
    if obj.name.endswith(("URL()", "urlparse()", "urlsplit()", "url.parse()")) or "." + name in _SAME:
        return replace(obj, name=dotted, whole=False)
    return replace(obj, taint=frozenset(f"{path}.{name}" for path in obj.taint), name=dotted, prefix="")


def item(items: list[Value], key: Value) -> Value:
    if isinstance(key.const, int) and -len(items) <= key.const < len(items):
        return items[key.const]
    return union(items) if items else Value()


def element_of(source: Value) -> Value:
    """What a loop over a value gives."""
    if source.items is not None:
        return union(source.items) if source.items else Value()
    if source.keys is not None and not source.taint:
        return union([constant(name) for name in source.keys] or [Value()])
    return replace(source, const=NOTHING, closure=None) if source.taint else Value(name=f"{source.name}[]")
