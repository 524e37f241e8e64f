"""Values that only stand for a secret: placeholders, references, published test values, plain words. Pure."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter

# What people write where a secret should go.
_GRAMMAR = re.compile(
    r"your|example|change[_-]?(?:me|this|it)|placeholder|dummy|fake|redacted|x{4,}|\*{3}|\.{3}|…|<|>|\$\{|\$\(|\{\{|%\(|%s"
    r"|insert|replace|goes[_-]?here|[_-]here\b|^\$|^\{.*\}$|^\[.*\]$|not[_-]?(?:a[_-]?)?real|blah|random[_-]?(?:stuff|chars|characters|letters)|encrypted:|^ENC\[|todo|lorem|foobar",
    re.IGNORECASE,
)
# In the random part of a provider's key a short word may stand by chance: only these never do.
_GRAMMAR_OF_KEYS = re.compile(
    r"your_?|example|change_?me|placeholder|dummy|redacted|x{5,}|\*{3}|\.{3}|…|_here|insert|replace", re.IGNORECASE
)
_WEAK = {
    "", "postgres", "postgresql", "password", "passwd", "pass", "pw", "pwd", "secret", "changeme", "root", "admin", "user",
    "test", "testing", "mysql", "mongo", "mongodb", "redis", "guest", "rabbitmq", "username", "example", "db", "database",
    "pgpass", "mypassword", "mysecretpassword", "yourpassword", "dev", "development", "local", "token", "null", "none",
    "undefined", "true", "false", "prisma", "docker", "default", "foo", "bar", "abc", "p", "supersecret", "hunter2",
}  # fmt: skip
_SEQUENCES = (
    "0123456789",
    "1234567890",
    "abcdefghij",
    "qwertyuiop",
    "9876543210",
    "fedcba98",
    "12345678",
    "abcdef12",
    "a1b2c3d4",
    "1a2b3c4d",
)
_REPEATED = re.compile(r"(.)\1{5,}|^(.{1,6})\2{3,}")
_WORDS = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Values that providers print in their own documentation, by SHA-256: written out they would stop a push.
_PUBLISHED = {
    "2cafc0970149a84f3b9e62eaf169f36f59907a3b3e31f7b82e68c69cd27f7326",  # Stripe's documentation
    "f2d6ca16515033e5dce14eba840b979d27b5cbae24bb3e5bf484339667f86397",  # likewise
    "7e8de44ea9ecf6d53415c90f5b249a8591f7abafbf7d65a2c0d855afeca3ec09",  # likewise
    "c85debb55f2f204d868cc1552c42faa143b4c675f61363ab040dd50b5b5304cd",  # every local Supabase stack
    "7f59edafa4d502ca0156b8fddf28394634d77b1843838b5783a7c9c95fcbd32f",  # likewise, its storage
    "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059",  # Azure's storage emulator
}
_SHORT_PASSWORD = 3


def entropy(value: str) -> float:
    """Shannon's entropy in bits per character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def is_published(value: str) -> bool:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest() in _PUBLISHED


def is_uuid(value: str) -> bool:
    return _UUID.fullmatch(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether a value is a blank to be filled in, a reference to somewhere else, or a pattern that nobody generated."""
    return is_blank(value) or is_patterned(value) or value.lower() in _WEAK


def is_placeholder_key(body: str) -> bool:
    """The same for what follows a provider's prefix, which is random where it is real."""
    return bool(_GRAMMAR_OF_KEYS.search(body)) or is_patterned(body) or entropy(body) < _enough(len(body))


def _enough(length: int) -> float:
    """Random text of n characters reaches about log2(n) bits; a typed blank stays far below."""
    return min(3.0, 0.6 * math.log2(max(length, 2)))


def is_blank(value: str) -> bool:
    """Whether a value is a blank to be filled in, or a reference to somewhere else."""
    return _GRAMMAR.search(value) is not None


def is_patterned(value: str) -> bool:
    lowered = value.lower()
    return any(part in lowered for part in _SEQUENCES) or _REPEATED.search(value) is not None


def is_weak_password(value: str, user: str) -> bool:
    """Defaults of an image or a tutorial: not a secret that could be lost."""
    plain = re.sub(r"[\d!_.-]+$", "", value.lower())
    stem = re.sub(r"[^a-z]", "", value.lower())
    return (
        len(value) <= _SHORT_PASSWORD
        or plain in _WEAK
        or stem in _WEAK
        or value.lower() == user.lower()
        or is_placeholder(value)
    )


def is_wordy(value: str) -> bool:
    """Whether a value reads as words: an identifier, a path, a sentence without spaces."""
    return sum(len(word) for word in _WORDS.findall(value)) >= 0.6 * len(value)
