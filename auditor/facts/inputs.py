"""What an endpoint takes out of the request, and whether it goes through a schema before it is used."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS, arguments_of, pattern_names, returned, unwrap
from auditor.facts.decorators import of_parameters
from auditor.facts.elysia_hooks import context_parts
from auditor.facts.method_branches import of_other_method
from auditor.facts.parameters import parameters
from auditor.facts.py_routes import is_python
from auditor.facts.request_parts import put_back, request_parts
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Call, Reacher

_REQUEST = r"(?:\w+\.)?(?:req|request|_req|_request|httpReq|nextReq)(?:\.raw)?(?:\.clone\(\))?"
_READS = {
    "json": re.compile(rf"^{_REQUEST}\.json$|\.req\.json$|^(?:readBody|readValidatedBody|readRawBody)$"),
    "form": re.compile(
        rf"^{_REQUEST}\.(?:formData|parseBody)$|\.req\.(?:formData|parseBody)$|^read(?:Multipart)?FormData$"
    ),
    "query": re.compile(
        r"^get(?:Validated)?Query$|\.req\.(?:query|queries)$|\b\w*[sS]earchParams\.(?:get|getAll|entries|toString)$"
    ),
}
_FORM_FIELD = re.compile(r"^(?:formData|form|fd)\.(?:get|getAll|entries)$")
_TEXT = re.compile(rf"^{_REQUEST}\.text$|\.req\.text$")
_MEMBER = re.compile(rf"^{_REQUEST}\.(body|query)$|^ctx\.request\.(body|query)$|^ctx\.(query)$")
_PASSED = re.compile(r"^(?:\w+\.)?(?:req|request|_req|c|ctx|context)$")
_PARSES = {
    "parse", "safeParse", "parseAsync", "safeParseAsync", "validate", "validateSync", "validateAsync", "validateStrict",
    "decode", "decodeSync", "decodeUnknown", "decodeUnknownSync", "decodeUnknownEither", "cast", "assert", "Check",
    "Parse",
    "Decode", "parser", "validateBody", "strictParse",
}  # fmt: skip
_LIBRARIES = {
    "superstruct", "valibot", "zod", "arktype", "@sinclair/typebox", "yup", "joi", "runtypes", "io-ts", "effect",
}  # fmt: skip
_THROWS = re.compile(r"\.(?:parse|parseAsync|validateAsync|assert|validateSync|strictParse)$|^await .*\.validate$")
_NO_SCHEMA = re.compile(
    r"^(?:JSON|URL|qs|querystring|queryString|path|Date|Number|cookie\w*|yaml|YAML|Papa|csv|dayjs|moment|jwt|bcrypt|marked|url|ms"
    r"|prisma|db|tx|stripe|\w*[cC]lient|supabase|console|Object|Array|Promise|\w+\.\w+\.create|openai|anthropic)\b"
)
_NAMED = re.compile(r"valid|schema|parse_?\w*(?:body|request|input|params|query|json|data|form)|sanit", re.IGNORECASE)
_DECORATED = {"Body": "json", "BodyParams": "json", "Query": "query", "QueryParams": "query", "Queries": "query"}
_MAX_HOPS = 2
_MAX_PART = 300  # bytes: a longer expression makes something else of what it takes


@dataclass(frozen=True, slots=True)
class Read:
    """One reading of the request: `kind` is json, form, query or arguments; `names` hold it or parts of it, `whole` all
    of it.
    """

    kind: str
    path: str
    node: Node
    names: frozenset[str] = frozenset()
    validated: bool = False
    by_hand: bool = False
    whole: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Scope:
    """One function, with the calls and the variables in it."""

    site: Site
    calls: list[Call]
    declared: list[Node] = field(default_factory=list)


def reads(reacher: Reacher, endpoint: Endpoint) -> list[Read]:
    """Everything that the handler reads, with what becomes of it; worked out once."""
    key = (reads, endpoint)
    if key not in reacher.memory:
        reacher.memory[key] = _all_reads(reacher, endpoint)
    found: list[Read] = reacher.memory[key]
    return found


def _all_reads(reacher: Reacher, endpoint: Endpoint) -> list[Read]:
    if is_python(endpoint):
        from auditor.facts.py_inputs import python_reads

        return python_reads(reacher, endpoint)
    if endpoint.handler is None or endpoint.handler.node.type not in FUNCTIONS:
        return []
    found = [*_reads(reacher, endpoint.handler, _MAX_HOPS), *_decorated(reacher, endpoint.handler)]
    found += _of_context(reacher, endpoint.handler) if endpoint.framework == "Elysia" else []
    found = [read for read in found if not of_other_method(read.node, endpoint.method)]
    if endpoint.method == "GET":  # a GET has no body
        return [replace(read, kind="query") for read in found]
    # A client's `.action(…)` hands on what its schema let through, and nothing without one.
    by_client = any(text_of(guard.node).endswith(".action") for guard in endpoint.guards)
    is_action = endpoint.method == "ACTION" or endpoint.path.startswith("/_actions/")
    return [*found, *_arguments(reacher, endpoint)] if is_action and not by_client else found


def _of_context(reacher: Reacher, handler: Site) -> list[Read]:
    """What a handler of Elysia takes out of its context."""
    scope, language = _scope(reacher, handler), reacher.symbols.code.files[handler.path]
    found = []
    for kind, part in context_parts(language, handler.node):
        names = _names_of(part) or frozenset([text_of(part)])
        whole = frozenset[str]() if part.type == "object_pattern" else names
        found.append(_judged(reacher, scope, Read(kind, handler.path, part, names, whole=whole)))
    return found


def unvalidated(found: list[Read], schemas: frozenset[str]) -> list[Read]:
    """The readings that no schema sees; `schemas` are the inputs that a declaration or a middleware validates."""
    if "*" in schemas:
        return []
    covered = schemas | ({"form"} if "json" in schemas else frozenset())
    return [read for read in found if not read.validated and read.kind not in covered]


def _decorated(reacher: Reacher, handler: Site) -> Iterator[Read]:
    """`@Body() note: NewNote` and `@Query() query` of a controller's method: the whole body, the whole query."""
    for marks, parameter in (
        of_parameters(handler.path, handler.node) if handler.node.type == "method_definition" else ()
    ):
        kinds = (_DECORATED[n] for n, mark in marks if n in _DECORATED and not _picks(mark.node))
        names, kind = frozenset([text_of(parameter.child_by_field_name("pattern"))]), next(kinds, "")
        if kind:
            scope = _scope(reacher, handler)
            yield _judged(reacher, scope, Read(kind, handler.path, parameter, names, whole=names))


def _picks(decorator: Node) -> bool:
    """Whether a decorator takes one field: `@Body("name")`."""
    given = arguments_of(decorator) if decorator.type == "call_expression" else []
    return bool(given) and given[0].type in {"string", "identifier", "member_expression"}


def _arguments(reacher: Reacher, endpoint: Endpoint) -> Iterator[Read]:
    """The arguments of a server action come from the browser."""
    assert endpoint.handler
    scope = _scope(reacher, endpoint.handler)
    for pattern in parameters(endpoint.handler.node):
        names = _names_of(pattern)
        if names and not _is_framework(pattern, names):
            yield _judged(reacher, scope, Read("arguments", endpoint.handler.path, pattern, names))


def _is_framework(pattern: Node, names: frozenset[str]) -> bool:
    """Arguments that frameworks give: a previous state, a context; single ids are looked up and need no schema."""
    holder = pattern.parent
    annotation = text_of(holder.child_by_field_name("type")) if holder is not None else ""
    simple = re.fullmatch(
        r":\s*(?:string|number|boolean|bigint|[\w.]*Id)(?:\s*\|\s*(?:null|undefined|string|number))*", annotation
    )
    return bool(simple) or names <= {"prevState", "state", "previousState", "_", "_prevState", "initialState", "ctx"}


def _reads(reacher: Reacher, site: Site, hops: int) -> list[Read]:
    scope = _scope(reacher, site)
    found = []
    for call in scope.calls:
        kind = next((kind for kind, pattern in _READS.items() if pattern.search(call.name)), "")
        if not kind and _TEXT.search(call.name) and "JSON.parse" in reacher.text(site):
            kind = "json"
        if not kind and _FORM_FIELD.search(call.name):
            kind = "form"
        if kind:
            found.append(_judged(reacher, scope, Read(kind, site.path, call.node)))
        elif hops:
            found += _behind(reacher, scope, call, hops)
    for node in nodes(reacher.symbols.code.files[site.path], site.node, "member_expression"):
        called = node.parent is not None and node.parent.type == "call_expression"
        if not called and (match := _MEMBER.match(text_of(node))):
            kind = "query" if "query" in match.groups() else "json"
            found.append(_judged(reacher, scope, Read(kind, site.path, node)))
    for kind, part in request_parts(site.node, scope.declared):
        names = _names_of(part) or frozenset([text_of(part)])
        whole = frozenset[str]() if part.type == "object_pattern" else names
        found.append(_judged(reacher, scope, Read(kind, site.path, part, names, whole=whole)))
    return found


def _behind(reacher: Reacher, scope: _Scope, call: Call, hops: int) -> Iterator[Read]:
    """What a function reads that is handed the request; where it gives it back, it is read here."""
    if not isinstance(call.target, Site) or call.target.node.type not in FUNCTIONS:
        return
    if not any(_PASSED.match(text_of(argument)) or _is_url(argument) for argument in arguments_of(call.node)):
        return
    inner = _reads(reacher, call.target, hops - 1)
    open_ones = [read for read in inner if not read.validated]
    given_back = any(_within(read.node, value) or _uses(value, read.names) for read in open_ones for value in
                     returned(call.target.node))  # fmt: skip
    if not given_back:
        for read in inner:
            yield Read(read.kind, scope.site.path, call.node, validated=read.validated, by_hand=read.by_hand)
    elif open_ones:
        yield _judged(reacher, scope, Read(open_ones[0].kind, scope.site.path, call.node))


def _is_url(argument: Node) -> bool:
    return bool(re.fullmatch(rf"{_REQUEST}\.(?:url|nextUrl|body|query)", text_of(argument)))


def _scope(reacher: Reacher, site: Site) -> _Scope:
    declared = nodes(reacher.symbols.code.files[site.path], site.node, "variable_declarator")
    return _Scope(site, reacher.own(site), declared)


def _judged(reacher: Reacher, scope: _Scope, read: Read) -> Read:
    written, schemas = text_of(read.node), [call.node for call in scope.calls if parses(call)]
    if any(_within(read.node, call) or put_back(call, written) or _takes_whole(call, written) for call in schemas):
        return Read(read.kind, read.path, read.node, validated=True)
    names = _flow(scope, read)
    validated = any(_takes(reacher, call, names, read.node) for call in scope.calls)
    by_hand = bool(names) and _checked_by_hand(reacher.text(scope.site), names)
    return Read(read.kind, read.path, read.node, names, validated, by_hand, _whole(scope, read))


def _takes_whole(call: Node, written: str) -> bool:
    """`Schema.parse(req.body)` as a statement of its own: it throws, so that what is read besides has passed it."""
    if _MEMBER.match(written) is None or not any(text_of(given) == written for given in arguments_of(call)):
        return False
    holder = call.parent
    while holder is not None and holder.type in {"await_expression", "parenthesized_expression"}:
        holder = holder.parent
    waits = "await " if holder is not None and holder.named_children[0].type == "await_expression" else ""
    alone = holder is not None and holder.type == "expression_statement"
    return alone and _THROWS.search(waits + text_of(call.child_by_field_name("function"))) is not None


def _takes(reacher: Reacher, call: Call, names: frozenset[str], node: Node) -> bool:
    """Whether a call validates one of the names, itself or in the function that it calls."""
    given = arguments_of(call.node)
    if not any(_uses(argument, names) or _within(node, argument) for argument in given):
        return False
    if parses(call):
        return True
    return isinstance(call.target, Site) and any(parses(inner) for inner in reacher.reach(call.target, 1).calls)


def parses(call: Call) -> bool:
    """Whether a call puts its argument through a schema."""
    last = call.name.rsplit(".", 1)[-1]
    if _NO_SCHEMA.match(call.name) or call.node.type != "call_expression":
        return False
    by_library = (
        isinstance(call.target, External) and call.target.package in _LIBRARIES and "()" not in call.target.name
    )
    if by_library and last in {*_PARSES, "create", "is", "mask"}:
        return True
    return (last in _PARSES and "." in call.name) or bool(_NAMED.search(last))


def _flow(scope: _Scope, read: Read) -> frozenset[str]:
    """The variables that hold the value, or a part of it."""
    names = set(read.names)
    for declarator in scope.declared:
        value, name = declarator.child_by_field_name("value"), declarator.child_by_field_name("name")
        if value is None or name is None or value.type in FUNCTIONS:
            continue
        if _within(read.node, value) or (_uses(value, names) and value.end_byte - value.start_byte < _MAX_PART):
            names |= _names_of(name)
    return frozenset(names)


def _whole(scope: _Scope, read: Read) -> frozenset[str]:
    """The variables that are the value itself: `const body = await req.json()`."""
    for declarator in scope.declared:
        value, name = declarator.child_by_field_name("value"), declarator.child_by_field_name("name")
        if value is not None and name is not None and name.type == "identifier" and unwrap(value) == read.node:
            return _names_of(name)
    return read.names if read.kind == "arguments" else read.whole


def _names_of(pattern: Node) -> frozenset[str]:
    if pattern.type == "object_pattern":
        return frozenset(local for local, _ in pattern_names(pattern))
    return frozenset([text_of(pattern)]) if pattern.type == "identifier" else frozenset()


def _uses(node: Node, names: Iterable[str]) -> bool:
    wanted = set(names)
    return bool(wanted) and not wanted.isdisjoint(re.findall(r"[A-Za-z_$][\w$]*", text_of(node)))


def _within(inner: Node, outer: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte


def _checked_by_hand(text: str, names: frozenset[str]) -> bool:
    each = "|".join(map(re.escape, sorted(names)))
    name = rf"(?:{each})(?:\??\.\w+)?\b"
    called = r"(?:Array\.isArray|Number|parseInt|parseFloat|String|Boolean|isNaN|\.test|\.includes|\.has)"
    return bool(re.search(rf"typeof\s+{name}|!\s*{name}|{called}\(\s*{name}|{name}\s*(?:[!=]==?|<|>)", text))
