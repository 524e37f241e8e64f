"""Reads that run once per row of another result, directly or through one function that the loop calls."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.database_calls import HINTS, DatabaseRead, database_reads
from auditor.facts.loops import Loop, is_per_row, loops_around
from auditor.facts.purpose import runs_once
from auditor.facts.sites import (
    FUNCTIONS,
    ancestors,
    arguments,
    is_client_module,
    is_component,
    mentions,
    span_of,
    subject_of,
)
from auditor.facts.specifiers import read_specifiers
from auditor.facts.syntax import enclosing_function, text_of
from auditor.model import Answer, FileSpan, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.specifiers import Specifiers
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

# Run by hand or by a clock, over all rows on purpose.
_ASIDE = re.compile(
    r"(?:^|/)(?:scripts?|seeds?|seeders?|migrations?|migrate|backfills?|cron|crons|cronjobs?|bin|cli|tools|stories|playwright|alembic|revisions|management/commands)/"
    r"|(?:^|/)(?:seed|migrate|backfill|cron)[\w.-]*\.(?:[cm]?[jt]s|py)$|(?:^|/)(?:cli|manage)\.py$"
)
_ON_SERVER = ("prisma", "drizzle", "db.", "supabase/server", "createServerClient", "server-only", "use server")
_LONG = 300  # what follows the last word that an import could end with
_LOOPS = (
    "for ", "for(", "while", ".map(", ".forEach(", ".flatMap(", ".reduce(", ".filter(", ".some(", ".every(", ".from(",
    "pMap(", "map(",
)  # fmt: skip
# A function that acts for each row and reads on its way cannot simply read all rows before.
_ACTS = re.compile(
    r"\.(?:create|update|delete|upsert|insert|save|execute|add|publish|push)\w*\(|\b(?:send|notify|enqueue|schedule|trigger)\w*\("
    r"|\bfetch\(|\$(?:execute|transaction)|\bcommit\("
)
_ACTION = re.compile(
    r"_?(?:create|run|process|report|generate|sync|update|delete|remove|handle|apply|send|import|export|notify|build|make|set|add"
    r"|insert|upsert|save|schedule|trigger|publish|execute|record|log|track|migrate|archive|cancel|assert)(?=[A-Z_]|$)"
)
_CACHED = re.compile(r"\b\w*(?:[cC]ache|[mM]emo|redis|kv\.get|dataloader|DataLoader)\w*")
_IMPORTED = re.compile(r"\bimport\s+(?:type\s+)?(?:\w+\s*,\s*)?\{([^}]{0,4000})\}\s*from\s*[\"']([^\"'\n]+)[\"']")
_IMPORTED_PY = re.compile(r"^from\s+([\w.]+)\s+import\s+(?:\(([^)]{0,4000})\)|([^\n(]+))", re.MULTILINE)


@dataclass(slots=True)
class _Found:
    """The answers on the reads of each file with how often a subject was there, and the functions that read: file to
    name to the model. No syntax tree is held by it.
    """

    rows: dict[str, list[Answer]] = field(default_factory=dict)
    seen: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    functions: dict[str, dict[str, str]] = field(default_factory=dict)


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    for path, reason in code.unread.items():
        yield Answer(f"file {path}", State.UNKNOWN, reason, FileSpan(path, 1))
    found = _find(code)
    specifiers = read_specifiers(code.files, repository.files, repository.text)
    names = {name for functions in found.functions.values() for name in functions}
    for path in code.files:
        if path in found.rows or not _is_aside(path, code):
            yield from _in_file(path, code, found, _reading_names(path, code, found, specifiers, names))


def _is_aside(path: str, code: Code) -> bool:
    return bool(_ASIDE.search(path)) or "process.argv" in code.text(path) or runs_once(code.text(path))


def _is_browser(path: str, text: str) -> bool:
    """A component that does not say where it runs is the server's where it holds a client that only a server has."""
    return is_client_module(text) or (is_component(path) and not mentions(text, _ON_SERVER))


def _find(code: Code) -> _Found:
    found = _Found()
    for path, language in code.files.items():
        python = language == "python"
        text = code.text(path)
        if (
            _is_aside(path, code)
            or not mentions(text, HINTS["python" if python else "javascript"])
            or _is_browser(path, text)
        ):
            continue
        reads = list(database_reads(language, text, code.nodes(path, "call" if python else "call_expression")))
        if reads:
            found.rows[path] = [_answer(path, text, read, found.seen[path]) for read in reads]
            found.functions[path] = _reading(reads)
    return found


def _reading(reads: list[DatabaseRead]) -> dict[str, str]:
    """The functions that read at each call, and that do nothing else but read, without a cache: name to the model."""
    found: dict[str, str] = {}
    for read in reads:
        function = _owner(read.node)
        name = enclosing_function(read.node)
        if function is None or read.batched or name == "module" or name in found or _ACTION.match(name):
            continue
        if _chosen_by_caller(read):
            continue
        body = text_of(function)
        if not _CACHED.search(body) and not _ACTS.search(body) and not next(loops_around(read.node), None):
            found[name] = read.model
    return found


def _owner(node: Node) -> Node | None:
    """The named function that a read belongs to."""
    for outer in ancestors(node):
        if outer.type in FUNCTIONS:
            held = outer.parent
            if outer.type.endswith(("declaration", "definition")):
                return outer
            if held is not None and held.type == "variable_declarator":
                return outer
    return None


def _reading_names(path: str, code: Code, found: _Found, specifiers: Specifiers, names: set[str]) -> dict[str, str]:
    """What a file can call that reads: its own functions, and those that it imports from another file."""
    text = code.text(path)
    known = dict(found.functions.get(path, {}))
    if not mentions(text, _LOOPS):
        return {}
    if code.files[path] == "python":
        return known | _from_python(text, found, names)
    for match in _IMPORTED.finditer(text, 0, text.rfind("from ") + _LONG):
        wanted = [(part.split(" as ")[-1].strip(), part.split(" as ")[0].strip()) for part in match[1].split(",")]
        chosen = [(local, name) for local, name in wanted if name in names]
        target = specifiers.resolve(path, match[2]) if chosen else None
        for local, name in chosen if target else ():
            if name in found.functions.get(target or "", {}):
                known[local] = found.functions[target or ""][name]
    return known


def _from_python(text: str, found: _Found, names: set[str]) -> dict[str, str]:
    known: dict[str, str] = {}
    for match in _IMPORTED_PY.finditer(text):
        end = match[1].strip(".").replace(".", "/") + ".py"
        for part in (match[2] or match[3]).split(","):
            name, local = part.split(" as ")[0].strip(), part.split(" as ")[-1].strip()
            holder = (
                next((p for p in found.functions if p == end or p.endswith("/" + end)), "") if name in names else ""
            )
            if name in found.functions.get(holder, {}):
                known[local] = found.functions[holder][name]
    return known


def _in_file(path: str, code: Code, found: _Found, reading: dict[str, str]) -> Iterator[Answer]:
    text = code.text(path)
    if _is_browser(path, text):
        return
    yield from found.rows.get(path, ())
    if reading and re.search(r"\b(?:" + "|".join(map(re.escape, reading)) + r")\(", text):
        for call in code.nodes(path, "call" if code.files[path] == "python" else "call_expression"):
            name = _called(call)
            if name in reading and (loop := _loop_of(call, text)) and _depends(call, loop):
                yield _indirect(path, call, name, reading[name], loop, found.seen[path])


def _answer(path: str, text: str, read: DatabaseRead, seen: Counter[str]) -> Answer:
    subject = subject_of(f"read of {read.model} in", path, read.node, seen)
    place = span_of(path, read.node)
    if read.batched:
        return Answer(subject, State.OK, "reads many rows at once", place)
    loop = _loop_of(read.node, text)
    if loop is None:
        return Answer(subject, State.OK, "not in a loop over rows", place)
    if _is_handed(read) and _root(read.model) in _variables(loop) | _declared(loop):
        return Answer(subject, State.OK, "each turn reads another table", place)
    detail = f"{read.model} is read once per turn of {loop.title}: {_instead(path)}"
    severity = Severity.INFO if read.fluent else None
    return Answer(subject, State.FAIL, detail, place, severity=severity, evidence=f"loop {read.model}")


def _indirect(path: str, call: Node, name: str, model: str, loop: Loop, seen: Counter[str]) -> Answer:
    subject = subject_of(f"read of {model} through {name} in", path, call, seen)
    detail = f"{name}() reads {model} once per turn of {loop.title}: {_instead(path)}"
    return Answer(subject, State.FAIL, detail, span_of(path, call), evidence=f"loop {name} {model}")


def _instead(path: str) -> str:
    if path.endswith(".py"):
        return "read the rows before the loop with `in_`, or join them to the first query"
    return "read the rows before the loop with `in`, or include them in the first query"


def _loop_of(node: Node, text: str) -> Loop | None:
    return next((loop for loop in loops_around(node) if is_per_row(loop, node, text)), None)


def _called(call: Node) -> str:
    function = call.child_by_field_name("function")
    name = text_of(function) if function is not None else ""
    return name.removeprefix("this.").removeprefix("self.")


def _variables(loop: Loop) -> set[str]:
    return set(re.findall(r"[A-Za-z_$]\w*", re.sub(r":\s*[A-Za-z][\w.<>\[\]| ]*", "", loop.variables)))


def _declared(loop: Loop) -> set[str]:
    return set(re.findall(r"\b(?:const|let|var)\s+\{?\s*(\w+)", text_of(loop.body)))


def _root(model: str) -> str:
    """`def` of `def.view`, `table` of `table as any`."""
    return re.split(r"\W", model, maxsplit=1)[0]


def _is_handed(read: DatabaseRead) -> bool:
    """Whether the table is an argument (`.from(table)`), and not a member of the client (`prisma.user`)."""
    return re.search(rf"\bfrom\(\s*{re.escape(_root(read.model))}\b", text_of(read.node)) is not None


def _chosen_by_caller(read: DatabaseRead) -> bool:
    """Whether the table is what the function around the read was given."""
    function = _owner(read.node) if _is_handed(read) else None
    given = text_of(function.child_by_field_name("parameters")) if function is not None else ""
    return re.search(rf"\b{re.escape(_root(read.model))}\b", given) is not None


def _depends(call: Node, loop: Loop) -> bool:
    """Whether what the call is given comes from the turn of the loop."""
    given = " ".join(text_of(argument) for argument in arguments(call))
    own = _variables(loop)
    return not (own | _declared(loop)).isdisjoint(re.findall(r"[A-Za-z_$]\w*", given))
