"""A small project with a lockfile and one advisory, asked by the rules on dependencies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from auditor.detectors.ask import ask_files
from auditor.facts.advisories import Advisories
from auditor.model import State
from auditor.rulebook import load_rulebook
from auditor.sources.packages import read_packages
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.model import Answer, RuleAnswers

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RECORD = {
    "id": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2020-1"], "modified": "2026-01-01T00:00:00Z", "summary": "a fault",
    "affected": [{
        "package": {"ecosystem": "npm", "name": "lodash"}, "versions": ["4.17.15"],
        "ecosystem_specific": {"affected_functions": ["(lodash).defaultsDeep"]},
    }],
    "database_specific": {"fixture": True, "severity": "HIGH"},
}  # fmt: skip
LOCK = json.dumps(
    {
        "lockfileVersion": 3,
        "packages": {
            "": {"dependencies": {"lodash": "^4.17.0", "hono": "^4.0.0"}},
            "node_modules/lodash": {"version": "4.17.15", "license": "MIT"},
            "node_modules/hono": {"version": "4.0.0", "license": "(MIT OR Apache-2.0)", "dependencies": {"@a/b": "1"}},
            "node_modules/@a/b": {"version": "1.0.0", "license": "SEE LICENSE IN x"},
        },
    }
)
FILES = {
    "package-lock.json": LOCK,
    "db/x.json": json.dumps(RECORD),
    "src/a.ts": "import { defaultsDeep } from 'lodash'\n",
}


def answers(rule: str, root: Path, **options: Any) -> list[Answer]:  # noqa: ANN401 - options and functions of several shapes
    page = load_rulebook().page(rule)
    assert page
    repository = read_repository(root)
    database = (str(root / "db"),) if (root / "db").is_dir() else None
    asked = ask_files(page, repository, read_packages(repository, database, now=NOW, **options))
    assert not asked.unavailable, asked.unavailable
    return list(asked.answers)


def failed(rule: str, root: Path) -> list[str]:
    return [answer.subject for answer in answers(rule, root) if answer.state is State.FAIL]


EARLIER = datetime(2026, 6, 1, tzinfo=UTC)


def record(name: str = "a", ecosystem: str = "npm", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - options and functions of several shapes
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "versions": ["1.0.0"]}
    return {"id": f"X-{name}", "modified": "2026-05-30T00:00:00Z", "affected": [affected], **more}


def database_of(*ranges: list[dict[str, str]], ecosystem: str = "npm", **more: Any) -> Advisories:  # noqa: ANN401 - options and functions of several shapes
    database = Advisories()
    affected = [
        {
            "package": {"ecosystem": ecosystem, "name": "a"},
            "ranges": [{"type": "ECOSYSTEM", "events": e} for e in ranges],
        }
    ]
    database.add({"id": "GHSA-1", "affected": affected, **more})
    return database


def asked_of(root: Path, *advisories: Path, **options: Any) -> RuleAnswers:  # noqa: ANN401 - options and functions of several shapes
    page = load_rulebook().page("vulnerable-dependency")
    assert page
    repository = read_repository(root)
    return ask_files(page, repository, read_packages(repository, tuple(map(str, advisories)), now=EARLIER, **options))


def states(asked: RuleAnswers) -> dict[str, State]:
    assert not asked.unavailable, asked.unavailable
    return {answer.subject: answer.state for answer in asked.answers}
