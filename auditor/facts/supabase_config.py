"""`supabase/config.toml`: its tables, and the line that each setting stands on."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?")
_ASSIGNMENT = re.compile(r"\s*([\w\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=")


class ConfigError(Exception):
    """A configuration that does not parse; the text is the reason."""


def is_supabase_config(path: str) -> bool:
    return path == "supabase/config.toml" or path.endswith("/supabase/config.toml")


def read_config(text: str | None) -> dict[str, Any]:
    """Raises ConfigError."""
    if text is None:
        raise ConfigError("it cannot be read")
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError("not valid TOML") from error


def setting(config: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - a TOML value of any kind
    """The value of a dotted name, None where the file does not set it."""
    value: Any = config
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def line_of(text: str, name: str) -> int:
    """The line that sets a dotted name; its table's where the name is not found, else the first."""
    section, near = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            section = _plain(header[1])
            near = number if name.startswith(section + ".") else near
        elif (match := _ASSIGNMENT.match(line)) and f"{section}.{_plain(match[1])}".lstrip(".") == name:
            return number
    return near


def _plain(name: str) -> str:
    return re.sub(r"[\s\"']", "", name)
