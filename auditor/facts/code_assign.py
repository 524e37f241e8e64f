"""Assignments: to variables, members and elements, and to all the variables of a pattern."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.code_members import attribute, record
from auditor.facts.code_values import Value, content, union

if TYPE_CHECKING:
    from auditor.facts.code_values import Env, Flow


def bind(flow: Flow, target: ir.Expr, value: Value, env: Env) -> None:
    """Give a value to a variable, a member, an element, or all the variables of a pattern."""
    if isinstance(target, ir.Name):
        env.names[target.id] = value
        _forget(env, target.id)
    elif isinstance(target, ir.Attr):
        _set_member(flow, target, value, env)
    elif isinstance(target, ir.Index):
        _set_item(flow, target, value, env)
    elif isinstance(target, ir.Default):
        bind(flow, target.target, value if value.taint or value.const is None else union(
            [value, flow.evaluate(flow, target.value, env)]), env)  # fmt: skip
    elif isinstance(target, ir.Pairs):
        for key, inner in target.pairs:
            part = value if key is None else attribute(flow, value, str(flow.evaluate(flow, key, env).const), env)
            bind(flow, inner, part, env)
    elif isinstance(target, ir.Items):
        _unpack(flow, target, value, env)
    elif isinstance(target, ir.Spread):
        bind(flow, target.inner, value, env)


def _forget(env: Env, name: str) -> None:
    """Members that were set belonged to the former value of the variable."""
    if env.has_members:
        for known in [key for key in env.names if key.startswith(f"{name}.")]:
            del env.names[known]


def _set_member(flow: Flow, target: ir.Attr, value: Value, env: Env) -> None:
    obj = flow.evaluate(flow, target.obj, env)
    record(flow, env, "set", f"{obj.name}.{target.name}", target.node, (value,), receiver=obj)
    if obj.keys is not None:
        obj.keys[target.name] = value
    elif obj.name:
        env.names[f"{obj.name}.{target.name}"] = value
        env.has_members = True


def _set_item(flow: Flow, target: ir.Index, value: Value, env: Env) -> None:
    obj = flow.evaluate(flow, target.obj, env)
    key = flow.evaluate(flow, target.key, env) if target.key is not None else Value()
    record(flow, env, "put", obj.name, target.node, (key, value), receiver=obj)
    if obj.keys is not None:
        obj.keys[key.const if isinstance(key.const, str) else "*"] = value
    elif obj.items is not None and isinstance(key.const, int) and -len(obj.items) <= key.const < len(obj.items):
        obj.items[key.const] = value
    elif obj.items is not None:
        obj.items.append(value)
    elif obj.name and isinstance(key.const, str):
        env.names[f"{obj.name}.{key.const}"] = value
        env.has_members = True


def _unpack(flow: Flow, target: ir.Items, value: Value, env: Env) -> None:
    for number, inner in enumerate(target.items):
        if value.items is not None and number < len(value.items) and not isinstance(inner, ir.Spread):
            bind(flow, inner, value.items[number], env)
        else:
            bind(flow, inner, replace(content(value), items=None, keys=None, closure=None), env)
