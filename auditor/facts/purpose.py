"""What a file of the platform is for, as far as its path says it: deployment, or work on a developer's machine."""

from __future__ import annotations

import re

from auditor.facts.units import is_example, is_test, is_vendored

_DEVELOPMENT = {
    "dev", "devel", "development", "devcontainer", "local", "localhost", "test", "tests", "testing", "e2e", "ci",
    "override", "github", "cursor", "gitpod", "codespaces", "playground",
}  # fmt: skip


def is_for_development(path: str) -> bool:
    """Whether a word of the path says so: `docker-compose.dev.yml`, `.devcontainer/compose.yml`, `docker/testing/`."""
    return not _DEVELOPMENT.isdisjoint(re.split(r"[^a-z0-9]+", path.lower()))


def is_aside(path: str) -> bool:
    """Whether a path belongs to tests, examples or other people's code."""
    return is_vendored(path) or is_test(path) or is_example(path)
