"""Whether a field of GraphQL in Python asks for its caller by itself, and what its permissions have to do with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.py_names import PyNames
    from auditor.facts.reach import Call, Reacher

# Where a context keeps the caller: `info.context.user`, `info.context["user"]`, `info.context.request.user`.
_WHO = r"(?:(?:current_?|auth(?:enticated)?_?)?user|user_id|viewer|session|identity|me|claims|account|principal|jwt)"
_HELD = (
    rf"(?:(?:info\.)?\bcontext|\bctx|\binfo\.context\(\)|(?:\b(?:info\.context\.)?|\[[\"'])request(?:[\"']\])?)"
    rf"(?:(?:\.(?:request|req|state|scope)|\[[\"'](?:request|req|state)[\"']\]|\.get\(\s*[\"'](?:request|req)[\"']\s*\)))*"
    rf"(?:\.{_WHO}\b|\[[\"']{_WHO}[\"']\]|\.get\(\s*[\"']{_WHO}[\"'][^()]*\))"
)
_KEPT = re.compile(rf"\b(\w+)(?:\s*:[^=\n]+)?\s*:?=\s*(?:await\s+)?(?:[\w.]+\(\s*)?{_HELD}")
_REFUSES = re.compile(
    r"\braise\b|\breturn\s+(?:None|\[\]|\(\)|False|[\w.]+\.none\(\))|\breturn\s*$|errors?\s*=|(?:success|ok)\s*=\s*False|Error\w*\("
    r"|[Uu]nauthori[sz]ed|[Ff]orbidden",
    re.MULTILINE,
)
_AGAINST = re.compile(r"\bnot\b|\bis\s+None\b|is_anonymous|!=|==\s*(?:None|False)|is\s+False")
_DEMANDS = re.compile(
    r"^(?!.*(?:password|not_|enabled|disabled|mail|exists|unique))(?:_?(?:check|require|assert|ensure|verify|validate|enforce|must))_?\w*"
    r"(?:perm|auth|login|logged|access|staff|admin|superuser|user)"
    r"|^authori[sz]e|^get_(?:current|authenticated|auth)_user|^get_user_(?:from_(?:info|context|request|token)|or_(?:raise|401|error))$"
)
_SPEAKS = re.compile(
    r"\buser\w*|\w*_user\b|token|header|session|\bauth(?:orization|enticated)?\b|is_authenticated|credential|cookie|permission|role|scope"
    r"|api_?key|jwt|member|owner|staff|admin|requestor|identity",
    re.IGNORECASE,
)
_GUARDS = re.compile(
    r"auth|log_?in|perm|role|scope|admin|staff|user|member|owner|protect|secure|token|require", re.IGNORECASE
)
_OWN = re.compile(r"\bhas_permission\b|\b\w*auth_enabled\b|\bBasePermission\b")
_HOPS = 2


def asks_context(reacher: Reacher, handler: Site) -> str:
    """What a resolver does about strangers: it looks for the caller in its context, or calls what is there for that."""
    for body in reacher.reach(handler, 1).bodies:
        if body.node.type == "function_definition" and reacher.once(body, _refuses_strangers):
            return "asks the context who calls"
    for body in reacher.reach(handler, 1).bodies:
        for call in reacher.own(body) if body.node.type == "function_definition" else ():
            if _DEMANDS.search(call.last) and not _below_condition(call.node) and _refusing(reacher, call):
                return f"{call.last} refuses callers"
    return ""


def of_wrapper(reacher: Reacher, names: PyNames, guard: Site, name: str) -> Control | None:
    """A decorator of a resolver that looks into its context for the caller."""
    called = guard.node.child_by_field_name("function") if guard.node.type == "call" else guard.node
    meaning = names.resolve(guard.path, called)
    known = isinstance(meaning, Site) and meaning.node.type == "function_definition"
    asks = known and isinstance(meaning, Site) and _guards_callers(reacher, meaning, name)
    return Control(Presence.PRESENT, f"{name} (refuses callers)") if asks else None


def _guards_callers(reacher: Reacher, guard: Site, name: str) -> bool:
    """Whether a decorator of this repository, called after callers, turns some of them away in its wrapper."""
    bodies = [each for each in reacher.reach(guard, _HOPS).bodies if each.node.type == "function_definition"]
    named = _GUARDS.search(name) is not None and "optional" not in name.lower()
    says_no = any("raise" in reacher.text(body) and "context" in reacher.text(body) for body in bodies)
    return (named and says_no) or any(reacher.once(body, _refuses_strangers) for body in bodies)


def _below_condition(node: Node) -> bool:
    """Whether code only runs in some cases: in a branch, a loop, or after an error."""
    current = node.parent
    while current is not None and current.type != "function_definition":
        parent = current.parent
        if parent is not None and parent.type in {"if_statement", "elif_clause"}:
            if current != parent.child_by_field_name("condition"):
                return True
        elif current.type in {"except_clause", "for_statement", "conditional_expression", "lambda"}:
            return True
        current = parent
    return False


def _refusing(reacher: Reacher, call: Call) -> bool:
    if not isinstance(call.target, Site):
        return call.last.startswith(("check_perm", "require_", "authorize", "login_required"))
    return any("raise" in reacher.text(body) for body in reacher.reach(call.target, _HOPS).bodies)


def _refuses_strangers(reacher: Reacher, body: Site) -> bool:
    """Whether code tests for a caller out of the context, and says no to nobody's request."""
    text = reacher.text(body)
    if "context" not in text or not _REFUSES.search(text):
        return False
    names = {match[1] for match in _KEPT.finditer(text)}
    held = re.compile("|".join([_HELD, *(rf"\b{re.escape(name)}\b" for name in sorted(names))]))
    tests = nodes("python", body.node, "if_statement", "elif_clause", "assert_statement")
    return any(_turns_away(text, node, held) for node in tests if not _below_condition(node))


def _turns_away(text: str, test: Node, held: re.Pattern[str]) -> bool:
    if test.type == "assert_statement":
        return held.search(text_of(test)) is not None
    condition, then = test.child_by_field_name("condition"), test.child_by_field_name("consequence")
    written = text_of(condition)
    if not held.search(written) or condition is None or not all(held.search(each) for each in _conjuncts(condition)):
        return False
    if _AGAINST.search(written):
        return _REFUSES.search(text_of(then)) is not None
    if _REFUSES.search(text_of(then)) and not re.search(r"\breturn\b", text_of(then)):
        return True  # `if user.banned: raise`
    if not re.search(r"is_authenticated|has_perm|is_staff|is_superuser", written) and not held.fullmatch(written):
        return False
    others = [each for each in test.named_children if each.type in {"else_clause", "elif_clause"}]
    after = text[text.rfind(text_of(test)) + len(text_of(test)) :]
    return any(_REFUSES.search(text_of(each)) for each in others) or bool(
        re.search(r"\breturn\b", text_of(then)) and _REFUSES.search(after)
    )


def _conjuncts(condition: Node) -> Iterator[str]:
    """The parts that must all hold: `obj.private and not user` says nothing of strangers who ask for what is public."""
    if condition.type == "boolean_operator" and text_of(condition.child_by_field_name("operator")) == "and":
        for child in (condition.child_by_field_name("left"), condition.child_by_field_name("right")):
            if child is not None:
                yield from _conjuncts(child)
    else:
        yield text_of(condition)


def is_about_callers(reacher: Reacher, permission: Site) -> bool:
    """Whether a permission has to do with who calls, and not with the state of the server alone."""
    texts = (reacher.text(body) for body in reacher.reach(permission, 1).bodies)
    return any(_SPEAKS.search(_OWN.sub(" ", text)) for text in texts)
