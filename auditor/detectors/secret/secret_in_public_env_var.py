"""Variables that a bundler copies into the browser's code, with the name of a secret."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, is_env, is_setting, lowered, rows
from auditor.model import Confidence, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.repository import Repository

_PREFIX = r"(?:NEXT_PUBLIC_|VITE_|EXPO_PUBLIC_|REACT_APP_|NUXT_PUBLIC_|GATSBY_|PUBLIC_)"
_HINTS = ("PUBLIC_", "VITE_", "REACT_APP_", "GATSBY_")
# Read by code, imported by SvelteKit, or set: in an env file, a Dockerfile, a pipeline, a compose file.
_READ = re.compile(rf"(?:process\.env|import\.meta\.env)(?:\?\.|\.|\[[\"'])(?P<name>{_PREFIX}[A-Z0-9_]{{1,100}})")
_SET = re.compile(
    rf"^[ \t]*(?:export[ \t]+|ENV[ \t]+|ARG[ \t]+|-[ \t]+)?[\"']?(?P<name>{_PREFIX}[A-Z0-9_]{{1,100}})[\"']?[ \t]*(?:[=:]|$)",
    re.MULTILINE,
)
_SECRET = re.compile(
    r"SECRET|SERVICE_ROLE|SERVICE_KEY|PRIVATE|PASSWORD$|PASSWD$|PASSPHRASE|_DSN_PASSWORD|CREDENTIALS$"
    r"|ADMIN_(?:API_)?(?:KEY|TOKEN|SECRET)|_TOKEN$"
)
_PUBLIC = re.compile(
    r"PUBLISHABLE|ANON|PUBLIC_KEY|SITE_KEY|SITEKEY|RECAPTCHA|HCAPTCHA|TURNSTILE|MAPBOX|MAPTILER|SENTRY|POSTHOG|ANALYTICS|CLIENT_TOKEN"
    r"|DATADOG|SEGMENT|MIXPANEL|CLOUDFLARE_BEACON|TOKEN_(?:URL|ADDRESS|ID|NAME)|ADDRESS$|STORYBLOK|ABLY|LOGROCKET|AXIOM|CESIUM"
    r"|(?:^|_)(?:ENABLED?|DISABLED?|ALLOW|SHOW|HIDE|USE|HAS|IS|FORGOT|RESET|MIN|MAX)(?:_|$)"
    r"|_(?:URL|PATH|NAME|LENGTH|ID|HINT|LABEL|MODE|ROUTE|PAGE|BETA|REPO|EMAIL|TTL|EXPIRY)$"
)
_ALWAYS = re.compile(r"SERVICE_ROLE|SECRET_KEY$|_SECRET$|DATABASE_URL$|DB_URL$")
# A bare …_TOKEN may be a coin or a widget's public token.
_OPEN_TOKEN = re.compile(
    r"(?:API|ACCESS|AUTH|BEARER|REFRESH|PERSONAL|BOT|GITHUB|GITLAB|SLACK|STRIPE|ADMIN|DEPLOY|WRITE)_TOKEN$"
)
_FLAG = re.compile(
    rf"(?<![A-Z0-9_])(?P<name>{_PREFIX}[A-Z0-9_]{{1,100}})[\"']?\]?[ \t]*(?:[=:]|[!=]==?|\|\||\?\?)[ \t]*[\"']?(?:true|false|on|off|[01])\b"
)
_CODE_FILE = re.compile(r"\.(?:[cm]?[jt]sx?|vue|svelte|astro)$")


def ask(repository: Repository) -> Iterator[Answer]:
    files = (repository.text(path) or "" for path in repository.files if _is_candidate(path))
    flags = frozenset(match["name"] for text in files if _has_hint(text) for match in _FLAG.finditer(text))
    return rows(repository, partial(_look, flags), "gives no secret to the browser", _is_candidate)


def _has_hint(text: str) -> bool:
    return any(hint in text for hint in _HINTS)


def _is_candidate(path: str) -> bool:
    return is_setting(path) or _CODE_FILE.search(path) is not None


def _look(flags: frozenset[str], path: str, text: str) -> Iterator[Spotted]:
    """Each variable once in a file, where it stands first; one that is on or off is a switch."""
    if not _has_hint(text):
        return
    pattern = _READ if _CODE_FILE.search(path) else _SET
    seen: set[str] = set()
    for match in pattern.finditer(text):
        name = match["name"]
        if name not in seen | flags and _is_secret(name):
            seen.add(name)
            doubtful = name.endswith("_TOKEN") and not _OPEN_TOKEN.search(name)
            yield Spotted(
                match.start("name"),
                "public variable",
                f"{name} is copied into the code that every browser gets",
                _severity(path, doubtful=doubtful),
                Confidence.SUSPECTED if doubtful else None,
                name,
            )


def _severity(path: str, *, doubtful: bool) -> Severity:
    """An env template is what every developer copies: it weighs as much as the code."""
    severity = Severity.MEDIUM if doubtful else Severity.HIGH
    return severity if is_env(path) else lowered(severity, path)


def _is_secret(name: str) -> bool:
    rest = re.sub(rf"^{_PREFIX}", "", name)
    text = "_" + rest
    always = _ALWAYS.search(text) and "PUBLISHABLE" not in text
    return bool(always or (_SECRET.search(text) and not _PUBLIC.search(rest)))
