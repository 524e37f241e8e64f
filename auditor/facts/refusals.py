"""Signs in a function's text that it turns callers away, and by what: a session, a credential, an answer 401."""

from __future__ import annotations

import re

from auditor.facts.literals import occurs

_REFUSES = re.compile(
    r"\b(?:401|403)\b|[Uu]nauthori[sz]ed|UNAUTHORI[SZ]ED|[Ff]orbidden|FORBIDDEN|\bthrow\b|\bredirect\w*\(|\breject\(|notFound\("
    r"|\breturn\s+new\s+\w*Error\(|\bnext\(\s*\w*[eE]rr|\bassert\w*\("
)
_GIVES_NOTHING = re.compile(r"\bnull\b|\breturn\s+(?:false|undefined)\b|\breturn\s*;|\bsuccess\s*:\s*false\b")
_DENIED = re.compile(r"\b401\b|\b[uU]nauthori[sz]ed\b|UNAUTHORI[SZ]ED|[uU]nauthori[sz]ed\w*\(")
_MAPPED = re.compile(r"\binstanceof\s+\w+|\bcase\s+[\w.'\"]+\s*:|[!=]==?\s*[\w.]*(?:401|UNAUTHORI[SZ]ED)\b")
_CALLER = re.compile(r"header|cookie|session|token|user|auth|api_?key|\bkey\b", re.IGNORECASE)
_OWN_NAME = re.compile(r"(?:export\s+)?(?:default\s+)?(?:async\s+)?function\s*\*?\s*(\w+)")
_SPEAKS = re.compile(
    r"authoriz|authoris|authenticat|unauth|cookie|session|user|token|api_?key|\bkey\b|secret|credential|jwt|bearer|signature|hmac"
    r"|passw|account|admin|\brole|permission|scope|tenant|workspace|organi[sz]ation|\borg|member|owner|principal|identity"
    r"|login|logged|sign_?in|caller|client_?id|headers?\b|\.(?:auth|ip|acl)\b|40[13]\b|forbidden|\bauth\w*\(",
    re.IGNORECASE,
)
# Where a middleware, or a framework, puts the caller.
_HELD = (
    r"(?:(?:ctx|context|c)\.(?=req(?:uest)?\.))?"
    r"(?:(?:req|request|ctx|c|context|event|res|reply|locals)\.(?:(?:session|state|locals|var|raw|auth|current\w{1,20})(?:\(\))?\??\.)?"
    r"(?:user\w{0,12}|session|auth|account|(?:current|remote|auth|authenticated|loggedIn|session|request)User|viewer|principal"
    r"|admin|member|apiKey)|(?:req|request)\.session\??\.\w{1,30}"
    r"|(?:req|request|ctx|context|locals)(?:\.\w{1,30}\??){0,2}\.is(?:Authenticated|LoggedIn|SignedIn)\b(?!\s*\()"
    r"|(?:c|ctx|context)\.get\(\s*[\"'](?:user\w{0,20}|session|auth|account|jwtPayload|currentUser|claims|apiKey)[\"']\s*\))"
)
_NOBODY = re.compile(rf"!\s*{_HELD}")
_TESTED = re.compile(rf"(?:!\s*|\bif\s*\(\s*){_HELD}")
_KEPT = re.compile(rf"\b(?:const|let|var)\s+(\w+)(?:\s*:[^=;\n]{{1,60}})?\s*=\s*{_HELD}(?!\w)")
_TAKEN = re.compile(
    r"\b(?:const|let|var)\s*\{([^}]{1,80})\}\s*=\s*(?:(?:c|ctx|context)\.(?:var|state)|(?:(?:res|c|ctx|event|context)\.)?locals)\b"
)
# A resolver of GraphQL that takes its context, the third parameter, apart: `(_, args, { user }) => …`.
_CONTEXT = re.compile(
    r"^[^(]{0,60}\(\s*(?:[\w$]+|\{[^{}]*\})(?:\s*:[^,{}()]{1,60})?,\s*(?:[\w$]+|\{[^{}]*\})(?:\s*:[^,{}()]{1,60})?"
    r",\s*\{([^{}]{1,160})\}"
)
# The same of a class of resolvers: `@Ctx() { req: { user } }: Context`.
_OF_CLASS = re.compile(r"@(?:Ctx|Context)\(\)\s*\{([^{}]{0,80}(?:\{[^{}]{1,80}\}[^{}]{0,80})?)\}")
# What is found by somebody who is known: `const creator = await findUser(userId)`.
_FOUND = r"\b(?:const|let|var)\s+(\w+)(?:\s*:[^=;\n]{{1,60}})?\s*=\s*(?:await\s+)?(?:[\w.]{{1,60}}\(\s*)?{}"
_OF_CALLER = re.compile(r"[uU]ser|[mM]ember|[aA]ccount|[vV]iewer")
_MISSED = r"!\s*{}\b[^;!]{{0,160}}(?:\b401\b|[uU][nN]_?[aA][uU][tT][hH][oOeE])"
_CREDENTIAL = re.compile(
    r"(?:\b(?:get|getHeader|header|headers|param)\s*\??\.?[(\[]\s*)[\"'`](?:authorization|[\w-]*(?:api-?key|token|secret)"
    r"|x-[\w-]*(?:signature|key|auth)|api-?key)[\"'`]|headers?\.authorization\b"
    r"|\{[^{}]{0,80}\bauthorization\b[^{}]{0,80}\}\s*=\s*[\w.]*headers"
    r"|\b(?:get|header)\(\s*\w*(?:KEY|TOKEN|AUTH|SECRET)\w*HEADER|\[[\w.]*(?:KEY|TOKEN|AUTH|SECRET)_?HEADER\w*\]"
    r"|cookies?\(?\)?\.get\(\s*[\"'`][\w-]*(?:session|token|auth)",
    re.IGNORECASE,
)
_SETTING = (
    r"\b(?:env|config|settings|secrets)(?:\.\w{1,30})?"
    r"\.\w{0,30}(?:SECRET|API_?KEY|TOKEN|secret|Secret|[aA]piKey)\w{0,20}"
)
_SECRET_COMPARED = re.compile(
    rf"[!=]==?\s*(?:`[^`$]{{0,20}}\$\{{\s*)?{_SETTING}|{_SETTING}\s*[!=]==?(?!\s*(?:undefined|null|true|false|['\"]{{2}}))"
)
_IN_CONSTANT_TIME = re.compile(r"(?:secure|[sS]afe|constant_?[tT]ime)\w{0,10}_?(?:[cC]ompare|[eE]quals?)\w{0,10}\s*\(")
_READ = re.compile(
    r"\b(?:const|let|var)\s+(\w+)\s*=\s*(?:req|request)\.(?:(?:headers?|cookies|signedCookies)\s*[.\[?(]|get\()"
)
_ANSWERED = r"\bif\s*\(\s*!\s*{}\s*\)\s*\{{?\s*return\s+(?!next\b)[\w.]+\(\s*res(?:ponse)?\b"
_REFUSED = re.compile(
    r"\b(?:401|403)\b|unauthori[sz]ed|forbidden|invalid[ _](?:api|token|key|sig|auth|session)", re.IGNORECASE
)


def compares_secret(text: str) -> str:
    """How code compares with a secret that a module for settings holds: `env.CRON_SECRET`, `config.apiKey`."""
    if occurs(_SECRET_COMPARED, text):
        return "compares with a secret of its environment"
    return "compares a secret in constant time" if occurs(_IN_CONSTANT_TIME, text) else ""


def refuses(text: str) -> bool:
    """Whether code answers some callers with no."""
    return occurs(_REFUSES, text)


def refuses_or_gives_nothing(text: str) -> bool:
    """Whether code tells its own caller that nobody is there: it throws, or gives back null or false."""
    return occurs(_REFUSES, text) or occurs(_GIVES_NOTHING, text)


def refuses_callers(text: str) -> bool:
    """Whether code without its comments does so, and speaks of a caller, not of what was sent alone."""
    if not refuses_or_gives_nothing(text):
        return False
    named = _OWN_NAME.match(text)
    return bool(_SPEAKS.search(re.sub(rf"\b{named[1]}\b", " ", text) if named else text))


def denies(text: str) -> bool:
    """Whether code answers 401 of its own accord, and does not only put somebody else's error into words."""
    own = _MAPPED.sub(" ", text)
    return occurs(_DENIED, own) and occurs(_CALLER, own)


def wants_session(text: str) -> bool:
    """Whether code turns those away for whom no middleware has found a session."""
    if not refuses_or_gives_nothing(text):
        return False
    text = text.replace("?.", ".")
    if occurs(_TESTED, text):
        return True
    names = {match[1] for match in _KEPT.finditer(text)}
    for match in _TAKEN.finditer(text):
        names |= set(re.findall(r"\b(?:user\w*|session|auth|account)\b", match[1]))
    contexts = [*_CONTEXT.findall(text), *_OF_CLASS.findall(text)]
    if _misses(text, contexts):
        return True
    names |= _found_by(text, names | _callers(contexts))
    if not names:
        return False
    name = _any_of(names)
    return bool(re.search(rf"!\s*{name}|\bif\s*\(\s*{name}|\b{name}\s*[!=]==?\s*(?:null|undefined)", text))


def _misses(text: str, contexts: list[str]) -> bool:
    """Whether code asks for the absence of a caller whom its parameters take out of a context."""
    names = _callers(contexts)
    name = _any_of(names)
    return bool(names) and bool(re.search(rf"!\s*{name}(?!\.)|\b{name}\s*[!=]==?\s*(?:null|undefined)", text))


def _callers(contexts: list[str]) -> set[str]:
    """The names that parameters give to the caller of a context."""
    return {name for given in contexts for name in re.findall(r"\b(?:_?user\w*|\w+User|session|viewer)\b", given)}


def _found_by(text: str, names: set[str]) -> set[str]:
    """What code finds by the caller, and what it finds by that: nobody is found for a stranger."""
    found: set[str] = set()
    for _ in range(2):
        known = names | found
        named = {match[1] for match in re.finditer(_FOUND.format(_any_of(known)), text)} if known else set()
        found |= {name for name in named if _OF_CALLER.search(name) or re.search(_MISSED.format(name), text)}
    return found


def _any_of(names: set[str]) -> str:
    return rf"(?:{'|'.join(map(re.escape, sorted(names)))})\b"


def refuses_without_session(text: str) -> bool:
    """The same for code that says no in so many words."""
    return refuses(text) and wants_session(text)


def turns_away(text: str) -> bool:
    """Whether a guard stops where nothing before it has found somebody."""
    return occurs(_NOBODY, text) and occurs(_REFUSES, text)


def wants_credential(text: str) -> bool:
    """Whether code reads a credential out of the request's headers, and turns those away who have none."""
    return occurs(_CREDENTIAL, text) and occurs(_REFUSED, text)


def answers_without_credential(text: str) -> bool:
    """Whether a guard answers by itself, in whatever words, where the request's header or cookie has nothing."""
    names = {match[1] for match in _READ.finditer(text)}
    return any(re.search(_ANSWERED.format(re.escape(name)), text) for name in names)


def hands_credential_on(text: str) -> bool:
    """Whether a token of the request's headers is given to a library as the caller's secret, which then decides."""
    return bool(
        occurs(_CREDENTIAL, text)
        and re.search(r"\b(?:apiSecret|api_secret|bearerToken|accessToken|authToken)\b\s*[,:}\n]", text)
    )
