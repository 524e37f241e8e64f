"""What else stands in front of an endpoint: cross-origin rules, security headers, a record of privileged writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded, is_privileged, is_sensitive, is_trail
from auditor.facts.bindings import arguments_of
from auditor.facts.effects import WRITE
from auditor.facts.header_files import covers, read_platform
from auditor.facts.header_settings import Headers, read_headers
from auditor.facts.literals import occurs
from auditor.facts.purposes import MUTATING, signs_in
from auditor.facts.symbols import External
from auditor.facts.syntax import text_of
from auditor.facts.units import unit_of
from auditor.facts.webhooks import receiver
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.effects import Effect
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.parsed_files import Files
    from auditor.facts.reach import Call, Reacher
    from auditor.facts.symbols import Site

_CORS = re.compile(r"cors$|hono$|@hono/hono$|@fastify/cors$|@koa/cors$|koa2-cors$|nextjs-cors$|micro-cors$")
_NAMED = re.compile(r"\bcors_?headers\b|Access-Control-Allow-Origin", re.IGNORECASE)
_VALUE = r"(\[[^\]\n]{0,60}\]|[^\n,})]{1,60})"
_ORIGIN = re.compile(rf"\borigins?[\"']?\s*[:,]\s*{_VALUE}|Allow-Origin[\"'`]?\s*[:,]\s*{_VALUE}")
# What an application sets for all of its endpoints at once.
_WHOLE = re.compile(
    r"\benableCors\s*\(|\bcors\s*:\s*(?:true|\{)|[\"'](?:@fastify/cors|fastify-cors)[\"']|\bCORSMiddleware\b|\bCORS\(\s*\w"
    r"|corsheaders\.middleware|Access-Control-Allow-Origin"
)
_CORS_WORDS = ("cors", "Cors", "CORS", "Allow-Origin")
_SETTINGS = re.compile(r"(?:^|/)(?:next\.config\.[cm]?[jt]s|(?:src/)?(?:middleware|proxy)\.[jt]s)$")
_OF_SERVER = {"NestJS", "Fastify", "FastAPI", "Flask", "Django", "GraphQL"}
_HOSTED = {"tRPC", "oRPC", "GraphQL"}
_RECORDS = re.compile(
    r"audit|activity_?log|log_?(?:activity|event|action)|record_?(?:event|activity|action|audit)|security_?event",
    re.IGNORECASE,
)
_ADMIN = re.compile(r"(?:^|/)(?:admin|superuser|backoffice)(?:/|$)", re.IGNORECASE)
_NOTHING = Control(Presence.NOT_APPLICABLE)


def cross_origin(inventory: Inventory, endpoint: Endpoint, whole: dict[str, str]) -> Control:
    """Whether pages of other origins may read the answers, and which; `whole` is what units set for everything."""
    if endpoint.method == "ACTION":
        return _NOTHING  # the framework takes requests of its own pages only
    sites = (*endpoint.guards, *endpoint.middleware, *((endpoint.handler,) if endpoint.handler else ()))
    for site in sites:
        if allowed := inventory.reacher.once(site, _allowed):
            return Control(Presence.PRESENT, allowed)
    if endpoint.unit in whole and (endpoint.framework in _OF_SERVER or endpoint.framework == "Next.js"):
        return Control(Presence.PRESENT, f"set for the whole server in {whole[endpoint.unit]}")
    return Control(Presence.ABSENT)


def _allowed(reacher: Reacher, site: Site) -> str:
    """Which origins a piece of code lets read; empty where it sets nothing."""
    for call in reacher.reach(site, 1).calls:
        if isinstance(call.target, External) and _CORS.search(call.target.package) and "cors" in call.name.lower():
            return _origins(call)
    if not reacher.says(site, _sets_origin):
        return ""
    match = _ORIGIN.search(reacher.text(site))
    return f"origins: {(match[1] or match[2]).strip()}" if match else "sets the header"


def _sets_origin(text: str) -> bool:
    return occurs(_NAMED, text)


def _origins(call: Call) -> str:
    given = arguments_of(call.node)
    match = _ORIGIN.search(text_of(given[0])) if given else None
    if match:
        return f"origins: {(match[1] or match[2]).strip(' ,')}"
    return "any origin" if not given or given[0].type == "object" else f"as {text_of(given[0])[:40]} says"


def whole_servers(code: Files, inventory: Inventory) -> dict[str, str]:
    """The units that set cross-origin rules for all of their endpoints, and the file that does."""
    found: dict[str, str] = {}
    units = {endpoint.unit: endpoint.framework for endpoint in inventory.endpoints}
    for path in code.files:
        unit = unit_of(path, inventory.given.units)
        settings = units.get(unit) != "Next.js" or _SETTINGS.search(path)
        if unit in units and unit not in found and settings:
            text = code.text(path)
            if any(word in text for word in _CORS_WORDS) and _WHOLE.search(text):
                found[unit] = path
    return found


def server_headers(code: Files, inventory: Inventory) -> dict[str, Control]:
    """The security headers of each unit with endpoints: by its code, or by the platform's files in front of it."""
    own: dict[str, Headers] = {endpoint.unit: Headers() for endpoint in inventory.endpoints}
    for path in code.files:
        if (unit := unit_of(path, inventory.given.units)) in own:
            own[unit].add(read_headers(code, path))
    platform = read_platform(inventory.given)
    for unit, headers in own.items():
        for folder, set_there in platform.items():
            if covers(folder, unit):
                headers.add(set_there)
    return {unit: _headers(headers) for unit, headers in own.items()}


def headers_of(endpoint: Endpoint, known: dict[str, Control]) -> Control:
    """The headers of an endpoint's unit; procedures of a package are answered by whatever server hosts them."""
    found = known.get(endpoint.unit, _NOTHING)
    if endpoint.framework not in _HOSTED or found.presence is Presence.PRESENT:
        return found
    return next((each for each in known.values() if each.presence is Presence.PRESENT), found)


def _headers(seen: Headers) -> Control:
    if seen.pieces or seen.partly:
        return Control(Presence.PRESENT, ", ".join(sorted({*seen.pieces, *seen.partly})))
    return Control(Presence.UNRESOLVED, seen.foreign[0]) if seen.foreign else Control(Presence.ABSENT)


def audit_record(inventory: Inventory, endpoint: Endpoint, audited: set[str]) -> Control:
    """Whether a privileged write leaves a record, by the code or by a trigger; nothing is asked of other endpoints."""
    effect = privileged_write(endpoint, inventory.effects(endpoint)) if may_write(inventory, endpoint) else None
    if effect is None:
        return _NOTHING
    if is_recorded(inventory, endpoint):
        return Control(Presence.PRESENT, "the code records it")
    if {folded(effect.table), "*"} & audited:
        return Control(Presence.PRESENT, f"a trigger records changes to {effect.table}")
    return Control(Presence.ABSENT, effect.table)


def may_write(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether somebody who is known may change something here."""
    if endpoint.method not in MUTATING or endpoint.handler is None or not endpoint.shown:
        return False
    access = inventory.authentication(endpoint)
    known = access.presence is Presence.PRESENT or access.shows
    return bool(known) and not receiver(inventory, endpoint) and not signs_in(endpoint, ())


def privileged_write(endpoint: Endpoint, effects: Iterable[Effect]) -> Effect | None:
    """The write that only the privileged should make."""
    writes = [effect for effect in effects if effect.kind == WRITE and effect.table]
    strong = [effect for effect in writes if is_privileged(effect.table)]
    if strong:
        return strong[0]
    deletes = [e for e in writes if is_sensitive(e.table) and re.search(r"\.delete(?:Many)?$", e.call.name)]
    admin = [e for e in writes if _ADMIN.search(endpoint.path) and not is_trail(e.table)]
    return next(iter(deletes or admin), None)


def is_recorded(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether the code writes to an audit trail, or calls what does by its name."""
    if endpoint.handler is None:
        return False
    if any(effect.kind == WRITE and is_trail(effect.table) for effect in inventory.effects(endpoint)):
        return True
    sites = (endpoint.handler, *endpoint.guards)
    return any(_RECORDS.search(call.last) for site in sites for call in inventory.reacher.reach(site, 3).calls)
