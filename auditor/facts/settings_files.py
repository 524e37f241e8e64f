"""Settings files in JSON, and the secrets in them that sign or encrypt, which no format tells from a word. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from auditor.facts.secret_names import looks_random
from auditor.facts.secret_placeholders import is_blank, is_published
from auditor.facts.units import is_example, is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE = re.compile(
    r"(?:^|/)(?:config|configs|configuration|conf|settings)/[\w.-]+\.json$"
    r"|(?:^|/)(?:appsettings|config|settings|secrets|env)(?:[.-][\w-]+)*\.json$",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(
    r"example|sample|template|schema|dist\b|test|spec|mock|\bci\b|e2e|environment-variables", re.IGNORECASE
)
_TOKEN = re.compile(r'"((?:[^"\\\n]|\\.)*)"|//[^\n]*|/\*.{0,2000}?\*/|[{}\[\]:,]', re.DOTALL)
_PAIR = re.compile(r'"([\w.-]{3,60})"[ \t]*:[ \t]*"((?:[^"\\\n]|\\.){4,600})"')
_NAMES = re.compile(
    r"(?:^|_)(?:jwt_(?:(?!public)\w+_)?|(?:access|refresh)_token_|session_|cookie_|encryption_|signing_|hmac_|crypto_"
    r"|csrf_|token_)(?:secret|key|secret_key|signing_key|password)$|(?:^|_)(?:secret_key_base|(?:access|refresh)_secret)$"
)
_HOLDERS = re.compile(r"(?:^|_)(?:jwt|session|cookies?)(?:_|$)")  # above a plain `secret`
_INNER = re.compile(r"^(?:secret|key|secret_key|signing_key|private_key)$")
_ELSEWHERE = re.compile(
    r"^(?:env|vault|ssm|arn|secret|file|https?|\w+secretsmanager)\s*:|^[$%#@&_]|process\.env|^projects/.*/secrets/|^\.{0,2}/"
    r"|\.(?:pem|key|pub|crt|jwk)$|-----BEGIN (?:\w+ )?(?:PUBLIC|CERTIFICATE)|^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$"
    r"|\b(?:set|defined?|provided?|comes?|override|overridden|supply|see|use)\b.*\b(?:in|by|from|via|env\w*)\b",
    re.IGNORECASE,
)
_ENV_NAME = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
# `sessionKey` and `jwtKey` may as well say under which name a browser keeps something.
_A_NAME = re.compile(r"[a-z_.:@-]*(?:token|jwt|session|auth|user|sid|sess|id|cookie|key)[a-z_.:-]*", re.IGNORECASE)
_MIN_LENGTH = 4


class Setting(NamedTuple):
    """A string of a settings file; `path` are the names that lead to it."""

    path: tuple[str, ...]
    value: str
    start: int
    end: int


def is_settings_file(path: str) -> bool:
    """Whether a file holds settings that a program runs with."""
    if not _FILE.search(path) or is_test(path) or is_example(path) or is_vendored(path):
        return False
    return not _TEMPLATE.search(PurePosixPath(path).name)


def signing_settings(text: str) -> Iterator[Setting]:
    """The settings whose name says that they sign or encrypt."""
    for setting in read_settings(text):
        own, above = _snake(setting.path[-1]), _snake(setting.path[-2]) if len(setting.path) > 1 else ""
        if _NAMES.search(own) or (_INNER.match(own) and _HOLDERS.search(above)):
            yield setting


def quoted_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Where such values stand in a text that may be a settings file."""
    for match in _PAIR.finditer(text):
        name = _snake(match[1])
        if _NAMES.search(name) or name in {"secret", "secret_key", "signing_key"}:
            yield match.span(2)


def is_written_down(setting: Setting) -> bool:
    """Whether the value is the secret itself: no blank, and no word where else it comes from."""
    value = setting.value.strip()
    if len(value) < _MIN_LENGTH or is_blank(value) or is_published(value) or _ENV_NAME.fullmatch(value):
        return False
    if not looks_random(value) and _ELSEWHERE.search(value):
        return False
    return not (_snake(setting.path[-1]).endswith("key") and _A_NAME.fullmatch(value))


def read_settings(text: str) -> Iterator[Setting]:
    """The strings of a JSON file with the names above them; comments are passed over."""
    above: list[str] = []
    name, named = "", False
    for token in _TOKEN.finditer(text):
        mark = token[0][0]
        if mark in "{[":
            above.append(name if named else "")
        elif mark in "}]" and above:
            above.pop()
        if mark == '"' and named:
            yield Setting((*(part for part in above if part), name), token[1], *token.span(1))
        elif mark == '"':
            name = token[1]
        named = mark == ":" or (named and mark == "/")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()
