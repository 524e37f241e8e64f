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
from typing import TYPE_CHECKING, Any

from auditor.desk import OwnDesk
from auditor.facts.helper_names import Helpers
from auditor.rulebook import load_rulebook
from auditor.sources.code import Code
from auditor.sources.repository import repository_from

if TYPE_CHECKING:
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
            answers.write(json.dumps(_answer(desk, json.loads(line), pages)) + "\n")
            answers.flush()


def _desk(given: dict[str, Any]) -> OwnDesk:
    repository = repository_from(given["repository"])
    code = Code(repository, given["files"], given["unread"])
    names = given["helpers"]
    helpers = None if names is None else Helpers(*(tuple(part) for part in names))
    return OwnDesk(repository, code, tuple(given["public"]), helpers, forgets=True)


def _answer(desk: OwnDesk, question: dict[str, Any], pages: dict[str, Page]) -> dict[str, Any]:
    try:
        asked = [pages[name] for name in question.get("pages", ())]
        match question["do"]:
            case "broken":
                return {"value": desk.broken(question["paths"])}
            case "files":
                return {"value": desk.ask_files(asked, question["paths"], question["unread"])}
            case _:
                return {"value": desk.ask_whole(asked, question["unread"])}
    except Exception as error:  # noqa: BLE001 - said to the scan, which calls the rules unknown
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    serve()
