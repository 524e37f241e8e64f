"""Where request data enters a file: members of a request, calls that read one, and parameters of handlers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.code_parameters import ENTERED, field_argument, filled
from auditor.facts.code_values import ENTRY, GUESSABLE, SEGMENT, VALIDATED, Value, tainted
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.code_ir import Expr, Function, Param
    from auditor.facts.code_values import Event

_ENTRY = re.compile(r"\.entryName$|(?:^|\.)\w*[eE]ntry\.(?:path|fileName)$|(?:^|\.)header\.name$")
_ENTRIES = re.compile(
    r"(?:^|\.)(?:zipfile\.ZipFile|tarfile\.(?:open|TarFile)|\w+)(?:\(\))?\.(?:namelist|infolist|getmembers|getnames)$"
)
_MADE_HERE = re.compile(
    r"\.files?(?:\.\w+|\[\])*\.(?:path|filename|destination|filepath|tempFilePath|size|buffer|mimetype|newFilename)$"
)
_REQUEST = r"(?:^|\.)(?:_?req|_?request|rq)"
_JS_MEMBERS = re.compile(
    rf"{_REQUEST}\.(?P<what>body|query|params|headers|cookies|signedCookies|rawBody|file|files|url|originalUrl|path|hostname"
    r"|nextUrl)$"
    r"|(?:^|\.)(?:ctx|context|koaCtx)\.(?:request\.)?(?P<koa>body|query|params|headers|querystring)$"
    r"|(?:^|\.)event\.(?P<event>body|queryStringParameters|pathParameters|headers|rawQueryString)$"
    r"|^\.?(?P<page>searchParams)$"
)
_JS_READS = re.compile(
    rf"{_REQUEST}\.(?P<what>json|text|formData|parseBody|query|queries|param|header|get|blob|arrayBuffer|valid)$"
    r"|(?:searchParams|formData|form|urlParams|queryParams|nextUrl\.searchParams)\.(?P<form>get|getAll)$"
    r"|(?:^|\.)(?P<cookie>getCookie|getSignedCookie)$|^(?:cookies|next/headers\.cookies)\(\)\.(?P<next>get)$"
    r"|^(?:next/headers\.headers|headers)\(\)\.(?P<header>get)$|(?:^|\.)(?P<h3>readBody|getQuery|getRouterParams?)$"
)
_PY_MEMBERS = re.compile(
    rf"{_REQUEST}\.(?P<what>args|form|values|json|data|cookies|headers|files|view_args|query_string|GET|POST|PUT|body"
    r"|COOKIES|META|query_params|path_params|match_info|params|FILES|full_path|url|stream|rel_url|query|forms|matchdict)$"
)
_PY_READS = re.compile(
    rf"{_REQUEST}\.(?P<what>get_json|get_data|json|body|form|text|post|read|get_full_path|build_absolute_uri|content)$"
    r"|^self\.(?P<tornado>get_argument|get_arguments|get_query_argument|get_body_argument|get_cookie)$"
)
# A wrapper that was given the whole request, and is asked for a part of it.
_WRAPPED = re.compile(r"(?i)^get(?!\w*safe)\w*(?:param|header|cookie|query|form|arg|field|body|value)\w*$|^get$")
_STRUCTURED = {"body", "query", "json", "formData", "parseBody", "get_json", "data", "rawBody", "readBody", "getQuery"}
_ESCAPED = {"url", "originalUrl", "path", "nextUrl", "full_path", "rel_url"}  # as a browser sends it
_FORM_ONLY = {"formData", "parseBody"}
_ROUTE = re.compile(r"\.(?:get|post|put|patch|delete|route|api_route|websocket|head|options)$|^(?:route|get|post)$")
_WEAK_RANDOM = re.compile(
    r"^(?:Math\.random|random\.(?:random|randint|randrange|choice|choices|getrandbits|sample|uniform|randbytes|normalvariate"
    r"|triangular|gauss|betavariate|expovariate|shuffle)|random\.Random\(\)\.\w+|numpy\.random\.\w+|lodash\.random|_\.random)$"
)
_NOT_DATA = re.compile(
    r"^(?:self|cls|_?req|_?request|res|response|db|session|conn|ctx|context|current_user|settings|background_tasks|next)$"
)
_STRING = re.compile(
    r"^(?:\"|')?(?:.*\bstr\b.*|.*\bbytes\b.*|(?:typing\.)?Any|dict\b.*|Dict\b.*|list|(?:(?:typing\.)?Annotated\[\s*)?UploadFile.*)(?:\"|')?$"
)
_METHOD = re.compile(r"^(?:GET|POST|PUT|PATCH|DELETE|HEAD)$")
_MODEL = re.compile(
    r"^(?!Request|Response|Session|AsyncSession|BackgroundTasks|WebSocket|HTTP|UUID|Enum|Depends)[A-Z]\w*(?:Create|Update|Request|In|Input|Body|Payload|Schema|Model|Data|Form|Base)$"
)
_INJECTED = re.compile(r"\b(?:Depends|Security|Inject|Provide|BackgroundTasks)\b")
_CONVERTED = re.compile(r"<(?:int|float|uuid)[:(]")

# Words of which a file has one that request data enters at all.
ENTERS = re.compile(
    r"\b_?req(?:uest)?\b|\b(?:ctx|context|event)\b|searchParams|[fF]ormData|[cC]ookie|readBody|getQuery|get_argument|\.input\(|parsedInput"
    r"|(?m:^\s*@\w+(?:\.\w+)*\.(?:get|post|put|patch|delete|route|websocket|api_route)\()"
    rf"|{ENTERED}"
)


def made_here(name: str) -> bool:
    """Whether a member of an upload is one that the server gave it."""
    return _MADE_HERE.search(name) is not None


def weak_random(call: Event) -> Value | None:
    """What a source of randomness gives that was not made for secrets."""
    if not _WEAK_RANDOM.match(call.name):
        return None
    return tainted(f"{GUESSABLE}{call.name}", name=f"{call.name}()")


def member(language: str, name: str) -> Value | None:
    """The value of a member of the request, or of an entry of an archive; None for every other name."""
    if language != "python" and _ENTRY.search(name):
        return tainted(f"{ENTRY}{name}", name=name)
    match = (_PY_MEMBERS if language == "python" else _JS_MEMBERS).search(name)
    if match is None:
        return None
    what = next(part for part in match.groups() if part)
    found = tainted(name, whole=what in _STRUCTURED, name=name)
    return replace(found, safe=frozenset({"html"})) if what in _ESCAPED else found


def read(language: str, name: str, args: tuple[Value, ...], receiver: Value) -> Value | None:
    """The value of a call that reads the request; None for every other call."""
    match = (_PY_READS if language == "python" else _JS_READS).search(name)
    if language == "python" and _ENTRIES.search(name):
        return tainted(f"{ENTRY}{name.rpartition('.')[2]}", name=f"{name}()")
    if match is None:
        return _unwrapped(name, receiver)
    if name.startswith("URL().") and not receiver.taint and not any(arg.name for arg in receiver.args):
        return None  # the address of a server that a setting or a constant names
    what = next(part for part in match.groups() if part)
    if what == "valid":  # its schema has looked at it
        return tainted(f"{VALIDATED}{name}", name=f"{name}()")
    asked = next((arg.const for arg in args if isinstance(arg.const, str)), "")
    path = f"{name}({asked})" if asked else name
    return tainted(path, whole=what in _STRUCTURED - _FORM_ONLY and not asked, name=f"{name}()")


def _unwrapped(name: str, receiver: Value) -> Value | None:
    made_of = [arg for arg in receiver.args if re.search(rf"{_REQUEST}$", arg.name)]
    if made_of and _WRAPPED.match(name.rpartition(".")[2]):
        return tainted(name, name=f"{name}()")
    return None


def parameter(language: str, function: Function, param: Param, name: str) -> Value:
    """What a parameter holds when a function is called from outside of its file."""
    if language != "python":
        return _in_javascript(function, param, name)
    if (given := field_argument(function, name)) is not None:
        return given
    if function.decorators and not _NOT_DATA.match(name) and _is_data(function, param):
        data = tainted(name, whole=param.type.lower().startswith(("dict", "any")), name=name)
        return replace(data, safe=frozenset({SEGMENT})) if _is_segment(function, name) else data
    if function.decorators and _MODEL.match(param.type) and param.default is None:
        return tainted(f"{VALIDATED}{name}", name=name)
    return Value(name=name)


def _in_javascript(function: Function, param: Param, name: str) -> Value:
    if (given := filled(function, param)) is not None:
        return given
    second = len(function.params) > 1 and function.params[1] is param
    return _route_context(function) if second and not name else Value(name=name)


def _route_context(function: Function) -> Value:
    """The second parameter of a route handler of Next.js, which holds the parts of the path."""
    parent = function.node.parent
    name = function.name or text_of(parent.child_by_field_name("name") if parent is not None else None)
    return Value(keys={"params": tainted("params", name="params")}) if _METHOD.match(name) else Value()


def is_route(function: Function) -> bool:
    return _route(function) is not None


def _route(function: Function) -> Expr | None:
    return next((one for one in function.decorators if _ROUTE.search(text_of(one.node).split("(")[0])), None)


def _is_segment(function: Function, name: str) -> bool:
    """A part of the route's path: there is no slash in it, unless a converter says `path`."""
    route = _route(function)
    part = rf"<(?:string:)?{re.escape(name)}>|\{{{re.escape(name)}(?::str)?\}}"
    return route is not None and re.search(part, text_of(route.node)) is not None


def _is_data(function: Function, param: Param) -> bool:
    """A parameter of a route: without a type, or a text by its type, and injected by nothing."""
    route = _route(function)
    if route is None:
        return False
    name = re.escape(text_of(param.target.node))
    if re.search(rf"<(?:int|float|\w*uuid\w*|hex|date|objectid|ObjectId)(?:\([^)]*\))?:{name}>", text_of(route.node)):
        return False
    if param.default is not None and _INJECTED.search(text_of(param.default.node)):
        return False
    if _INJECTED.search(param.type):
        return False
    return not param.type or _STRING.match(param.type) is not None
