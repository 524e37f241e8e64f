"""Loops around a place in code, and those of them that run once per row of data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.sites import FUNCTIONS, ancestors, arguments, stripped, unwrapped
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_EACH = {"map", "forEach", "flatMap", "reduce", "filter", "some", "every", "find", "mapAsync", "forEachAsync"}
_EACH_CALLS = {
    "Array.from",
    "pMap",
    "pEach",
    "mapLimit",
    "async.map",
    "async.each",
    "async.mapLimit",
    "async.eachLimit",
}
# A function that is handed to these runs later, and not once per turn of the loop around it.
_LATER = {
    "on", "once", "get", "post", "put", "patch", "delete", "use", "all", "addEventListener", "setTimeout",
    "setInterval", "useEffect", "useCallback", "useMemo", "useQuery", "mutation", "query", "field", "createMiddleware",
    "cache", "memoize", "unstable_cache", "after", "waitUntil", "register", "addTool", "tool",
}  # fmt: skip
_LOOPS = {"for_statement", "for_in_statement", "while_statement", "do_statement"}
_COMPREHENSIONS = {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
_CASES = {"if_statement", "elif_clause", "ternary_expression"}
_CHUNKS = re.compile(r"chunk|batch|slices?\b|pages?\b|partition|attempt|retr(?:y|ies)|backoff|delays", re.IGNORECASE)
_REPEATS = re.compile(r"attempt|retr(?:y|ies)|tries\b|page|offset|cursor|chunk|batch|step|poll", re.IGNORECASE)
_TAKES_NEXT = re.compile(r"\.(?:shift|pop|popleft)\(|\w+\[\s*\w+(?:\+\+)?\s*\]")
_CONSTANT = re.compile(
    r"(?:Object\.(?:keys|values|entries)\()?"
    r"(?:\w+\.)*[A-Z][A-Z0-9_]{2,}(?:\.(?:keys|values|items|entries)\(\))?\)?"
)
_CANDIDATE = re.compile(
    r"candidate|slug|suffix|attempt|code|alias|handle|variant|option|fallback|strateg|possible", re.IGNORECASE
)
FEW = 5
MONTH = 31  # a chart asks once per day or month: the code says how often, not the data


@dataclass(frozen=True, slots=True)
class Loop:
    """`over` is what it goes through (None for `while`), `body` what runs each time, `variables` its names as text."""

    node: Node
    over: Node | None
    body: Node
    variables: str
    is_callback: bool

    @property
    def title(self) -> str:
        if self.over is None:
            return "the loop"
        counted = re.search(r"<=?\s*([\w.]+)\.length", text_of(self.over))
        over = counted[1] if counted else re.sub(r"\s+", " ", text_of(self.over))
        return f"the loop over `{over}`" if len(over) <= _MAX_TITLE else "the loop"


_MAX_TITLE = 40


def loops_around(node: Node) -> Iterator[Loop]:
    """The loops that repeat a node, innermost first, up to the function that the node belongs to."""
    inner, outer = node, node.parent
    while outer is not None:
        if outer.type in FUNCTIONS:
            call = _taken_by(outer)
            if call is None:
                return
            if loop := _callback(call, outer):
                yield loop
            inner, outer = outer, call
        elif loop := _statement(outer, inner) or _comprehension(outer, inner):
            yield loop
        inner, outer = outer, outer.parent


def _taken_by(function: Node) -> Node | None:
    """The call that is given a function and runs it now; also a function that is called where it stands."""
    holder = function.parent
    while holder is not None and holder.type == "parenthesized_expression":
        holder = holder.parent
    if holder is None:
        return None
    if holder.type == "call_expression":
        return holder
    call = holder.parent
    if (
        holder.type not in {"arguments", "argument_list"}
        or call is None
        or call.type not in {"call_expression", "call"}
    ):
        return None
    name = re.split(r"[.\s<]", text_of(call.child_by_field_name("function")).rstrip())[-1]
    return None if name in _LATER else call


def _callback(call: Node, function: Node) -> Loop | None:
    called = call.child_by_field_name("function")
    body = function.child_by_field_name("body")
    given = arguments(call)
    if called is None or body is None:
        return None
    variables = text_of(function.child_by_field_name("parameters") or function.child_by_field_name("parameter"))
    if called.type == "member_expression" and text_of(called.child_by_field_name("property")) in _EACH:
        return Loop(call, called.child_by_field_name("object"), body, variables, is_callback=True)
    if text_of(called) in _EACH_CALLS and given and given[0] != function:
        return Loop(call, given[0], body, variables, is_callback=True)
    if text_of(called) == "map" and len(given) > 1 and given[0] == function:  # Python's map(lambda …, rows)
        return Loop(call, given[1], body, variables, is_callback=True)
    return None


def _statement(loop: Node, inner: Node) -> Loop | None:
    body = loop.child_by_field_name("body")
    if loop.type not in _LOOPS or body is None or body != inner:
        return None
    over = loop.child_by_field_name("right")
    if (
        loop.type == "for_statement"
        and over is None
        and (condition := loop.child_by_field_name("condition")) is not None
    ):
        match = re.search(r"([\w.]+)\.length", text_of(condition))
        variables = text_of(loop.child_by_field_name("initializer"))
        return Loop(loop, condition if match else None, body, variables, is_callback=False)
    return Loop(loop, over, body, text_of(loop.child_by_field_name("left")), is_callback=False)


def _comprehension(loop: Node, inner: Node) -> Loop | None:
    if loop.type not in _COMPREHENSIONS:
        return None
    clauses = [child for child in loop.named_children if child.type == "for_in_clause"]
    if not clauses or inner == clauses[0]:
        return None
    over = clauses[0].child_by_field_name("right")
    return Loop(loop, over, inner, text_of(clauses[0].child_by_field_name("left")), is_callback=True)


def is_per_row(loop: Loop, read: Node, text: str) -> bool:
    """Whether a loop goes through data of any number: not pages, chunks, tries, or a few written values."""
    if _in_transaction(loop.node) or _is_one_case(loop, read):
        return False
    if loop.over is None or loop.node.type in {"while_statement", "do_statement"}:
        return _takes_from_list(loop)
    if loop.node.type == "for_statement" and loop.node.child_by_field_name("condition") is not None:
        return _counts_single(loop.node)
    if _is_fixed(loop.over, text) or _CHUNKS.search(text_of(loop.over)):
        return False
    return loop.is_callback or not _ends_at_first(loop, read)


def _is_one_case(loop: Loop, read: Node) -> bool:
    """Whether the read belongs to one written value of the loop's variable: `if kind == "x"`, `case "x"`."""
    names = "|".join(re.findall(r"\w+", loop.variables)) or "_"
    for outer in ancestors(read):
        if outer == loop.node:
            return False
        if outer.type in _CASES and (held := outer.child_by_field_name("condition")) is not None:
            if re.search(rf"\b(?:{names})\b\s*===?\s*[\"']", text_of(held)):
                return True
        elif outer.type == "switch_statement":
            return re.fullmatch(rf"\(?(?:{names})\)?", text_of(outer.child_by_field_name("value"))) is not None
    return False


def _in_transaction(loop: Node) -> bool:
    """`prisma.$transaction(ids.map(…))`: the reads go in one batch."""
    holder = loop.parent.parent if loop.parent is not None else None
    return holder is not None and text_of(holder.child_by_field_name("function")).endswith("$transaction")


def _takes_from_list(loop: Loop) -> bool:
    """A `while` pages, polls or tries again, unless it takes one item after the other from a list."""
    head = text_of(loop.node.child_by_field_name("condition"))
    if _REPEATS.search(head) or head in {"(true)", "True", "(1)"}:
        return False
    return re.search(r"length|\blen\(|^\w+$|<", head) is not None and _TAKES_NEXT.search(text_of(loop.body)) is not None


def _counts_single(loop: Node) -> bool:
    """`for (let i = 0; i < rows.length; i++)`, and not in steps, for a few turns, or for tries."""
    increment, head = text_of(loop.child_by_field_name("increment")), text_of(loop).split("{", 1)[0]
    until = text_of(loop.child_by_field_name("condition"))
    if _REPEATS.search(head) or ".length" not in until or re.search(r"\b[A-Z][A-Z0-9_]{2,}\.length", until):
        return False
    return re.fullmatch(r"\(?\s*(?:\w+\+\+|\+\+\w+|\w+\s*\+=\s*1)\s*\)?", increment) is not None


def _is_fixed(over: Node, text: str) -> bool:
    """A literal list, or the name of one, of a few values; a constant of another module; `range(3)`."""
    over = _listed(stripped(over))
    if over.type in {"array", "list", "tuple", "set", "object"}:
        spread = any(child.type in {"spread_element", "list_splat"} for child in over.named_children)
        return not spread and len(over.named_children) <= FEW
    plain = text_of(over)
    if match := re.fullmatch(r"(?:range\(|Array\.from\(\{\s*length:\s*|Array\()(\d+)[\s\S]*", plain):
        return int(match[1]) <= MONTH
    if re.match(r"range\(.*,.*,", plain):
        return True
    if re.fullmatch(r"\w+", plain) and (values := _constant_list(plain, text)) is not None:
        return values <= FEW
    return _CONSTANT.fullmatch(plain) is not None or re.fullmatch(r"[A-Z]\w*", plain) is not None  # an enumeration


def _listed(over: Node) -> Node:
    """The list inside `Object.entries(…)`, `[…].entries()`, `enumerate(…)` and `sorted(…)`."""
    if over.type not in {"call_expression", "call"}:
        return over
    function, given = over.child_by_field_name("function"), arguments(over)
    if re.fullmatch(r"Object\.(?:keys|values|entries)|enumerate|sorted|reversed|list", text_of(function)) and given:
        return stripped(given[0])
    held = function.child_by_field_name("object") if function is not None else None
    named = text_of(function).rpartition(".")[2] if held is not None else ""
    return stripped(held) if held is not None and named in {"entries", "keys", "values"} else over


def _constant_list(name: str, text: str) -> int | None:
    """How many values the constant list `name` of the same file has; None where it is none."""
    match = re.search(
        rf"^(?:export )?(?:const )?{name}(?:\s*:[^=\n]+)?\s*=\s*[\[(]([^\[\](){{}}]*)[\])]", text, re.MULTILINE
    )
    if match is None or "..." in match[1]:
        return None
    return len([value for value in match[1].split(",") if value.strip()])


def _ends_at_first(loop: Loop, read: Node) -> bool:
    """Whether the loop tries candidates and stops at the first that fits."""
    variable = _assigned(read)
    if not variable:
        return _answers_first(read)
    ends = r"[^\n]*\n?(?:[^\n]*\n){0,2}?[ \t{]*(?:return|break)\b"
    hit = rf"\bif\s*\(?\s*{variable}(?:[?.]\w+)*\s*(?:\)|:|&&|\band\b|!==?\s*null|is not None)"
    nothing = r"\s*(?:is None|===?\s*(?:null|undefined))"
    miss = rf"\bif\s*\(?\s*(?:(?:!\s*|not\s+){variable}\b|{variable}\b{nothing})"
    body = text_of(loop.body)
    if re.search(hit + ends, body):
        return True
    return re.search(miss + ends, body) is not None and _CANDIDATE.search(loop.variables) is not None


def _answers_first(read: Node) -> bool:
    """`if (await taken(x)) return x`: the read is the condition of a return or a break."""
    condition = unwrapped(read)
    holder = condition.parent
    if holder is None or holder.type != "if_statement" or holder.child_by_field_name("condition") != condition:
        return False
    return re.match(r"[{:\s]*(?:return|break)\b", text_of(holder.child_by_field_name("consequence"))) is not None


def _assigned(read: Node) -> str:
    """The name that the result of a read is given."""
    node = read.parent
    while node is not None and node.type not in FUNCTIONS and not node.type.endswith("statement"):
        if node.type in {"variable_declarator", "assignment", "assignment_expression"}:
            names = re.findall(r"\w+", text_of(node.child_by_field_name("name") or node.child_by_field_name("left")))
            return re.escape(names[-1]) if names and names[-1] != "error" else re.escape(names[0]) if names else ""
        node = node.parent
    return ""
