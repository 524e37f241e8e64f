"""The inputs of an endpoint that its declaration, its middleware or its wrappers put through a schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import FUNCTIONS
from auditor.facts.literals import occurs
from auditor.facts.parameters import parameters
from auditor.facts.py_routes import is_python
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.endpoints import Endpoint
    from auditor.facts.reach import Reacher

_VALIDATOR = re.compile(r"\b\w*[vV]alidator\(\s*[\"'](json|form|query|param|header|cookie)[\"']")
_GUARD = re.compile(r"valid|schema|celebrate|\bbody\(|\bquery\(|\.input\(|typia", re.IGNORECASE)
# What is asked of the caller and not of what was sent: `validateApiKey`, `isValidSession`.
_OF_CALLER = re.compile(
    r"valid\w*?_?(?:api_?key|(?<!refresh)(?<!reset)token|session|auth\w*|signature|jwt|role|permission|csrf|origin|webhook|licen[cs]e|captcha|secret"
    r"|credential|access)\w*|\w*(?:role|permission|session|token|api_?key|auth|access)s?_?valid\w*",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"\.(?:body|query|formData|validated?)\b|\breq\w*\.json\b|\.(?:safeParse|parse|validate|attempt|cast)\w*\("
    r"|validationResult|matchedData|[sS]chema"
)
_NAMES = {"identifier", "member_expression"}
_ACTION_SCHEMA = re.compile(r"\.(?:schema|inputSchema|input|bindArgsSchemas)\(")


def declared_schemas(reacher: Reacher, endpoint: Endpoint) -> frozenset[str]:
    """The inputs that a declaration or a middleware validates; `*` where it does not say which."""
    found = set(endpoint.schemas)
    by_declaration = is_python(endpoint) or endpoint.framework == "Elysia"  # whose hooks have their schemas beside them
    for guard in () if by_declaration else endpoint.guards:
        found |= reacher.once(guard, _validated_before)
    return frozenset(found)


def _validated_before(reacher: Reacher, guard: Site) -> frozenset[str]:
    found = frozenset[str]().union(*(reacher.says(body, _validated_by) for body in reacher.reach(guard, 2).bodies))
    written = _OF_CALLER.sub(" ", text_of(guard.node))
    unnamed = not found and _GUARD.search(written) and not written.startswith("async")
    functions = _functions(reacher, guard) if unnamed else []
    unnamed = unnamed and (not functions or any(reacher.says(body, _looks) for body in functions))
    if unnamed or _ACTION_SCHEMA.search(written):
        return found | {"*"}
    given = any(_by_given_schema(reacher, body) for body in reacher.reach(guard, 1).bodies)
    return found | {"json", "form", "arguments"} if given else found


def _functions(reacher: Reacher, guard: Site) -> list[Site]:
    """The code of a guard that is named, not made of a schema: `validatedRequest`, not `validate(Note)`."""
    target = reacher.symbols.resolve(guard.path, guard.node) if guard.node.type in _NAMES else None
    known = isinstance(target, Site) and target.node.type in FUNCTIONS
    return [body for body in reacher.reach(guard, 2).bodies if body.node.type in FUNCTIONS] if known else []


def _looks(text: str) -> bool:
    """Whether code looks at what is sent at all; a check of the caller, or of a row, may be called valid too."""
    return occurs(_LOOKS, text)


def _by_given_schema(reacher: Reacher, wrapper: Site) -> bool:
    """Whether a wrapper puts what comes in through a schema that it is given: `safeAction(schema, handler)`."""
    patterns = parameters(wrapper.node) if wrapper.node.type in FUNCTIONS else []
    names = "|".join(re.escape(text_of(each)) for each in patterns if each.type == "identifier")
    parsed = rf"\b(?:{names})\.(?:safeParse|parse)(?:Async)?\("
    return bool(names) and re.search(parsed, reacher.text(wrapper)) is not None


def _validated_by(text: str) -> frozenset[str]:
    return frozenset(_VALIDATOR.findall(text)) if occurs(_VALIDATOR, text) else frozenset()
