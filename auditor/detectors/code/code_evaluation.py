"""Code that request data is made into, and run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers, named
from auditor.facts.code_requests import ENTERS
from auditor.facts.code_values import Value, content
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.code_values import Event
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(
    r"\beval\b|\bFunction\(|\bvm2?\b|setTimeout|setInterval|getattr\(|\bglobals\(\)|\blocals\(\)|sys\.modules|\bexec\(|\bcompile\(|__import__|import_module|safeEval|isolated-vm|mathjs|expr-eval"
    r"|\b(?:require|import)\(\s*(?:[^\"'\s)]|[\"'][^\"'\n]*[\"']\s*\+)|execScript"
)
_EVALUATES = re.compile(
    r"^(?:eval|global\.eval|globalThis\.eval|window\.eval|Function|vm\.(?:runInThisContext|runInNewContext|runInContext|compileFunction)"
    r"|vm\.Script|exec|builtins\.(?:eval|exec)|compile|__import__|importlib\.import_module|execjs\.eval|js2py\.eval_js"
    r"|pandas\.eval|pd\.eval|numexpr\.evaluate|code\.InteractiveInterpreter|safe-eval|static-eval|mathjs\.evaluate_unsafe)$"
    r"|\b(?:VM|NodeVM|VMScript|InteractiveInterpreter|Interpreter)\(\)\.(?:run|runcode|runsource|eval)$"
)
# Languages of formulas: made to reach nothing of the process; but a formula may run for ever, and walls have fallen.
_FORMULAS = re.compile(
    r"^mathjs(?:\.\w+\(\))?\.(?:eval|evaluate|compile|parse|parser\(\)\.evaluate)$|^(?:expr-eval\.Parser(?:\(\))?|angular-expressions)\.(?:evaluate|parse|compile)$"
)
_LATER = re.compile(r"^(?:window\.|global\.)?(?:setTimeout|setInterval|setImmediate)$")
_NAMESPACES = re.compile(r"^(?:globals|locals|vars)\(\)$|^sys\.modules$")
_IMPORTS = re.compile(r"^(?:importlib\.import_module|__import__)$")
_OF_PACKAGE = re.compile(r"^\w+(?:\.\w+)*\.")
_LOADS = re.compile(r"^(?:require|import)$")
_DATA_FILE = re.compile(r"\.(?:json5?|ya?ml|mdx?|po|svg)[`\"']\s*[,)]")  # read, and not run

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "evaluation", (_WORDS, ENTERS), _judge, Severity.CRITICAL)


def _judge(event: Event, text: str) -> Judged | None:  # noqa: PLR0911 - a case per line
    del text
    if (name := _chosen_name(event)) is not None:
        return _reflected(event, name)
    if event.kind not in {"call", "new"} or not event.args:
        return None
    if _IMPORTS.match(event.name) and _OF_PACKAGE.match(content(event.args[0]).prefix):
        return Judged("it loads modules of one package of ours")
    if _EVALUATES.match(event.name) or _EVALUATES.search(event.name):
        return _verdict(event, [content(arg) for arg in event.args])
    if _FORMULAS.match(event.name):
        return _verdict(event, [content(event.args[0])], Severity.MEDIUM)
    if _LATER.match(event.name) and event.args[0].closure is None and event.args[0].taint:
        return _verdict(event, [event.args[0]])
    if _LOADS.match(event.name) and event.args[0].taint and not _DATA_FILE.search(text_of(event.node)):
        data = event.data(event.args[0], "path")
        return Judged(f"{named(data)} names the module that is loaded", "module", Severity.HIGH) if data else None
    return None


def _chosen_name(event: Event) -> Value | None:
    """The name by which a function or a class is looked up that is then called."""
    if event.kind == "index" and _NAMESPACES.match(event.name):
        return event.args[0]
    called = event.func if event.kind == "call" else None
    return Value(items=list(called.args[1:2])) if called is not None and called.name == "getattr()" else None


def _reflected(event: Event, name: Value) -> Judged | None:
    """A function or a class by a name that the request chooses."""
    data = event.data(content(name), "code")
    detail = f"{named(data)} names the function or class that is called" if data else ""
    severity = Severity.HIGH if event.kind == "index" else Severity.MEDIUM  # of everything there is, or of one object
    return Judged(detail, "reflection", severity) if data else None


def _verdict(event: Event, values: list[Value], severity: Severity | None = None) -> Judged:
    data = frozenset().union(*(event.data(value, "code") for value in values))
    if data:
        return Judged(f"{named(data)} is run as code by {event.name}", "request-data", severity)
    return Judged("no request data seen in the code")
