"""Releases of runtimes and frameworks that get no more mends, by a table that is shipped with its date."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.data import data_folder
from auditor.facts.compose import ComposeError, is_compose, read_services, with_defaults
from auditor.facts.dockerfile import is_dockerfile, read_stages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

_IMAGES = {
    "node": "node", "python": "python", "postgres": "postgres", "supabase/postgres": "postgres",
    "postgis/postgis": "postgres", "pgvector/pgvector": "postgres", "bitnami/postgresql": "postgres", "mongo": "mongo",
    "mysql": "mysql",
}  # fmt: skip
_FILES = {".nvmrc": "node", ".node-version": "node", ".python-version": "python", "runtime.txt": "python"}
_TOOLS = {"nodejs": "node", "node": "node", "python": "python", "postgres": "postgres"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One release that a file chooses: of what, which, and where."""

    product: str
    release: str
    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Support:
    title: str
    release: str
    ends: date


@cache
def end_of_life_table() -> dict[str, Any]:
    return tomllib.loads((data_folder("rules") / "dependency" / "end_of_life.toml").read_text("utf-8"))


def support_of(kind: str, product: str, version: str) -> Support | None:
    """Until when a release is mended; None where the table does not say. The longest listed prefix decides."""
    entry = end_of_life_table().get(kind, {}).get(product)
    if entry is None:
        return None
    match = re.match(r"v?(\d+)(?:\.(\d+))?", version)
    if match is None:
        return None
    for release in (f"{match[1]}.{match[2]}", match[1]):
        if ends := entry["releases"].get(release):
            return Support(entry["title"], release, ends)
    return None


def chosen_runtimes(path: str, text: str) -> Iterator[Chosen]:
    """The releases that one file of a repository chooses to run on."""
    name = path.rsplit("/", 1)[-1]
    if name in _FILES:
        yield from _version_file(path, text, _FILES[name])
    elif name == ".tool-versions":
        for number, line in enumerate(text.splitlines(), 1):
            parts = line.split()
            if len(parts) > 1 and parts[0] in _TOOLS:
                yield Chosen(_TOOLS[parts[0]], parts[1], path, number, line.strip())
    elif is_dockerfile(path):
        for stage in read_stages(text):
            yield from _image(stage.base, path, stage.line)
    elif is_compose(path):
        yield from _compose(path, text)
    elif name == "config.toml" and path.endswith("supabase/config.toml"):
        match = re.search(r"^\[db\](?:(?!^\[).)*?^major_version\s*=\s*(\d+)", text, re.MULTILINE | re.DOTALL)
        if match:
            yield Chosen(
                "postgres", match[1], path, text.count("\n", 0, match.start(1)) + 1, f"major_version {match[1]}"
            )


def _version_file(path: str, text: str, product: str) -> Iterator[Chosen]:
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"\s*(?:v|python-|node/|lts/\w+\s*->\s*v)?(\d+(?:\.\d+)*)\s*$", line)
        if match:
            yield Chosen(product, match[1], path, number, line.strip())
            return


def _image(image: str, path: str, line: int) -> Iterator[Chosen]:
    match = re.fullmatch(
        r"(?:[\w.-]+\.[\w.-]+(?::\d+)?/)?((?:[\w.-]+/)*[\w.-]+):v?(?:pg)?(\d+(?:\.\d+)*)[\w.-]*(?:@.*)?", image
    )
    if match is None:
        return
    name = match[1].removeprefix("library/").removeprefix("docker/library/")
    if product := _IMAGES.get(name):
        yield Chosen(product, match[2], path, line, image)


def _compose(path: str, text: str) -> Iterator[Chosen]:
    try:
        services = read_services(text)
    except ComposeError:
        return
    for service in services:
        yield from _image(with_defaults(service.image), path, service.line)


def engine_of(spec: str) -> str | None:
    """The newest major release of Node.js that `engines` allows, where it sets an end; None where it does not."""
    newest: list[int] = []
    for part in spec.split("||"):
        text = part.strip()
        upper = re.search(r"<\s*=?\s*v?(\d+)(?:\.(\d+))?", text)
        plain = re.fullmatch(r"[~^=v\s]*(\d+)(?:\.(?:\d+|x|\*))*", text)
        ranged = re.fullmatch(r"v?\d[\w.]*\s+-\s+v?(\d+)[\w.]*", text)
        if plain or ranged:
            newest.append(int((plain or ranged)[1]))  # type: ignore[index]
        elif upper:
            through = "<=" in text.replace(" ", "") or upper[2] not in {None, "0"}
            newest.append(int(upper[1]) - (0 if through else 1))
        else:
            return None
    return str(max(newest)) if newest else None
