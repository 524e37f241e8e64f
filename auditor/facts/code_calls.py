"""Functions that are followed, from file to file: with what a request brings to them, or with what a call does."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.code_assign import bind
from auditor.facts.code_elsewhere import MADE
from auditor.facts.code_evaluate import evaluate
from auditor.facts.code_members import record
from auditor.facts.code_parameters import is_filled
from auditor.facts.code_requests import is_route, parameter
from auditor.facts.code_schemas import argument
from auditor.facts.code_values import Closure, Env, Flow, TooLong, Value, content, union
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_REQUEST = re.compile(r"(?:^|\.)(?:_?req|_?request|ctx|context|c|event|searchParams|formData|form)$")
_MOST_CALLS = 4  # functions that call one another
_MOST_HOPS = 2  # from file to file
_MOST_AWAY = 20_000  # steps in other files


def enter(flow: Flow, closure: Closure, env: Env) -> None:
    if not flow.is_loading:
        call(flow, closure, (), {"\0entry": Value()}, env)


def call(flow: Flow, closure: Closure, args: tuple[Value, ...], named: dict[str, Value], env: Env) -> Value:
    """Follow a function: with what it is given, or, on entry, with what a request brings to it."""
    if closure.path == flow.path:
        return _inside(flow, closure, args, named, env)
    if flow.hops >= _MOST_HOPS or flow.spent >= _MOST_AWAY or flow.depth >= _MOST_CALLS:
        return Value(name=f"{closure.function.name}()")
    return _away(flow, closure, args, named, env)


def _away(flow: Flow, closure: Closure, args: tuple[Value, ...], named: dict[str, Value], env: Env) -> Value:
    """Follow a function of another file, at the cost of those: what it takes does not shorten the look at this one."""
    steps, most, exits = flow.steps, flow.most_steps, len(flow.exits)
    state = flow.path, flow.hops, flow.depth, flow.loops
    if flow.path == flow.home:
        flow.most_steps = steps + _MOST_AWAY - flow.spent
    flow.path, flow.hops = closure.path, flow.hops + 1
    try:
        return _inside(flow, closure, args, named, env)
    except TooLong:
        if state[0] != flow.home:
            raise
        return Value(name=f"{closure.function.name}()")
    finally:
        flow.path, flow.hops, flow.depth, flow.loops = state
        del flow.exits[exits:]
        if flow.path == flow.home:
            flow.spent += flow.steps - steps
            flow.steps, flow.most_steps = steps, most


def _inside(flow: Flow, closure: Closure, args: tuple[Value, ...], named: dict[str, Value], env: Env) -> Value:
    entry = "\0entry" in named
    if not entry and (flow.depth >= _MOST_CALLS or not _matters(closure, args, named)):
        return Value(name=f"{closure.function.name}()")
    if any(text_of(decorator.node) == "staticmethod" for decorator in closure.function.decorators):
        closure = replace(closure, this=None)  # its first parameter is no object
    inside = Env({}, env.cleared, closure.function, closure.env)
    for decorator in closure.function.decorators if entry else ():
        evaluate(flow, decorator, inside)
    if entry and closure.function.decorators:
        record(flow, inside, "function", closure.function.name, closure.function.node, ())
    given = [closure.this, *args] if closure.this and flow.language == "python" and not entry else list(args)
    if closure.this is not None:
        inside.names["this"] = closure.this
    flow.depth += not entry
    try:
        _bind_params(flow, closure, given, named, inside)
        returned: list[Value] = []
        flow.run(flow, _body(flow, closure.function), inside, returned)
    finally:
        flow.depth -= not entry
    return union(returned) if returned else Value()


def _matters(closure: Closure, args: tuple[Value, ...], named: dict[str, Value]) -> bool:
    """Whether a call may carry request data: what it is given holds some, is the request, or may be called with it."""
    if closure.env.function is not None:  # it sees the variables of the function around it
        return True
    kept = (closure.this.keys or {}).values() if closure.this is not None else ()
    given = (*args, *named.values(), *kept)
    return not given or any(value.closure or _REQUEST.search(value.name) or content(value).taint for value in given)


def _body(flow: Flow, function: ir.Function) -> list[ir.Stmt]:
    if function.body is None:
        function.body = flow.read_body(function.node)
    return function.body


def _bind_params(
    flow: Flow, closure: Closure, given: Sequence[Value | None], named: dict[str, Value], inside: Env
) -> None:
    entry = "\0entry" in named
    for number, param in enumerate(closure.function.params):
        name = text_of(param.target.node) if isinstance(param.target, ir.Name) else ""
        value = given[number] if number < len(given) else named.get(name)
        if closure.this is not None and number == 0 and flow.language == "python":
            value = closure.this
        if value is None and entry:
            value = parameter(flow.language, closure.function, param, name)
            value = _of_fields(flow, closure.function, param, inside) or value
            value = value if value.taint or value.keys else of_type(param, name, inside) or value
        elif value is None:
            value = evaluate(flow, param.default, inside) if param.default else Value(name=name)
        bind(flow, param.target, value, inside)


def _of_fields(flow: Flow, function: ir.Function, param: ir.Param, env: Env) -> Value | None:
    """A parameter of a route whose type is a class of fields, each a text or something stricter."""
    asked = is_route(function) if flow.language == "python" else is_filled(param)
    known = env.get(param.type) if asked else None
    return argument(flow, known, text_of(param.target.node)) if known is not None and param.default is None else None


def of_type(param: ir.Param, name: str, env: Env) -> Value | None:
    """An object of the class that a parameter has as its type."""
    known = env.get(param.type) if re.match(r"[A-Z]\w*$", param.type) else None
    if known is None:
        return None
    if known.keys is not None and MADE in known.keys:
        return replace(known.keys[MADE], name=name)
    return Value(name=name, origin=known.origin.member(MADE)) if known.origin else None
