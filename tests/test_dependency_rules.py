# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""What the rules on dependencies say beyond their pages' examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from auditor.facts.advisory_answers import Hit
from auditor.facts.end_of_life import chosen_runtimes, engine_of, support_of
from auditor.facts.imports_index import package_of, reach, read_imports
from auditor.facts.lockfiles import Package
from auditor.model import Severity, State
from tests.dependency_support import FILES, RECORD
from tests.dependency_support import answers as _answers
from tests.dependency_support import failed as _failed
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import { defaultsDeep } from 'lodash'", "defaultsDeep is used in src/a.ts:1"),
        ("import { defaultsDeep as d } from 'lodash'", "defaultsDeep is used in src/a.ts:1"),
        ("import _ from 'lodash'\n_.defaultsDeep({}, {})", "defaultsDeep is used in src/a.ts:1"),
        ("const d = require('lodash/defaultsDeep')", "defaultsDeep is used in src/a.ts:1"),
        ("const { pick } = require('lodash')", "imported in src/a.ts:1"),
        ("export const x = await import('lodash')", "imported in src/a.ts:1"),
        ("import type { Dictionary } from 'lodash'", "declared, not imported"),
        ("// nothing", "declared, not imported"),
    ],
)
def test_how_near_a_fault_is_to_code_that_runs(tmp_path: Path, code: str, said: str) -> None:
    write(tmp_path, {**FILES, "src/a.ts": code})
    (answer,) = [a for a in _answers("vulnerable-dependency", tmp_path) if a.state is State.FAIL]
    assert said in answer.detail
    assert answer.severity is Severity.HIGH, "reach orders findings and acquits none"


def test_reach_is_ranked() -> None:
    hit = Hit("X", functions=("a.f",))
    texts = {"a.py": "from jwt import f\n", "b.py": "import yaml\n"}
    imports = read_imports(texts, texts.get)
    ranks = [
        reach(package, hit, imports)[0]
        for package in (
            Package("PyPI", "pyjwt", "1", "x", 1, direct=True),
            Package("PyPI", "pyyaml", "1", "x", 1, direct=True),
            Package("PyPI", "deep", "1", "x", 1, direct=False, via=("top",)),
            Package("PyPI", "unused", "1", "x", 1, direct=True),
            Package("PyPI", "pytest", "1", "x", 1, dev=True),
        )
    ]
    assert ranks == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("lodash/fp", "lodash"), ("@scope/a/b", "@scope/a"), ("npm:zod@^3/v4", "zod"), ("npm:@hono/zod@1", "@hono/zod"),
        ("./a", None), ("@/a", None), ("~/a", None), ("node:fs", None), ("jsr:@std/x", None), ("#a", None), ("https://x/y", None),
    ],
)  # fmt: skip
def test_the_package_of_a_specifier(module: str, name: str | None) -> None:
    assert package_of(module) == name


@pytest.mark.parametrize(
    ("spec", "release"),
    [
        (">=18", None), ("18.x", "18"), ("^18.17.0", "18"), (">=16 <19", "18"), (">=16 <=20", "20"), ("18 || 20 || >=22", None),
        ("14 || 16", "16"), (">=18.0.0 <21.0.0", "20"), ("16 - 18", "18"), ("*", None), ("<18.5", "18"), ("lts/*", None),
    ],
)  # fmt: skip
def test_the_newest_release_that_engines_allow(spec: str, release: str | None) -> None:
    assert engine_of(spec) == release


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        (
            "Dockerfile",
            "FROM --platform=linux/amd64 public.ecr.aws/docker/library/node:18.1-slim AS b\nFROM b\n",
            [("node", "18.1", 1)],
        ),
        ("Dockerfile", "FROM gcr.io/distroless/nodejs18\nFROM mynode:18\nFROM node:lts\nFROM node\n", []),
        ("docker-compose.yml", "services:\n  d:\n    image: ${IMAGE:-postgres:13.2}\n", [("postgres", "13.2", 2)]),
        ("docker-compose.yml", "services:\n  d:\n    image: pgvector/pgvector:pg13\n", [("postgres", "13", 2)]),
        (".nvmrc", "lts/iron\n", []),
        (".tool-versions", "ruby 2.1\nnodejs 16.1.0\n", [("node", "16.1.0", 2)]),
        ("runtime.txt", "python-3.8.1\n", [("python", "3.8.1", 1)]),
    ],
)
def test_the_releases_that_a_file_chooses(path: str, text: str, wanted: list[tuple[str, str, int]]) -> None:
    assert [(c.product, c.release, c.line) for c in chosen_runtimes(path, text)] == wanted


def test_support_is_looked_up_by_the_longest_release_that_is_listed() -> None:
    python, node, django = support_of("runtime", "python", "3.10.4"), support_of("runtime", "node", "18.2"), support_of("PyPI", "django", "4.2.1")  # fmt: skip
    assert python
    assert node
    assert django
    assert (python.release, node.release, django.release) == ("3.10", "18", "4.2")
    assert support_of("runtime", "python", "3.99") is None
    assert support_of("npm", "left-pad", "1.0.0") is None


def test_a_drift_is_judged_by_what_the_workspace_sets(tmp_path: Path) -> None:
    lock = "lockfileVersion: '9.0'\noverrides:\n  zod: 3.1.0\nimporters:\n  .: {}\n  a:\n    dependencies:\n      zod:\n        specifier: 3.1.0\n        version: 3.1.0\n      ws:\n        specifier: ^8\n        version: 8.1.0\npackages:\n  zod@3.1.0: {}\n  ws@8.1.0: {}\nsnapshots:\n  zod@3.1.0: {}\n  ws@8.1.0: {}\n"
    manifest = {"dependencies": {"zod": "^4.0.0", "ws": "^8.0.0"}}
    write(
        tmp_path,
        {"pnpm-lock.yaml": lock, "pnpm-workspace.yaml": "packages: [a]\n", "a/package.json": json.dumps(manifest)},
    )
    assert _failed("lockfile-drift", tmp_path) == []
    write(tmp_path, {"a/package.json": json.dumps({"dependencies": {"zod": "^4.0.0", "ws": "^9.0.0"}})})
    assert _failed("lockfile-drift", tmp_path) == ["manifest a/package.json"]


def test_options_of_the_command_line(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    for bad in (("--max-advisory-age", "soon"), ("--import-audit", "nowhere.json"), ("--vex", "nowhere.json")):
        assert run("scan", tmp_path, "--no-shadow", "--offline", *bad).code == 2
    old = RECORD | {
        "modified": "2020-01-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0.0"]}],
        "database_specific": {},
    }
    write(tmp_path, {"db/x.json": json.dumps(old)})
    options = ("--no-shadow", "--offline", "--only", "vulnerable-dependency", "--advisories", tmp_path / "db")
    assert run("scan", tmp_path, *options).code == 4
    assert run("scan", tmp_path, *options, "--max-advisory-age", "9999d").code == 0
