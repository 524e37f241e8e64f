"""What Python code does about strangers itself: it refuses them, verifies what they show, or leaves it to a library."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import decorators
from auditor.facts.py_refusals import refuses_strangers
from auditor.facts.py_signs import (
    CREDENTIAL,
    DISPATCHERS,
    KNOWN,
    OPTIONAL,
    PASSWORD,
    REFUSES,
    SHOWN,
    SURE,
    UNAUTHORISED,
    VERIFIES,
)
from auditor.facts.symbols import External, Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.py_names import PyNames
    from auditor.facts.reach import Reacher


def refusing(reacher: Reacher, body: Site) -> bool:
    text = reacher.text(body)
    if not REFUSES.search(text) or (PASSWORD.search(text) and not KNOWN.search(text)):
        return False
    return bool(CREDENTIAL.search(text)) and (body.node.type != "function_definition" or refuses_strangers(body))


def refused(reacher: Reacher, handler: Site) -> str:
    for body in reacher.reach(handler, 2).bodies:
        text = reacher.text(body)
        if body.node.type != "function_definition" or (PASSWORD.search(text) and not KNOWN.search(text)):
            continue
        if REFUSES.search(text) and (SHOWN.search(text) or (UNAUTHORISED.search(text) and CREDENTIAL.search(text))):
            return "refuses requests without a credential"
    return ""


def by_library(reacher: Reacher, names: PyNames, handler: Site) -> str:
    for body in reacher.reach(handler, 2).bodies:
        for call in reacher.own(body):
            if isinstance(call.target, External) and DISPATCHERS.search(call.target.package):
                return f"{call.last} of {call.target.package} verifies the sender"
            if OPTIONAL.search(text_of(call.node)):
                continue
            if isinstance(call.target, External) and SURE.search(names.dotted(call.target)):
                return f"{call.last} of {call.target.package}"
            if is_verifying(names, call.target, call.name) and not tolerant(body):
                return call.last
    return ""


def verified(names: PyNames, calls: object) -> bool:
    return any(is_verifying(names, call.target, call.name) for call in calls)  # type: ignore[attr-defined]


def is_verifying(names: PyNames, target: object, name: str) -> bool:
    dotted = names.dotted(target) if isinstance(target, External) else ""
    return bool(VERIFIES.search(dotted) or VERIFIES.search(name))


def is_abstract(names: PyNames, target: object) -> bool:
    """Whether a call leads to a method that only classes which are chosen at run time have."""
    if isinstance(target, Site) and target.node.type == "class_definition":  # an object of it is called
        target = names.member(target, "__call__")
    if not isinstance(target, Site) or target.node.type != "function_definition":
        return False
    return any(text_of(each).endswith("abstractmethod") for each in decorators(target.node))


def tolerant(function: Site) -> bool:
    """Whether a function gives nothing back where the credential is no good, and refuses nobody."""
    return bool(
        re.search(r"except[^:]*:\s*(?:pass|return(?:\s+None)?\s*\n|\w+\s*=\s*None)|return None", text_of(function.node))
    )
