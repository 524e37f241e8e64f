"""Which columns hold the tokens of other services, and which hold tokens that work once, by the words of the schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.issued_keys import snake

if TYPE_CHECKING:
    from auditor.facts.tables import Column, Table

FOREIGN_HINTS = ("token", "client_secret", "clientsecret", "api_key", "apikey", "secret_key", "app_secret")
ONCE_HINTS = ("reset", "verif", "invit", "magic", "confirm", "activation", "recovery", "login_token")

_TEXT = re.compile(r"^(?:text|varchar|character|char|string|citext|nvarchar|uuid|longtext|tinytext|mediumtext)$")
_PROTECTED = re.compile(r"hash|digest|encrypt|cipher|crypt|hmac|(?:^|_)enc(?:_|$)|vault|sealed|masked|sha_?\d")
_SERVICES = (
    r"(?:google|gmail|gcal|youtube|github|gitlab|bitbucket|slack|discord|shopify|hubspot|salesforce|stripe|paypal|square|outlook"
    r"|microsoft|azure|office365|zoho|xero|quickbooks|notion|linear|jira|atlassian|asana|trello|airtable|figma|zoom|calendly"
    r"|dropbox|twitter|facebook|meta|instagram|linkedin|tiktok|pinterest|reddit|spotify|strava|fitbit|garmin|whoop|oura|plaid"
    r"|mailchimp|mailgun|sendgrid|resend|twilio|zendesk|intercom|vercel|netlify|openai|gemini|anthropic|openrouter|mistral|groq"
    r"|telegram|whatsapp|mercadopago|mercado_pago|pipedrive|clickup|monday|todoist|feishu|lark|dingtalk|woocommerce|lemon_?squeezy)"
)
_FOREIGN = re.compile(
    r"(?:^|_)(?:access|refresh|bot|oauth2?|provider|page_access|user_access)_token(?:_secret)?$"
    r"|(?:^|_)(?:client|consumer)_secret$"
)
_OF_SERVICE = re.compile(
    rf"^(?:{_SERVICES}_)+(?:(?:access|refresh|bot|auth|api|oauth2?|user|page|app|client|secret|personal|service|integration)_)*"
    r"(?:token|secret|api_?key|secret_key|access_key)$"
)
_NO_SECRET = re.compile(
    r"verify|verification|webhook|device|push|fcm|csrf|public|publishable|anon|site_key|client_id|usage|count|prefix|last_?four|expir"
    r"|^(?:stripe|square|paypal|mercado_?pago|lemon_?squeezy)_token$"  # of a card, for one payment
)
# Who has these columns tells which service the token is for, or where that service is.
_FROM = re.compile(
    r"^(?:(?:auth|oauth|social|identity|email|calendar|login)_)?provider(?:_\w+)?$|^platform$|^integration(?:_\w+)?$"
    r"|^service(?:_name)?$|^vendor$|^issuer(?:_url)?$|^well_known_url$|^(?:authori[sz]e|authori[sz]ation|token|discovery)_(?:url|endpoint)$"
    r"|^oauth_name$|^realm_id$|^instance_url$|^shop_domain$|^bot_user_id$|^openid_configuration_endpoint$"
)
_NAMED_FROM = re.compile(
    rf"(?:^|_)(?:{_SERVICES}|integrations?|connections?|connected|social|external|third_party|oauth_accounts?|linked_accounts?"
    r"|mailbox(?:es)?|(?:e?mail|calendar|ad)_accounts?|providers?)(?:_|$)"
)
# Tables of a server that gives out such tokens itself, and of sessions and devices of its own.
_OWN_COLUMNS = re.compile(
    r"^(?:redirect_(?:uri|url)s|allowed_redirect_\w+|grant_types?|response_types?|code_challenge\w*|push_token)$"
)
_OWN_TABLE = re.compile(
    r"(?:^|_)(?:sessions?|devices?|(?:device_)?(?:auth(?:orization)?_)?codes?|refresh_tokens?|portal_\w+|users?|profiles?|shares?|links?|guests?)$"
)
_LIBRARY_ACCOUNTS = re.compile(r"(?:^|_)accounts?$")

_ONCE = re.compile(
    r"(?:^|_)(?:(?:password_?)?reset|reset_password|forgot(?:ten)?_password|(?:e?mail_)?verif(?:y|ication)|verify_e?mail"
    r"|(?:e?mail_|account_)?confirm(?:ation)?|(?:account_)?activation|invit(?:e|ation)|magic(?:_?link)?|(?:account_|password_)?recovery"
    r"|set_password|change_e?mail|e?mail_change|login_link|one_time)_token$|^(?:e?mail|password)_token$|^activation_key$"
)
_ONCE_TABLE = re.compile(
    r"(?:^|_)(?:password_?resets?|reset_?passwords?|forgot_?passwords?|password_?recover(?:y|ies)|(?:e?mail_)?verifications?"
    r"|verify_?e?mails?|(?:e?mail_)?confirmations?|(?:account_)?activations?|invit(?:e|ation)s?|magic_?links?|login_?links?"
    r"|one_time)(?:_?(?:tokens?|requests?))?$|^reset_tokens?$|^invite_?tokens?$|^confirm_?tokens?$"
)
_ONCE_COLUMN = re.compile(r"^(?:token|value|secret|token_value|link_token|raw_token)$")
_NOT_ONCE = re.compile(
    r"anonymous|domain|dns|phone|sms|otp|two_factor|2fa|mfa|totp|csrf|push|device|fcm|apns|unsubscribe|publishable|webhook|key_verif|kyc"
    r"|payment|identity|document|facebook|whatsapp|recipient|share|widget|download|site_verif|search_console"
)
# Supabase's own tables, which a dump or a declaration for references may hold.
_PLATFORM = re.compile(r"^(?:raw_user_meta_data|raw_app_meta_data|provider_type|auth_code_issued_at)$")
_DOMAIN = re.compile(r"(?:^|_)(?:domain|dns|txt|hostname)(?:_|$)")
_REUSED = re.compile(r"^(?:max_uses|uses|uses_left|use_count|usage_limit|reusable|times_used)$")


def is_protected(column: Column) -> bool:
    """Whether the name or the type of a column says that what it holds was hashed or encrypted."""
    return _PROTECTED.search(snake(column.name)) is not None or _PROTECTED.search(column.type) is not None


def foreign_columns(table: Table) -> list[Column]:
    """The columns for tokens and secrets of other services, protected ones among them."""
    name, columns = snake(table.name), [snake(column.name) for column in table.columns.values()]
    if any(_PLATFORM.match(column) for column in columns):
        return []
    own = any(_OWN_COLUMNS.match(column) for column in columns) or _OWN_TABLE.search(name) is not None
    says = not own and (any(_FROM.match(column) for column in columns) or _NAMED_FROM.search(name) is not None)
    return [column for column in table.columns.values() if _is_foreign(column, says=says)]


def _is_foreign(column: Column, *, says: bool) -> bool:
    name = _bare(column)
    if _NO_SECRET.search(name) or not (_TEXT.match(column.type) or is_protected(column)):
        return False
    named = _OF_SERVICE.match(name) is not None or name.startswith(("provider_access", "provider_refresh"))
    return named or (says and _FOREIGN.search(name) is not None)


def _bare(column: Column) -> str:
    """A column's name without the word for how it is kept."""
    return re.sub(
        r"^(?:hashed|encrypted)_|_(?:hash(?:ed)?|digest|encrypted|enc|ciphertext|sha256)$", "", snake(column.name)
    )


def of_auth_library(table: Table) -> bool:
    """The accounts of Auth.js and Better Auth, which the library fills."""
    columns = {re.sub("_", "", column) for column in table.columns}
    keys = {"provideraccountid", "provider"} <= columns or {"providerid", "accountid"} <= columns
    return _LIBRARY_ACCOUNTS.search(snake(table.name)) is not None and keys


def once_columns(table: Table) -> list[Column]:
    """The columns for tokens that are sent to somebody and work once, protected ones among them."""
    name, columns = snake(table.name), [snake(column.name) for column in table.columns.values()]
    if _NOT_ONCE.search(name) or any(_REUSED.match(c) or _PLATFORM.match(c) for c in columns):
        return []
    in_table = _ONCE_TABLE.search(name) is not None
    of_domain = any(_DOMAIN.search(column) for column in columns)
    return [column for column in table.columns.values() if _is_once(column, in_table=in_table, of_domain=of_domain)]


def _is_once(column: Column, *, in_table: bool, of_domain: bool) -> bool:
    name = _bare(column)
    if of_domain and "verif" in name:  # it is published in the DNS
        return False
    if _NOT_ONCE.search(name) or not (_TEXT.match(column.type) or is_protected(column)):
        return False
    return _ONCE.search(name) is not None or (in_table and _ONCE_COLUMN.match(name) is not None)


def has_own_name(column: Column) -> bool:
    """Whether the column's name alone says what it holds, so that code may be searched for it."""
    return _ONCE.search(_bare(column)) is not None


def of_verification_library(table: Table) -> str:
    """Which library fills a table of verifications: Auth.js keeps a hash in it, Better Auth the value itself."""
    columns = {column.replace("_", "") for column in table.columns}
    if {"identifier", "token", "expires"} <= columns:
        return "Auth.js"
    return "Better Auth" if {"identifier", "value"} <= columns and snake(table.name).startswith("verification") else ""
