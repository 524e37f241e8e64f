"""A worker process: one desk, asked over a pipe in lines of JSON. Python runs one thread at a time; processes do not
wait for each other.

Started with `-P`, so that no file of the folder that is scanned is taken for a module.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.desk import OwnDesk
from auditor.facts.helper_names import Helpers
from auditor.model import Target
from auditor.rulebook import load_rulebook
from auditor.sources.code import Code
from auditor.sources.repository import repository_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from auditor.rulebook import Page


def serve() -> None:
    """Answer until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the scan's: it closes the pipe
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints is no answer
    pages = {page.id: page for page in load_rulebook().pages}
    desk = _desk(json.loads(sys.stdin.readline()))
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin:
            for answer in _answers(desk, json.loads(line), pages):
                answers.write(json.dumps(answer) + "\n")
                answers.flush()


def _desk(given: dict[str, Any]) -> OwnDesk:
    repository = repository_from(given["repository"])
    code = Code(repository, given["files"], given["unread"])
    names = given["helpers"]
    helpers = None
    if names is not None:
        auth, limit, validation, bases = names
        helpers = Helpers(tuple(auth), tuple(limit), tuple(validation), tuple((unit, base) for unit, base in bases))
    return OwnDesk(repository, code, tuple(given["public"]), helpers)


def _target(given: dict[str, Any]) -> Target:
    """What the reading of git's history goes by."""
    folders = {name: None if given[name] is None else Path(given[name]) for name in ("root", "cache")}
    globs = {name: tuple(given[name]) for name in ("include", "exclude")}
    return Target(**folders, **globs, history_seconds=given["history_seconds"])  # type: ignore[arg-type]


def _answers(desk: OwnDesk, question: dict[str, Any], pages: dict[str, Page]) -> Iterator[dict[str, Any]]:
    """Parts, as many as there are, and at last a value or an error."""
    try:
        asked = [pages[name] for name in question.get("pages", ())]
        yield from ({"part": part} for part in _parts(desk, question, asked))
        yield {"value": _value(desk, question, asked)}
    except Exception as error:  # noqa: BLE001 - said to the scan, which calls the rules unknown
        yield {"error": f"{type(error).__name__}: {error}"}


def _parts(desk: OwnDesk, question: dict[str, Any], asked: Sequence[Page]) -> Iterator[dict[str, Any]]:
    match question["do"]:
        case "whole":
            yield from desk.ask_whole(asked, question["unread"])
        case "files":
            yield from desk.ask_files(asked, question["paths"], question["unread"])


def _value(desk: OwnDesk, question: dict[str, Any], asked: Sequence[Page]) -> Any:  # noqa: ANN401 - by the question
    match question["do"]:
        case "broken":
            return desk.broken(question["paths"])
        case "history":
            return desk.ask_history(asked, _target(question["target"]))
        case "endpoints":
            return desk.endpoints(question["place"], question["count"])
        case _:
            return None


if __name__ == "__main__":
    serve()
