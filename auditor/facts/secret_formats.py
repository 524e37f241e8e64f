"""The formats of providers' keys: each identified by its shape, and checked by its checksum where it has one. Pure."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.secret_placeholders import is_placeholder_key, is_published
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CRITICAL, _HIGH, _LOW = Severity.CRITICAL, Severity.HIGH, Severity.LOW
_AWS_LINES, _AWS_CHARS = 5, 1000
_MIN_PEM = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A secret's place in a text: offsets, what it is, and how bad it is to lose."""

    kind: str
    start: int
    end: int
    value: str
    severity: Severity


def _checksummed(value: str) -> bool:
    """GitHub's and npm's keys end with the CRC-32 of their random part, in base 62."""
    body = value.rpartition("_")[2]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == body[-6:]


def _discord(value: str) -> bool:
    """A bot's token starts with the bot's number."""
    first = value.partition(".")[0]
    try:
        return base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).isdigit()
    except (binascii.Error, ValueError):
        return False


def _has_digits(value: str) -> bool:
    return sum(character.isdigit() for character in value) > 1


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Format:
    """`hints` are literal parts, one of which a file must hold before the pattern is tried; `prefix` is no secret."""

    kind: str
    severity: Severity
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = _always


def _format(
    kind: str, severity: Severity, hints: str, pattern: str, check: Callable[[str], bool] = _has_digits
) -> _Format:
    return _Format(
        kind, severity, tuple(hints.split()), re.compile(rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9_])"), check
    )


FORMATS = (
    _format("Stripe live secret key", _CRITICAL, "k_live_", r"[sr]k_live_[A-Za-z0-9]{24,250}"),
    _format("Stripe test secret key", _LOW, "k_test_", r"[sr]k_test_[A-Za-z0-9]{24,250}"),
    _format("webhook signing secret", _HIGH, "whsec_", r"whsec_[A-Za-z0-9+/]{32,120}=*"),
    _format("GitHub token", _CRITICAL, "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}", _checksummed),
    _format("GitHub fine-grained token", _CRITICAL, "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _format("GitLab token", _CRITICAL, "glpat-", r"glpat-[A-Za-z0-9_-]{20}"),
    _format("OpenAI key", _CRITICAL, "T3BlbkFJ", r"sk-(?:(?:proj|svcacct|admin)-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100}"),
    _format("Anthropic key", _CRITICAL, "sk-ant-", r"sk-ant-(?:api|admin|sid|oat)\d\d-[A-Za-z0-9_-]{80,120}"),
    _format("Slack token", _HIGH, "xox", r"xox[bpars]-\d{8,14}-[A-Za-z0-9-]{20,100}"),
    _format("Slack app token", _HIGH, "xapp-1-", r"xapp-1-[A-Z0-9]+-\d+-[a-f0-9]{64}"),
    _format("Slack webhook", _HIGH, "hooks.slack.com", r"hooks\.slack\.com/services/T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/[A-Za-z0-9]{24}"),
    _format("SendGrid key", _HIGH, "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _format("Resend key", _HIGH, "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    _format("npm token", _CRITICAL, "npm_", r"npm_[A-Za-z0-9]{36}", _checksummed),
    _format("PyPI token", _CRITICAL, "pypi-AgEIcHlwaS5vcmc", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,300}"),
    _format("Supabase secret key", _CRITICAL, "sb_secret_", r"sb_secret_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8}"),
    _format("Supabase access token", _CRITICAL, "sbp_", r"sbp_[0-9a-f]{40}"),
    _format("Hugging Face token", _HIGH, "hf_", r"hf_[A-Za-z]{34}", _always),
    _format("Vercel token", _HIGH, "vcp_ vca_ vck_", r"vc[pak]_[A-Za-z0-9]{56}"),
    _format("Vercel Blob token", _HIGH, "vercel_blob_rw_", r"vercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30,40}"),
    _format("Neon key", _CRITICAL, "napi_", r"napi_[a-z0-9]{64}"),
    _format("PlanetScale token", _CRITICAL, "pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}"),
    _format("Google OAuth client secret", _HIGH, "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}", _always),
    _format("DigitalOcean token", _CRITICAL, "dop_v1_", r"dop_v1_[0-9a-f]{64}"),
    _format("Shopify token", _CRITICAL, "shpat_ shpss_", r"shp(?:at|ss)_[0-9a-fA-F]{32}"),
    _format("Linear key", _HIGH, "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _format("Groq key", _HIGH, "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _format("Replicate token", _HIGH, "r8_", r"r8_[A-Za-z0-9]{37}"),
    _format("PostHog personal key", _HIGH, "phx_", r"phx_[A-Za-z0-9]{43,50}"),
    _format("Telegram bot token", _HIGH, ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _format("Discord bot token", _HIGH, "iscord DISCORD", r"[MNO][A-Za-z0-9_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}", _discord),
    _format("Twilio auth token", _CRITICAL, "wilio TWILIO", r"(?i:twilio\w{0,30}auth\w{0,30}token)[\"']?\s*[:=]\s*[\"']?(?P<value>[0-9a-f]{32})"),
)  # fmt: skip
_AWS_ID = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_-])")
_PEM = re.compile(
    r"-----BEGIN (?P<type>(?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY)-----"
    r"(?P<value>[A-Za-z0-9+/=\s\\\"',:]{100,8000}?)-----END",
)


def find_tokens(text: str) -> Iterator[Found]:
    """Every provider's key in a text; public keys, test values of documentations and placeholders are none."""
    for known in FORMATS:
        if any(hint in text for hint in known.hints):
            yield from _matches(known, text)
    if "AKIA" in text or "ASIA" in text:
        yield from _aws(text)
    if "PRIVATE KEY-----" in text:
        yield from _private_keys(text)


def _matches(known: _Format, text: str) -> Iterator[Found]:
    group = "value" if "value" in known.pattern.groupindex else 0
    for match in known.pattern.finditer(text):
        value = match[group]
        body = re.sub(r"^(?:[a-z]+[_-])+(?=.{16})", "", value)
        if known.check(value) and not is_placeholder_key(body) and not is_published(value):
            yield Found(known.kind, match.start(group), match.end(group), value, known.severity)


def _aws(text: str) -> Iterator[Found]:
    """A key id is no secret; the secret beside it is."""
    seen = set()
    for match in _AWS_ID.finditer(text):
        if "EXAMPLE" in match[0]:
            continue
        first = _lines_away(text, match.start(), -_AWS_LINES)
        last = _lines_away(text, match.end(), _AWS_LINES)
        for secret in _AWS_SECRET.finditer(text, first, last):
            mixed = re.search("[a-z]", secret[0]) and re.search("[A-Z]", secret[0]) and _has_digits(secret[0])
            if mixed and secret.start() not in seen and not is_placeholder_key(secret[0]):
                seen.add(secret.start())
                yield Found("AWS secret access key", *secret.span(), secret[0], _CRITICAL)


def _lines_away(text: str, at: int, lines: int) -> int:
    nearest, furthest = max(0, at - _AWS_CHARS), min(len(text), at + _AWS_CHARS)
    for _ in range(abs(lines)):
        at = text.rfind("\n", nearest, at) if lines < 0 else text.find("\n", at + 1, furthest)
        if at < 0:
            return nearest if lines < 0 else furthest
    return at


def _private_keys(text: str) -> Iterator[Found]:
    for match in _PEM.finditer(text):
        body = re.sub(r"\\[nr]|[^A-Za-z0-9+/=]", "", match["value"])
        if len(body) < _MIN_PEM or is_placeholder_key(body) or not _is_key(body, match["type"]):
            continue
        around = text[max(0, match.start() - 1000) : match.start() + 8000]
        account = re.search(r"[\"']type[\"']\s*:\s*[\"']service_account[\"']", around)
        kind = "Google service account key" if account else "private key"
        severity = _HIGH if match["type"].startswith("ENCRYPTED") else _CRITICAL
        yield Found(kind, match.start("value"), match.end("value"), match["value"], severity)


def _is_key(body: str, kind: str) -> bool:
    """What decodes to a DER sequence, or to OpenSSH's magic word."""
    try:
        start = base64.b64decode(body[:96])
    except (binascii.Error, ValueError):
        return False
    return start.startswith(b"openssh-key" if "OPENSSH" in kind else b"\x30")
