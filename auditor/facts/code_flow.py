"""Request data, followed through one file: branches, loops, containers, and the functions of the same file.

The answer is a list of events in the order they may have. A function is followed twice: as what a request may
enter, and wherever the file calls it. Nothing here knows a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts import code_ir_js, code_ir_py
from auditor.facts.code_assign import bind
from auditor.facts.code_calls import call, enter, of_type
from auditor.facts.code_checks import refine, stated
from auditor.facts.code_elsewhere import MADE
from auditor.facts.code_evaluate import evaluate
from auditor.facts.code_joins import merged, settled
from auditor.facts.code_members import element_of, record
from auditor.facts.code_schemas import fields_of
from auditor.facts.code_values import (
    Closure,
    Env,
    Flow,
    Origin,
    TooLong,
    Value,
    constant,
)
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tree_sitter import Node

_ENDS = re.compile(
    r"^(?:flask\.)?abort$|^(?:sys\.|process\.|Deno\.|os\._)?exit$|^(?:notFound|forbidden|unauthorized)$"
)  # they throw
_MOST_LOOPS = 2  # nested ones that are gone through twice
_MOST_TO_LOAD = 3_000
_Modules = Callable[[Flow, Origin], Value | None]


def follow(language: str, root: Node, path: str = "", modules: _Modules | None = None) -> Flow | None:
    """What happens in a file; None where that takes too many steps, or is nested too deep."""
    front = code_ir_py if language == "python" else code_ir_js
    flow = Flow(language, front.body_of, call, evaluate, _run, path=path, home=path, modules=modules)
    try:
        _run(flow, front.program(root), Env(), [])
    except (TooLong, RecursionError):
        return None
    flow.away = [event for event in flow.events if event.path != path]
    flow.events = [event for event in flow.events if event.path == path]
    return flow


def load(flow: Flow, path: str, root: Node) -> Env:
    """The names of a module, without a look into its functions; of a long one, its functions and its first names."""
    front = code_ir_py if flow.language == "python" else code_ir_js
    env, before = Env(), len(flow.events)
    state = flow.path, flow.is_loading, flow.steps, flow.most_steps, flow.depth, flow.loops
    flow.path, flow.is_loading, flow.most_steps = path, True, flow.steps + _MOST_TO_LOAD
    try:
        _run(flow, front.program(root), env, [])
    except TooLong:
        return env
    finally:
        flow.path, flow.is_loading, flow.steps, flow.most_steps, flow.depth, flow.loops = state
        del flow.events[before:]
    return env


def _run(flow: Flow, body: Sequence[ir.Stmt], env: Env, returned: list[Value]) -> bool:
    """Follow statements; whether what comes after them is never reached."""
    functions = [one.function for one in body if isinstance(one, ir.Define)]
    for function in functions:
        env.names[function.name] = Value(closure=Closure(function, env, path=flow.path), name=function.name)
    ended = False
    for statement in body:
        if not ended and _step(flow, statement, env, returned):
            ended = True
    for function in functions:
        enter(flow, Closure(function, env, path=flow.path), env)
    return ended


def _step(flow: Flow, statement: ir.Stmt, env: Env, returned: list[Value]) -> bool:  # noqa: C901, PLR0911 - a case per line
    match statement:
        case ir.Do(expr=expr):
            evaluate(flow, expr, env)
            stated(flow, expr, env)
            return isinstance(expr, ir.Call) and _ENDS.match(text_of(expr.func.node)) is not None
        case ir.If():
            return _if(flow, statement, env, returned)
        case ir.Loop():
            _loop(flow, statement, env, returned)
        case ir.Try():
            return _try(flow, statement, env, returned)
        case ir.Block(body=body):
            return _run(flow, body, env, returned)
        case ir.Switch():
            return _switch(flow, statement, env, returned)
        case ir.Return(value=value):
            returned.append(_returned(flow, statement, value, env))
            return True
        case ir.Leave(value=value):
            if value is not None:
                evaluate(flow, value, env)
            if flow.exits and statement.node.type in {"break_statement", "continue_statement"}:
                flow.exits[-1].append(env.fork(flow))
            return True
        case ir.Class():
            _class(flow, statement, env)
    return False


def _returned(flow: Flow, statement: ir.Return, expr: ir.Expr | None, env: Env) -> Value:
    value = settled(evaluate(flow, expr, env), env) if expr is not None else Value()
    record(flow, env, "return", "", statement.node, (value,))
    return value


def _become(env: Env, other: Env) -> None:
    env.names, env.cleared, env.has_members = other.names, other.cleared, other.has_members


def _if(flow: Flow, statement: ir.If, env: Env, returned: list[Value]) -> bool:
    test = evaluate(flow, statement.test, env)
    if isinstance(test.const, bool | int):
        return _run(flow, statement.then if test.const else statement.other, env, returned)
    one, other = env.fork(flow), env.fork(flow)
    refine(flow, statement.test, truth=True, env=one)
    refine(flow, statement.test, truth=False, env=other)
    first, second = _run(flow, statement.then, one, returned), _run(flow, statement.other, other, returned)
    if first or second:
        _become(env, other if first else one)
    else:
        _become(env, merged(one, other))
    return first and second


def _loop(flow: Flow, statement: ir.Loop, env: Env, returned: list[Value]) -> None:
    flow.loops += 1
    for _ in range(2 if flow.loops <= _MOST_LOOPS else 1):
        inside = env.fork(flow)
        if statement.target is not None and statement.source is not None:
            bind(flow, statement.target, element_of(evaluate(flow, statement.source, inside)), inside)
        elif statement.test is not None:
            evaluate(flow, statement.test, inside)
            refine(flow, statement.test, truth=True, env=inside)
        flow.exits.append([])
        _run(flow, statement.body, inside, returned)
        for way in (inside, *flow.exits.pop()):
            _become(env, merged(env, way))
    flow.loops -= 1


def _try(flow: Flow, statement: ir.Try, env: Env, returned: list[Value]) -> bool:
    before = env.fork(flow)
    ended = _run(flow, statement.body, env, returned)
    ways = [] if ended else [env.fork(flow)]
    handled = []
    for handler in statement.handlers:
        way = merged(before, env).fork(flow)
        way.cleared = before.cleared
        handled.append(_run(flow, handler, way, returned))
        if not handled[-1]:
            ways.append(way)
    if ways:
        result = ways[0]
        for way in ways[1:]:
            result = merged(result, way)
        _become(env, result)
    return _run(flow, statement.final, env, returned) or (ended and all(handled))


def _switch(flow: Flow, statement: ir.Switch, env: Env, returned: list[Value]) -> bool:
    """Every case, or the one that a constant names; where a case names the data, it is one of a list in it."""
    subject = evaluate(flow, statement.subject, env)
    cases = [([evaluate(flow, value, env) for value in values], body) for values, body in statement.cases]
    if isinstance(subject.const, str | int):
        cases = _chosen(cases, subject.const, falls=statement.falls)
    ways: list[Env] = []
    for number, (values, body) in enumerate(cases):
        way = env.fork(flow)
        if values and all(isinstance(value.const, str | int) for value in values):
            way.clear(subject.taint)
        ended = _run(flow, [one for one in body if not _is_break(one)], way, returned)
        falls = statement.falls and not any(map(_is_break, body)) and number + 1 < len(cases)
        if falls and not ended:
            _become(env, merged(env, way))
        elif not ended:
            ways.append(way)
    if not ways and cases:
        return all(not values for values, _ in cases[-1:])
    _join_ways(env, ways, certain=any(not values for values, _ in cases))
    return False


def _join_ways(env: Env, ways: list[Env], *, certain: bool) -> None:
    result = ways[0] if ways and certain else env
    for way in ways:
        result = merged(result, way)
    _become(env, result)


_Cases = list[tuple[list[Value], list[ir.Stmt]]]


def _chosen(cases: _Cases, subject: str | int, *, falls: bool) -> _Cases:
    default = [number for number, (values, _) in enumerate(cases) if not values]
    hit = [number for number, (values, _) in enumerate(cases) if any(value.const == subject for value in values)]
    if not hit and not default:
        return []
    start = (hit or default)[0]
    body: list[ir.Stmt] = []
    for _, statements in cases[start:]:
        body += statements
        if not falls or any(map(_is_break, statements)):
            break
    return [([], body)]


def _is_break(statement: ir.Stmt) -> bool:
    return isinstance(statement, ir.Leave) and statement.node.type == "break_statement"


def _class(flow: Flow, statement: ir.Class, env: Env) -> None:
    """A class is its methods: they know one another as members of `this` or `self`."""
    this = Value(name="this" if flow.language != "python" else "self", keys=None)
    inside = Env({}, env.cleared, None, env)
    methods = [one.function for one in statement.body if isinstance(one, ir.Define)]
    closures = {method.name: Closure(method, inside, this, flow.path) for method in methods}
    keys = {name: Value(closure=closure, name=name) for name, closure in closures.items()}
    for name, value in keys.items():
        inside.names[f"{this.name}.{name}"] = value
    model = Value(name=f"{statement.name}()", keys=dict(keys))
    shape = fields_of(statement) if statement.fields else None
    env.names[statement.name] = Value(name=statement.name, keys={**keys, MADE: model}, shape=shape)
    _run(flow, [one for one in statement.body if not isinstance(one, ir.Define)], inside, [])
    _keep_injected(flow, closures, inside)
    for closure in closures.values():
        enter(flow, closure, inside)
    record(flow, env, "class", statement.name, statement.node, tuple(constant(base) for base in statement.bases))


def _keep_injected(flow: Flow, methods: dict[str, Closure], inside: Env) -> None:
    """Objects of other classes that a constructor is given by their type, or makes itself, as members."""
    maker = methods.get("constructor") or methods.get("__init__")
    if maker is None or maker.this is None:
        return
    this, before = Value(name=maker.this.name, keys={}), len(flow.events)
    for param in maker.function.params:
        if isinstance(param.target, ir.Name) and (made := of_type(param, f"{this.name}.{param.target.id}", inside)):
            inside.names[f"{this.name}.{param.target.id}"] = made
    call(flow, replace(maker, this=this), (), {}, inside)
    del flow.events[before:]
    for name, value in (this.keys or {}).items():
        if value.origin or value.closure or value.keys:
            inside.names.setdefault(f"{this.name}.{name}", value)
