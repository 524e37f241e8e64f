"""The stages of a Dockerfile: what each is built from, and the user that it ends with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = re.compile(r"(?:dockerfile|containerfile)(?:[._-].+)?|.+[._-](?:dockerfile|containerfile)")
_LONGEST_NAME = 500
_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^{}]*))?\}|\$(\w+)")


@dataclass(slots=True)
class Stage:
    """`user` is the last USER, empty where there is none; `starts` is what ENTRYPOINT and CMD say."""

    name: str
    base: str
    line: int
    user: str = ""
    user_line: int = 0
    starts: str = ""
    runs: str = ""
    variables: dict[str, str] = field(default_factory=dict)


def is_dockerfile(path: str) -> bool:
    name = path.rsplit("/", 1)[-1].lower()
    return bool(_NAME.fullmatch(name)) and not name.endswith((".dockerignore", ".md", ".sh", ".ts", ".js", ".py"))


def read_stages(text: str) -> list[Stage]:
    stages: list[Stage] = []
    before: dict[str, str] = {}
    for number, word, rest in _instructions(text):
        if word == "FROM":
            stages.append(_stage(rest, number, before))
        elif word in {"ARG", "ENV"}:
            (stages[-1].variables if stages else before).update(_assignments(rest))
        elif stages:
            _note(stages[-1], word, rest, number)
    return stages


def final_user(stages: list[Stage]) -> tuple[str, int, Stage]:
    """The user of the last stage, with what it inherits from earlier stages; its line, and the stage at the root."""
    named = {stage.name.lower(): number for number, stage in enumerate(stages) if stage.name}
    number = len(stages) - 1
    while True:
        stage = stages[number]
        if stage.user:
            return stage.user, stage.user_line, stage
        earlier = int(stage.base) if stage.base.isdigit() else named.get(stage.base.lower(), number)
        if earlier >= number:  # a stage is built from earlier ones only
            return "", stages[-1].line, stage
        number = earlier


def _stage(rest: str, line: int, before: dict[str, str]) -> Stage:
    words = [word for word in rest.split() if not word.startswith("--")]
    name = words[2] if len(words) > 2 and words[1].lower() == "as" else ""  # noqa: PLR2004 - image AS name
    return Stage(name, _resolved(words[0], before)[:_LONGEST_NAME] if words else "", line, variables=dict(before))


def _note(stage: Stage, word: str, rest: str, line: int) -> None:
    if word == "USER":
        stage.user, stage.user_line = _resolved(rest.strip().strip("\"'"), stage.variables), line
    elif word in {"ENTRYPOINT", "CMD"}:
        stage.starts += f" {rest}"
    elif word == "RUN":
        stage.runs += f" {rest}"


def _resolved(text: str, variables: dict[str, str]) -> str:
    """Variables by their defaults; one without stays as it is written."""
    return _VARIABLE.sub(lambda m: variables.get(m[1] or m[3]) or (m[0] if m[2] is None else m[2]), text)


def _assignments(rest: str) -> dict[str, str]:
    found = {m[1]: m[2].strip("\"'") for m in re.finditer(r"\b(\w+)=(\"[^\"]*\"|'[^']*'|\S*)", rest)}
    words = rest.split(None, 1)
    return found or ({words[0]: words[1]} if len(words) > 1 else {})


def _instructions(text: str) -> list[tuple[int, str, str]]:
    """Line, instruction and arguments; continuation lines joined, comments and here-documents left out."""
    found: list[tuple[int, str, str]] = []
    waiting: list[str] = []
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if waiting:
            waiting = waiting[1:] if line.strip() == waiting[0] else waiting
            continue
        if line.lstrip().startswith("#") or (not line.strip() and parts):
            continue
        start = start if parts else number
        parts.append(line.rstrip().removesuffix("\\"))
        if line.rstrip().endswith("\\"):
            continue
        word, _, rest = " ".join(parts).strip().partition(" ")
        parts = []
        if word:
            found.append((start, word.upper(), rest.strip()))
        if word.upper() in {"RUN", "COPY", "ADD"}:
            waiting = re.findall(r"<<-?[\"']?(\w+)", rest)
    return found
