"""The command line. Nothing heavy is imported until a command needs it."""

from __future__ import annotations

from auditor.cli.main import main

__all__ = ["main"]
