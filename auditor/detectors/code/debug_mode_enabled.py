"""Servers that show their insides to every visitor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.code_answers import Judged, answers
from auditor.facts.sites import ancestors
from auditor.facts.syntax import text_of
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.code_values import Event, Value
    from auditor.model import Answer
    from auditor.sources.code import Code
    from auditor.sources.repository import Repository

_WORDS = re.compile(r"(?i)\bdebug\b|errorhandler")
_SETTINGS = re.compile(  # a module that nothing else than development loads
    r"(?i)(?:^|/)(?:settings|config)/(?:dev|devel|develop|development|local|test|testing|ci)(?:_?settings)?\.py$"
    r"|(?:^|/)(?:settings|config)_(?:dev|development|local|test|testing|ci)\.py$"
)
_DEVELOPMENT = re.compile(r"(?i)dev|local|test|(?:^|_)ci")
_RUN = re.compile(r"(?:^|\.)(?:run|run_simple|Flask\(\)\.run)$")
_APP = re.compile(
    r"^(?:\w+\.)*(?:Flask|FastAPI|Starlette|Quart|Sanic|Django)\(\)\.(?:run|debug)$|^(?:app|application|server|\w+\.app|\w+_app)\.(?:run|debug)$"
)

PER_FILE = True


def ask(repository: Repository, code: Code) -> Iterator[Answer]:
    del repository
    yield from answers(code, "setting", (_WORDS,), _judge, Severity.MEDIUM)


def _judge(event: Event, text: str) -> Judged | None:
    if (
        event.kind == "assign"
        and event.name == "DEBUG"
        and re.search(r"INSTALLED_APPS|MIDDLEWARE|(?i:flask)|SECRET_KEY", text)
    ):
        return _switched(event.args[0], event, "DEBUG")
    if event.kind == "set" and re.match(r"^(?:app|application|\w+\.app|(?:\w+\.)*Flask\(\))\.debug$", event.name):
        return _switched(event.args[0], event, "debug")
    if event.kind == "put" and event.args[0].const == "DEBUG" and event.receiver.name.endswith("config"):
        return _switched(event.args[1], event, "DEBUG")
    if event.kind in {"call", "new"}:
        return _called(event)
    return None


def _called(event: Event) -> Judged | None:
    if (
        _APP.match(event.name)
        or (_RUN.search(event.name) and "debug" in event.named and "asyncio" not in event.name)
        or (_RUN.search(event.name) and "use_debugger" in event.named)
        or re.search(r"(?:^|\.)(?:FastAPI|Starlette)$", event.name)
    ):
        debug = event.named.get("debug") or event.named.get("use_debugger")
        return _switched(debug, event, "debug") if debug is not None else Judged("debug is not switched on")
    if event.name.split(".")[0] == "errorhandler" and event.name.endswith(("errorhandler", "errorHandler")):
        return _switched(None, event, "errorhandler()")
    return None


def _switched(value: Value | None, event: Event, name: str) -> Judged | None:
    if value is not None and value.const is not True and value.const != 1:
        return Judged("debug is not switched on for every environment")
    if value is None and _guarded(event.node):
        return Judged("in development only")
    if _SETTINGS.search(event.path) or _in_development(event.node):
        return Judged("in development only")
    return Judged(f"{name} is on: errors show the code and its variables, and may offer a console", "debug")


def _in_development(node: Node) -> bool:
    """A class or a condition around it that says so."""
    for outer in ancestors(node):
        if outer.type == "class_definition":
            return _DEVELOPMENT.search(text_of(outer.child_by_field_name("name"))) is not None
        if outer.type in {"if_statement", "elif_clause"}:
            condition = text_of(outer.child_by_field_name("condition"))
            if "__name__" not in condition:
                return True
    return False


def _guarded(node: Node) -> bool:
    return any(outer.type in {"if_statement", "ternary_expression"} for outer in ancestors(node))
