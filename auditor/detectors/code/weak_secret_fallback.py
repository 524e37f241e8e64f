"""Secrets of the environment that fall back to a literal: where the variable is missing, everybody knows the secret."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.environment_reads import TYPES, Read, secret_reads
from auditor.facts.secret_placeholders import is_placeholder, is_wordy
from auditor.facts.sites import ancestors, is_client_module, literal, mentions, span_of, subject_of
from auditor.facts.syntax import text_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_NAMES = ("SECRET", "PASS", "TOKEN", "SALT", "PEPPER", "KEY", "SERVICE_ROLE", "Settings")
_READS = ("env", "ENV", "Settings", "config", "Config")
_ASIDE = re.compile(
    r"(?:^|/)(?:playwright|vitest|jest|cypress|karma|wdio|codegen)[\w.-]*\.[cm]?[jt]s$|(?:^|[/.-])[sS]etup[\w-]*\.[cm]?[jt]s$|\.stories\."
    r"|(?:^|/)(?:settings/|config/|settings_)?(?:dev|development|local|test|testing)\.(?:py|[jt]s)$"
)
# What signs, encrypts or lets somebody in: with such a secret known, sessions and calls can be forged.
_OWN = re.compile(
    r"JWT|SESSION|COOKIE|SIGN|ENCRYPT|SALT|PEPPER|PASSW|PASSPHRASE|HMAC|HASH|AUTH_?SECRET|^SECRET|^APP_SECRET|SECRET_KEY$"
    r"|CRON|WEBHOOK|INTERNAL|ADMIN|MASTER|CSRF|PRIVATE_KEY|^API_?KEY$|^AUTH_TOKEN$|TOKEN_SECRET|SERVICE_ROLE"
)
_FOREIGN = re.compile(r"CLIENT_SECRET|AWS_|S3_|STRIPE_SECRET_KEY|TURNSTILE|RECAPTCHA|HCAPTCHA|CLERK_SECRET_KEY")
_DEVELOPMENT = re.compile(
    r"NODE_ENV|(?-i:\b[A-Z_]*ENV(?:IRONMENT)?\b)|\bis_?(?:dev|local|test|prod)|development|\bDEBUG\b|\.DEV\b",
    re.IGNORECASE,
)
_PRODUCTION = re.compile(r"(?<![!=])={2,3}\s*[\"']prod|^\(?\s*is_?prod", re.IGNORECASE)
_DATABASE = re.compile(
    r"(?:^|_)(?:DB|DATABASE|PG|POSTGRES|POSTGRESQL|MYSQL|MONGO|MONGODB|REDIS|RABBITMQ|SMTP|CLICKHOUSE)_"
)
_STORE = re.compile(r"(?i)rabbit|postgres|mysql|mariadb|mongo|redis|kafka|clickhouse|database|smtp")
_SERVICE = re.compile(r"(?i)\bhost\w*\s*(?::\s*str)?\s*=\s*[\"'](?:[a-z][\w-]*|127\.0\.0\.1)[\"']")
_LOCAL = re.compile(r"localhost|127\.0\.0\.1|host\.docker\.internal")
_SAYS_NOTHING = re.compile(
    r"missing|not[-_ ]?set|un(?:configured|set|defined|known|used)|disabled|no[-_ ]?key|invalid|build"
    r"|stub|test|required|\s",
    re.IGNORECASE,
)
_TESTS = re.compile(r"\bNODE_ENV\s*(?:\?\?|\|\|)?=\s*[\"']test[\"']")
_NAMED = re.compile(r"(?:COOKIE|HEADER|STORAGE|CACHE)_KEY$")
_NAME = re.compile(r"^(?!.*(?:secret|change|pass|default))[a-z]+(?:[_-][a-z0-9]+)+$")
_SHORT = 6  # no service gives out keys of so few characters
_BLANKED = re.compile(r"[0Xx*#.\-_]+")  # a form that was never filled in
_CLIENT_KEY = re.compile(r"(?i)api_?key")
_NEAR = 8  # lines
_PROVIDERS = ("eyJ", "sk_live_", "rk_live_", "sk_test_", "sk-", "sb_secret_", "sbp_", "AKIA", "ghp_", "SG.", "xox")
_PUBLIC = ("phc_", "pk_", "sb_publishable_", "http", "AIza")
_NOTHING = {"none", "null", "undefined", "false", "n/a", ""}

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    for path, reason in code.unknown.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    for path, language in code.asked.items():
        text = code.text(path)
        if not mentions(text, _NAMES) or not mentions(text, _READS) or _ASIDE.search(path) or is_client_module(text):
            continue
        types = TYPES["python" if language == "python" else "javascript"]
        seen: Counter[str] = Counter()
        for read in _once(secret_reads(code.nodes(path, *types))):
            yield _answer(path, text, read, seen)


def _once(reads: Iterator[Read]) -> Iterator[Read]:
    """Each fallback with the first variable of its chain; the others of the chain have none of their own."""
    known: set[int] = set()
    for read in reads:
        number = read.fallback.id if read.fallback is not None else 0
        yield replace(read, fallback=None) if number in known else read
        known.add(number)


def _answer(path: str, text: str, read: Read, seen: Counter[str]) -> Answer:
    subject = subject_of(f"variable {read.name} in", path, read.node, seen)
    place = span_of(path, read.node)
    value = _fallback_value(read.fallback, text)
    reason = "no literal stands in for it" if value is None else _excuse(read, value, text)
    if reason:
        return Answer(subject, State.OK, reason, place)
    assert value is not None
    detail = (
        f"{read.name} falls back to a literal of {len(value)} characters: where the variable is missing, "
        "everybody who has the code knows the secret"
    )
    severity = Severity.HIGH if _is_own(read) else Severity.MEDIUM
    return Answer(subject, State.FAIL, detail, place, severity=severity, evidence=f"fallback {read.name}")


def _is_own(read: Read) -> bool:
    """Whether it lets somebody in here; what a client of a service is given as its key (`apiKey: …`) does not."""
    upper = read.name.upper()
    pair = next((o for o in ancestors(read.node) if o.type in {"pair", "keyword_argument", "arguments"}), None)
    field = pair.child_by_field_name("key") or pair.child_by_field_name("name") if pair is not None else None
    if _OWN.search(upper) is None or _FOREIGN.search(upper) is not None:
        return False
    return field is None or _CLIENT_KEY.fullmatch(text_of(field)) is None


def _fallback_value(fallback: Node | None, text: str) -> str | None:
    """The literal behind a fallback, also behind the name of a constant of the same file."""
    if fallback is None:
        return None
    if fallback.type != "identifier":
        return literal(fallback)
    name = re.escape(text_of(fallback))
    match = re.search(
        rf"^[ \t]*(?:export )?(?:const |let |var )?{name}\s*(?::\s*\w+)?\s*=\s*([\"'`])(.+?)\1;?[ \t]*$",
        text,
        re.MULTILINE,
    )
    return match[2] if match and "${" not in match[2] else None


def _excuse(read: Read, value: str, text: str) -> str:
    """Why a literal fallback lets nobody in; empty where it does."""
    if value.strip().lower() in _NOTHING:
        return "its fallback is empty"
    if _NAMED.search(read.name.upper()) and _NAME.match(value):
        return "it is the name of a cookie, or of something else that is kept"
    if _TESTS.search(text):
        return "the file makes its own process a test"
    if _by_hand(read.node) or _only_in_development(read.node):
        return "the fallback holds in development only"
    if _refused(read, value, text):
        return "its absence or its default is refused"
    return _excuse_of_value(read, value, text)


def _excuse_of_value(read: Read, value: str, text: str) -> str:
    if value.startswith(_PROVIDERS):
        return "the literal is a provider's key, which the rules for such keys name"
    if value.startswith(_PUBLIC):
        return "the literal is public"
    blank = len(value) < _SHORT or _BLANKED.fullmatch(value) or _SAYS_NOTHING.search(value)
    if not _is_own(read) and (blank or is_wordy(value) or is_placeholder(value)):
        return "the fallback is a placeholder that opens nothing"
    first = max(0, read.node.start_point[0] - _NEAR)
    around = "\n".join(text.split("\n")[first : read.node.end_point[0] + _NEAR])
    if _DATABASE.search(read.name.upper()) and _LOCAL.search(around):
        return "the default of a store on the same machine"
    if _STORE.search(_class_of(read.node)) and _SERVICE.search(around):
        return "the default of a store of the same compose file"
    return ""


def _class_of(node: Node) -> str:
    """The class of settings that a variable belongs to: `class RabbitMQSettings`."""
    return next((text_of(o.child_by_field_name("name")) for o in ancestors(node) if o.type == "class_definition"), "")


def _only_in_development(node: Node) -> bool:
    """Whether a condition around the read says so; code under `=== "production"` is not."""
    inner = node
    for outer in ancestors(node):
        if outer.type in {"ternary_expression", "if_statement", "conditional_expression"}:
            condition = text_of(outer.child_by_field_name("condition"))
            if outer.type == "conditional_expression":  # Python: value, condition, alternative
                condition = text_of(outer.named_children[1]) if len(outer.named_children) > 1 else ""
            is_first = outer.child_by_field_name("consequence") == inner
            if _DEVELOPMENT.search(condition) and not (is_first and _PRODUCTION.search(condition)):
                return True
        inner = outer
    return False


def _by_hand(node: Node) -> bool:
    """Whether it stands below `if __name__ == "__main__":` of a module whose other code never runs then."""
    tests = (outer.child_by_field_name("condition") for outer in ancestors(node) if outer.type == "if_statement")
    return any("__name__" in text_of(test) and "__main__" in text_of(test) for test in tests)


def _refused(read: Read, value: str, text: str) -> bool:
    """Whether the same file stops where the variable is missing, or where it still has its default."""
    if not re.search(r"\bthrow\b|\braise\b|exit\(", text):
        return False
    name, default = re.escape(read.name), re.escape(value)
    constant = text_of(read.fallback) if read.fallback is not None and read.fallback.type == "identifier" else None
    environment = r"(?:process\.env|env|Deno\.env|import\.meta\.env)"
    tested = rf"(?:!\s*{environment}\.{name}\b|not os\.(?:environ\.get|getenv)\([\"']{name}[\"']\))"
    compared = rf"(?:[!=]==?|\bis|\bin)\s*[\[({{]?\s*[\"'`]{default}[\"'`]"
    compared += rf"|\bin\s*[\[({{][^\])}}]{{0,200}}[\"'`]{default}[\"'`]"
    if constant:
        compared += rf"|(?:[!=]==?)\s*{re.escape(constant)}\b"
    return re.search(rf"{tested}|{compared}", text) is not None
