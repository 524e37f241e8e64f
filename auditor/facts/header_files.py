"""Security headers that a repository's platform and proxy files set: Vercel, Netlify, Azure, nginx, Caddy, Traefik."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from auditor.facts.header_settings import NAMES, Headers, limit_of
from auditor.facts.servers import span_of
from auditor.facts.units import is_example, is_test, is_vendored
from auditor.model import FileSpan

if TYPE_CHECKING:
    from auditor.facts.servers import Listed

_FILES = {"vercel.json", "netlify.toml", "_headers", "staticwebapp.config.json", "Caddyfile"}
_DEPLOYED = re.compile(r"\.(?:ya?ml|tf|hcl|conf|template|inc)$|(?:^|/)(?:Caddyfile|firebase\.json)$")
_ELSEWHERE = re.compile(r"(?:^|/)\.github/|lock\.ya?ml$|(?:^|/)locales?/")
_TOLD = re.compile("|".join(NAMES) + "|stsSeconds|frameDeny|contentTypeNosniff|response_headers_policy", re.IGNORECASE)
_DESCRIBES = re.compile(r"^[\"']?(?:openapi|swagger)[\"']?\s*:", re.MULTILINE)
# What Traefik, Terraform and others call them.
_OWN_NAMES = {
    "stsseconds": "hsts", "framedeny": "frame", "customframeoptionsvalue": "frame", "contenttypenosniff": "nosniff",
    "referrerpolicy": "referrer", "contentsecuritypolicy": "csp",
    "strict_transport_security": "hsts", "frame_options": "frame", "content_type_options": "nosniff",
    "referrer_policy": "referrer", "content_security_policy": "csp",
}  # fmt: skip
_PLATFORMS = {"vercel.json": "Vercel", "netlify.toml": "Netlify"}


def read_platform(repository: Listed) -> dict[str, Headers]:
    """Headers by the folder that a file speaks for; a proxy in front of others speaks for the whole repository."""
    found: dict[str, Headers] = {}
    for path in repository.files:
        place = PurePosixPath(path)
        own = place.name in _FILES
        if not (own or (_DEPLOYED.search(path) and not _ELSEWHERE.search(path))) or is_vendored(path) or is_test(path):
            continue
        text = repository.text(path) or ""
        if is_example(path) or not _TOLD.search(text) or _DESCRIBES.search(text):
            continue
        folder = place.parent.parent if place.parent.name == "public" else place.parent
        alone = (own and place.name != "Caddyfile") or _serves_itself(text)
        headers = _vercel(path, text) if place.name == "vercel.json" else _plain(path, text)
        found.setdefault(folder.as_posix() if alone else ".", Headers()).add(headers)
    return found


def _serves_itself(text: str) -> bool:
    """Whether a web server's file is for files of its own: it passes no request on, and is no snippet for others."""
    return bool(re.search(r"\blisten\b", text)) and not re.search(r"\bproxy_pass\b|\breverse_proxy\b", text)


def hosts(repository: Listed) -> dict[str, str]:
    """The folders that a platform serves which sets HSTS by itself, and its name."""
    return {
        PurePosixPath(path).parent.as_posix(): _PLATFORMS[PurePosixPath(path).name]
        for path in repository.files
        if PurePosixPath(path).name in _PLATFORMS and not is_vendored(path)
    }


def covers(folder: str, unit: str) -> bool:
    return folder in {".", unit} or unit.startswith(folder + "/") or (folder.startswith(unit + "/") and unit != ".")


def _plain(path: str, text: str) -> Headers:
    found = Headers()
    names = {**NAMES, **_OWN_NAMES}
    text = re.sub(r"(?m)^\s*#.*$", lambda m: " " * len(m[0]), text)
    for match in re.finditer("|".join(names), text, re.IGNORECASE):
        place = span_of(path, text, match.start())
        found.take((names[match[0].lower()],), place)
        if "frame-ancestors" in text:
            found.take(("frame",), place)
    return found


def _vercel(path: str, text: str) -> Headers:
    found = Headers()
    try:
        entries = json.loads(text).get("headers") or []
        for entry in entries:
            for header in entry["headers"]:
                _entry(path, text, str(entry["source"]), header, found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return found  # a file that Vercel would refuse sets nothing
    return found


def _entry(path: str, text: str, source: str, header: dict[str, Any], found: Headers) -> None:
    name = str(header["key"])
    if piece := NAMES.get(name.lower()):
        place = FileSpan(path, text.count("\n", 0, max(text.find(name), 0)) + 1)
        found.take((piece,), place, limit_of(source))
        if piece == "csp" and "frame-ancestors" in str(header["value"]):
            found.take(("frame",), place, limit_of(source))
