"""What known calls give back: containers, calls that hand data on, and calls that make it harmless.

A function that nobody knows is taken for one that gives back something of its own.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.code_containers import operate, walked
from auditor.facts.code_joins import guessable
from auditor.facts.code_requests import read, weak_random
from auditor.facts.code_schemas import read_schema, valid
from auditor.facts.code_values import HOLE, NOTHING, Origin, Value, content, union

if TYPE_CHECKING:
    from auditor.facts.code_values import Env, Event, Flow

# Calls whose result holds what they are given.
_CARRY = re.compile(
    r"^(?:Request|String|Buffer\.from|Buffer\.concat|decodeURIComponent|decodeURI|unescape|escape|atob|btoa|JSON\.(?:parse|stringify)|structuredClone"
    r"|Object\.(?:assign|values|entries|keys|fromEntries)|Array\.from|Promise\.(?:all|resolve)|util\.(?:format|promisify)"
    r"|(?:path|path/posix|path\.posix|path\.win32|upath)\.(?:join|resolve|normalize|format|relative)|path\.(?:join|resolve|normalize)"
    r"|(?:url\.)?(?:URL|parse)|url\.(?:parse|resolve|URL|fileURLToPath)|fileURLToPath|querystring\.\w+|qs\.parse"
    r"|ini\.parse"
    r"|(?:lodash|_|ramda|R|lodash/\w+)\.(?:cloneDeep|clone|get|toString|trim|merge|assign|extend|defaults)"
    r"|str|bytes|bytearray|list|tuple|set|sorted|reversed|iter|next|format|repr|map|filter|max|min|enumerate|zip"
    r"|(?:urlparse|urlsplit|unquote|unquote_plus|urljoin)|(?:urllib\.parse|urllib|six\.moves\.urllib\.parse|werkzeug\.urls)\.(?:unquote|unquote_plus|urljoin|parse_qs|parse_qsl|urlparse|urlsplit)"
    r"|base64\.\w+|binascii\.\w+|codecs\.(?:encode|decode)|json\.(?:loads|dumps)|orjson\.\w+|ast\.literal_eval|copy\.(?:copy|deepcopy)"
    r"|(?:io\.)?BytesIO|os\.path\.(?:commonpath|commonprefix|join|abspath|realpath|normpath|expanduser|splitext|dirname)|os\.fspath"
    r"|pathlib\.(?:Path|PurePath|PosixPath)|Path|html\.unescape|textwrap\.dedent|string\.Template|shlex\.split|anyio\.Path|os\.fsencode)$"
)
# Methods whose result is not what they are called on.
_FRESH = {
    "includes", "startsWith", "endsWith", "startswith", "endswith", "indexOf", "lastIndexOf", "test", "localeCompare",
    "has",
    "isdigit", "isalnum", "isalpha", "find_all", "count", "index", "charCodeAt", "some", "every", "findIndex", "is_dir",
    "is_file", "exists", "save", "is_valid", "safeParse", "hasOwnProperty", "mv", "pipe",
}  # fmt: skip
# Calls whose result is harmless for some uses, or for all.
_NUMBERS = re.compile(
    r"^(?:parseInt|parseFloat|Number|Number\.parse\w+|BigInt|Boolean|Date|Math\.\w+|int|float|bool|len|abs|round|hash|ord"
    r"|uuid\.UUID|UUID|decimal\.Decimal|Decimal|typeof|bson\.ObjectId|ObjectId|bson\.objectid\.ObjectId|\w*(?:\.|^)ObjectId|mongoose\.Types\.ObjectId)$"
)
_HTML = re.compile(
    r"(?i)^(?:html\.escape|cgi\.escape|markupsafe\.escape|flask\.escape|django\.utils\.html\.\w+|bleach\.\w+|nh3\.clean|xml\.sax\.saxutils\.\w+"
    r"|(?:\w+\.)*(?:escape_?html\w*|encode_for_html|html_?escape\w*|escape_for_html|conditional_escape|sanitize_?html|sanitizeHtml|DOMPurify\.sanitize|purify\.sanitize|he\.(?:encode|escape))"
    r"|dompurify\.sanitize|isomorphic-dompurify\.sanitize|sanitize-html|xss|xss\.\w+|validator\.escape|escape-html|lodash\.escape|_\.escape|he\.(?:encode|escape)|escape)$"
)
_PATHS = re.compile(
    r"(?i)^(?:(?:path|path\.posix|path/posix|os\.path|ntpath|posixpath)\.basename|path\.(?:basename|extname)|basename|werkzeug\.utils\.(?:secure_filename|safe_join)|(?:\w+\.)*secure_filename"
    r"|(?:flask\.|werkzeug\.\w+\.)?safe_join|django\.utils\._os\.safe_join|django\.utils\.text\.get_valid_filename|sanitize-filename|sanitizeFilename|(?:\w+\.)*slugify|\w*(?:[sS]anitize|safe_?|clean_?)\w*(?:[pP]ath|[fF]ile_?[nN]ame|[nN]ame)\w*)$"
)
_TARGETS = re.compile(
    r"(?i)^\w*(?:safe|sanitize|validate|allowed|trusted|internal)_?\w*(?:redirect|url|uri|next|callback|return_?to|target|href)\w*$"
)
_ENCODED = re.compile(
    r"^(?:encodeURIComponent|encodeURI|urllib\.parse\.(?:quote|quote_plus|urlencode)|(?:\w+\.)?urlencode|quote|quote_plus|urlquote|querystring\.stringify|qs\.stringify)$"
)
_PATTERNS = re.compile(
    r"(?i)^(?:re\.escape|(?:lodash|_)\.escapeRegExp|escapeRegExp|escape-string-regexp|escapeStringRegexp|RegExp\.escape|escape_?regex\w*|regexEscape)$"
)
_LDAP = re.compile(
    r"^(?:ldap3\.utils\.conv\.escape_filter_chars|ldap\.filter\.escape_filter_chars|escape_filter_chars|\w*[eE]scape\w*(?:[lL]dap|Filter|DN)\w*|ldap\.dn\.escape_dn_chars)$"
)
_SHELL = re.compile(
    r"^(?:shlex\.(?:quote|join)|pipes\.quote|shell-quote\.quote|quote|shell-?escape\w*|shellescape|shellQuote)$"
)
_SQL = re.compile(
    r"(?i)(?:^|\.)(?:connection|conn|pool|mysql\d?|sqlstring|db|client|sequelize|pgp?|as)\.(?:escape|escapeId|escapeLiteral|escapeIdentifier|format|name|value)$"
    r"|^(?:pg-format|sqlstring)(?:\.\w+)?$|(?:^|\.)(?:mogrify|quote_ident|quote_literal|sql\.Identifier|sql\.Literal|getQuery|toSQL|toQuery)$"
)
_MONGO = re.compile(
    r"^(?:mongo-sanitize|sanitize|mongoSanitize(?:\.sanitize)?|express-mongo-sanitize\.sanitize|String)$"
    r"|(?i:^_?(?:strip|pick|omit|filter|remove|drop|whitelist|allow|permit|only|without|keep)(?:ted|ed)?_?\w*(?:fields?|props|properties|keys|attributes|columns|params|body)$)"
    r"|^(?:(?:lodash|lodash/\w+|_|ramda|R|remeda|radash|es-toolkit)\.)?(?:pick|omit|pickBy|omitBy)$"
)
_QUOTES = re.compile(
    r"(?i)(?!.*(?:safeParse|unescape|unquote))(?:\w+\.)*\w*(?:quote|escape|saniti[sz]e|encode|clean|safe|whitelist|allowed)\w*$"
)
_SANITISERS = re.compile(r"(?i)(?:^|\.)(?:sanitize|sanitise|escape|purify|clean|strip_tags)\w*$")


def called(flow: Flow, call: Event, method: str, env: Env) -> Value:  # noqa: C901, PLR0911 - a case per line
    """The value of a call of a function that is not of the same file."""
    if call.name in {"require", "import"} and call.args and isinstance(call.args[0].const, str):
        module = call.args[0].const.removeprefix("node:")
        return Value(name=module, origin=Origin(flow.path, module) if flow.modules is not None else None)
    if call.name.endswith("promisify") and call.args:
        return call.args[0]
    if weak := weak_random(call):
        return weak
    if found := read_schema(flow, call, method, env) or valid(call, env):
        return found
    if found := read(flow.language, call.name, call.args, call.receiver):
        return found
    if found := walked(flow, call, method, env):
        return found
    if method and (found := operate(call, method)):
        return found
    if found := harmless(call):
        return found
    if _CARRY.match(call.name):
        return _carried(call)
    if method and call.receiver.taint and method not in _FRESH:
        return _of_receiver(call, method)
    if (method == "join" and call.args and flow.language == "python") or method in {"format", "format_map"}:
        given = content(Value(items=[call.receiver, *call.args, *call.named.values()]))
        if call.receiver.name.endswith("Markup()") and method == "format":  # escapes what it is given
            given = replace(given, safe=given.safe | {"html"})
        return replace(given, const=NOTHING, items=None, keys=None, built=True, prefix=_format_prefix(call))
    return Value(
        name=f"{call.name}()", args=call.args, named=call.named, keys=_fresh_container(call), items=_buffer(call),
        origin=_made(flow, call, env),
    )  # fmt: skip


def _made(flow: Flow, call: Event, env: Env) -> Origin | None:
    """Where what an imported class or function makes comes from."""
    del flow, env
    return call.func.origin.member("()") if call.func is not None and call.func.origin is not None else None


def _format_prefix(call: Event) -> str:
    text = call.receiver.const
    return text.split("{")[0] if isinstance(text, str) else call.receiver.prefix


_CONTAINERS = re.compile(
    r"^(?:Map|WeakMap|dict|collections\.(?:OrderedDict|defaultdict)|OrderedDict|defaultdict|URLSearchParams|FormData|Headers|configparser\.\w+|ConfigParser|types\.SimpleNamespace)$"
)


def _buffer(call: Event) -> list[Value] | None:
    return list(call.args) if _BUFFERS.match(call.name) else None


_BUFFERS = re.compile(r"^(?:io\.)?StringIO$")


def _fresh_container(call: Event) -> dict[str, Value] | None:
    return dict(call.named) if _CONTAINERS.match(call.name) and not call.args else None


def harmless(call: Event) -> Value | None:
    """What a call gives that makes data harmless, by its name, wherever it is defined."""
    name = call.name
    if _NUMBERS.match(name):
        return guessable(call.args)
    for pattern, uses in (
        (_SHELL, ("command",)), (_SQL, ("sql",)), (_PATTERNS, ("regex",)),
        (_PATHS, ("path", "redirect")),
        (_TARGETS, ("redirect", "url")), (_ENCODED, ("html", "url", "redirect", "header")),
        (_HTML, ("html",)),
        (_LDAP, ("ldap",)), (_MONGO, ("structure",)),
    ):  # fmt: skip
        if pattern.match(name) or pattern.match(name.rpartition(".")[2]):
            return _safe_for(call, uses)
    if _SANITISERS.search(name) and not name.startswith("regex"):
        return Value()
    return None


def quoted(name: str, value: Value) -> Value:
    """What a function gives, harmless for filters where its name says that it quotes, escapes or checks."""
    if not value.taint or not _QUOTES.match(name):
        return value
    return replace(value, safe=value.safe | {"filter"})


def _safe_for(call: Event, uses: tuple[str, ...]) -> Value:
    given = _carried(call)
    more = frozenset(uses) | ({"path"} if call.name == "encodeURIComponent" else frozenset())
    whole = given.whole and "structure" not in uses
    return replace(given, safe=given.safe | more, whole=whole)


def _carried(call: Event) -> Value:
    """A value that holds what a call was given; of a path, the first part is the part that leads."""
    given = [content(arg) for arg in (*call.args, *call.named.values())]
    if not given:
        return Value(name=f"{call.name}()")
    if call.name.endswith(("URL", "urljoin", "url.resolve")) and len(given) > 1:
        return _resolved(call, given)
    if call.name == "Request":  # where it goes to is the first; what is sent there is no address
        return replace(given[0], name="Request()", items=None, keys=None, closure=None)
    whole = union(given)
    text = call.name in {"String", "str", "JSON.stringify", "json.dumps"}
    prefix = whole.prefix if len(given) == 1 else given[0].prefix if given[0].const is NOTHING else str(given[0].const)
    return replace(
        whole, const=given[0].const if len(given) == 1 and given[0].const is not NOTHING and text else NOTHING,
        items=None, keys=None, closure=None, name=f"{call.name}()", prefix=prefix, whole=whole.whole and not text,
        args=call.args,
    )  # fmt: skip


def _resolved(call: Event, given: list[Value]) -> Value:
    """A URL against a base: where the first part is an absolute one, the base is without effect."""
    first = given[0] if call.name.endswith("URL") else given[-1]
    if first.taint and first.prefix == "":
        return replace(first, name=f"{call.name}()", items=None, keys=None)
    if first.taint:
        return replace(first, name=f"{call.name}()", prefix=HOLE)
    return Value(name=f"{call.name}()")


def _of_receiver(call: Event, method: str) -> Value:
    """A method of request data gives request data."""
    receiver = call.receiver
    asked = call.args[0].const if call.args and method in {"get", "getlist", "pop", "getAll", "has"} else NOTHING
    taint = receiver.taint
    if isinstance(asked, str):
        taint = frozenset(f"{path}.{asked}" for path in taint)
    if method in {"replace", "replaceAll", "sub"}:
        return _replaced(call)
    name = "" if method in {"decode", "strip", "trim"} else f"{receiver.name}.{method}()"
    whole = receiver.whole and method not in {
        "toString",
        "trim",
        "toLowerCase",
        "toUpperCase",
        "join",
        "text",
        "decode",
    }
    more = [content(arg) for arg in call.args if arg.taint] if method in {"concat", "join", "format"} else []
    return union([replace(receiver, taint=taint, whole=whole, name=name, const=NOTHING), *more])


def _replaced(call: Event) -> Value:
    """A text without some characters: harmless where a list of allowed ones is what is left."""
    pattern = call.args[0].name.removeprefix("regex ") if call.args else ""
    put = call.args[1].const if len(call.args) > 1 else NOTHING
    text = str(call.args[0].const) if call.args and isinstance(call.args[0].const, str) else pattern
    safe = set(call.receiver.safe)
    if "[^" in pattern or r"\W" in pattern:
        return Value()
    once = call.node.type == "call_expression" and not pattern and call.name.endswith(".replace")  # only the first one
    if (".." in text.replace("\\", "") or "/" in text.strip("/gimu")) and not once:
        safe.add("path")
    if isinstance(put, str) and "$&" in put:
        safe.add("regex")
    if "<" in text:
        safe.add("html")
    if text.strip("/gimu[]\\") in {"'", '"'}:
        safe |= {"xpath", "ldap"}
    if any(mark in text for mark in ',()"') and not once and (put == "" or '"' in text):
        safe.add("filter")
    return replace(call.receiver, safe=frozenset(safe), const=NOTHING)
