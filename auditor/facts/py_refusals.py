"""Whom a piece of Python code refuses: strangers, or only callers who are signed in and may not go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, innermost_class, keyword, returns
from auditor.facts.py_signs import BRANCHES, CREDENTIAL, REFUSES, SAFE
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.py_names import PyNames

_STATEMENTS = ("return_statement", "raise_statement", "expression_statement")
# A condition that holds for strangers too, or that says where the code applies.
_NEGATIVE = re.compile(
    r"\bnot\b|\bis\s+(?:None|False)|!=|==|<|>|invalid|missing|unauth|anonymous|expired|denied|forbidden|fail|bad_|no_"
    r"|path|endpoint|method|blueprint|url|required?|needs|enabled|disabled|config|settings",
    re.IGNORECASE,
)
# One row that holds the settings of a site: `SiteSettings.get().closed`, `Config.objects.first().closed`.
_OF_ROW = re.compile(r"^[A-Z]\w+\.(?:get\w*|load|current|objects\.\w+)\([^()]*\)\.\w+$")
_TURNS = re.compile(rf"{REFUSES.pattern}|login_required|is_authenticated|redirect")
_NOBODY = re.compile(
    r"not\s+[\w.]*(?:token|user|session|auth|claims|payload|credentials)\w*"
    r"|[\w.]*(?:token|user|session|claims|payload)\w*\s+is\s+None"
)
_LEAVES = re.compile(rf"\b(?:return|raise|abort|redirect)\b|{REFUSES.pattern}")
_SAYS_NO = re.compile(
    rf"{REFUSES.pattern}|\b4\d\d\b|HTTP_4\d\d|log_?in|sign_?in"
    r"|redirect|denied|error|permission|auth(?!or)|not allowed|raise|abort",
    re.IGNORECASE,
)
_OF_SUBSTANCE = 5  # words: `return Response([])` is no answer
_SIGNED_IN = re.compile(r"authed|logged|signed_?in|is_auth", re.IGNORECASE)
_BARE_CALL = re.compile(r"^[\w.]+\(\)$")


def refuses_strangers(function: Site) -> bool:
    """Whether some refusal is met without a credential: one below `if authed():` is for those who showed theirs."""
    refusals = [node for node in nodes("python", function.node, *_STATEMENTS) if REFUSES.search(text_of(node))]
    return not refusals or any(not _for_the_known(node, function.node) for node in refusals)


def _for_the_known(node: Node, function: Node) -> bool:
    """Whether a place is only reached by callers who showed something."""
    current: Node = node
    while current.parent is not None and current != function:
        parent = current.parent
        if parent.type in {"if_statement", "elif_clause"} and parent.child_by_field_name("consequence") == current:
            condition = parent.child_by_field_name("condition")
            if condition is not None and any(_is_shown(part) for part in _conjuncts(condition)):
                return True
        if current.type in {"elif_clause", "else_clause"} and _NOBODY.fullmatch(_condition(parent)):
            return True
        current = parent
    return False


def _condition(branch: Node) -> str:
    return text_of(branch.child_by_field_name("condition"))


def answers_strangers_too(function: Site) -> bool:
    """Whether code asks if the caller is signed in only to do more for those who are: strangers get an answer too."""
    asked = [each for each in nodes("python", function.node, "attribute") if BRANCHES.fullmatch(text_of(each))]
    return bool(asked) and all(_does_more(each, function.node) for each in asked)


def _does_more(asked: Node, function: Node) -> bool:
    """Whether one such question leaves the way of a stranger open."""
    current, known = asked, text_of(asked).rpartition(".")[2] != "is_anonymous"
    while (parent := current.parent) is not None and current != function:
        if parent.type == "not_operator":
            known = not known
        elif parent.type == "conditional_expression" and parent.named_children[1] == current:
            return known and not _SAYS_NO.search(text_of(parent.named_children[2]))
        elif parent.type in {"if_statement", "elif_clause"} and parent.child_by_field_name("condition") == current:
            return _goes_on(parent, function) if known else not _LEAVES.search(_text_below(parent))
        elif parent.type not in {"boolean_operator", "parenthesized_expression"}:
            return False
        current = parent
    return False


def _text_below(branch: Node) -> str:
    return text_of(branch.child_by_field_name("consequence"))


def _goes_on(branch: Node, function: Node) -> bool:
    """Whether what runs where a condition does not hold answers, and says no to nobody."""
    body = branch.child_by_field_name("consequence") or branch
    rest = (function.text or b"")[body.end_byte - function.start_byte :].decode("utf-8", "replace")
    return len(rest.split()) >= _OF_SUBSTANCE and not _SAYS_NO.search(rest)


def _is_shown(condition: Node) -> bool:
    """Whether a condition holds where the caller showed something: `token`, `authed()`, `request.headers.get(…)`."""
    written = text_of(condition)
    about = CREDENTIAL.search(written) or _BARE_CALL.match(written) or _SIGNED_IN.search(written)
    return bool(about) and not _NEGATIVE.search(written)


def _conjuncts(condition: Node) -> Iterator[Node]:
    if condition.type == "boolean_operator" and text_of(condition.child_by_field_name("operator")) == "and":
        for child in condition.named_children:
            yield from _conjuncts(child)
    else:
        yield condition


def given_back(names: PyNames, call: Site, function: Site) -> list[Site]:
    """The functions that a factory gives back for this call: `return strict if required else lenient`."""
    found = []
    for back in returns(function.node):
        for value in _values(call.node, function.node, back):
            meaning = names.resolve(function.path, value)
            outside = isinstance(meaning, Site) and not _inside(meaning, function)
            if isinstance(meaning, Site) and meaning.node.type == "function_definition" and outside:
                found.append(meaning)
    return found


def _inside(site: Site, function: Site) -> bool:
    within = function.node.start_byte <= site.node.start_byte < function.node.end_byte
    return site.path == function.path and within


def _values(call: Node, function: Node, value: Node) -> Iterator[Node]:
    if value.type != "conditional_expression":
        yield value
        return
    chosen, condition, other = value.named_children[:3]
    given = keyword(call, text_of(condition))
    default = next((each.default for each in arguments(function) if each.name == text_of(condition)), None)
    written = text_of(given if given is not None else default)
    if written != "False":
        yield chosen
    if written != "True":
        yield other


def asks_of_object(names: PyNames, endpoint: Endpoint, owner: Site) -> bool:
    """Whether a permission compares the caller with the one row that is to be changed; reading may be for all."""
    asked = names.member(owner, "has_object_permission")
    changed = endpoint.method not in SAFE and "<" in endpoint.path and endpoint.handler is not None
    if not changed or not isinstance(asked, Site) or asked.node.type != "function_definition":
        return False
    whole = endpoint.handler is not None and endpoint.handler.node.type == "class_definition"
    return whole and "request.user" in text_of(asked.node)


def waits_for_setting(function: Site) -> bool:
    """Whether code asks callers only while a row of the database says so: `if SiteSettings.get().login_required …`."""
    for branch in nodes("python", function.node, "if_statement"):
        condition = branch.child_by_field_name("condition")
        held = any(_OF_ROW.search(text_of(part)) for part in _conjuncts(condition)) if condition is not None else False
        if held and _TURNS.search(text_of(branch.child_by_field_name("consequence"))):
            return True
    return False


def spares(function: Site, endpoint: Endpoint) -> bool:
    """Whether a function that runs before all requests lets this endpoint pass by its name or path."""
    text = text_of(function.node)
    if _is_for_another_path(function, text, endpoint.path):
        return True
    if (
        not re.search(r"request\.(?:path|endpoint|url)|\.path\b|\bendpoint\s*(?:[!=]=|in\b)", text)
        or endpoint.handler is None
    ):
        return False
    name = text_of(endpoint.handler.node.child_by_field_name("name"))
    own = innermost_class(endpoint.handler.node) is None  # the endpoint of a method has its class's name too
    named = own and re.search(rf"['\".]{name}['\"]", text) is not None
    return named or f'"{endpoint.path}"' in text or f"'{endpoint.path}'" in text


def _is_for_another_path(function: Site, text: str, path: str) -> bool:
    """Whether code that reads the values of a path takes out one which this path has not: `values.pop("project")`."""
    named = [each.name for each in arguments(function.node)]
    if named[:1] != ["endpoint"] or len(named) != 2:  # noqa: PLR2004 - endpoint and values, as Flask hands them over
        return False
    values = re.escape(named[1])
    taken = re.findall(rf"\b{values}(?:\.(?:pop|get)\(|\[)\s*[\"'](\w+)[\"']", text)
    return bool(taken) and not any(re.search(rf"<(?:[^<>]*:)?{name}>", path) for name in taken)
