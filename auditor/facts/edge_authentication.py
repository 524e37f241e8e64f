"""Signs in JavaScript and TypeScript text that a caller is authenticated, and names that only suggest it."""

from __future__ import annotations

import re

from auditor.facts.literals import occurs

_SIGNS = {
    "asks Supabase who the caller is": re.compile(r"\bauth\s*\.\s*(?:getUser|getClaims)\s*\("),
    "verifies a token": re.compile(r"\bjwtVerify\s*\(|\b(?:jwt|jose|jsonwebtoken|JWT)\s*\.\s*verify\s*\(|\bjwt\(\s*\{"),
    "verifies a webhook's signature": re.compile(
        r"\bconstructEvent(?:Async)?\s*\(|\bnew\s+Webhook\s*\([^)]{0,100}\)[\s\S]{0,400}?\.verify\s*\(|\bsubtle\s*\.\s*verify\s*\("
        r"|\bcreateHmac\s*\(|\bwebhooks\s*\.\s*(?:verify|unwrap)\s*\("
    ),
    # By whatever name a helper has that does it.
    "compares a secret in constant time": re.compile(
        r"\b(?:timingSafeEqual|(?:timing_?safe|constant_?time|fixed_?time|safe|secure)_?\w{0,12}(?:equals?|compare)\w{0,10})\s*\(",
        re.IGNORECASE,
    ),
    "asks for credentials": re.compile(r"\b(?:bearerAuth|basicAuth)\s*\("),
}
# Repetitions are bounded: the text is untrusted, and a search must stay linear.
_SECRET = r"\w{0,40}?(?:SECRET|KEY|TOKEN|PASSWORD|PASSPHRASE|SIGNATURE)\w{0,40}"  # noqa: S105 - a pattern of names
_READ = (
    rf"\b(?:(?:Deno\s*\.\s*env\s*\.\s*get|\w{{0,30}}[eE]nv\w{{0,30}}|required?)\s*\((?:\s*\w+\s*,)?\s*[\"']{_SECRET}[\"']\s*\)"
    rf"|process\s*\.\s*env\s*\.\s*{_SECRET})"
)
_OTHER = r"(?!\s*(?:undefined|null|true|false|['\"]{2}))"
_COMPARED = re.compile(rf"[!=]==?\s*(?:`[^`$]{{0,20}}\$\{{\s*)?{_READ}|{_READ}[!\s)]*[!=]=={_OTHER}")
_KEPT = re.compile(rf"\b(?:const|let|var)\s+(\w+)(?:\s*:\s*\w+)?\s*=\s*\(?\s*{_READ}")
_THING = r"(?:Auth|Jwt|User|Session|Token|Signature|Secret|Api_?Key|Admin|Caller|Claims|Webhook|Access)"
_NAMED = re.compile(
    rf"^(?:require|check|with|ensure|assert|is|has|verify|validate)_?\w{{0,20}}?{_THING}(?!\w*(?:Limit|Rate|Grant))|^verify|"
    r"auth(?:enticat|oriz)(?:e|ed|er|or)$|authenticat|auth\w{0,30}(?:handler|wrapper|middleware|guard)$|"
    r"webhook\w{0,30}(?:handler|wrapper)$|middleware(?:Auth|Key|API|V\d|Secret)",
    re.IGNORECASE,
)
_CALLED = re.compile(r"(?<![\w$.])([A-Za-z_$][\w$]*)\s*(?=\()")


def sign_of(text: str) -> str:
    """What in the text authenticates a caller; empty where nothing does."""
    for meaning, pattern in _SIGNS.items():
        if occurs(pattern, text):
            return meaning
    return "compares with a secret of its environment" if _compares(text) else ""


def suggestive(texts: list[str], outside: set[str]) -> str:
    """A name that is called or handed on and sounds like authentication, though no text was seen that does it."""
    for text in texts:
        names = {match[1] for match in _CALLED.finditer(text)}
        names |= {name for name in outside if re.search(rf"(?<![\w$]){re.escape(name)}\s*[(,)]", text)}
        if found := next((name for name in sorted(names) if _NAMED.search(name)), ""):
            return found
    return ""


def _compares(text: str) -> bool:
    if occurs(_COMPARED, text):
        return True
    names = sorted({re.escape(match[1]) for match in _KEPT.finditer(text)})
    if not names:
        return False
    name = rf"(?:{'|'.join(names)})\b"
    return bool(re.search(rf"[!=]==?\s*(?:`[^`$]{{0,20}}\$\{{\s*)?{name}|\b{name}\s*[!=]=={_OTHER}", text))
