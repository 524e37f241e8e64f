"""Lists, mappings and callbacks: which element is where, and what a function is called with for each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.code_values import NOTHING, Value, constant, content, union

if TYPE_CHECKING:
    from auditor.facts.code_values import Env, Event, Flow

_CALLBACKS = {"map", "forEach", "flatMap", "filter", "find", "some", "every", "then", "reduce", "tap", "transform"}
_SAME = {"filter"}
_FIRST = {"find"}


def walked(flow: Flow, call: Event, method: str, env: Env) -> Value | None:
    """A method that calls a function for every element, or with the value of a promise."""
    closure = next((arg.closure for arg in call.args if arg.closure), None)
    if closure is None or method not in _CALLBACKS:
        return None
    receiver = call.receiver
    items = receiver.items
    element = (union(items) if items else Value()) if items is not None else replace(receiver, closure=None)
    given = (Value(), element) if method == "reduce" else (element,)
    made = flow.call(flow, closure, given, {}, env)
    if method in _SAME:
        return _filtered(receiver, made)
    if method in _FIRST:
        return element
    return made if method in {"then", "tap", "transform", "reduce"} else Value(items=[made])


def _filtered(receiver: Value, test: Value) -> Value:
    del test
    return receiver


def operate(call: Event, method: str) -> Value | None:
    """A method of a list or a mapping whose elements are known."""
    if call.receiver.items is not None:
        return _list(call.receiver, call.receiver.items, call.args, method)
    if call.receiver.keys is not None and not call.receiver.taint:
        return _map(call.receiver, call.receiver.keys, call.args, method)
    return None


def _list(receiver: Value, items: list[Value], args: tuple[Value, ...], method: str) -> Value | None:  # noqa: PLR0911 - a case per line
    if method in {"append", "push", "add", "write"}:
        items.extend(args)
        return Value()
    if method in {"insert", "unshift"}:
        at = args[0].const if method == "insert" and args and isinstance(args[0].const, int) else 0
        items[at:at] = args[1:] if method == "insert" else args
        return Value()
    if method in {"pop", "shift", "popleft"}:
        return _taken(items, args, first=method != "pop")
    if method in {"extend", "concat"}:
        more = [one for arg in args for one in (arg.items if arg.items is not None else [arg])]
        if method == "extend":
            items.extend(more)
        return Value(items=[*items, *more])
    if method in {"join", "toString", "getvalue", "read"}:
        joined = content(receiver)
        return replace(joined, items=None, const=NOTHING, built=True, whole=False)
    if method == "reverse":
        items.reverse()
        return receiver
    if method in {"slice", "sort", "copy", "flat"}:
        return replace(receiver, items=list(items))
    return _taken(list(items), args, first=True) if method == "at" else None


def _taken(items: list[Value], args: tuple[Value, ...], *, first: bool) -> Value:
    at = args[0].const if args and isinstance(args[0].const, int) else (0 if first else -1)
    return items.pop(at) if -len(items) <= at < len(items) else Value()


def _map(receiver: Value, keys: dict[str, Value], args: tuple[Value, ...], method: str) -> Value | None:
    if method in {"set", "setdefault", "append"} and len(args) > 1:
        keys[_key(args[:-1])] = args[-1]
        return receiver
    if method == "update" and args and args[0].keys is not None:
        keys.update(args[0].keys)
        return Value()
    if method in {"get", "pop", "getAll"} and args:
        return _got(keys, args)
    if method in {"values", "items", "entries"}:
        return Value(items=list(keys.values()))
    if method == "keys":
        return Value(items=[constant(name) for name in keys])
    return content(receiver) if method in {"toString", "copy"} else None


def _got(keys: dict[str, Value], args: tuple[Value, ...]) -> Value:
    for given in (args, args[:1], args[:-1]):
        if given and (found := keys.get(_key(given))):
            return found
    if "*" in keys or _key(args[:1]) == "*":
        return union([*keys.values(), Value()])
    return args[1] if len(args) > 1 else Value()


def _key(args: tuple[Value, ...]) -> str:
    """The name of an element: of a table of sections, its two keys."""
    texts = [str(arg.const) if arg.const is not NOTHING else "*" for arg in args]
    return "*" if "*" in texts else "\0".join(texts)
