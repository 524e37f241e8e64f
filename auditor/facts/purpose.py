"""What a file of the platform is for, as far as its path says it: deployment, or work on a developer's machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.syntax import language_of
from auditor.facts.units import is_example, is_test, is_tool, is_vendored

if TYPE_CHECKING:
    from collections.abc import Iterable

# What configures the tools of a repository, beside its code.
_TOOLING = re.compile(
    r"(?:^|/)(?:[\w.-]+\.config\.[cm]?[jt]s|\.[\w.-]+\.[cm]?js|(?:gulp|grunt)file\.[jt]s|setup\.py|noxfile\.py|__init__\.py)$",
    re.IGNORECASE,
)
_DEVELOPMENT = {
    "dev", "devel", "development", "devcontainer", "local", "localhost", "test", "tests", "testing", "e2e", "ci",
    "override", "github", "cursor", "gitpod", "codespaces", "playground",
}  # fmt: skip

# A file that calls a function of its own and hands nothing on is a program; with these words one that stays and serves.
_STARTS = re.compile(
    r"^(?:void\s+|await\s+)?(?P<name>[A-Za-z_$][\w$]*)\(\)\s*(?:;|\.(?:then|catch|finally)\b|$)", re.MULTILINE
)
_HANDS_ON = re.compile(r"^export\b|\bmodule\.exports\b|^exports\.\w", re.MULTILINE)
_STAYS = re.compile(
    r"\blisten\(|\bserve\w*\(|createServer|\bWorker\b|\bconsume\w*\(|subscribe\(|setInterval|schedule|cron|\.on\(|express\(|[fF]astify\("
    r"|while\s*\(\s*true|ReactDOM|createRoot|document\.|window\."
)


def is_for_development(path: str) -> bool:
    """Whether a word of the path says so: `docker-compose.dev.yml`, `.devcontainer/compose.yml`, `docker/testing/`."""
    return not _DEVELOPMENT.isdisjoint(re.split(r"[^a-z0-9]+", path.lower()))


def is_aside(path: str) -> bool:
    """Whether a path belongs to tests, examples or other people's code."""
    return is_vendored(path) or is_test(path) or is_example(path)


def are_all_examples(paths: Iterable[str]) -> bool:
    """Whether all application code of a repository lies in folders of examples: then it is the example."""
    code = [
        path for path in paths if language_of(path) and not (is_test(path) or is_tool(path) or _TOOLING.search(path))
    ]
    return bool(code) and all(is_example(path) for path in code)


def runs_once(text: str) -> bool:
    """Whether JavaScript is a program that somebody starts by hand, does its work and ends."""
    started = _STARTS.search(text)
    if started is None or _HANDS_ON.search(text) or _STAYS.search(text):
        return False
    return bool(re.search(rf"\b(?:function\s+|(?:const|let)\s+){re.escape(started['name'])}\b", text))
