"""Packages that run a program of their own when they are installed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

# Packages whose script is known: it builds or fetches the binary that the package is about.
_KNOWN = {
    "@biomejs/biome", "@datadog/pprof", "@nestjs/core", "@parcel/watcher", "@playwright/browser-chromium",
    "@prisma/client", "@prisma/engines", "@sentry/cli", "@swc/core", "argon2", "aws-crt", "bcrypt", "better-sqlite3",
    "bufferutil", "canvas", "core-js", "core-js-pure", "cpu-features", "cypress", "dd-trace", "electron", "esbuild",
    "fsevents", "husky", "lefthook", "msgpackr-extract", "node-sass", "nodemon", "playwright", "prisma", "protobufjs",
    "puppeteer", "re2", "sharp", "simple-git-hooks", "sqlite3", "ssh2", "supabase", "unrs-resolver", "utf-8-validate",
    "vue-demi", "workerd",
}  # fmt: skip
# Formats that say which packages run one.
_TELLING = {"package-lock.json", "npm-shrinkwrap.json", "bun.lock", "deno.lock"}


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for locked in packages.locked:
        running = [
            package for package in (*locked.packages, *locked.others) if package.script and package.name not in _KNOWN
        ]
        if not running and PurePosixPath(locked.path).name not in _TELLING:
            continue
        names = listed((package.name for package in running), 12)
        fault = f"{len(running)} packages run a script when they are installed: {names}" if running else ""
        line = min((package.line for package in running), default=1)
        yield line_answer(f"lockfile {locked.path}", locked.path, line, fault, evidence="install scripts")
