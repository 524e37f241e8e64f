"""Passwords that are stored under a hash made to be fast."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.sites import arguments
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)passw|pwd|passphrase|bcrypt|hashlib|PASSWORD_HASHERS")
_PASSWORD = re.compile(r"(?i)passw(?:or)?d|\bpwd\b|passphrase|\bpass\b|passwd")
_NOT_PASSWORD = re.compile(
    r"(?i)\bhash(?:ed)?_?passw|passw\w*_?(?:reset|token|hash)|reset_?token|pwned|hibp|breach|sha1_?prefix|process\.env|os\.environ|(?-i:\b[A-Z][A-Z_]{7,}\b)|_key\b"
)
_FAST = re.compile(r"(?i)^(?:md4|md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512|sha3-\d+|ripemd160|blake2\w*)$")
_DIRECT = re.compile(
    r"(?i)^(?:hashlib\.(?P<py>md5|sha1|sha224|sha256|sha384|sha512|sha3_\d+|blake2\w)|(?:crypto-js\.|cryptojs\.)(?P<cjs>MD5|SHA1|SHA256|SHA512|SHA3)"
    r"|(?P<one>md5|sha1|sha256|sha512)|(?:js-)?(?:md5|sha1|sha256|sha512)\.(?:hex|create)|ts-md5\.Md5\.hashStr|passlib\.hash\.(?P<lib>md5_crypt|sha1_crypt|plaintext|hex_\w+))$"
)
_ROUNDS = re.compile(
    r"(?i)bcrypt(?:js|-ts)?\.(?P<how>hash|hashSync|genSalt|genSaltSync|gensalt)$|^@node-rs/bcrypt\.hash$"
)
_KDF = re.compile(r"(?i)(?:^|\.)(?:pbkdf2|pbkdf2Sync|pbkdf2_hmac)$")
_FEWEST_ROUNDS = 8
_FEWEST_ITERATIONS = 10_000

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "hash", (_WORDS,), _judge, Severity.HIGH)


def _judge(event: Event, text: str) -> Judged | None:  # noqa: PLR0911 - a case per line
    if re.search(r"pwnedpasswords", text):  # the list of leaked passwords is asked by such a hash
        return None
    if event.kind == "assign" and event.name == "PASSWORD_HASHERS":
        return _hashers(event)
    if event.kind != "call":
        return None
    if _ROUNDS.search(event.name):
        return _rounds(event)
    if _KDF.search(event.name):
        return _iterations(event)
    algorithm, given = _hash(event)
    if algorithm is None or not _names_password(given):
        return None
    if _FAST.match(algorithm.replace("_", "-")):
        return Judged(
            f"a password is hashed with {algorithm}: billions of guesses a second can be tried against it", "fast-hash"
        )
    return Judged("the hash is made for passwords")


def _hash(event: Event) -> tuple[str | None, list[Node]]:
    """The algorithm of a hash, and what is hashed."""
    given = arguments(event.node)
    if match := _DIRECT.match(event.name):
        return next((part for part in match.groups() if part), event.name), given[:1]
    if event.name == "hashlib.new" and event.args:
        return str(event.args[0].const), given[1:2]
    if (
        event.name.endswith(".update")
        and event.receiver.name.endswith(("createHash()", "createHmac()"))
        and event.receiver.args
    ):
        keyed = event.receiver.name.endswith("createHmac()")
        return (None if keyed else str(event.receiver.args[0].const)), given[:1]
    if event.name.endswith("werkzeug.security.generate_password_hash") or event.name == "generate_password_hash":
        method = event.named.get("method") or (event.args[1] if len(event.args) > 1 else None)
        return (str(method.const) if method else "scrypt"), given[:1]
    return None, []


def _names_password(given: list[Node]) -> bool:
    text = " ".join(text_of(node) for node in given)
    return _PASSWORD.search(text) is not None and not _NOT_PASSWORD.search(text)


def _hashers(event: Event) -> Judged:
    listed = event.args[0].items or []
    name = str(listed[0].const) if listed else ""
    if re.search(r"MD5|SHA1|Unsalted|Crypt", name):
        return Judged(f"{name.rpartition('.')[2]} hashes the passwords: it is made to be fast", "fast-hash")
    return Judged("the hash is made for passwords")


def _rounds(event: Event) -> Judged:
    salt = event.name.lower().endswith(("gensalt", "gensaltsync"))
    value = event.named.get("rounds") or (
        event.args[0 if salt else 1] if len(event.args) > (0 if salt else 1) else None
    )
    if value is not None and isinstance(value.const, int) and value.const < _FEWEST_ROUNDS:
        return Judged(f"bcrypt with {value.const} rounds is fast: 10 and more are asked for", "rounds", Severity.MEDIUM)
    return Judged("the hash is made for passwords")


def _iterations(event: Event) -> Judged:
    place = 3 if event.name.endswith("pbkdf2_hmac") else 2
    value = event.named.get("iterations") or (event.args[place] if len(event.args) > place else None)
    if value is not None and isinstance(value.const, int) and value.const < _FEWEST_ITERATIONS:
        return Judged(f"PBKDF2 with {value.const} iterations is fast", "iterations", Severity.MEDIUM)
    return Judged("the hash is made for passwords")
