"""Middleware that looks for the caller, and hands those on for whom it finds nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of, string_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.reach import Reacher
    from auditor.facts.symbols import Target

_CALLER = (
    r"(?:[\w$]+\??\.)*(?!(?:is|needs|requires?|has|should|must)[A-Z_])\w*"
    r"(?:[tT]oken|[aA]uth(?:_?[hH]eader|orization)?|[hH]eader|[uU]ser|[sS]ession|jwt|JWT|[bB]earer|[cC]redentials?|[pP]ayload|[cC]laims|decoded)"
)
_NOBODY = re.compile(
    rf"!\s*{_CALLER}(?![\w(.?\[])|{_CALLER}\s*===?\s*(?:null|undefined)\b|\bis(?:Nil|Nullish|Null|Undefined|Empty)\(\s*{_CALLER}\s*\)"
)
_SOMEBODY = re.compile(rf"^\(\s*{_CALLER}(?:\s*&&\s*[\w$.?]+\.startsWith\([^()]*\))?\s*\)$")
_ON = re.compile(r"(?<![\w$.])next\(\s*\)")
_REFUSES = re.compile(r"\b40[13]\b|\bthrow\b|[uU]nauthori[sz]ed|[fF]orbidden|\bredirect\w*\(|\bnext\(\s*[\w\"'`]")

_EXCEPTION = re.compile(
    r"\bif\s*\([^{};]{0,200}?(?:[uU]rl|[pP]ath(?:name)?)\s*===?\s*[\"'`](?P<path>/[^\"'`]*)[\"'`]"
    r"[^{};]{0,120}?\)\s*\{?\s*(?:return\b(?P<what>[^;}\n]{0,60})|(?:next|done)\(\s*\))"
)


_ADDRESS = r"[\w$.]*(?:[uU]rl|[pP]ath(?:name)?)\b"
_ON_LIST = (
    rf"(?P<list>[A-Za-z_$][\w$]*)\.(?:(?:includes|has)\(\s*{_ADDRESS}\s*\)"
    r"|some\(\s*\(?\s*\w+[^=()]{0,30}\)?\s*=>\s*(?P<test>[^{};]{1,160}?)\))"
)
_LISTED = re.compile(
    rf"\bif\s*\(\s*{_ON_LIST}\s*\)\s*\{{?\s*(?:return\b(?P<what>[^;}}\n]{{0,60}})|(?:next|done)\(\s*\))"
)
_KEPT = re.compile(rf"\b(?:const|let|var)\s+(?P<kept>\w+)\s*=\s*{_ON_LIST}")


def _listed_exceptions(text: str) -> frozenset[tuple[str, bool]]:
    """(name, whether its items are but beginnings) of the lists of paths that a guard of all routes lets pass:
    `if (PUBLIC.some((path) => req.url.startsWith(path))) return;`.
    """
    found = [match for match in _LISTED.finditer(text) if not _REFUSES.search(match["what"] or "")]
    for match in _KEPT.finditer(text):
        later = re.search(
            rf"\bif\s*\(\s*{match['kept']}\s*\)\s*\{{?\s*(?:return\b([^;}}\n]{{0,60}})|(?:next|done)\(\s*\))", text
        )
        found += [match] if later and not _REFUSES.search(later[1] or "") else []
    asked = ((match["list"], match["test"]) for match in found)
    return frozenset(
        (name, bool(test and re.search(r"startsWith|includes|test\(", test)))
        for name, test in asked
        if test is None or re.search(_ADDRESS, test)
    )


def _exceptions(text: str) -> frozenset[str]:
    """The ends of paths to which a guard of all routes lets everybody pass: `if (req.url === "/login") return;`."""
    return frozenset(
        match["path"].rstrip("/") or "/"
        for match in _EXCEPTION.finditer(text)
        if not _REFUSES.search(match["what"] or "")
    )


def lets_nobody_pass(function: Node) -> bool:
    """Whether a caller without a token reaches what comes after, though one whose token is wrong may not."""
    if not _ON.search(text_of(function)):
        return False
    return any(_passes(node, function) for node in walk(function) if node.type == "if_statement")


def _passes(node: Node, function: Node) -> bool:
    condition = text_of(node.child_by_field_name("condition"))
    then = text_of(node.child_by_field_name("consequence"))
    if _NOBODY.search(condition) and "&&" not in condition:
        return bool(_ON.search(then)) and not _REFUSES.search(then)
    if not _SOMEBODY.search(condition) or node.child_by_field_name("alternative") is not None:
        return False
    after = node.next_named_sibling
    around = text_of(function).replace(text_of(node), "")
    return after is not None and bool(_ON.search(text_of(after))) and not _REFUSES.search(around)


def excepted(reacher: Reacher, guard: Site) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ends, and the beginnings, of the paths that a guard of all routes lets pass."""
    bodies = reacher.reach(guard, 1).bodies
    ends = {path for body in bodies for path in reacher.says(body, _exceptions)}
    beginnings: set[str] = set()
    for body in bodies:
        for name, partly in reacher.says(body, _listed_exceptions):
            paths = _texts(reacher, reacher.symbols.lookup(body.path, name, body.node))
            ends.update(paths)
            beginnings.update(paths if partly else ())
    return tuple(ends), tuple(beginnings)


def _texts(reacher: Reacher, listed: Target | None) -> set[str]:
    """The paths of a list, or of a set of one."""
    if isinstance(listed, Site) and listed.node.type == "new_expression" and (given := arguments_of(listed.node)):
        listed = reacher.symbols.resolve(listed.path, given[0])
    if not isinstance(listed, Site) or listed.node.type != "array":
        return set()
    texts = (string_of(each) for each in listed.node.named_children)
    return {text.rstrip("/*") for text in texts if text and text.startswith("/") and len(text) > 1}
