"""Secrets of sessions and tokens that stand in the code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)jwt|jsonwebtoken|jose|session|secret|cookieParser|cookie-parser|itsdangerous")
_SIGNS = re.compile(
    r"(?i)^(?:\w+\.)*(?:jsonwebtoken|jwt|jose\.jwt|hono/jwt|fast-jwt|pyjwt|jwt-simple|jws)\.(?P<how>sign|verify|encode|decode)$|^jose\.jwt\.(?:encode|decode)$"
)
_JOSE = re.compile(r"(?:SignJWT\(\).*\.sign|EncryptJWT\(\).*\.encrypt|(?:^|\.)jwtVerify|(?:^|\.)jwtDecrypt)$")
_OPTIONS = re.compile(
    r"^(?:express-session|session|express-jwt|express-jwt\.expressjwt|expressJwt|expressjwt|hono/jwt\.jwt|jwt|koa-jwt|cookie-session|cookieSession|@fastify/jwt|JwtStrategy"
    r"|passport-jwt\.Strategy|@elysiajs/jwt\.jwt|JwtModule\.register|@nestjs/jwt\.JwtModule\.register|NextAuth|next-auth\.default|next-auth)$"
)
_PARSER = re.compile(
    r"^(?:cookie-parser|cookieParser|itsdangerous\.\w+|URLSafeTimedSerializer|TimestampSigner|keygrip|Keygrip)$"
)
_SETTINGS = re.compile(
    r"^(?:SECRET_KEY|JWT_SECRET_KEY|JWT_SECRET|SECURITY_PASSWORD_SALT|WTF_CSRF_SECRET_KEY|SESSION_SECRET|secret_key)$"
)
_DEVELOPMENT = re.compile(
    r"(?i)(?:^|/)(?:settings|config)/(?:dev|devel|develop|development|local|test|testing|ci)(?:_?settings)?\.py$"
    r"|(?:^|/)(?:settings|config)_(?:dev|development|local|test|testing|ci)\.py$"
)
_OPTION_NAMES = ("secret", "secretOrKey", "secretOrPrivateKey", "jwtSecret", "key", "keys", "password")
_NO_SECRET = re.compile(r"^(?:-----BEGIN (?:RSA |EC )?(?:PUBLIC|CERTIFICATE)|https?://|\$\{|%|<|env:|process\.env)|^$")
_PROVIDER = re.compile(r"^(?:HS|RS|ES|PS|EdDSA)\d*$")

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "secret", (_WORDS,), _judge, Severity.CRITICAL)


def _judge(event: Event, text: str) -> Judged | None:
    value = _secret(event, text)
    if value is None:
        return None
    literal = _literal(value)
    if literal is None or _NO_SECRET.match(literal) or _PROVIDER.match(literal):
        return Judged("the secret is not in the code")
    if _DEVELOPMENT.search(event.path):
        detail = f"a secret of {len(literal)} characters stands in settings for development: others must not load them"
        return Judged(detail, "literal", Severity.LOW)
    return Judged(
        f"a secret of {len(literal)} characters stands in the code: who has read it can sign what he likes", "literal"
    )


def _literal(value: Value) -> str | None:
    """The text of a secret that is known, also inside of an encoder, a list or a buffer."""
    if isinstance(value.const, str):
        return value.const
    if value.items:
        return _literal(value.items[0])
    if re.search(r"(?:TextEncoder\(\)\.encode|Buffer\.from|createSecretKey)\(\)$", value.name) and value.args:
        return _literal(value.args[0])
    return None


def _secret(event: Event, text: str) -> Value | None:  # noqa: PLR0911 - a case per line
    if event.kind in {"assign", "set"} and _SETTINGS.match(event.name.rpartition(".")[2]):
        return _setting(event, text)
    if event.kind == "put" and isinstance(event.args[0].const, str) and _SETTINGS.match(event.args[0].const):
        return event.args[1]
    if event.kind not in {"call", "new"}:
        return None
    if _SIGNS.match(event.name):
        return event.args[1] if len(event.args) > 1 else event.named.get("key")
    if _JOSE.search(event.name):
        place = 0 if event.name.endswith(("sign", "encrypt")) else 1
        return event.args[place] if len(event.args) > place else None
    if _PARSER.match(event.name) and event.args:
        return event.args[0]
    if _OPTIONS.match(event.name) and event.args:
        return _option(event)
    return _updated(event)


def _option(event: Event) -> Value | None:
    keys = event.args[-1].keys or event.args[0].keys or {}
    return next((keys[name] for name in _OPTION_NAMES if name in keys), None)


def _updated(event: Event) -> Value | None:
    if event.name.endswith((".update", ".from_mapping")):
        return next((value for key, value in event.named.items() if _SETTINGS.match(key)), None)
    return None


def _setting(event: Event, text: str) -> Value | None:
    """The setting of a framework; elsewhere, a name in capitals says nothing of what it is used for."""
    framework = re.search(r"(?i)flask|django|INSTALLED_APPS|fastapi|jwt|sanic|starlette", text)
    return (
        event.args[0] if framework and (event.kind == "assign" or event.name.startswith(("app.", "flask."))) else None
    )
