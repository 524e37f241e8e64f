"""Receivers of webhooks, told from endpoints that manage outgoing ones, and whether they verify who sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.auth_libraries import library_sign
from auditor.facts.bindings import arguments_of
from auditor.facts.edge_authentication import sign_of
from auditor.facts.handed_signature import takes_signature
from auditor.facts.py_routes import is_python
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory
    from auditor.facts.reach import Call

_SEGMENT = re.compile(r"^(?:web-?)?hooks?$|webhooks?$|^webhook", re.IGNORECASE)
_PROVIDERS = re.compile(
    r"stripe|clerk|svix|github|gitlab|shopify|slack|twilio|resend|paddle|lemon|polar|paypal|telegram|whatsapp|discord|linear|plaid"
    r"|sendgrid|postmark|mailgun|hubspot|intercom|twitch|zoom|calendly|cal\b|docusign|outlook|google|apple|meta|facebook|teller"
    r"|gocardless|mux|vercel|auth0|supabase|revenuecat|razorpay|mollie|adyen|square|coinbase|alchemy",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"[\"'`](?:stripe-signature|svix-(?:id|signature|timestamp)|webhook-signature|x-hub-signature(?:-256)?|x-github-event"
    r"|x-shopify-hmac-sha256|x-twilio-signature|x-slack-signature|paddle-signature|x-gitlab-token|linear-signature|x-signature"
    r"|x-vercel-signature|x-hubspot-signature(?:-v3)?|x-telegram-bot-api-secret-token|plaid-verification)[\"'`]",
    re.IGNORECASE,
)
_EVENT = re.compile(  # of Stripe
    r"(?:\.type\s*===?\s*|\bcase\s+)[\"'`](?:checkout\.session|customer\.subscription|invoice|payment_intent|charge)\.[a-z_.]+[\"'`]"
)
_KIND = re.compile(r"\b(?:event|payload|body|data)\??\.(?:type|event|event_?[tT]ype|event_?[nN]ame|action|topic)\b")
_VERIFIES = re.compile(
    r"(?:^|\.)(?:constructEvent(?:Async)?|webhooks\.unmarshal|parseThinEvent|parseEventNotification|unwrap|validateRequest|validateEvent|validateSignature"
    r"|verify_?\w*(?:signature|webhook|payload|request|event|hmac|token|secret)\w*|verifyHeader|timingSafeEqual|safeCompare"
    r"|createHmac|createVerify|jwtVerify|secureCompare|constantTimeEqual|isValidSignature\w*|check_?\w*signature\w*"
    r"|validate_?\w*(?:signature|webhook|hmac)\w*|authenticate_?\w*webhook\w*|verifyWebhook\w*|verifyAndReceive|verifyAndDecode(?:Notification|Transaction|RenewalInfo)|subtle\.verify)$",
    re.IGNORECASE,
)
_BODY = re.compile(r"\b(?:json|text|formData|arrayBuffer|parseBody|body|rawBody|blob)\b|\.raw\b")
_WHOLE = re.compile(r"^(?:c|ctx)\.req\.raw$|^(?:req|request)$")
_KEY = (
    r"(?:(?:process\.env|env|config|import\.meta\.env)\.\w{0,30}(?:SECRET|TOKEN|KEY|secret|Secret|[tT]oken)\w{0,20}"
    r"|\w{0,30}(?:SECRET|Secret|secret|_TOKEN)\w{0,10})"
)
_OPTIONAL = re.compile(
    rf"(?:\(|&&)\s*{_KEY}\s*&&\s*[^)&|]{{0,120}}[!=]==?"
    rf"|\bif\s*\(\s*!\s*{_KEY}\s*\)\s*(?:\{{[^{{}}]{{0,120}}?)?return\s+(?:true|next\(|await\s+next\()"
)
_SIGNS = {
    "verifies a webhook's signature", "compares a secret in constant time", "compares with a secret of its environment",
    "verifies a token",
}  # fmt: skip
_COMPARES = re.compile(
    r"(?:[sS]ignature|[sS]ecret|clientState|[hH]mac|[dD]igest|verification_?[tT]oken|[tT]oken)\w*\s*[!=]==?\s*(?!undefined|null|[\"'`]{2})"
)


def receiver(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether another system calls this endpoint when something happens there."""
    if endpoint.method not in {"POST", "PUT", "ALL"} or endpoint.handler is None:
        return False
    text = inventory.text(endpoint)
    if _HEADER.search(text) or (_EVENT.search(text) and _BODY.search(text)):
        return True
    parts = endpoint.path.strip("/").split("/")
    place = next((i for i, part in enumerate(parts) if _SEGMENT.search(part)), None)
    if place is None or not _BODY.search(text):
        return False
    own = _PROVIDERS.search("/".join(parts[max(0, place - 2) :]))
    return bool(own) or not _managed(inventory, endpoint, "/" + "/".join(parts[: place + 1]))


def from_elsewhere(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether what it receives is sent by another company's service, which has no token of the own platform."""
    text = inventory.text(endpoint)
    if _HEADER.search(text) or _EVENT.search(text):
        return True
    provider = next(iter(_PROVIDERS.findall(endpoint.path)), "")
    return provider.lower() not in {"", "supabase"} and _KIND.search(text) is not None


def _managed(inventory: Inventory, endpoint: Endpoint, prefix: str) -> bool:
    """Whether webhooks are listed, changed or deleted here: then this is where users set up their own."""
    changed, listed = _beside(inventory).get((endpoint.unit, prefix), (False, set()))
    if changed or listed - {endpoint.path}:
        return True
    return bool(re.search(r"/(?::\w+|\[\w+\])/(?:web-?)?hooks?(?:/|$)", endpoint.path)) and not _HEADER.search(
        inventory.text(endpoint)
    )


def _beside(inventory: Inventory) -> dict[tuple[str, str], tuple[bool, set[str]]]:
    """By unit and beginning of a path: whether something is changed or deleted below it, and what is read there."""
    if "beside" not in inventory.memory:
        found: dict[tuple[str, str], tuple[bool, set[str]]] = {}
        for each in inventory.endpoints:
            for place, letter in enumerate(f"{each.path}/"):
                if place == 0 or letter != "/":
                    continue
                changed, read = found.get((each.unit, each.path[:place]), (False, set()))
                read |= {each.path} if each.method == "GET" else set()
                found[each.unit, each.path[:place]] = changed or each.method in {"PATCH", "DELETE"}, read
        inventory.memory["beside"] = found
    known: dict[tuple[str, str], tuple[bool, set[str]]] = inventory.memory["beside"]
    return known


def signature(inventory: Inventory, endpoint: Endpoint) -> Control:
    """Whether the sender is verified before the event is used."""
    if is_python(endpoint):
        from auditor.facts.py_limits import python_signature

        return python_signature(inventory.reacher, endpoint)
    doubt = ""
    for site in (*endpoint.guards, endpoint.handler):
        if site is None:
            continue
        reach = inventory.reacher.reach(site, 3)
        for call in reach.calls:
            found = _of_call(call)
            if found.presence is Presence.PRESENT:
                return found
            doubt = doubt or found.shows or (_handed(call) if site == endpoint.handler else "")
        for body in inventory.reacher.reach(site, 2).bodies:
            if (sign := inventory.reacher.says(body, sign_of)) in _SIGNS or inventory.reacher.says(body, _compares):
                return Control(Presence.PRESENT, sign or "compares a secret of the request")
    return Control(Presence.UNRESOLVED, doubt) if doubt else Control(Presence.ABSENT)


def secret_is_optional(inventory: Inventory, endpoint: Endpoint) -> bool:
    """Whether nothing is compared where the secret is not set: `if (SECRET && given !== SECRET)`."""
    sites = [site for site in (*endpoint.guards, endpoint.handler) if site is not None]
    return any(inventory.reacher.says(b, _optional) for site in sites for b in inventory.reacher.reach(site, 2).bodies)


def _optional(text: str) -> bool:
    return bool(_OPTIONAL.search(text))


def _handed(call: Call) -> str:
    """The name of a call that is not followed and takes the whole request: it may verify who sent it."""
    whole = any(_WHOLE.match(text_of(argument)) for argument in arguments_of(call.node))
    return call.name[-60:] if (whole and not isinstance(call.target, Site)) or takes_signature(call) else ""


def _of_call(call: Call) -> Control:
    if not (_VERIFIES.search(call.name) or _VERIFIES.search(call.last)):
        known = library_sign(call)
        return Control(Presence.PRESENT, known) if known else Control(Presence.ABSENT)
    if isinstance(call.target, Site | External) or call.target is None:
        return Control(Presence.PRESENT, call.last)
    return Control(Presence.UNRESOLVED, call.last)


def _compares(text: str) -> bool:
    return bool(_COMPARES.search(text))
