"""Env files that git tracks and that hold a real value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.secret_files import Spotted, is_env, is_env_template, lowered, rows
from auditor.facts.secrets import real_values
from auditor.model import Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.repository import Repository


def ask(repository: Repository) -> Iterator[Answer]:
    for answer in rows(repository, _look, "holds no real value", _is_candidate):
        path = answer.subject.removeprefix("file ")
        if answer.state is not State.FAIL or (repository.tracked is not None and path in repository.tracked):
            yield answer
        elif repository.tracked is None:
            reason = "holds real values, and without git nothing says whether it is committed"
            yield replace(answer, state=State.UNKNOWN, detail=reason)
        else:
            yield replace(answer, state=State.OK, detail="not tracked by git")


def _is_candidate(path: str) -> bool:
    return is_env(path)


def _look(path: str, text: str) -> Iterator[Spotted]:
    """One finding for a file, at its first real value."""
    if is_env_template(path):
        return
    found = sorted(real_values(text), key=lambda line: line.start)
    if found:
        names = ", ".join(dict.fromkeys(line.name for line in found))
        yield Spotted(found[0].start, "env file", f"committed with values for {names}", lowered(Severity.HIGH, path))
