"""Calls that leave the file: of what an import gives, of a class, and of what was made of one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.code_values import GUESSABLE, NOTHING, Closure, Env, Flow, Value, content
from auditor.facts.syntax import line_of

if TYPE_CHECKING:
    from auditor.facts.code_values import Event

MADE = "()"  # the member of a class, or of a function, that stands for what a call of it gives
_REQUEST = re.compile(r"(?:^|\.)(?:_?req|_?request|ctx|context|c|searchParams|formData)$")
_MAKERS = ("constructor", "__init__")


def is_class(value: Value) -> bool:
    return value.keys is not None and MADE in value.keys


def elsewhere(flow: Flow, func: Value, call: Event, env: Env) -> Value | None:
    """What a function of another file gives back; None where it is not followed, or gives nothing that is known."""
    if func.origin is None or flow.modules is None or flow.is_loading or not _matters(call):
        return None
    found = flow.modules(flow, func.origin)
    if found is None:
        return None
    if flow.path == flow.home:
        flow.entry = line_of(call.node)
    if is_class(found):
        return instance(flow, found, call, env)
    if found.closure is None:
        return None
    value = flow.call(flow, found.closure, call.args, call.named, env)
    known = value.taint or value.items is not None or value.keys is not None or value.const is not NOTHING
    return value if known else None


def _matters(call: Event) -> bool:
    """Whether a call hands request data on, or the request itself."""
    return any(_REQUEST.search(value.name) or is_data(value) for value in (*call.args, *call.named.values()))


def is_data(value: Value) -> bool:
    return any(not path.startswith(GUESSABLE) for path in content(value).taint)


def instance(flow: Flow, made_by: Value, call: Event, env: Env) -> Value:
    """An object of a class: its methods, with the members that the constructor sets from what it is given."""
    assert made_by.keys is not None
    model = made_by.keys[MADE]
    this = Value(name=model.name, keys={})
    methods = model.keys or {}
    maker = next((methods[name].closure for name in _MAKERS if name in methods), None)
    if maker is not None and _matters(call) and not flow.is_loading:
        flow.call(flow, replace(maker, this=this), call.args, call.named, env)
    keys = {name: _bound(value, this) for name, value in methods.items()}
    return Value(name=f"{call.name}()", keys=keys, args=call.args, named=call.named)


def _bound(method: Value, this: Value) -> Value:
    closure = method.closure
    if closure is None or not this.keys:
        return method
    return replace(method, closure=Closure(closure.function, closure.env, this, closure.path))
