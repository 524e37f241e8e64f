"""What a schema lets through: texts that may say anything, and values that cannot.

A field that is any text is still what somebody sends, for a statement, a command line, a path or a template. One that
is a number, one of a list, or of a strict form is not.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.code_values import FREE, Value, content, tainted, union

if TYPE_CHECKING:
    from auditor.facts.code_ir import Class
    from auditor.facts.code_values import Env, Event, Flow

_ZOD = re.compile(r"^(?:zod(?:/\w+)*|@hono/zod-openapi)(?:\.z)?\.(?P<kind>\w+)$")
_HELD = {"input", "inputSchema", "schema", "inputValidator", "validator"}  # of a procedure or an action
_HANDLES = {"query", "mutation", "subscription", "action", "handler", "stateAction"}
_STRICT = {
    "uuid", "guid", "cuid", "cuid2", "ulid", "nanoid", "datetime", "date", "time", "ip", "ipv4", "ipv6", "regex",
    "email", "base64url", "jwt", "e164", "refine", "superRefine", "transform", "pipe", "length", "duration",
}  # fmt: skip
_WHOLE = {"object", "strictObject", "looseObject"}
_ANY = {"any", "unknown", "record"}
_VALIDATES = re.compile(r"(?:^|\.)(?:zValidator|sValidator|validator)\(\)$")
_TEXT = re.compile(r"\b(?:str|Any|string|any|unknown)\b")
_MANY = re.compile(r"^(?:list|List|set|Set|Sequence|tuple)\[|\[\]$|^Array<")
_NARROW = re.compile(
    r"\b(?:Literal|constr|StringConstraints|pattern|regex|dict|Dict|Callable)\b|=>"
    r"|@(?:Is(?!String|Optional|NotEmpty|Defined|Array|Object)\w+|Matches|Equals|Contains|Transform|Type)\("
)
_TARGET = "\0valid "  # begins the name under which what a validator lets through is kept


def read_schema(flow: Flow, call: Event, method: str, env: Env) -> Value | None:
    """What a call has to do with a schema: it makes one, uses one, or is a handler of what one let through."""
    if match := _ZOD.match(call.name):
        return Value(name=f"{call.name}()", args=call.args, shape=_made(match["kind"], call.args))
    if method in _HELD and call.args and (shape := _shape(flow, call.args[0])):
        return Value(name=f"{call.name}()", args=call.args, shape=shape)
    if method in {"parse", "parseAsync", "safeParse", "safeParseAsync"}:
        return _parsed(flow, call)
    shape = call.receiver.shape
    if shape is None or not method:
        return None
    if method in _HANDLES and call.receiver.taint == frozenset():
        return _handled(flow, call, shape, env)
    return Value(name=f"{call.name}()", args=call.args, shape=_narrowed(shape, method, call.args))


def keep_valid(flow: Flow, value: Value, env: Env) -> None:
    """What a validator of Hono lets through, for the handler after it."""
    if _VALIDATES.search(value.name) and len(value.args) > 1 and isinstance(value.args[0].const, str):
        shape = _shape(flow, value.args[1])
        target = value.args[0].const
        env.names[_TARGET + target] = _instance(shape, f"req.valid({target})") if shape else Value()


def valid(call: Event, env: Env) -> Value | None:
    """`c.req.valid("json")`, where its schema is known."""
    target = call.args[0].const if call.args else None
    found = env.get(f"{_TARGET}{target}") if call.name.endswith(".req.valid") else None
    return found if found is not None and (found.taint or found.keys is not None or found.items is not None) else None


def fields_of(statement: Class) -> Value:
    """The shape of a class of fields with types."""
    keys = {name: _typed(kind, default) for name, (kind, default) in statement.fields.items()}
    return Value(keys=keys)


def argument(flow: Flow, known: Value, name: str) -> Value | None:
    """A parameter of a route whose type is a class of fields."""
    shape = _shape(flow, known)
    return _instance(shape, name) if shape is not None and shape.keys else None


def _typed(kind: str, default: str) -> Value:
    if not _TEXT.search(kind) or _NARROW.search(kind) or _NARROW.search(default):
        return Value()
    free = Value(frozenset({FREE}), prefix="")
    return Value(items=[free]) if _MANY.match(kind) else free


def _shape(flow: Flow, value: Value) -> Value | None:
    if value.shape is None and value.origin is not None and flow.modules is not None:
        found = flow.modules(flow, value.origin)
        return found.shape if found is not None else None
    return value.shape


def _made(kind: str, args: tuple[Value, ...]) -> Value:
    if kind == "string":
        return Value(frozenset({FREE}), prefix="")
    if kind in _ANY:
        return Value(frozenset({FREE}), whole=True, prefix="")
    if kind in _WHOLE and args and args[0].keys is not None:
        return Value(keys={name: value.shape or Value() for name, value in args[0].keys.items()})
    if kind in {"array", "set"} and args:
        return Value(items=[args[0].shape or Value()])
    if kind in {"union", "discriminatedUnion", "intersection"}:
        given = [one.shape for arg in args for one in (arg.items or [arg]) if one.shape is not None]
        return union(given) if given else Value()
    return args[0].shape or Value() if kind in {"optional", "nullable", "lazy"} and args else Value()


def _narrowed(shape: Value, method: str, args: tuple[Value, ...]) -> Value:
    if method in _STRICT and shape.keys is None:
        return Value()
    if method in {"url", "httpUrl"}:
        return replace(shape, safe=shape.safe | {"path"})
    if method == "array":
        return Value(items=[shape])
    if method in {"extend", "merge", "and", "safeExtend"} and args and shape.keys is not None:
        more = args[0].shape.keys if args[0].shape is not None else None
        added = more if more is not None else {k: v.shape or Value() for k, v in (args[0].keys or {}).items()}
        return Value(keys={**shape.keys, **added})
    return shape


def _parsed(flow: Flow, call: Event) -> Value | None:
    if not call.args or not content(call.args[0]).taint:
        return None
    shape = _shape(flow, call.receiver)
    if shape is None:
        return None
    name = call.args[0].name.rpartition(".")[2].removesuffix("()") or "input"
    made = replace(_instance(shape, name), name=name)
    return Value(keys={"data": made, "success": Value()}) if "safe" in call.name.rpartition(".")[2] else made


def _handled(flow: Flow, call: Event, shape: Value, env: Env) -> Value | None:
    closure = next((arg.closure for arg in call.args if arg.closure), None)
    if closure is None:
        return None
    given = _instance(shape, "input")
    if not flow.is_loading:
        flow.call(flow, closure, (Value(keys={"input": given, "parsedInput": given}),), {}, env)
    return Value(name=f"{call.name}()", args=call.args)


def _instance(shape: Value, path: str) -> Value:
    if shape.keys is not None:
        return Value(keys={key: _instance(inner, f"{path}.{key}") for key, inner in shape.keys.items()}, name=path)
    if shape.items is not None:
        return Value(items=[_instance(inner, path) for inner in shape.items], name=path)
    if not shape.taint:
        return Value(name=path)
    return replace(tainted(f"{FREE}{path}", whole=shape.whole, name=path), safe=shape.safe)
