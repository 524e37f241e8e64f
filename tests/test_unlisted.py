"""Servers that no reader knows make the rules about endpoints unknown, never passed or not applicable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

TABLE = 'import { route } from "@react-router/dev/routes";\nexport default [route("a", "./a.tsx")]\n'
CASES = {
    "go": ({"go.mod": "module x\nrequire github.com/gin-gonic/gin v1.9.0\n", "main.go": "package main\n"}, "Go"),
    "rails": ({"Gemfile": "source 'x'\ngem 'rails'\n", "db/schema.yml": "a: 1\n"}, "Ruby"),
    "spring": ({"api/build.gradle.kts": 'implementation("org.springframework.boot:spring-boot-starter-web")\n'}, "JVM"),
    "polka": ({"package.json": '{"dependencies": {"polka": "1"}}', "a.ts": "let a = 1\n"}, "Polka"),
    "react-router": (
        {"web/app/routes.ts": TABLE},
        "React Router",
    ),
    "aiohttp": ({"requirements.txt": "aiohttp==3.9\n", "app.py": "x = 1\n"}, "aiohttp"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_its_endpoints_are_unknown(tmp_path: Path, name: str) -> None:
    files, label = CASES[name]
    write(tmp_path, {**files, "config.yaml": "a: 1\n"})
    run("scan", tmp_path, "--offline", "--only", "route", "-o", f"json={tmp_path / 'r.json'}")
    report = json.loads((tmp_path / "r.json").read_text())
    rules = {rule["id"]: rule for rule in report["rules"] if rule["kind"] == "route"}
    assert {rule["outcome"] for rule in rules.values()} == {"unknown"}
    assert any(label in row["reason"] for row in report["not_checked"])


def test_what_only_builds_or_belongs_to_a_phone_is_no_server(tmp_path: Path) -> None:
    files = {
        "ios/Gemfile": "gem 'fastlane'\n", "android/build.gradle": "apply plugin: 'com.android.application'\n",
        "src-tauri/Cargo.toml": "[dependencies]\ntauri = '2'\n", "tools/go.mod": "module tools\n",
        "package.json": '{"name": "x", "devDependencies": {"astro": "4"}}', "src/a.ts": "export const a = 1\n",
        "web/app/routes.ts": TABLE,
        "web/react-router.config.ts": "export default { ssr: false };\n",
    }  # fmt: skip
    write(tmp_path, files)
    run("scan", tmp_path, "--offline", "--only", "route", "-o", f"json={tmp_path / 'r.json'}")
    report = json.loads((tmp_path / "r.json").read_text())
    assert {rule["outcome"] for rule in report["rules"] if rule["kind"] == "route"} == {"not_applicable"}


def test_code_in_a_language_that_is_not_read_is_unknown_too(tmp_path: Path) -> None:
    write(tmp_path, {**CASES["go"][0], "config.yaml": "a: 1\n"})
    run("scan", tmp_path, "--offline", "--only", "empty-catch", "-o", f"json={tmp_path / 'r.json'}")
    rule = next(r for r in json.loads((tmp_path / "r.json").read_text())["rules"] if r["id"] == "empty-catch")
    assert rule["outcome"] == "unknown"
    assert "Go (go.mod)" in rule["reason"]
