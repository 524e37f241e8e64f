"""Ciphers and hashes that are broken, or used in a mode that shows what they hide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.code_values import Value, content
from auditor.facts.sites import ancestors, innermost_function
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"(?i)createCipher|createHash|hashlib|crypto-js|CryptoJS|Crypto\.Cipher|Cryptodome|\bDES\b|ARC4|MODE_ECB|modes\.ECB|algorithms\.|\bmd5\b|\bsha1\b|new\("
)
_CIPHER = re.compile(r"(?:^|\.)(?P<how>createCipheriv|createDecipheriv|createCipher|createDecipher)$")
_BROKEN = re.compile(
    r"(?i)^(?:des|des-.*|des3?|rc4.*|rc2.*|bf.*|blowfish.*|.*-ecb|3des|desede.*|idea.*|seed.*|cast.*)$"
)
_LIBRARY = re.compile(
    r"(?:^|\.)(?:DES3?|ARC4|ARC2|Blowfish|CAST)\.new$|^(?:\w+\.)*algorithms\.(?:ARC4|TripleDES|Blowfish|CAST5|IDEA|SEED)$"
    r"|^(?:crypto-js|CryptoJS)\.(?:DES|TripleDES|RC4|Rabbit|RC4Drop)\.(?:encrypt|decrypt)$"
)
_ECB = re.compile(r"(?:^|\.)modes\.ECB$")
_WEAK_HASH = re.compile(r"(?i)^(?:md2|md4|md5|sha-?1|ripemd(?:160)?|sha1-?.*)$")
_SECRET = re.compile(
    r"(?i)secret|token|passw|signature|\bsign|hmac|credential|api_?key|private|session|auth|otp|licen[cs]e|nonce|sensitive"
)
_SENSITIVE = re.compile(r"(?i)passw|sensitive|credential")
_HARMLESS = re.compile(
    r"(?i)etag|cache|checksum|gravatar|avatar|dedup|finger|content_?hash|file_?hash|integrity|digest_?of|shard|bucket|color|websocket|pwned|hibp|slug|version"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "cipher", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    if event.kind not in {"call", "new"}:
        return None
    if match := _CIPHER.search(event.name):
        return _cipher(event, match["how"])
    if _LIBRARY.search(event.name):
        return Judged(
            f"{event.name.rpartition('.')[0] or event.name} is broken, or has blocks that are too short",
            "broken-cipher",
        )
    if _ECB.search(event.name) or any(arg.name.endswith("MODE_ECB") for arg in (*event.args, *event.named.values())):
        return Judged("the mode ECB encrypts equal blocks to equal ones", "ecb")
    if any((arg.keys or {}).get("mode", Value()).name.endswith("mode.ECB") for arg in event.args):
        return Judged("the mode ECB encrypts equal blocks to equal ones", "ecb")
    return _hash(event, text)


def _cipher(event: Event, how: str) -> Judged:
    if how in {"createCipher", "createDecipher"}:
        return Judged("a key that is made of a password by MD5, and no initialisation vector", "no-iv")
    algorithm = event.args[0].const if event.args else None
    if isinstance(algorithm, str) and _BROKEN.match(algorithm):
        return Judged(f"{algorithm} is broken, or shows which blocks are equal", "broken-cipher")
    vector = event.args[2] if len(event.args) > 2 else Value()  # noqa: PLR2004 - so many arguments or parts
    fixed = vector.args[0] if vector.args and vector.name == "Buffer.from()" else vector
    constant = (isinstance(fixed.const, str) and fixed.const != "") or vector.name == "Buffer.alloc()"
    if constant and how == "createCipheriv":
        return Judged(
            "the initialisation vector is always the same: equal texts are encrypted to equal ones", "static-iv"
        )
    return Judged("the cipher is sound")


def _hash(event: Event, text: str) -> Judged | None:
    algorithm = _algorithm(event)
    if algorithm is None:
        return None
    unused = event.named.get("usedforsecurity")
    if not _WEAK_HASH.match(algorithm) or (unused is not None and unused.const is False):
        return Judged("the hash is sound, or used for no secret")
    around = innermost_function(event.node)
    words = text_of(around)[:8000] if around is not None else text_of(event.node.parent)
    statement = text_of(_statement(event.node))[:400]
    of_request = any(event.data(content(value), "hash") for value in event.args)
    if "pwnedpasswords" in text or _HARMLESS.search(statement) or _HARMLESS.search(words.split("\n")[0]):
        return Judged("the hash is no secret's")
    if _SECRET.search(statement) or _SENSITIVE.search(words) or (of_request and _SECRET.search(words)):
        return Judged(f"{algorithm} is broken: two texts with the same hash can be made", "weak-hash", Severity.LOW)
    return Judged("nothing says that the hash is a secret's")


def _statement(node: Node) -> Node:
    """The assignment or the statement that an expression is a part of."""
    whole = ("statement", "assignment", "declarator", "pair", "keyword_argument")
    return next((outer for outer in ancestors(node) if outer.type.endswith(whole)), node)


def _algorithm(event: Event) -> str | None:
    if match := re.match(r"^hashlib\.(?P<name>md5|sha1)$", event.name):
        return match["name"]
    made = event.receiver
    if event.name.endswith(".update") and made.name in {"hashlib.new()", "hashlib.md5()", "hashlib.sha1()"}:
        return str(made.args[0].const) if made.name == "hashlib.new()" and made.args else made.name[8:-2]
    if event.name in {"hashlib.new", "crypto.createHash", "createHash"} and event.args:
        return str(event.args[0].const)
    return (
        event.name.rpartition(".")[2].lower()
        if re.match(r"^(?:crypto-js|CryptoJS)\.(?:MD5|SHA1)$", event.name)
        else None
    )
