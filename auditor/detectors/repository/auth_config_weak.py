"""Settings of Supabase Auth in `supabase/config.toml` that weaken it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.facts.purpose import is_aside
from auditor.facts.supabase_config import ConfigError, is_supabase_config, line_of, read_config, setting
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from auditor.sources.repository import Repository

_Fault = tuple[Severity, str] | None
_LOCAL = re.compile(
    r"https?://(?:localhost|127\.|0\.0\.0\.0|\[::1\]|host\.docker\.internal|[\w.-]+\.(?:local|localhost|test)(?=[:/]|$))"
)
# Anybody can have a name below these.
_SHARED = re.compile(
    r"\*+\.(?:vercel\.app|netlify\.app|pages\.dev|workers\.dev|herokuapp\.com|github\.io|web\.app|firebaseapp\.com|"
    r"onrender\.com|fly\.dev|railway\.app|up\.railway\.app|ngrok\.io|ngrok-free\.app|azurewebsites\.net|\w+)"
)
_RATES = {
    "sign_in_sign_ups": 30,
    "token_refresh": 150,
    "token_verifications": 30,
    "sms_sent": 30,
    "anonymous_users": 30,
}
_FAR_ABOVE = 10


def ask(repository: Repository) -> Iterator[Answer]:
    for path in repository.files:
        if is_supabase_config(path) and not is_aside(path):
            yield from _config(path, repository)


def _config(path: str, repository: Repository) -> Iterator[Answer]:
    text = repository.text(path)
    try:
        config = read_config(text)
    except ConfigError as error:
        yield Answer(f"setting {path}", State.UNKNOWN, f"the file was not read: {error}", FileSpan(path, 1))
        return
    if setting(config, "auth.enabled") is False:
        return
    for name, check in _checks(config).items():
        value = setting(config, name)
        if value is None or (isinstance(value, str) and value.startswith("env(")):
            continue
        fault = check(value)
        yield Answer(
            subject=f"setting {path}#{name}",
            state=State.FAIL if fault else State.OK,
            detail=fault[1] if fault else "",
            where=FileSpan(path, line_of(text or "", name)),
            severity=fault[0] if fault else None,
            evidence=name if fault else "",
        )


def _checks(config: dict[str, Any]) -> dict[str, Callable[[Any], _Fault]]:
    """Every setting that is looked at; each check says what is wrong with a value."""
    low, info = Severity.LOW, Severity.INFO
    signup = setting(config, "auth.email.enable_signup") is not False
    return {
        "auth.site_url": _site,
        "auth.additional_redirect_urls": lambda value: _redirects(value, setting(config, "auth.site_url")),
        "auth.jwt_expiry": _above(86400, low, "a stolen access token stays good for more than a day"),
        "auth.enable_refresh_token_rotation": _off(low, "a stolen refresh token stays good for ever"),
        "auth.enable_anonymous_sign_ins": _on(info, "anybody becomes `authenticated` without an account"),
        "auth.minimum_password_length": _password,
        "auth.email.enable_confirmations": _off(low, "an address is taken without proof that it is the user's")
        if signup
        else lambda _: None,
        "auth.email.double_confirm_changes": _off(low, "who holds a session moves the account to another address"),
        "auth.email.secure_password_change": _off(info, "a session alone is enough to set a new password"),
        "auth.email.otp_expiry": _above(3600, low, "a code or link sent by e-mail is good for more than an hour"),
        "auth.email.otp_length": lambda value: (low, "codes have fewer than 6 digits") if _number(value) < 6 else None,  # noqa: PLR2004
        **{
            f"auth.rate_limit.{name}": _above(
                usual * _FAR_ABOVE, info, f"more than {_FAR_ABOVE} times the default, {usual}"
            )
            for name, usual in _RATES.items()
        },
    }


def _number(value: object) -> float:
    """Not a number: compares as false with everything."""
    return value if isinstance(value, int) and not isinstance(value, bool) else float("nan")


def _above(limit: int, severity: Severity, why: str) -> Callable[[Any], _Fault]:
    return lambda value: (severity, f"{value}: {why}") if _number(value) > limit else None


def _off(severity: Severity, why: str) -> Callable[[Any], _Fault]:
    return lambda value: (severity, f"off: {why}") if value is False else None


def _on(severity: Severity, why: str) -> Callable[[Any], _Fault]:
    return lambda value: (severity, f"on: {why}") if value is True else None


def _password(value: object) -> _Fault:
    length = _number(value)
    if length < 6:  # noqa: PLR2004 - what the platform itself asks for at least
        return Severity.MEDIUM, f"{value}: passwords may be shorter than 6 characters"
    return (Severity.LOW, f"{value}: passwords may be shorter than 8 characters") if length < 8 else None  # noqa: PLR2004


def _site(value: object) -> _Fault:
    if isinstance(value, str) and value.startswith("http://") and not _LOCAL.match(value):
        return Severity.LOW, f"{value}: sessions are handed over an unencrypted connection"
    return None


def _redirects(value: object, site: object) -> _Fault:
    """Hosts that anybody can have are an open redirect that carries a session, except where all is local."""
    listed = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    wide = next((item for item in listed if _is_wide(item)), None)
    if wide is None:
        return None
    local = isinstance(site, str) and bool(_LOCAL.match(site))
    return Severity.LOW if local else Severity.MEDIUM, f"{wide} lets a session be sent to a host of anybody's choice"


def _is_wide(pattern: str) -> bool:
    """`*`, `https://**`, `https://*.vercel.app`, `https://example.com**`; not `https://*.example.com` or `app://**`."""
    scheme, separator, rest = pattern.strip().partition("://")
    if not separator:
        return pattern.strip().startswith("*")
    if "*" in scheme and scheme.rstrip("*") not in {"http", ""}:
        return False
    if "*" not in scheme and scheme not in {"http", "https"}:
        return False
    host = rest.partition("/")[0]
    return not host.strip("*") or bool(_SHARED.fullmatch(host)) or (host.endswith("*") and ":" not in host)
