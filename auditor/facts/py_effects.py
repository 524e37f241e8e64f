"""What a Python call does to the world: reads or writes a database, sends a message, takes money, asks a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.effects import MODEL, PAY, READ, SEND, SIGN_IN, WRITE, Effect
from auditor.facts.py_bindings import positional
from auditor.facts.symbols import External
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from auditor.facts.reach import Call

_MANAGER = re.compile(
    r"^(?:\w+\.)*?(?P<model>[A-Z]\w*)\.(?:objects|_default_manager|query)\b.*\.(?:(?P<write>create|bulk_create|bulk_update|update|delete"
    r"|get_or_create|update_or_create|acreate|aupdate|adelete)|(?P<read>all|get|filter|first|last|exclude|count|values|values_list"
    r"|aggregate|exists|filter_by|get_or_404|first_or_404|one|one_or_none|paginate|in_bulk))$"
)
_SESSION = re.compile(
    r"^(?:[\w.]*[._])?(?:db|session|db_session|conn|connection|cursor|cur|tx|uow|engine|database|pool|async_session)(?:\(\))?"
    r"\.(?:(?P<write>add|add_all|create_all|drop_all|merge|delete|commit|bulk_save_objects|bulk_insert_mappings|bulk_insert_objects|executemany)"
    r"|(?P<read>scalars?|exec|get|query|fetch|fetchrow|fetchval|fetchall|fetchone|get_one)|(?P<query>execute|execute_script|executescript))$"
)
_MONGO = re.compile(
    r"^(?:\w+[.\[\]\"'])*(?P<model>\w*)[\]\"']*\.(?:(?P<read>find_one|find|count_documents|aggregate|distinct)"
    r"|(?P<write>insert_one|insert_many|update_one|update_many|replace_one|delete_one|delete_many|find_one_and_\w+|bulk_write))$"
)
_OBJECT = re.compile(
    r"^[a-z_]\w*(?:\.\w+)*\.(?:save|asave|delete|adelete|perform_create|perform_update|perform_destroy)$"
)
_NOT_ROWS = re.compile(
    r"(?:file|image|img|fig|plt|path|cache|redis|client|requests|session|wb|workbook|doc|model|buffer|http\w*)\.",
    re.IGNORECASE,
)
_SUPABASE = re.compile(
    r"\.(?:table|from_)\([\"'](?P<table>\w+)[\"']\)\.(?:.*\.)?(?:(?P<write>insert|update|upsert|delete)|(?P<read>select))$"
)
_SEND = re.compile(
    r"(?:^|[._])send_?(?:e?mail|sms|message|otp|mass_mail|verification|notification|reset\w*|welcome|invite)\w*$"
    r"|^(?:mail|mailer|smtp\w*|server|email_message|msg|sendgrid\w*|sg|resend\.Emails)\.send(?:_message|mail)?$|\.messages\.create$",
    re.IGNORECASE,
)
_PAY = re.compile(r"^stripe\.(?:\w+\.)+(?:create|modify|capture|confirm|refund|cancel)\w*$")
_MODEL = re.compile(
    r"(?:completions\.(?:create|parse)|responses\.create|images\.generate|embeddings\.create|messages\.(?:create|stream)"
    r"|generate_content|ChatCompletion\.a?create)$"
)
_SIGN_IN = re.compile(
    r"(?:^|\.)(?:check_password_hash|check_password|verify_password|checkpw|verify_and_update|login_user|sign_in_with_\w+"
    r"|sign_up|sign_in_with_password)$|(?:^|[._])(?:pwd_context|password_hash|ph|hasher|bcrypt|argon2)\w*\.verify$|^bcrypt\.check_password_hash$"
)
_WRITES = re.compile(r"\b(?:insert|update|delete|replace\s+into|drop|create\s+table)\b", re.IGNORECASE)
_MAIL = re.compile(r"smtplib|sendgrid|resend|mailgun|flask_mail|fastapi_mail|twilio|django\.core\.mail|boto3")
_LLM = re.compile(r"openai|anthropic|google\.gen|litellm|cohere|mistralai|groq|ollama|together|replicate")


def python_effects(calls: Iterable[Call]) -> Iterator[Effect]:
    """What the calls do, those that do nothing that matters left out."""
    for call in calls:
        if call.node.type == "call" and (found := _effect(call)) is not None:
            yield found


def _effect(call: Call) -> Effect | None:
    return _service(call) or _on_rows(call)


def _on_rows(call: Call) -> Effect | None:
    for pattern in (_SUPABASE, _MANAGER, _MONGO):
        if match := pattern.search(call.name):
            if (
                pattern is _MONGO
                and match["read"] == "find"
                and not re.search(r"db|coll|mongo", call.name, re.IGNORECASE)
            ):
                continue
            groups = match.groupdict()
            return Effect(WRITE if groups["write"] else READ, call, groups.get("model") or groups.get("table") or "")
    if match := _SESSION.match(call.name):
        return _by_session(call, match)
    known = not isinstance(call.target, External) or call.last == "delete"  # `self.get_object().delete()`
    return Effect(WRITE, call) if known and _OBJECT.match(call.name) and not _NOT_ROWS.search(call.name) else None


def _by_session(call: Call, match: re.Match[str]) -> Effect | None:
    given = positional(call.node)
    first = text_of(given[0]) if given else ""
    if match["query"]:
        return Effect(WRITE if _WRITES.search(first) else READ, call)
    if match["read"] == "get" and len(given) <= 1 and not first[:1].isupper():
        return None  # a web session's or a mapping's `get`
    table = found[0] if (found := re.match(r"[A-Z]\w+", first)) else ""
    return Effect(WRITE if match["write"] else READ, call, table)


def _service(call: Call) -> Effect | None:
    package = call.target.package if isinstance(call.target, External) else ""
    django_login = package == "django.contrib.auth" and call.last in {"authenticate", "login"}
    if _SIGN_IN.search(call.name) or django_login:
        return Effect(SIGN_IN, call)
    if _PAY.match(call.name):
        return Effect(PAY, call)
    if _MODEL.search(call.name) and (not package or _LLM.match(package)):
        return Effect(MODEL, call)
    sends = _SEND.search(call.name) and (not package or bool(_MAIL.match(package)))
    return Effect(SEND, call) if sends else None
