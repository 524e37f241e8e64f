"""Rows that a Python endpoint looks up by an id out of the request, and what ties them to the caller."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.facts.audit_names import folded
from auditor.facts.declared_tables import PYTHON, python_tables
from auditor.facts.nested_rows import for_everybody, is_loose, nested
from auditor.facts.py_bindings import arguments, positional
from auditor.facts.py_graphql_classes import CONTEXT
from auditor.facts.py_queries import model_of, whole_query
from auditor.facts.py_reach import names_of
from auditor.facts.symbols import Site
from auditor.facts.syntax import nodes, text_of
from auditor.facts.units import is_test, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.parsed_files import Files
    from auditor.facts.reach import Call, Reacher

_WHO = r"(?:user|owner|author|creator|organi[sz]ation|org|workspace|tenant|team|account|profile)"
_BELONGS = re.compile(rf"^{_WHO}(?:_?id|_?uuid)?$", re.IGNORECASE)
_PERSON = re.compile(r"^(?:user|owner|customer|account)_?id$")
_TIED = re.compile(rf"\b\w*{_WHO}(?:_?id|__\w+)?\s*=|\.\w*{_WHO}(?:_id)?\s*(?:==|\.in_|\.is_)", re.IGNORECASE)
_CALLER = re.compile(
    r"current_user|request\.user|g\.user|get_jwt_identity|\bsession\[|\bidentity\b|\buser(?:_id|\.id)?\b|\bauth\w*\b"
    r"|request\.(?:project|org\w*|tenant|workspace|team|auth)",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    rf"\.\w*{_WHO}(?:_?id)?\s*(?:!=|==|not in|in\b|is not|is\b)"
    rf"|(?:!=|==|\bin)\s*[\w.()]*\b(?:{_WHO}(?:_?id)?|current_user\w*)\b",
    re.IGNORECASE,
)
_CHECKS = re.compile(
    r"(?:can|check|assert|ensure|verify|require|has|is|authori[sz]e|validate|allow|enforce)_?\w*"
    r"(?:access|permission|perm|owner|member|role|admin|allowed|scope|belong|workspace|team|org|tenant|ability|policy|staff|user)"
    r"|authori[sz]|permission|member|admin|superuser|staff|owner|role|scope|policy|moderator|editor|requires?\b",
    re.IGNORECASE,
)
_TELLS = re.compile(r"record|audit|log|track|notify|send|emit|publish|capture|render|jsonify|Response$", re.IGNORECASE)
_PLAIN = re.compile(r"^(?:IsAuthenticated(?:OrReadOnly)?|login_required|jwt_required|LoginRequiredMixin)$")
# A role that every customer has says nothing of whose a row is.
_ANYBODY = re.compile(
    r"\(\s*\[?\s*[\"']?(?:\w+\.)*(?:customer|user|client|buyer|shopper|patient|student|guest)[\"']?\s*\]?\s*,?\s*\)",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\brequest\.(?:args|json|form|GET|POST|data|values|query_params|get_json|match_info)|self\.kwargs"
)
_DECODES = re.compile(r"(?:\w+\.)*(?:\w*from_global_id\w*|int|UUID|decode_id)\(")
_FOUND_BY = re.compile(r"slug|name|email|token|secret|handle|anchor|^(?:key|code|hash|type|with_for_update|options)$")
_DETAIL = re.compile(r"<pk>|<\w*:?(?:id|uuid|slug)>$")
_ITSELF = re.compile(r"^(?:get_queryset|get_object|filter_queryset|check_object_permissions|perform_\w+)$")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A row of `model` that is chosen by an id of the request alone, at `node`."""

    path: str
    node: Node
    model: str
    changes: bool


def owned_models(code: Files) -> dict[str, bool]:
    """Folded names of the models that Python code declares, and whether their rows belong to somebody."""
    owned: dict[str, bool] = {}
    for path, language in code.files.items():
        skipped = language != "python" or is_vendored(path) or is_test(path)
        if skipped or not any(word in code.text(path) for word in PYTHON):
            continue
        for table in python_tables(path, code.nodes(path, "class_definition")):
            has = any(_BELONGS.match(column.code) for column in table.columns.values())
            owned[folded(table.code)] = owned.get(folded(table.code), False) or has
    return owned


def model_columns(code: Files) -> dict[str, set[str]]:
    """Folded names of the models that Python code declares, and their columns with those of the classes above them."""
    own: dict[str, set[str]] = {}
    above: dict[str, list[str]] = {}
    for path, language in code.files.items():
        skipped = language != "python" or is_vendored(path) or is_test(path)
        if skipped or not any(word in code.text(path) for word in PYTHON):
            continue
        classes = code.nodes(path, "class_definition")
        for table in python_tables(path, classes):
            own.setdefault(table.code, set()).update(column.code for column in table.columns.values())
        for node in classes:
            bases = re.findall(r"\w+(?=\s*[,)]|$)", text_of(node.child_by_field_name("superclasses")))
            above[text_of(node.child_by_field_name("name"))] = bases
    return {folded(name): _with_above(name, own, above, 4) for name in own}


def _with_above(name: str, own: dict[str, set[str]], above: dict[str, list[str]], depth: int) -> set[str]:
    found = set(own.get(name, ()))
    for base in above.get(name, ()) if depth else ():
        found |= _with_above(base, own, above, depth - 1) if base != name else set()
    return found


def python_nested(reacher: Reacher, endpoint: Endpoint, columns: dict[str, set[str]]) -> Lookup | None:
    """A row that is found by its own id, although the address says below which parent it is to be."""
    handler, guards = endpoint.handler, [text_of(guard.node) for guard in endpoint.guards]
    if handler is None or handler.node.type == "class_definition" or for_everybody(guards):
        return None
    below = {name: True for name, found in columns.items() if nested(endpoint.path, found)}
    wanted, text = _request_names(endpoint, handler) if below else set(), reacher.text(handler)
    for each in _lookups(reacher, endpoint, handler, below) if below else ():
        of = nested(endpoint.path, columns[folded(each.model)])
        whole = whole_query(each.node)
        if of is None or of.row not in wanted or not _by_own_id(text_of(whole), of.row) or _tied(each.node, set()):
            continue
        others = [call for call in reacher.own(handler) if call.node.type == "call" and not _TELLS.search(call.last)]
        others = [call for call in others if not whole.start_byte <= call.node.start_byte < whole.end_byte]
        calls = [(call.name, text_of(call.node)) for call in others if _may_tie(call, each.model)]
        rows = set(re.findall(r"(\w+)\s*=\s*$", text[: text.find(text_of(whole))]))
        changes = each.changes or _changed(text, each.node)
        if not changes and not any(_given_out(text, row) for row in rows):
            continue
        asked = any(_special(guard) for guard in guards) or any(
            of.parent in re.findall(r"\w+", text_of(call.node)) for call in others
        )
        if any(of.row in re.findall(r"\w+", written) and _CALLER.search(written) for _, written in calls):
            continue
        if asked and is_loose(of, text_of(whole), text, calls, rows):
            return replace(each, changes=changes)
    return None


def _by_own_id(written: str, row: str) -> bool:
    """Whether a query asks for the row that an id is of, and not for rows that refer to it."""
    return bool(
        re.search(
            rf"\b(?:pk|id|uuid|{row})\s*=\s*(?:\w+\()?{row}\b|\.(?:pk|id|uuid)\s*==\s*(?:\w+\()?{row}\b|\(\s*\w+\s*,\s*{row}\s*[,)]",
            written,
        )
    )


def _may_tie(call: Call, model: str) -> bool:
    """A query on the same rows, one that asks for the caller, and whatever is no query."""
    return model_of(call.node) in {"", model} or _CALLER.search(text_of(call.node)) is not None


def _given_out(text: str, row: str) -> bool:
    return (
        re.search(rf"return\s[^\n]*\b{row}\b|\w*(?:Serializer|Schema|jsonify|\.dump|to_dict)\w*\(\s*{row}\b", text)
        is not None
    )


def python_lookup(reacher: Reacher, endpoint: Endpoint, owned: dict[str, bool]) -> tuple[bool, Lookup | None]:
    """Whether rows of somebody are looked up at all, and the lookup that nothing ties to the caller."""
    handler = endpoint.handler
    if handler is None:
        return False, None
    if handler.node.type == "class_definition":
        return _of_view_set(reacher, endpoint, handler, owned)
    wanted = _request_names(endpoint, handler)
    found = [each for each in _lookups(reacher, endpoint, handler, owned) if _by_id(each.node, wanted)]
    if not found:
        return False, None
    alone = [each for each in found if not _tied(each.node, wanted)]
    if not alone or _checked(reacher, endpoint, handler, wanted):
        return True, None
    return True, alone[0]


def _request_names(endpoint: Endpoint, handler: Site) -> set[str]:
    """The parameters and variables that hold something out of the request."""
    in_path = set(re.findall(r"[{<](?:\w+:)?(\w+)(?::\w+)?[}>]", endpoint.path))
    found = {each.name for each in arguments(handler.node) if each.name in in_path or each.name in {"pk", "id"}}
    if endpoint.framework == "GraphQL":
        found |= {each.name for each in arguments(handler.node) if each.name not in CONTEXT}
        found |= set(_decoded(handler, found))
    for assignment in nodes("python", handler.node, "assignment"):
        left, right = assignment.child_by_field_name("left"), assignment.child_by_field_name("right")
        taken = (
            right is not None and right.type in {"subscript", "call", "attribute"} and _REQUEST.search(text_of(right))
        )
        if taken and left is not None and left.type == "identifier" and len(text_of(right)) < 80:  # noqa: PLR2004 - an expression longer than a line makes something else of it
            found.add(text_of(left))
    return found


def _decoded(handler: Site, taken: set[str]) -> Iterator[str]:
    """The variables for what is inside an id: `_, pk = from_global_id(id)`."""
    for assignment in nodes("python", handler.node, "assignment"):
        left, right = assignment.child_by_field_name("left"), assignment.child_by_field_name("right")
        decodes = _DECODES.match(text_of(right)) and taken & set(re.findall(r"\w+", text_of(right)))
        yield from re.findall(r"\b[a-zA-Z]\w*", text_of(left)) if decodes else ()


def _lookups(reacher: Reacher, endpoint: Endpoint, handler: Site, owned: dict[str, bool]) -> Iterator[Lookup]:
    """The rows of somebody that a read looks up, and those that a write changes."""
    reads = endpoint.method in {"GET", "HEAD", "QUERY"}
    for call in reacher.own(handler):
        model = model_of(call.node) if call.node.type == "call" else ""
        if not model or not owned.get(folded(model), False):
            continue
        changes = not reads and _changed(reacher.text(handler), call.node)
        if reads or changes:
            yield Lookup(call.path, call.node, model, changes)


def _changed(text: str, call: Node) -> bool:
    """Whether the row that a query gives is changed: by the query itself, or under the name that it is given."""
    whole = whole_query(call)
    if re.search(r"\.(?:delete|update)\(", text_of(whole)):
        return True
    holder = whole.parent
    name = text_of(holder.child_by_field_name("left")) if holder is not None and holder.type == "assignment" else ""
    if not re.fullmatch(r"\w+", name):
        return False
    called = rf"\b{name}\.(?:delete|save|update|sqlmodel_update)\(|\b(?:delete|setattr)\(\s*{name}\b"
    return re.search(rf"{called}|^\s*{name}\.\w+\s*[+-]?=(?!=)", text, re.MULTILINE) is not None


def _by_id(node: Node, wanted: set[str]) -> bool:
    """Whether an id out of the request chooses the row; by a name or an address people find each other."""
    written = text_of(whole_query(node))
    mentioned = wanted & set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*=[^=])", written))
    if not mentioned and not _REQUEST.search(written):
        return False
    keys = set(re.findall(r"\b(\w+)\s*=(?!=)", written)) | set(re.findall(r"\.(\w+)\s*==", written))
    return not keys or any(not _FOUND_BY.search(key) for key in keys)


def _tied(node: Node, wanted: set[str]) -> bool:
    written = _of_others(text_of(whole_query(node)), wanted)
    return bool(_TIED.search(written) or _CALLER.search(written))


def _of_others(written: str, wanted: set[str]) -> str:
    """A text without conditions on an owner that the request itself names: they tie nothing to the caller."""
    for name in filter(_PERSON.match, wanted):
        written = re.sub(rf"\b[A-Z]\w*\.\w+\s*==\s*{name}\b|\b\w+\s*=\s*{name}\b", "", written)
    return written


def _checked(reacher: Reacher, endpoint: Endpoint, handler: Site, wanted: set[str]) -> bool:
    """Whether the code compares the owner, or calls what is named for such a check or is given caller and id alike."""
    if _COMPARED.search(_of_others(reacher.text(handler), wanted)):
        return True
    if any(_special(text_of(guard.node)) for guard in endpoint.guards):
        return True
    for call in reacher.own(handler):
        if call.node.type != "call" or _TELLS.search(call.last) or model_of(call.node):
            continue
        given = " ".join(text_of(each) for each in positional(call.node)) + text_of(
            call.node.child_by_field_name("arguments")
        )
        given = _of_others(given, wanted)
        asks = _CHECKS.search(call.last) and not _ANYBODY.search(text_of(call.node))
        if asks or (_CALLER.search(given) and wanted & set(re.findall(r"\w+", given))):
            return True
    return False


def _special(written: str) -> bool:
    """Whether a guard asks for more than to be signed in."""
    name = written.split("(", maxsplit=1)[0].rsplit(".", 1)[-1].strip()
    if _PLAIN.match(name) or _ANYBODY.search(written):
        return False
    # `Depends(get_current_user)` names a user and no right of theirs.
    bare = re.sub(
        r"get_current_(?:active_)?user|current_(?:active_)?user|is_?authenticated", "", written, flags=re.IGNORECASE
    )
    return bool(_CHECKS.search(bare[:120]))


def _of_view_set(
    reacher: Reacher, endpoint: Endpoint, view: Site, owned: dict[str, bool]
) -> tuple[bool, Lookup | None]:
    """REST framework's own actions on `queryset = Model.objects.all()`: the permissions alone decide."""
    names = names_of(reacher)
    queryset = names.member(view, "queryset")
    if not isinstance(queryset, Site) or not _DETAIL.search(endpoint.path):
        return False, None
    found = re.match(r"(\w+)\.objects\.all\(\)$", text_of(queryset.node))
    if not found or not owned.get(folded(found[1]), False):
        return False, None
    around = (view, *(base for base in names.bases(view) if isinstance(base, Site)))
    bound = {name for each in around for name in names.scope(each.path, each.node).bound}
    narrowed = any(_ITSELF.match(name) for name in bound)
    if narrowed or any(_special_permission(guard) for guard in endpoint.guards):
        return True, None
    changes = endpoint.method in {"PUT", "PATCH", "DELETE"}
    return True, Lookup(queryset.path, queryset.node, found[1], changes)


def _special_permission(guard: Site) -> bool:
    name = text_of(guard.node).split("(", maxsplit=1)[0].rsplit(".", 1)[-1].strip("\"'")
    return not _PLAIN.match(name) and not re.search(r"[Tt]hrottl|Middleware|csrf|cache|Mixin$", name)
