"""Values known as secrets by the name that they are assigned to, and the assignments of env files. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.secret_jwts import is_private_jwt
from auditor.facts.secret_placeholders import entropy, is_placeholder, is_published, is_uuid, is_wordy

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTED = re.compile(r"[=:|?][ \t]*[\"'`](?P<value>[A-Za-z0-9+/_.~!@#%^&*=-]{20,600})[\"'`]")
_BEFORE = re.compile(r"(?P<name>[\w.$-]{2,80})[\"'\]]*\s*(?::\s*\w+\s*)?[=:|?]*$")
_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]+|ENV[ \t]+|ARG[ \t]+|-[ \t]+)?(?P<name>[A-Za-z_][\w.]{1,80})[ \t]*[=:][ \t]*"
    r"(?P<quote>[\"']?)(?P<value>[^\s\"']{1,2000})(?P=quote)[ \t]*(?:[ \t]#.*)?\r?$",
    re.MULTILINE,
)
_SECRET_WORDS = re.compile(
    r"secrets?(?![a-z])|tokens?(?![a-z])|passw(?:or)?d|passwd|api_?key|private_?key|access_?key|auth_?key|signing_?key|encryption_?key|admin_?key|master_?key"
    r"|service_?role|credential",
)
_PUBLIC_WORDS = re.compile(
    r"public|publishable|anon_|_anon|site_?key|csrf|recaptcha|turnstile|search_(?:only_)?(?:api_)?key|cursor|next_page|page_token"
)
_NO_SECRET_ENDINGS = re.compile(
    r"(?:url|uri|id|ids|name|path|endpoint|header|hash|label|prefix|suffix|type|field|column|length|ttl|expiry|expires|message"
    r"|text|error|regex|pattern|format|description|title|placeholder|count|limit|enabled|provider|version|storage_key|algorithm"
    r"|address|addresses|mint|contract|arn|file|dir|host|issuer|audience|scope|param|selector|testid|storage|cookie|env|var|variable|schema|table)$"
)
# Datadog's browser token, an address on a chain, the name of a constant.
_PUBLIC_SHAPES = re.compile(r"pub[0-9a-f]{32}|0x[0-9a-fA-F]{40}|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_MIN_HEX_ENTROPY = 3.0  # of sixteen characters there are at most four bits
_MIN_ENTROPY, _MIN_DIGITS, _MIN_LENGTH, _MAX_LINE = 3.5, 2, 20, 2000
_PUBLIC_VALUES = (
    "pk_",
    "pk.",
    "sb_publishable_",
    "AIza",
    "phc_",
    "eyJ",
    "http",
    "data:",
    "sha256-",
    "sha384-",
    "sha512-",
    "ssh-",
)


@dataclass(frozen=True, slots=True)
class Assigned:
    """A literal value with the name that it is assigned to."""

    name: str
    start: int
    end: int
    value: str


def find_assigned(text: str) -> Iterator[Assigned]:
    """Random-looking literals assigned to a name that speaks of a secret."""
    for match in _QUOTED.finditer(text):
        if not looks_random(match["value"]):
            continue
        line = text[max(0, match.start() - _MAX_LINE) : match.start() + 1].rpartition("\n")[2]
        rest = text[match.end() : match.end() + _MAX_LINE].partition("\n")[0]
        if len(line) + len(rest) > _MAX_LINE:
            continue
        before = _BEFORE.search(line[-200:])
        if before and is_secret_name(before["name"]):
            yield Assigned(before["name"].rpartition(".")[2], *match.span("value"), match["value"])


def find_unquoted(text: str) -> Iterator[Assigned]:
    """The same without quotes, as YAML and env files have it."""
    for line in find_lines(text):
        if is_secret_name(line.name) and looks_random(line.value) and not re.search(r"[^A-Za-z0-9+/_.~=-]", line.value):
            yield line


def find_lines(text: str) -> Iterator[Assigned]:
    """Every assignment of an env file: NAME=value, also with `export`, quotes and a comment."""
    for match in _LINE.finditer(text):
        yield Assigned(match["name"], *match.span("value"), match["value"])


def is_secret_name(name: str) -> bool:
    """Whether a name speaks of a secret itself, not of its label, length or address."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower().rpartition(".")[2]
    if not _SECRET_WORDS.search(snake) or _PUBLIC_WORDS.search(snake):
        return False
    return not re.search(r"(?:^|_)" + _NO_SECRET_ENDINGS.pattern, snake)


def looks_random(value: str) -> bool:
    """Random enough for a generated secret: neither words, a path, a UUID, a public key nor a placeholder."""
    return (
        len(value) >= _MIN_LENGTH
        and sum(character.isdigit() for character in value) >= _MIN_DIGITS
        and entropy(value) >= (_MIN_HEX_ENTROPY if _HEX.fullmatch(value) else _MIN_ENTROPY)
        and (not value.startswith(_PUBLIC_VALUES) or is_private_jwt(value))
        and not is_uuid(value)
        and not _PUBLIC_SHAPES.fullmatch(value)
        and not is_published(value)
        and not is_wordy(value)
        and not is_placeholder(value)
        and not re.fullmatch(r"[\d.,:/ TZ+-]+", value)
        and value.count(".") < 3  # noqa: PLR2004 - a dotted key of a translation or a host name
    )


def is_real_value(assigned: Assigned) -> bool:
    """Whether a line of an env file holds a secret: any value under a name of a secret that nobody has to fill in."""
    value = assigned.value
    return (
        is_secret_name(assigned.name)
        and len(value) >= 8  # noqa: PLR2004 - shorter ones are defaults such as `postgres`
        and not value.startswith(_PUBLIC_VALUES)
        and not re.fullmatch(r"[\d.,:/ TZ+-]+", value)  # a number, a date, a span of time
        and not _PUBLIC_SHAPES.fullmatch(value)
        and not is_published(value)
        and not re.search(r"[()]|[,;]$", value)  # code that calls a function
        and not is_placeholder(value)
        and not is_wordy(value)
        and not re.search(r"test|local|secret|password|dev\b|-key|_key|mock", value, re.IGNORECASE)
    )
