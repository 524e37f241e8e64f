"""What a test says of the data in it: a comparison, a look into a list, a pattern, a function whose name is a check."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.code_values import CLEAN, EVERYTHING, Value, content
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.code_values import Env, Flow

_GOOD = re.compile(
    r"(?i)^_?(?:is|are|has|assert|check|ensure|validate|verify|must|require)_?\w*(?:valid|safe|allow|uuid|known|host|ip|"
    r"name|url|uri|path|file|trusted|origin|redirect|domain|permitted|whitelist|input|id|domain|public|relative|local|inside|within)\w*$"
    r"|^_?(?:safe|allow(?:s|ed)?)_?\w*(?:redirect|url|host|path|next)\w*$|^(?:validate|sanitize|isURL|isUUID|isEmail|isAlphanumeric|isInt|isMongoId|isValid|url_has_allowed_host_and_scheme"
    r"|url_is_safe|check)$"
)
_BAD = re.compile(
    r"(?i)^_?is_?\w*(?:invalid|blocked|blacklist|private|internal|banned|denied|unsafe|malicious|forbidden|reserved|loopback)\w*$"
)
_FAULT = re.compile(
    r"(?:[vV]alid(?:ation|ate)\w*|[uU]rl|[pP]ath|[hH]ost)_?(?:[eE]rrors?|[pP]roblems?|[iI]ssues?|[rR]eason)$"
)
_LOOKS = {
    "includes",
    "has",
    "indexOf",
    "test",
    "match",
    "some",
    "fullmatch",
    "exec",
    "count",
    "index",
    "search",
    "hasOwnProperty",
    "hasOwn",
}
_SHAPES = {"isdigit", "isalnum", "isalpha", "isidentifier", "isnumeric", "isdecimal"}
_NUMBERS = re.compile(r"^(?:Number\.is\w+|isFinite|Array\.isArray)$")
_OWN_ADDRESS = re.compile(r"(?:^|\.)_?req(?:uest)?\.(?:url|nextUrl|originalUrl)(?:\.(?:origin|host))?$")
_NO_HOST = {"protocol", "scheme", "port"}  # parts of a URL that say nothing of where it leads
_HOST = {"netloc", "hostname", "host"}
_READERS = re.compile(r"^(?:JSON5?|YAML|yaml|qs|querystring|url|path|superjson|csv|ini|toml|TOML)$")
_USES = ("path", "sql", "command", "html", "structure", "code", "ldap", "xpath", "regex", "template", "xml")
_INSIDE = "path"
_ANCHORED_PATTERN = re.compile(r"^/\^.*\$/?[gimsuy]*$")
_ANCHORED = re.compile(r"^[A-Za-z]+://[^/]+/|^/\w")


def refine(flow: Flow, test: ir.Expr, *, truth: bool, env: Env) -> None:
    """Clear the data that a test has found harmless, where it came out as `truth`."""
    if isinstance(test, ir.Not):
        refine(flow, test.inner, truth=not truth, env=env)
    elif isinstance(test, ir.Binary) and test.op in {"&&", "||"}:
        if (test.op == "&&") == truth:
            refine(flow, test.left, truth=truth, env=env)
            refine(flow, test.right, truth=truth, env=env)
        else:
            _either(flow, test, truth, env)
    elif isinstance(test, ir.Binary):
        _compared(flow, test, truth, env)
    elif isinstance(test, ir.Call):
        _asked(flow, test, truth, env)
    elif isinstance(test, ir.Name) and (known := env.get(test.id)) and known.test is not None:
        refine(flow, known.test, truth=truth, env=env)
    elif isinstance(test, ir.Assign):
        refine(flow, test.value, truth=truth, env=env)
    elif not truth and isinstance(test, ir.Attr) and test.name in _HOST:
        env.clear(_paths(flow, test.obj, env), "redirect")
    elif truth and isinstance(test, ir.Index) and test.key is not None:
        env.clear(_paths(flow, test.key, env))  # a key that a table of ours has


def _either(flow: Flow, test: ir.Binary, truth: bool, env: Env) -> None:
    """Where only one side is known to hold: what each of them would clear is clear."""
    one, other = env.fork(flow), env.fork(flow)
    refine(flow, test.left, truth=truth, env=one)
    refine(flow, test.right, truth=truth, env=other)
    for path in one.cleared.keys() & other.cleared.keys():
        left, right = one.cleared[path], other.cleared[path]
        for use in (left & right) | (right if EVERYTHING in left else left if EVERYTHING in right else CLEAN):
            env.clear([path], use)


def stated(flow: Flow, expr: ir.Expr, env: Env) -> None:
    """A check that is a statement of its own throws where it fails."""
    if isinstance(expr, ir.Assign):
        expr = expr.value
    if not isinstance(expr, ir.Call):
        return
    if _GOOD.match(_method(expr)):
        _clear_arguments(flow, expr, env)
    elif _method(expr) in {"parse", "safeParse", "parseAsync", "validateSync"} and isinstance(expr.func, ir.Attr):
        if _READERS.match(text_of(expr.func.obj.node)):
            return  # it reads a text, and checks nothing of what that says
        for arg in expr.args:
            env.clear(_paths(flow, arg, env), "structure")


def _method(call: ir.Call) -> str:
    if isinstance(call.func, ir.Attr):
        return call.func.name
    return call.func.id if isinstance(call.func, ir.Name) else ""


def _paths(flow: Flow, expr: ir.Expr, env: Env) -> frozenset[str]:
    if isinstance(expr, ir.Function):
        return frozenset()
    return _value(flow, expr, env).taint


def _value(flow: Flow, expr: ir.Expr, env: Env) -> Value:
    before = len(flow.events)
    value = flow.evaluate(flow, expr, env)
    del flow.events[before:]
    return value


def _compared(flow: Flow, test: ir.Binary, truth: bool, env: Env) -> None:  # noqa: C901 - a case per line
    equal = test.op in {"===", "==", "in", "is"}
    unequal = test.op in {"!==", "!=", "not in", "is not"}
    left, right = test.left, test.right
    if isinstance(left, ir.Call) and _method(left) in {"indexOf", "search", "find", "findIndex"}:
        positive = (equal and not truth) or (unequal and truth) or (test.op in {">", ">="} and truth)
        _looked(flow, left, positive, env)
        return
    if test.op in {"<", ">"}:
        return
    if isinstance(left, ir.Call) and _type_of(left):
        if (equal and truth) or (unequal and not truth):
            _by_type(flow, left, right, env)
        return
    if test.op in {"in", "not in"}:
        found = (test.op == "in") == truth
        if found and not _value(flow, right, env).taint:
            env.clear(_paths(flow, left, env))
        elif not found:
            _without(flow, left, right, env)
        return
    if any(isinstance(side, ir.Attr) and side.name in _NO_HOST for side in (left, right)):
        return
    if (equal and truth) or (unequal and not truth):
        one, other = _value(flow, left, env), _value(flow, right, env)
        if one.taint and not other.taint and other.const is not None:
            env.clear(one.taint)
        elif other.taint and not one.taint and one.const is not None:
            env.clear(other.taint)
        elif _is_own_origin(left, one) or _is_own_origin(right, other):
            env.clear(one.taint | other.taint, "redirect")


def _is_own_origin(side: ir.Expr, value: Value) -> bool:
    """`req.nextUrl.origin`, `new URL(req.url).host`: where the request itself was sent."""
    named = isinstance(side, ir.Attr) and side.name in {"origin", "host"}
    return named and bool(value.taint) and all(_OWN_ADDRESS.search(path) for path in value.taint)


def _type_of(call: ir.Call) -> bool:
    return isinstance(call.func, ir.Origin) and call.func.name == "typeof"


def _by_type(flow: Flow, call: ir.Call, expected: ir.Expr, env: Env) -> None:
    kind = expected.value if isinstance(expected, ir.Const) else ""
    paths = _paths(flow, call.args[0], env)
    env.clear(paths, "structure" if kind == "string" else EVERYTHING)


def _without(flow: Flow, needle: ir.Expr, holder: ir.Expr, env: Env) -> None:
    """`".." not in name`, and the like."""
    text = needle.value if isinstance(needle, ir.Const) else None
    if isinstance(text, str) and (".." in text or text in {"/", "\\"}):
        env.clear(_paths(flow, holder, env), _INSIDE)
    elif isinstance(text, str) and text in {"'", '"', "`"}:
        env.clear(_paths(flow, holder, env))
    elif isinstance(text, str) and text == "://":
        env.clear(_paths(flow, holder, env), "redirect")


def _asked(flow: Flow, call: ir.Call, truth: bool, env: Env) -> None:
    method = _method(call)
    if method in _LOOKS:
        _looked(flow, call, truth, env)
    elif method in _SHAPES and truth and isinstance(call.func, ir.Attr):
        env.clear(_paths(flow, call.func.obj, env))
    elif method in {"startsWith", "startswith", "is_relative_to"} and isinstance(call.func, ir.Attr):
        _begins(flow, call, truth, env)
    elif method == "isinstance" and truth and len(call.args) > 1:
        text = text_of(call.args[1].node)
        env.clear(_paths(flow, call.args[0], env), "structure" if "str" in text else EVERYTHING)
    elif (_NUMBERS.match(text_of(call.func.node)) and truth) or (_FAULT.search(method) and not truth):
        _clear_arguments(flow, call, env)
    elif (_BAD.match(method) or method == "isNaN") != truth and (
        _GOOD.match(method) or _BAD.match(method) or method == "isNaN"
    ):
        _clear_arguments(flow, call, env)
        if isinstance(call.func, ir.Attr):
            env.clear(_paths(flow, call.func.obj, env))


def _clear_arguments(flow: Flow, call: ir.Call, env: Env) -> None:
    for arg in (*call.args, *call.named.values()):
        if not isinstance(arg, ir.Function):
            env.clear(content(_value(flow, arg, env)).taint)


def _looked(flow: Flow, call: ir.Call, truth: bool, env: Env) -> None:
    """`LIST.includes(data)` or `PATTERN.test(data)` clear it where true, `data.includes("..")` where false."""
    holder = call.func.obj if isinstance(call.func, ir.Attr) else None
    owner = _value(flow, holder, env) if holder is not None else Value()
    if owner.taint and call.args and holder is not None:
        given = _value(flow, call.args[0], env).name.removeprefix("regex ")
        if _method(call) == "match" and truth and _ANCHORED_PATTERN.match(given):
            env.clear(owner.taint)
        elif not truth:
            _without(flow, call.args[0], holder, env)
        return
    pattern = owner.name.removeprefix("regex ") if owner.name.startswith("regex ") else ""
    if truth and pattern and not _ANCHORED_PATTERN.match(pattern):
        for arg in call.args:  # a part of it was looked at: the host, or what stands before, may be any
            for use in _USES:
                env.clear(_paths(flow, arg, env), use)
    elif truth:
        _clear_arguments(flow, call, env)
    elif owner.name.startswith("regex ") and re.search(r"\\\.\\?\.|\[\^|\\W|[/\\]", owner.name[7:-1]):
        _clear_arguments(flow, call, env)  # a pattern of what must not be in it


def _begins(flow: Flow, call: ir.Call, truth: bool, env: Env) -> None:
    assert isinstance(call.func, ir.Attr)
    paths = _paths(flow, call.func.obj, env)
    given = _value(flow, call.args[0], env) if call.args else Value()
    if not truth:
        if given.const in {"//", "/\\"}:
            env.clear(paths, "double-slash")
        if isinstance(given.const, str) and given.const.startswith(".."):
            env.clear(paths, "path")
        return
    env.clear(paths, "path")
    if not isinstance(given.const, str) or _ANCHORED.match(given.const):
        env.clear(paths, "redirect")
        env.clear(paths, "url")
    elif given.const == "/":
        env.clear(paths, "one-slash")
