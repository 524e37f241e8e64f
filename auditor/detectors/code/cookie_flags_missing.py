"""Cookies that scripts can read, or that travel without encryption."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.code_values import Value
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)cookie|express-session|\bsession\(|iron-session")
_SETS = re.compile(
    r"^(?:\w+\.)*(?:res|response|reply|_res|ctx\.cookies|cookieStore|cookies\(\)|next/headers\.cookies\(\)|cookies|cookieJar|resp"
    r"|redirect|jar|\w*[rR]esponse|RESPONSE)(?:\.\w+\(\))*(?:\.cookies)?\.(?P<how>cookie|setCookie|set_cookie|set|set_signed_cookie)$"
    r"|^(?:hono/cookie\.|@hono/\w+\.)?(?P<hono>setCookie|setSignedCookie)$|\(\)\.(?P<made>set_cookie)$|\.cookies\.(?P<jar>set)$"
    r"|^cookies\(\)\.(?P<next>set)$|\.(?P<any>set_cookie)$"
)
_SESSIONS = re.compile(
    r"^(?:express-session|cookie-session|session|cookieSession|expressSession|koa-session|@fastify/session)$"
)
_SESSION_LIKE = re.compile(
    r"(?i)sess|sid\b|token|auth|jwt|login|access|refresh|remember|credential|identity|user_?id|^id$|bearer|api_?key|secret"
)
_NOT_SESSION = re.compile(
    r"(?i)csrf|xsrf|theme|locale|lang|consent|banner|sidebar|anonymous|utm|referr?al|state$|nonce|verifier"
)
_HEADERS = re.compile(r"\.(?:setHeader|header|append|set|appendHeader)$")
_EMPTIED = re.compile(r"(?i)^[^=]+=;|max-age=0|1970")
_UNKNOWN = "\0"
_SETTINGS = re.compile(r"^(?:SESSION_COOKIE|REMEMBER_COOKIE|CSRF_COOKIE|JWT_COOKIE)_(?:SECURE|HTTPONLY)$")
_DEVELOPMENT = re.compile(r"(?i)(?:^|[/_.-])(?:dev|local|development|test|testing|ci)(?:[/_.-]|$)")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "cookie", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind in {"assign", "put", "set"}:
        return _setting(event)
    if event.kind == "class" or event.kind not in {"call", "new"}:
        return None
    if event.named and event.name.endswith((".update", ".from_mapping")):
        return _updated(event)
    if _SESSIONS.match(event.name) and event.args and event.args[0].keys is not None and "session" in text:
        return _session(event, event.args[0].keys)
    return _set(event)


def _set(event: Event) -> Judged | None:
    if _HEADERS.search(event.name) and len(event.args) > 1 and str(event.args[0].const).lower() == "set-cookie":
        return _written(event.args[1])
    match = _SETS.search(event.name)
    if match is None:
        return None
    return _python(event) if event.name.endswith(("set_cookie", "set_signed_cookie")) else _javascript(event)


def _written(value: Value) -> Judged | None:
    """A cookie as the text of a header, where all of its flags can be read."""
    parts = value.args if value.built else (value,)
    text = "".join(str(part.const) if isinstance(part.const, str) else _UNKNOWN for part in parts)
    name, _, rest = text.partition("=")
    if _UNKNOWN in rest.partition(";")[2] or _UNKNOWN in name or not rest or _EMPTIED.search(text):
        return Judged("its flags come from elsewhere, or it ends a cookie")
    missing = [flag for flag in ("HttpOnly", "Secure") if flag.lower() not in rest.lower()]
    if missing and _SESSION_LIKE.search(name) and not _NOT_SESSION.search(name):
        return Judged(f"the cookie of a session lacks `{missing[0]}`", missing[0].lower())
    return Judged("it has its flags, or carries no session")


def _off(value: Value | None) -> bool:
    return value is not None and (value.const is False or value.const == 0)


def _setting(event: Event) -> Judged | None:
    """`SESSION_COOKIE_SECURE = False`, as a name, as an item or as a member."""
    if event.kind == "put":
        key, value = event.args[0].const, event.args[1]
    else:
        key, value = event.name.rpartition(".")[2], event.args[0]
    if not isinstance(key, str) or not _SETTINGS.match(key):
        return None
    return _switched(key, value)


def _updated(event: Event) -> Judged | None:
    found = [_switched(key, value) for key, value in event.named.items() if _SETTINGS.match(key)]
    return next((judged for judged in found if judged.fault), found[0]) if found else None


def _switched(key: str, value: Value) -> Judged:
    if _off(value):
        return Judged(f"{key} is switched off", key.lower())
    return Judged(f"{key} is not switched off")


def _session(event: Event, keys: dict[str, Value]) -> Judged:
    flags = keys["cookie"].keys if "cookie" in keys else keys if "cookie-session" in event.name.lower() else {}
    if flags is None or (flags and "*" in flags):
        return Judged("its flags come from elsewhere")
    if _off(flags.get("httpOnly")):
        return Judged("the session's cookie can be read by every script of the page", "httponly")
    if "secure" not in flags or _off(flags.get("secure")):
        return Judged("the session's cookie is sent without encryption, too: `secure` is not set", "secure")
    return Judged("the session's cookie has its flags")


def _javascript(event: Event) -> Judged | None:
    given = list(event.args[1:] if event.args and event.args[0].name in {"c", "ctx", "context"} else event.args)
    if len(given) == 1 and given[0].keys is not None and "name" in given[0].keys:
        keys = given[0].keys
        if "options" in keys:
            return Judged("its flags come from elsewhere")
        return _flags(keys["name"], keys, keys.get("value"), ("httpOnly", "secure"), event)
    if len(given) < 2:  # noqa: PLR2004 - so many arguments or parts
        return None
    options = given[2] if len(given) > 2 else Value(keys={})  # noqa: PLR2004 - so many arguments or parts
    if options.keys is None or options.taint or "*" in options.keys:
        return Judged("its flags come from elsewhere")
    return _flags(given[0], options.keys, given[1], ("httpOnly", "secure"), event)


def _python(event: Event) -> Judged | None:
    named = event.named
    name = event.args[0] if event.args else named.get("key")
    if name is None:
        return None
    if "**" in named:
        return Judged("its flags come from elsewhere")
    value = event.args[1] if len(event.args) > 1 else named.get("value")
    return _flags(name, named, value, ("httponly", "secure"), event)


def _flags(name: Value, given: dict[str, Value], value: Value | None, flags: tuple[str, str], event: Event) -> Judged:
    if _ends(given, value):
        return Judged("it ends a cookie")
    known = str(name.const) if isinstance(name.const, str) else text_of(event.node).split(",")[0]
    session = _SESSION_LIKE.search(known) is not None and not _NOT_SESSION.search(known)
    off = [flag for flag in flags if _off(given.get(flag))]
    missing = [flag for flag in flags if flag not in given]
    if session and (off or missing):
        wrong = (off or missing)[0]
        return Judged(f"the cookie of a session lacks `{wrong}`", wrong.lower())
    if flags[1] in off:
        return Judged("the cookie is told to travel without encryption, too", "secure", Severity.LOW)
    return Judged("it has its flags, or carries no session")


def _ends(given: dict[str, Value], value: Value | None) -> bool:
    """A cookie that is emptied or has run out."""
    age = next((given[name].const for name in ("maxAge", "max_age", "Max-Age", "max-age") if name in given), None)
    return age in {0, -1} if isinstance(age, int) else value is not None and value.const in {"", None}
