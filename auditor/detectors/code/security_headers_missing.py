"""Servers whose answers carry no security headers, or only some of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from auditor.facts.header_files import covers, hosts, read_platform
from auditor.facts.header_settings import Headers, read_headers
from auditor.facts.servers import find_servers
from auditor.facts.units import is_test, unit_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_SAID = {
    "nosniff": "X-Content-Type-Options",
    "frame": "X-Frame-Options (or CSP frame-ancestors)",
    "hsts": "Strict-Transport-Security",
    "referrer": "Referrer-Policy",
    "csp": "Content-Security-Policy",
}
_NEEDED = ("nosniff", "frame", "hsts", "referrer")
_CONFIG = re.compile(r"(?:^|/)next\.config\.[cm]?[jt]s$")
_PAGE = re.compile(r"(?:^|/)(?:src/)?(?:app/(?:.*/)?page|pages/(?!api/).+)\.[jt]sx?$")
_ROUTES = re.compile(r"(?:^|/)(?:src/)?(?:app/(?:.*/)?(?:page|route)|pages/.+)\.[cm]?[jt]sx?$")
_EDGE = re.compile(r"(?:^|/)supabase/functions/")  # behind the platform's own gateway


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    servers = _servers(repository, code)
    if not servers:
        return
    seen = _headers(repository, code, {unit for unit, _ in servers})
    hosted = hosts(repository)
    for (unit, framework), made in servers.items():
        host = _host(repository, unit, hosted)
        yield _answer(f"server {framework} in {unit}", made, seen[unit], host)


def _servers(repository: Repository, code: Code) -> dict[tuple[str, str], FileSpan]:
    """Each server with the line that makes it; what runs inside Next answers through Next."""
    found = {("Next.js", unit): made for unit, made in _next_apps(repository, code).items()}
    for (unit, framework), server in find_servers(repository, code).items():
        inside = server.made and ("Next.js", unit) in found and _ROUTES.search(server.made.path)
        if server.made and server.served and not inside and not _EDGE.search(server.made.path):
            found[framework, unit] = server.made
    return {(unit, framework): made for (framework, unit), made in sorted(found.items(), key=lambda i: i[0][::-1])}


def _next_apps(repository: Repository, code: Code) -> dict[str, FileSpan]:
    units = {unit.path for unit in repository.units if "Next.js" in unit.stack}
    paths: dict[str, list[str]] = defaultdict(list)
    for path in code.files:
        if (unit := unit_of(path, repository.units)) in units:
            paths[unit].append(path)
    found = {}
    for unit, files in paths.items():
        config = next((path for path in files if _CONFIG.search(path)), None)
        exported = config and re.search(r"\boutput\s*:\s*[\"']export[\"']", code.text(config))
        if exported or not any(_ROUTES.search(path) for path in files):
            continue  # a static export is served by something else, and a package without routes by nobody
        manifest = "package.json" if unit == "." else f"{unit}/package.json"
        if not is_test(manifest):
            found[unit] = FileSpan(config or manifest, 1)
    return found


def _headers(repository: Repository, code: Code, units: set[str]) -> dict[str, Headers]:
    """What is set for each unit: by itself, by packages of this repository that it depends on, and in front of it."""
    own: dict[str, Headers] = defaultdict(Headers)
    for path in code.files:
        unit = unit_of(path, repository.units)
        own[unit].add(read_headers(code, path))
        if _PAGE.search(path):
            own[unit].html = True
    platform = read_platform(repository)
    names = _package_names(repository)
    merged: dict[str, Headers] = {}
    for unit in units:
        merged[unit] = Headers()
        merged[unit].add(own[unit])
        html = merged[unit].html
        for other in sorted(_used(repository, unit, names) - units):  # a server of its own is no library
            merged[unit].add(own[other])
        merged[unit].html = html
        for folder, headers in sorted(platform.items()):
            if covers(folder, unit):
                merged[unit].add(headers)
    return merged


def _manifest(repository: Repository, unit: str) -> dict[str, object]:
    path = "package.json" if unit == "." else f"{unit}/package.json"
    try:
        value = json.loads(repository.text(path) or "") if path in repository.files else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _package_names(repository: Repository) -> dict[str, str]:
    return {str(_manifest(repository, unit.path).get("name")): unit.path for unit in repository.units}


def _dependencies(repository: Repository, unit: str) -> set[str]:
    manifest = _manifest(repository, unit)
    tables = (manifest.get(key) for key in ("dependencies", "devDependencies"))
    return {name for table in tables if isinstance(table, dict) for name in table}


def _used(repository: Repository, unit: str, names: dict[str, str]) -> set[str]:
    """The packages of this repository that a unit depends on."""
    return {names[name] for name in _dependencies(repository, unit) if name in names}


def _host(repository: Repository, unit: str, hosted: dict[str, str]) -> str:
    """The platform that sets HSTS on its domains by itself, where the unit is deployed to one."""
    for folder, name in sorted(hosted.items()):
        if covers(folder, unit):
            return name
    scopes = {name.split("/")[0] for name in _dependencies(repository, unit)}
    return "Vercel" if "@vercel" in scopes else "Netlify" if "@netlify" in scopes else ""


def _answer(subject: str, made: FileSpan, seen: Headers, host: str) -> Answer:
    needed = [*_NEEDED, *(["csp"] if seen.html else [])]
    given = {*seen.pieces, *(["hsts"] if host else [])}
    note = f" (HSTS by {host})" if host and "hsts" not in seen.pieces else ""
    if not seen.pieces and not seen.partly:
        if seen.foreign:
            name, place = seen.foreign
            return Answer(subject, State.UNKNOWN, f"registers {name}, whose headers could not be read", place)
        return Answer(subject, State.FAIL, f"sets no security header at all{note}", made, evidence="none")
    if fault := _incomplete(seen, [piece for piece in needed if piece not in given], made):
        detail, place, evidence = fault
        return Answer(subject, State.FAIL, detail + note, place, severity=Severity.LOW, evidence=evidence)
    if seen.unsafe:
        detail = "its Content-Security-Policy lets inline or evaluated scripts run"
        return Answer(subject, State.FAIL, detail, seen.unsafe, severity=Severity.LOW, evidence="unsafe script-src")
    return Answer(subject, State.OK, f"security headers are set for every answer{note}", made)


def _incomplete(seen: Headers, lacking: list[str], made: FileSpan) -> tuple[str, FileSpan, str] | None:
    """What is not set for every answer: the sentence, the place and the normalised fault."""
    limited = [piece for piece in lacking if piece in seen.partly]
    missing = [piece for piece in lacking if piece not in seen.partly]
    without = ", ".join(_SAID[piece] for piece in missing)
    if limited:
        reason, place = seen.partly[limited[0]]
        detail = f"sets {', '.join(_SAID[piece] for piece in limited)} {reason}"
        return detail + (f", and nowhere {without}" if missing else ""), place, "not everywhere"
    return (f"sets security headers without {without}", made, " ".join(missing)) if missing else None
