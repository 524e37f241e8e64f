"""Which security headers a piece of code sets: by a library, by a framework's settings, or by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.servers import span_of, without_comments
from auditor.facts.syntax import line_of, text_of
from auditor.model import FileSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.parsed_files import Files

NAMES = {
    "x-content-type-options": "nosniff", "x-frame-options": "frame", "strict-transport-security": "hsts",
    "referrer-policy": "referrer", "content-security-policy": "csp",
}  # fmt: skip
_NAMED = re.compile("|".join(NAMES), re.IGNORECASE)
_BASIC = ("nosniff", "frame", "hsts", "referrer")
_ALL = (*_BASIC, "csp")
_LIBRARIES = {
    "hono/secure-headers": _BASIC, "helmet": _ALL, "@fastify/helmet": _ALL, "fastify-helmet": _ALL,
    "@nosecone/next": _ALL, "nosecone": _ALL, "next-secure-headers": ("nosniff", "frame", "hsts"),
}  # fmt: skip
_OPTIONS = {
    "noSniff": "nosniff", "xContentTypeOptions": "nosniff", "frameguard": "frame", "xFrameOptions": "frame",
    "hsts": "hsts", "strictTransportSecurity": "hsts", "referrerPolicy": "referrer", "contentSecurityPolicy": "csp",
}  # fmt: skip
_ROUTE = re.compile(r"\.(?:get|post|put|patch|delete|route|all|openapi|use)\s*\(\s*(['\"`])(/[^'\"`*]*)")
# What may still bring routes after a middleware: routers without a path, plugins, functions that are given the app.
_MORE = re.compile(
    r"\.(?:use|route|register|mount)\s*\(\s*(?!(?:async\s*)?(?:function\s*\w*\s*)?\(?\s*_?err|\w*[eE]rror|\w*[nN]otFound)"
    r"|\b(?!serve\b|createServer\b|handle\b)\w+\(\s*(?:app|server)\s*[,)]",
)
_EVERYWHERE = {"*", "/*", "/", "**", "/**", "(.*)", "/(.*)"}
# Where a header is set for every answer, and not for the one answer of a handler.
_MIDDLEWARE = re.compile(
    r"\bnext\s*\(\)|call_next|createMiddleware|NextResponse\.next|\.use\s*\(|after_request|[mM]iddleware|addHook"
    r"|process_response|\bheaders\s*(?:\(\)|:\s*async)|(?i:security_?headers)|onSend|__call__",
)
_READS = re.compile(r"(?:^|\.)(?:get|has|delete|pop|removeHeader|getHeader|remove|includes|startswith)$")
_UNSAFE = re.compile(
    r"script-src(?:-elem)?\s[^;]{0,400}?'unsafe-(?:eval|inline)'|scriptSrc\w*[\"']?\s*:\s*\[[^\]]*\]",
)
_SOFTENED = re.compile(r"nonce|strict-dynamic|\b(?:is)?[dD]ev|NODE_ENV|DEBUG")
_HTML = (
    "res.render(", "view engine", "setViewEngine", "@Render(", "c.html(", "jsxRenderer", "render_template(",
    "Jinja2Templates", "HTMLResponse", "import render", "TemplateView", "TemplateResponse",
)  # fmt: skip
_FOREIGN = re.compile(
    r"\.(?:use|add_middleware|register)\s*\(\s*(?:[\"'][^\"']*[\"']\s*,\s*)?(\w*[sS]ecur\w*[hH]eaders?\w*)"
)
_PYTHON = {
    "flask_talisman": (re.compile(r"\bTalisman\s*\("), _ALL),
    "secure": (re.compile(r"^\s*(?:from|import)\s+secure\b.*$", re.MULTILINE), _ALL),
    "secweb": (re.compile(r"\bSecWeb\s*\("), _ALL),
}
_DJANGO = re.compile(r"^(?:MIDDLEWARE\b|\s*(?:SECURE_|CSP_|CONTENT_SECURITY_POLICY))", re.MULTILINE)
_TALISMAN_OFF = {
    "csp": r"content_security_policy\s*=\s*(?:None|False)", "hsts": r"strict_transport_security\s*=\s*False",
}  # fmt: skip


@dataclass(slots=True)
class Headers:
    """What was seen, and where: `pieces` for every answer, `partly` where only some paths get them and why."""

    pieces: dict[str, FileSpan] = field(default_factory=dict)
    partly: dict[str, tuple[str, FileSpan]] = field(default_factory=dict)
    unsafe: FileSpan | None = None
    html: bool = False
    foreign: tuple[str, FileSpan] | None = None

    def add(self, other: Headers) -> None:
        self.pieces = {**other.pieces, **self.pieces}
        self.partly = {**other.partly, **self.partly}
        self.unsafe = self.unsafe or other.unsafe
        self.html = self.html or other.html
        self.foreign = self.foreign or other.foreign

    def take(self, pieces: Iterator[str] | tuple[str, ...], where: FileSpan, limit: str = "") -> None:
        for piece in pieces:
            if limit:
                self.partly.setdefault(piece, (limit, where))
            else:
                self.pieces.setdefault(piece, where)


def read_headers(code: Files, path: str) -> Headers:
    """What one file of code does for the headers of its server's answers."""
    raw = code.text(path)
    plain, python = raw.lower(), code.files[path] == "python"
    found = Headers(html=any(word in raw for word in _HTML))
    named = any(name in plain for name in NAMES)
    told = any(word in plain for word in (_PYTHON if python else _LIBRARIES))
    foreign = "secur" in plain and "header" in plain
    if not (named or told or foreign or (python and _DJANGO.search(raw))):
        return found
    text = without_comments(code, path)
    (_from_python if python else _from_libraries)(path, text, found)
    if named and _MIDDLEWARE.search(text):
        _from_names(code, path, text, found)
    if (match := _unsafe(text)) is not None:
        found.unsafe = span_of(path, text, match)
    if match_foreign := _FOREIGN.search(text):
        found.foreign = match_foreign[1], span_of(path, text, match_foreign.start())
    return found


def _unsafe(text: str) -> int | None:
    for match in _UNSAFE.finditer(text):
        inline = "'unsafe-" in match[0]
        if inline and not _SOFTENED.search(match[0]):
            return match.start()
    return None


def _from_libraries(path: str, text: str, found: Headers) -> None:
    for module, pieces in _LIBRARIES.items():
        if module not in text:
            continue
        for name in _imported(module, text):
            for match in re.finditer(rf"(?<![\w.]){re.escape(name)}\s*(?:\.\s*(\w+)\s*)?\(", text):
                _library_call(path, text, match, pieces, found)
            for match in re.finditer(rf"\.register\s*\(\s*{re.escape(name)}\b", text):
                _library_call(path, text, match, pieces, found)


def _imported(module: str, text: str) -> Iterator[str]:
    """The local names of what a module exports; `require` and `import()` in place are names, too."""
    quoted = rf"['\"]{re.escape(module)}['\"]"
    for match in re.finditer(
        rf"import\s+([^;'\"]+?)\s+from\s+{quoted}|(?:const|let|var)\s+([^=;]+?)\s*=\s*[^;\n]*{quoted}", text
    ):
        yield from re.findall(r"(?:\w+\s*(?:as|:)\s*)?(\w+)\s*(?:,|\}|$)", match[1] or match[2])
    for match in re.finditer(rf"(?:require|import)\(\s*{quoted}\s*\)", text):
        yield match[0]


def _library_call(path: str, text: str, match: re.Match[str], pieces: tuple[str, ...], found: Headers) -> None:
    method = match.groups()[0] if match.groups() else None
    if method:
        pieces = (_OPTIONS[method],) if method in _OPTIONS else ()
    arguments = _arguments(text, text.index("(", match.start()))
    off = {piece for option, piece in _OPTIONS.items() if re.search(rf"\b{option}\s*:\s*false\b", arguments)}
    on = {"csp"} if re.search(r"\bcontentSecurityPolicy\s*:\s*(?!false)", arguments) else set()
    limit = _limit(text, match.start())
    found.take(
        tuple(piece for piece in (*pieces, *sorted(on)) if piece not in off), span_of(path, text, match.start()), limit
    )


def _arguments(text: str, opening: int) -> str:
    depth = 0
    for place in range(opening, min(len(text), opening + 20_000)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return text[opening : place + 1]
    return text[opening : opening + 20_000]


def _limit(text: str, offset: int) -> str:
    """Why a middleware that is registered here does not see every request; empty where it does."""
    before = re.search(r"\.use\s*\(\s*(?:(['\"`])([^'\"`]*)\1\s*,)?[^;(){}]*$", text[max(0, offset - 300) : offset])
    if not before:
        return ""
    routes = [route for route in _ROUTE.finditer(text) if abs(route.start() - offset) > len(before[0])]
    path = before[2] or "*"
    prefix = path.rstrip("*").rstrip("/")
    if path not in _EVERYWHERE and not all(route[2].startswith(prefix) for route in routes):
        return f"only on {path}"
    if routes and all(route.start() < offset for route in routes) and not _MORE.search(text[offset + 1 :]):
        return "after every route"
    return ""


def _from_names(code: Files, path: str, text: str, found: Headers) -> None:
    for node in code.nodes(path, "string"):
        name = text_of(node).strip("b'\"").lower()
        if name not in NAMES or not _is_set(node):
            continue
        place, limit = FileSpan(path, line_of(node)), _source(node)
        found.take((NAMES[name],), place, limit)
        if NAMES[name] == "csp" and _frames(text):
            found.take(("frame",), place, limit)


def _frames(text: str) -> bool:
    """Whether a policy names who may frame the page; everybody is no answer."""
    return bool(re.search(r"frame-ancestors(?!\s+\*)|frameAncestors", text))


def _is_set(node: Node) -> bool:
    """Whether a header's name stands where a value is given to it; elsewhere it is read, removed or listed."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type == "pair":
        key = parent.child_by_field_name("key")
        return key == node or text_of(key).strip("'\"") in {"key", "name", "header"}
    if parent.type in {"arguments", "argument_list"}:
        called = parent.parent.child_by_field_name("function") if parent.parent else None
        several = len(parent.named_children) > 1 and parent.named_children[0] == node
        return several and not _READS.search(text_of(called))
    if parent.type in {"array", "tuple", "list"}:  # a pair of name and value
        items = parent.named_children
        return len(items) == 2 and items[0] == node and not _NAMED.search(text_of(items[1]))  # noqa: PLR2004 - a pair
    if parent.type in {"subscript_expression", "subscript"}:
        holder = parent.parent
        written = holder is not None and holder.type in {"assignment", "assignment_expression"}
        return written and holder is not None and holder.child_by_field_name("left") == parent
    return parent.type in {"variable_declarator", "assignment"}


def _source(node: Node) -> str:
    """The paths that an entry of Next's `headers()` is for, where they are not all."""
    current = node.parent
    while current is not None:
        if current.type == "object":
            for pair in current.named_children:
                if text_of(pair.child_by_field_name("key")).strip("'\"") == "source":
                    return limit_of(text_of(pair.child_by_field_name("value")).strip("'\"`"))
        current = current.parent
    return ""


def limit_of(source: str) -> str:
    """`only on …` for a pattern that does not stand for every path."""
    everywhere = not source.startswith("/") or re.match(r"/(?:\(|:\w+[*+(]|\*|$)", source)
    return "" if everywhere and source != "/" else f"only on {source}"


def _from_python(path: str, text: str, found: Headers) -> None:
    for pattern, pieces in _PYTHON.values():
        if match := pattern.search(text):
            off = {piece for piece, regex in _TALISMAN_OFF.items() if re.search(regex, text)}
            found.take(tuple(piece for piece in pieces if piece not in off), span_of(path, text, match.start()))
    if match := _DJANGO.search(text):
        found.take(tuple(_django(text)), span_of(path, text, match.start()))


def _django(text: str) -> Iterator[str]:
    """Django's own middleware: what it sets by default, and what only a setting switches on."""
    if "SecurityMiddleware" in text:
        if not re.search(r"SECURE_CONTENT_TYPE_NOSNIFF\s*=\s*False", text):
            yield "nosniff"
        if not re.search(r"SECURE_REFERRER_POLICY\s*=\s*None", text):
            yield "referrer"
    if re.search(r"SECURE_HSTS_SECONDS\s*(?::\s*\w+\s*)?=[ \t]*(?![ \t]|0[ \t]*$)", text, re.MULTILINE):
        yield "hsts"  # often in a file of its own for production
    if "XFrameOptionsMiddleware" in text:
        yield "frame"
    if re.search(r"CSP_\w+\s*=|CONTENT_SECURITY_POLICY\s*=|SECURE_CSP\s*=|csp\.middleware", text):
        yield "csp"
