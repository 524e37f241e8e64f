"""The value of every expression, and what happens while it is computed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from auditor.facts import code_ir as ir
from auditor.facts.code_assign import bind
from auditor.facts.code_checks import refine
from auditor.facts.code_elsewhere import elsewhere, instance, is_class
from auditor.facts.code_joins import COMPARES, folded, guessable, joined, settled
from auditor.facts.code_members import attribute, element_of, item, record, whereabouts
from auditor.facts.code_models import called, harmless, quoted
from auditor.facts.code_requests import member
from auditor.facts.code_schemas import keep_valid
from auditor.facts.code_values import (
    NOTHING,
    Closure,
    Env,
    Event,
    Flow,
    Origin,
    TooLong,
    Value,
    constant,
    content,
    elements,
    union,
)
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Callable


def evaluate(flow: Flow, expr: ir.Expr, env: Env) -> Value:
    flow.steps += 1
    if flow.steps > flow.most_steps:
        raise TooLong
    return _KINDS[type(expr)](flow, expr, env)


def _const(flow: Flow, expr: ir.Const, env: Env) -> Value:
    del flow, env
    return constant(expr.value)


def _origin(flow: Flow, expr: ir.Origin, env: Env) -> Value:
    del env
    origin = None
    if expr.module and flow.modules is not None:
        origin = Origin(flow.path, expr.module, (expr.member,) if expr.member else ())
    return Value(name=expr.name, origin=origin)


def _name(flow: Flow, expr: ir.Name, env: Env) -> Value:
    if known := env.get(expr.id):
        return known
    return member(flow.language, expr.id) or Value(name=expr.id)


def _attr(flow: Flow, expr: ir.Attr, env: Env) -> Value:
    obj = evaluate(flow, expr.obj, env)
    return attribute(flow, obj, expr.name, env)


def _index(flow: Flow, expr: ir.Index, env: Env) -> Value:
    obj = evaluate(flow, expr.obj, env)
    key = evaluate(flow, expr.key, env) if expr.key is not None else Value()
    if key.taint:
        record(flow, env, "index", obj.name, expr.node, (key,), receiver=obj)
    if obj.items is not None:
        return item(obj.items, key)
    if obj.keys is not None or isinstance(key.const, str):
        if isinstance(key.const, str):
            return attribute(flow, obj, key.const, env)
        return replace(content(obj), name=f"{obj.name}[]") if key.taint else content(obj)
    if isinstance(obj.const, str) and isinstance(key.const, int) and -len(obj.const) <= key.const < len(obj.const):
        return constant(obj.const[key.const])
    if obj.taint and isinstance(key.const, int):
        return replace(obj, prefix="")
    return replace(obj, const=NOTHING, closure=None, whole=obj.whole) if obj.taint else Value(name=f"{obj.name}[]")


def _call(flow: Flow, expr: ir.Call, env: Env) -> Value:
    receiver = Value()
    if isinstance(expr.func, ir.Attr):
        receiver = evaluate(flow, expr.func.obj, env)
        func = attribute(flow, receiver, expr.func.name, env)
        name = f"{receiver.name}.{expr.func.name}"
        method = expr.func.name
    else:
        func = evaluate(flow, expr.func, env)
        name, method = func.name or (expr.func.id if isinstance(expr.func, ir.Name) else ""), ""
    args = tuple(_arguments(flow, expr.args, env))
    named = {key: evaluate(flow, value, env) for key, value in expr.named.items()}
    kind = "new" if expr.is_new else "call"
    call = Event(kind, name, expr.node, args, named, receiver, env.cleared, env.function, *whereabouts(flow), func)
    flow.events.append(call)
    return quoted(name, _outcome(flow, call, method, env))


def _outcome(flow: Flow, call: Event, method: str, env: Env) -> Value:
    func = call.func
    assert func is not None
    if func.closure is None and func.origin is None and not is_class(func):
        return called(flow, call, method, env)
    if made := harmless(call):
        return made
    if func.closure is not None:
        return flow.call(flow, func.closure, call.args, call.named, env)
    if is_class(func):
        return instance(flow, func, call, env)
    return elsewhere(flow, func, call, env) or called(flow, call, method, env)


def _arguments(flow: Flow, exprs: list[ir.Expr], env: Env) -> list[Value]:
    found: list[Value] = []
    for expr in exprs:
        value = evaluate(flow, expr, env)
        found.extend(value.items if isinstance(expr, ir.Spread) and value.items is not None else [value])
        keep_valid(flow, value, env)
    return found


def _join(flow: Flow, expr: ir.Join, env: Env) -> Value:
    values = [content(evaluate(flow, part, env)) for part in expr.parts]
    return joined(values)


def _binary(flow: Flow, expr: ir.Binary, env: Env) -> Value:
    left = evaluate(flow, expr.left, env)
    if expr.op in {"&&", "||", "??"}:
        return _either(flow, expr, left, env)
    right = evaluate(flow, expr.right, env)
    if expr.op in COMPARES:
        record(flow, env, "compare", expr.op, expr.node, (left, right))
        return folded(expr.op, left.const, right.const)
    if expr.op == "/" and left.const is NOTHING and (left.taint or right.taint):
        return replace(joined([left, content(right)]), name=left.name)  # pathlib
    if expr.op == "%" and left.taint and flow.language == "python":
        return replace(joined([left, content(right)]))
    result = folded(expr.op, left.const, right.const)
    return result if result.const is not NOTHING else guessable([left, right])


def _either(flow: Flow, expr: ir.Binary, left: Value, env: Env) -> Value:
    way = env.fork(flow) if expr.op in {"&&", "||"} else env
    if expr.op != "??":
        refine(flow, expr.left, truth=expr.op == "&&", env=way)
    right = evaluate(flow, expr.right, way)
    if expr.op == "&&":
        return right
    if left.const is None or left.const in {"", 0}:
        return right
    return union([left, right]) if left.const is NOTHING else left


def _not(flow: Flow, expr: ir.Not, env: Env) -> Value:
    value = evaluate(flow, expr.inner, env)
    return constant(not value.const) if isinstance(value.const, bool | int | str) else Value()


def _cond(flow: Flow, expr: ir.Cond, env: Env) -> Value:
    test = evaluate(flow, expr.test, env)
    if isinstance(test.const, bool | int):
        return evaluate(flow, expr.yes if test.const else expr.no, env)
    one, other = env.fork(flow), env.fork(flow)
    refine(flow, expr.test, truth=True, env=one)
    refine(flow, expr.test, truth=False, env=other)
    return union([settled(evaluate(flow, expr.yes, one), one), settled(evaluate(flow, expr.no, other), other)])


def _spread(flow: Flow, expr: ir.Spread, env: Env) -> Value:
    return evaluate(flow, expr.inner, env)


def _items(flow: Flow, expr: ir.Items, env: Env) -> Value:
    return Value(items=_arguments(flow, expr.items, env))


def _pairs(flow: Flow, expr: ir.Pairs, env: Env) -> Value:
    found = Value(keys={})
    assert found.keys is not None
    for key, value in expr.pairs:
        inner = evaluate(flow, value, env)
        if key is None:
            found.keys.update(inner.keys if inner.keys is not None else {"*": inner})
            if inner.taint:
                found = replace(found, taint=found.taint | inner.taint, whole=True, prefix="")
            continue
        named = evaluate(flow, key, env)
        if named.taint:
            record(flow, env, "key", "", key.node, (named,))
        assert found.keys is not None
        if inner.taint and isinstance(named.const, str):
            record(flow, env, "pair", named.const, key.node, (inner,))
        found.keys[str(named.const) if named.const is not NOTHING else "*"] = inner
    return found


def _assign(flow: Flow, expr: ir.Assign, env: Env) -> Value:
    value = evaluate(flow, expr.value, env)
    if (
        isinstance(expr.value, ir.Binary | ir.Not | ir.Call)
        and not value.taint
        and value.items is None
        and value.keys is None
        and not (isinstance(expr.target, ir.Name) and _mentions(expr.value, expr.target.id))
    ):
        value = replace(value, test=expr.value)
    if isinstance(expr.target, ir.Name):
        record(flow, env, "assign", expr.target.id, expr.node, (value,))
    if expr.op == "+=":
        value = joined([evaluate(flow, expr.target, env), content(value)])
    elif expr.op in {"||=", "??=", "|=", "&&="}:
        value = union([evaluate(flow, expr.target, env), value])
    bind(flow, expr.target, value, env)
    return value


def _mentions(expr: ir.Expr, name: str) -> bool:
    """Whether a variable is in its own new value: a test of it would never end."""
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text_of(expr.node)) is not None


def _each(flow: Flow, expr: ir.Each, env: Env) -> Value:
    source = evaluate(flow, expr.source, env)
    inside = env.fork(flow)
    bind(flow, expr.target, element_of(source), inside)
    if expr.test is not None:
        evaluate(flow, expr.test, inside)
        refine(flow, expr.test, truth=True, env=inside)
    made = settled(evaluate(flow, expr.body, inside), inside)
    return Value(items=[made])


def _many(flow: Flow, expr: ir.Many, env: Env) -> Value:
    for part in expr.parts:
        evaluate(flow, part, env)
    if expr.node.type == "jsx_attribute":
        _markup(flow, expr, env)
    return Value()


def _markup(flow: Flow, expr: ir.Many, env: Env) -> None:
    name = expr.node.named_children[0].text or b""
    if name == b"dangerouslySetInnerHTML" and len(expr.parts) > 1:
        value = evaluate(flow, expr.parts[-1].parts[0], env) if isinstance(expr.parts[-1], ir.Many) else Value()
        record(flow, env, "markup", "dangerouslySetInnerHTML", expr.node, tuple(elements(value)))


def _function(flow: Flow, expr: ir.Function, env: Env) -> Value:
    closure = Closure(expr, env, path=flow.path)
    if not flow.is_loading:
        flow.call(flow, closure, (), {"\0entry": Value()}, env)
    return Value(closure=closure, name="")


def _default(flow: Flow, expr: ir.Default, env: Env) -> Value:
    return evaluate(flow, expr.value, env)


_KINDS: dict[type[ir.Expr], Callable[[Flow, Any, Env], Value]] = {
    ir.Const: _const, ir.Origin: _origin, ir.Name: _name, ir.Attr: _attr, ir.Index: _index, ir.Call: _call,
    ir.Join: _join, ir.Binary: _binary, ir.Not: _not, ir.Cond: _cond, ir.Spread: _spread, ir.Items: _items,
    ir.Pairs: _pairs, ir.Assign: _assign, ir.Each: _each, ir.Many: _many, ir.Function: _function,
    ir.Default: _default,
}  # fmt: skip
