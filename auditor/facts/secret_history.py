"""What a former version of a file gives away: keys by their exact format, and env files with real values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.secret_files import is_env, is_env_template, is_rehearsal, lowered, name_before
from auditor.facts.secret_formats import find_tokens, may_hold_token
from auditor.facts.secret_jwts import find_api_keys
from auditor.facts.secret_urls import find_database_urls, may_hold_url
from auditor.facts.secrets import mask, real_values
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENV_KIND = "env file"
_POWERFUL = {"service_role", "supabase_admin"}


@dataclass(frozen=True, slots=True)
class Remnant:
    """One secret of a former version: `values` are what was found, for comparing, and never shown or kept."""

    kind: str
    name: str
    detail: str
    severity: Severity
    values: tuple[str, ...]

    @property
    def is_env_file(self) -> bool:
        return self.kind == _ENV_KIND


def may_hold_secret(path: str, text: str) -> bool:
    """A quick look that spares most versions the slow one."""
    return is_env(path) or may_hold_token(text) or "eyJ" in text or may_hold_url(text)


def _severity(severity: Severity, path: str) -> Severity:
    """At most high: nothing says whether it was rotated when it was taken out."""
    return lowered(min(severity, Severity.HIGH, key=lambda level: level.rank), path)


def find_remnants(path: str, text: str) -> Iterator[Remnant]:
    """Every secret of one version, each once, and what an env file holds beside them as one."""
    found = {remnant.values: remnant for remnant in _by_format(path, text)}
    yield from found.values()
    if is_env(path) and not is_env_template(path):
        known = {value for values in found for value in values}
        yield from _env_file(path, text, known)


def _by_format(path: str, text: str) -> Iterator[Remnant]:
    for token in find_tokens(text):
        shown = "(value not shown)" if "\n" in token.value or "\\n" in token.value else mask(token.value)
        name = name_before(text, token.start)
        detail = f"{token.kind}{f' in {name}' if name else ''}: {shown}"
        yield Remnant(token.kind, name, detail, _severity(token.severity, path), (token.value,))
    for key in find_api_keys(text):
        if key.role in _POWERFUL:
            kind = f"Supabase key of role {key.role}"
            name = name_before(text, key.start)
            yield Remnant(kind, name, f"{kind}: {mask(key.value)}", _severity(Severity.CRITICAL, path), (key.value,))
    for url in find_database_urls(text):
        if not url.local and not is_rehearsal(path):
            kind = f"{url.scheme} URL"
            detail = f"a {kind} with the password {mask(url.password)} for {url.host}"
            name = name_before(text, url.start)
            yield Remnant(kind, name, detail, Severity.HIGH, (url.password,))


def _env_file(path: str, text: str, known: set[str]) -> Iterator[Remnant]:
    lines = [line for line in real_values(text) if not any(value in line.value for value in known)]
    if lines:
        names = ", ".join(dict.fromkeys(line.name for line in lines))
        values = tuple(line.value for line in lines)
        yield Remnant(_ENV_KIND, "", f"an env file with values for {names}", _severity(Severity.HIGH, path), values)
