"""Addresses that only those know who were told: a secret of the environment in the path keeps all others out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import Import, Part, unwrap
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

_SECRET = re.compile(r"secret|token|passw|(?:api|admin|access|private|webhook|auth|_)_?key$|^key$", re.IGNORECASE)
_NOT_IT = re.compile(r"public|publishable|name$|prefix|header|length|expir", re.IGNORECASE)
_READ = re.compile(
    r"(?:\bprocess\.env|\bimport\.meta\.env|\bBun\.env|\bDeno\.env\.get|\b(?:c|ctx|context)\.env|\benv|\b[cC]onfig\w*|\bsettings"
    r"|\benviron(?:\.get)?|\bgetenv|\bget_settings\(\))(?:\.get(?:OrThrow)?)?\s*(?:(?:\.\w+)*\.|[(\[]\s*[\"'])(\w+)"
)
_PUT_TOGETHER = {"template_string", "binary_expression"}


def path_secret(symbols: Symbols, site: Site) -> str:
    """The setting whose value is a part of a path; empty for a path that anybody can guess."""
    for part in _expressions(symbols, site):
        if found := secret_read(text_of(part)):
            return found
        if part.type == "identifier" and (found := _of_constant(symbols, Site(site.path, part))):
            return found
    return ""


def written_path(symbols: Symbols, site: Site) -> Site | None:
    """The template or sum that a path is, also behind the name of a constant of the file."""
    node = unwrap(site.node)
    bound = symbols.module(site.path).names.get(text_of(node)) if node.type == "identifier" else node
    if bound is None or isinstance(bound, Import | Part) or bound.type not in _PUT_TOGETHER:
        return None
    return Site(site.path, bound)


def secret_read(written: str) -> str:
    """The name of the setting that an expression reads, where its name says that it is a secret."""
    name = reads_setting(written)
    return name if name and sounds_secret(name) else ""


def reads_setting(written: str) -> str:
    """The name of the setting that an expression reads."""
    match = _READ.search(written)
    return match[1] if match else ""


def sounds_secret(name: str) -> bool:
    return _SECRET.search(name) is not None and _NOT_IT.search(name) is None


def _of_constant(symbols: Symbols, site: Site) -> str:
    """What a constant was made of: `const PATH = `/hook/${process.env.TOKEN}``, `const TOKEN = env.BOT`."""
    name = text_of(site.node)
    bound = symbols.module(site.path).names.get(name)
    value = bound if bound is not None and not isinstance(bound, Import | Part) else None
    if value is None:  # of another file: only its name says what it is, where it is no text that stands there
        target = symbols.resolve(site.path, site.node) if bound is not None else None
        plain = isinstance(target, Site) and target.node.type != "identifier"
        return name if bound is not None and not plain and name.isupper() and sounds_secret(name) else ""
    written = text_of(value)
    if found := secret_read(written):
        return found
    if value.type != "object" and sounds_secret(name) and (found := reads_setting(written)):
        return found
    return path_secret(symbols, Site(site.path, value)) if value.type in _PUT_TOGETHER else ""


def _expressions(symbols: Symbols, site: Site) -> list[Node]:
    """The parts of a path that are no text."""
    language = symbols.code.files[site.path]
    found = nodes(language, site.node, "member_expression", "call_expression", "identifier")
    return [each for each in found if each.parent is None or each.parent.type not in {"member_expression", "arguments"}]
