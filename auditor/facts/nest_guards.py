"""What stands in front of a class's methods in NestJS: guards and pipes of the application, the class, the method."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.bindings import CLASSES, arguments_of, unwrap
from auditor.facts.decorators import of_parameters
from auditor.facts.parameter_types import is_checked
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tree_sitter import Node

    from auditor.facts.decorators import Decorator
    from auditor.facts.symbols import Symbols

_PUBLIC = re.compile(
    r"^(?:(?:Is|Mark)?Public\w*|(?:Skip|Bypass|Disable|No|Without)\w*(?:Auth\w*|Jwt\w*|Guards?)"
    r"|Allow(?:Anonymous|Unauth\w*|Public)|Unprotected|Anonymous|Unauthenticated|OpenAccess)$"
)
_ASKS_METADATA = re.compile(r"[rR]eflector\b|getAllAndOverride|getMetadata")
_READS_METADATA = re.compile(
    r"\b(?:const|let|var)\s+(?P<name>\w+)\s*(?::[^=;]+)?=\s*(?:await\s+)?this\.\w*[rR]eflector\s*\.\s*get\w*(?:<[^()]*>)?\(\s*(?P<key>\w+|[\"'][^\"']+[\"'])"
)
_DECIDES = re.compile(r"\bthrow\b|\bsuper\.canActivate|\bverif\w*\s*\(|\breturn\b(?!\s+true\b)", re.IGNORECASE)
_AUTHENTICATES = re.compile(
    r"auth|jwt|session|role|permission|token|api_?key|admin|polic(?:y|ies)|owner|member|signature|hmac|secret|logged",
    re.IGNORECASE,
)
_COUNTS = re.compile(r"throttl|rate_?limit", re.IGNORECASE)
_LETS_PASS = re.compile(r"optional|maybe|anonymous", re.IGNORECASE)
_DECODES = re.compile(r"\bdecode\w*\s*\(")
_VERIFIES = re.compile(r"\bverif\w*\s*\(", re.IGNORECASE)
_ANSWERS = re.compile(r"\breturn\b\s*([^;\n}]+)|\bthrow\b")
PIPES = re.compile(r"(?:Validation|Zod|Joi|Yup|Valibot|Schema|TypeBox|Typia|ClassValidator)\w*Pipe\w*\b")
_BY_TYPE = re.compile(r"\bValidationPipe\b")  # Nest's own, which reads the rules off a class
_INPUTS = {"Body": "json", "Query": "query", "Param": "param", "Headers": "header"}
_SELF_CHECKED = {"TypedBody": "json", "TypedQuery": "query", "TypedParam": "param", "ZodBody": "json"}
_MAX_PARENTS = 4


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: `sites` are its code, `authenticates` says that its name and its code refuse callers."""

    name: str
    sites: tuple[Site, ...]
    authenticates: bool = False
    asks_metadata: bool = False
    metadata: str = ""  # the key without which it lets everybody pass


def guard_of(symbols: Symbols, site: Site) -> Guard:
    """A guard by its class, by an instance of it, or by a call that makes it: `AuthGuard("jwt")`."""
    node = unwrap(site.node)
    name = re.sub(r"^new\s+", "", text_of(node))[:60]
    if node.type == "new_expression":
        node = node.child_by_field_name("constructor") or node
    target = symbols.resolve(site.path, node)
    if isinstance(target, Site) and target.node.type in CLASSES:
        return _of_class(symbols, name, target)
    if isinstance(target, Site) and target.node.type == "call_expression":
        made = symbols.called(target.path, target.node)
        if isinstance(made, Site) and (inside := _classes(symbols, made)):  # `RolesGuard("admin")` makes a class
            return _of_class(symbols, name, Site(made.path, inside[0]))
    sites = (target,) if isinstance(target, Site) else (Site(site.path, node),)
    return Guard(name, sites, not isinstance(target, Site) and _sounds(name) and isinstance(target, External))


def _classes(symbols: Symbols, site: Site) -> list[Node]:
    return nodes(symbols.code.files[site.path], site.node, "class", "class_declaration")


def _of_class(symbols: Symbols, name: str, held: Site) -> Guard:
    sites: list[Site] = []
    texts, inherited = [], False
    current: Site | None = held
    for _ in range(_MAX_PARENTS):
        if current is None:
            break
        method = symbols.member(current, "canActivate")
        if isinstance(method, Site):
            sites.append(method)
            texts.append(text_of(method.node))
        parent = _parent(current)
        target = symbols.resolve(parent.path, parent.node) if parent is not None else None
        inherited |= parent is not None and not (isinstance(target, Site) and target.node.type in CLASSES)
        sites += [parent] if parent is not None and inherited else []
        current = target if isinstance(target, Site) and target.node.type in CLASSES else None
    if _COUNTS.search(name):  # how it tells callers apart says nothing about who may call
        sites = [site for site in sites if site.node.type != "method_definition"] or sites
    elif not _sounds(name) and any(_only_decodes(text) for text in texts):
        return Guard(name, ())
    refuses = inherited or any(_may_refuse(text) for text in texts)
    whole, key = text_of(held.node), next(filter(None, map(_metadata, texts)), "")
    asks = _ASKS_METADATA.search(whole) is not None
    return Guard(name, tuple(sites) or (held,), refuses and _sounds(name), asks, "" if inherited else key)


def _metadata(text: str) -> str:
    """The key of what decorators must say for a guard to ask anything: `if (!roles) { return true; }`."""
    for read in _READS_METADATA.finditer(text):
        name = re.escape(read["name"])
        empty = rf"!\s*{name}\b(?!\s*[.(])|!\s*{name}\??\.length|\b{name}(?:\??\.length)?\s*===?\s*(?:0|null|undefined)"
        found = re.search(rf"\bif\s*\(\s*(?:{empty})[^{{;]*?\)\s*\{{?\s*return true\b", text)
        if found and not _DECIDES.search(text, 0, found.start()):
            return read["key"]
    return ""


def asked_of(symbols: Symbols, guards: Iterable[Guard], decorators: list[Decorator]) -> list[Guard]:
    """The guards but those that let everybody pass here, since no decorator says what they ask for."""
    return [g for g in guards if not g.metadata or any(_says(symbols, each, g.metadata) for each in decorators)]


def _says(symbols: Symbols, decorator: Decorator, key: str) -> bool:
    name, site = decorator
    if name == key or key in text_of(site.node):
        return True
    called = site.node.child_by_field_name("function") if site.node.type == "call_expression" else site.node
    target = symbols.resolve(site.path, called) if called is not None else None
    return isinstance(target, Site) and key in text_of(target.node)


def base_of(symbols: Symbols, held: Site) -> Site | None:
    """The class of the repository that a class extends."""
    parent = _parent(held)
    target = symbols.resolve(parent.path, parent.node) if parent is not None else None
    return target if isinstance(target, Site) and target.node.type in CLASSES else None


def _parent(held: Site) -> Site | None:
    heritage = next((child for child in held.node.named_children if child.type == "class_heritage"), None)
    clause = heritage.named_children[0] if heritage is not None and heritage.named_children else None
    if clause is None or clause.type == "implements_clause":
        return None
    return Site(held.path, clause.child_by_field_name("value") or clause)


def _sounds(name: str) -> bool:
    return bool(_AUTHENTICATES.search(name) and not _LETS_PASS.search(name) and not _COUNTS.search(name))


def _may_refuse(text: str) -> bool:
    """Whether a guard has an answer other than `true`, and does not trust a token that it only decodes."""
    if _only_decodes(text):
        return False
    return any((match[1] or "throw").strip() != "true" for match in _ANSWERS.finditer(text))


def _only_decodes(text: str) -> bool:
    return _DECODES.search(text) is not None and _VERIFIES.search(text) is None


def guards_of(symbols: Symbols, decorators: Iterable[Decorator]) -> Iterator[Guard]:
    for name, site in decorators:
        if name in {"UseGuards", "UseMiddleware"} and site.node.type == "call_expression":
            yield from (guard_of(symbols, Site(site.path, given)) for given in arguments_of(site.node))


def is_public(decorators: Iterable[Decorator]) -> bool:
    """Whether a decorator says that guards shall let everybody pass."""
    for name, site in decorators:
        if _PUBLIC.match(name):
            return text_of(arguments_of(site.node)[0]) != "false" if arguments_of(site.node) else True
        given = arguments_of(site.node) if name == "SetMetadata" else []
        if len(given) > 1 and re.search("public|skip_?auth", text_of(given[0]), re.IGNORECASE):
            return text_of(given[1]) == "true"
    return False


def has_pipe(decorators: Iterable[Decorator]) -> bool:
    return any(name == "UsePipes" and PIPES.search(text_of(site.node)) for name, site in decorators)


def schemas_of(symbols: Symbols, method: Site, *, validates: bool) -> frozenset[str]:
    """The inputs that a pipe checks against the type that a parameter has, or against a schema of its own."""
    found = set()
    for decorators, parameter in of_parameters(method.path, method.node):
        for name, site in decorators:
            kind = _SELF_CHECKED.get(name) or _INPUTS.get(name)
            written = text_of(site.node)
            by_type = validates or _BY_TYPE.search(written) is not None
            piped = name in _SELF_CHECKED or (PIPES.search(written) is not None and not _BY_TYPE.search(written))
            if kind and (piped or (by_type and is_checked(symbols, Site(method.path, parameter)))):
                found.add(kind)
    return frozenset(found)
