"""What an edge function's source runs: its own text, and of each local import only the declarations that it uses.

Textual: a file is cut where a line starts at the left margin, and a declaration brings what it names.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HOPS = 2
MAX_CHARACTERS = 1_000_000
# The closing marks are optional, so that an unclosed one costs a single pass.
_TOKEN = re.compile(
    r"(\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?)|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?",
    re.DOTALL,
)
_IMPORT = re.compile(
    r"^[^\S\n]*(?:import|export)\s+(?P<type>type\s+)?(?P<names>[\w$*{][\w$*\s{},]*?)(?<=\s)from\s*[\"'](?P<from>[^\"'\n]+)[\"']",
    re.MULTILINE,
)
_DECLARED = re.compile(
    r"(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function\s*\*?|const|let|var|class)\s+(?P<name>[\w$]+)|"
    r"(?:export\s+)?(?:const|let|var)\s*[{\[](?P<several>[^}\]=]*)[}\]]|export\s+(?P<default>default)\b|(?P<used>[\w$]+)\s*[.(=]"
)
_WORD = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(slots=True)
class Reached:
    """`parts` are (path, text) without comments; `outside` the imported names that nothing local defines."""

    parts: list[tuple[str, str]] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Module:
    """A file cut into its declarations."""

    chunks: dict[str, str]
    imports: dict[str, tuple[str, str]]  # local name: (module, name there)
    stars: list[str]


def reach(entry: str, read: Callable[[str], str | None], modules: dict[str, Module]) -> Reached:
    """`read` gives the text of a path, None where there is no such file; `modules` keeps what was cut, across calls."""
    reached = Reached()
    text = _code(read(entry) or "")
    modules[entry] = _module(text)
    reached.parts.append((entry, _without_imports(text)))
    seen: set[tuple[str, str]] = set()
    waiting = deque((entry, name, 0) for name in modules[entry].imports if _uses(reached.parts[0][1], name))
    while waiting:
        path, name, hops = waiting.popleft()
        module = modules[path]
        if name not in module.imports:
            waiting += _local(path, name, hops, module, seen, reached)
            continue
        source, there = module.imports[name]
        found = _resolve(path, source, read) if hops < MAX_HOPS else None
        if found is None:
            reached.outside.add(name)
            continue
        if found not in modules:
            modules[found] = _module(_code(read(found) or ""))
        waiting += _entered(found, there, hops + 1, modules[found])
    return reached


def _entered(path: str, name: str, hops: int, module: Module) -> list[tuple[str, str, int]]:
    """The declarations that an imported name stands for; a whole module by `* as`, or through its `export *`."""
    if name == "*":
        return [(path, chunk, hops) for chunk in module.chunks]
    if name not in module.chunks and name not in module.imports and module.stars:
        for number, source in enumerate(module.stars):
            module.imports[f"{name}*{number}"] = (source, name)
        return [(path, f"{name}*{number}", hops) for number in range(len(module.stars))]
    return [(path, name, hops)]


def _local(
    path: str, name: str, hops: int, module: Module, seen: set[tuple[str, str]], reached: Reached
) -> list[tuple[str, str, int]]:
    chunk = module.chunks.get(name)
    if chunk is None:
        reached.outside.add(name)
    if chunk is None or (path, name) in seen:
        return []
    seen.add((path, name))
    reached.parts.append((path, chunk))
    words = set(_WORD.findall(chunk))
    return [(path, word, hops) for word in sorted(words & (module.chunks.keys() | module.imports.keys()))]


def _code(text: str) -> str:
    """The text without comments; lines stay where they are."""
    return _TOKEN.sub(lambda m: m[1] or "\n" * m[0].count("\n"), text[:MAX_CHARACTERS])


def _without_imports(text: str) -> str:
    return _IMPORT.sub("", text)


def _uses(text: str, name: str) -> bool:
    return bool(re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text))


def _module(text: str) -> Module:
    imports: dict[str, tuple[str, str]] = {}
    stars = []
    for match in _IMPORT.finditer(text):
        if match["names"].strip() == "*":
            stars.append(match["from"])
        elif not match["type"]:
            imports.update(_names(match["names"], match["from"]))
    chunks: dict[str, str] = {}
    for chunk in re.split(r"^(?=[A-Za-z_$@])", _without_imports(text), flags=re.MULTILINE):
        if declared := _DECLARED.match(chunk):
            several = _WORD.findall(declared["several"] or "")
            for name in several or [declared["name"] or declared["default"] or declared["used"]]:
                chunks[name] = chunks.get(name, "") + chunk
            if re.match(r"export\s+default\b", chunk):
                chunks["default"] = chunk
    return Module(chunks, imports, stars)


def _names(clause: str, source: str) -> dict[str, tuple[str, str]]:
    """`a, { b as c, type D }` and `* as all`."""
    found = {}
    head, _, inner = clause.partition("{")
    for part in inner.rstrip("} \n").split(","):
        words = part.split()
        if words and words[0] != "type":
            found[words[-1]] = (source, words[0])
    for part in head.split(","):
        words = part.split()
        if words:
            found[words[-1]] = (source, "*" if words[0] == "*" else "default")
    return found


def _resolve(path: str, source: str, read: Callable[[str], str | None]) -> str | None:
    if not source.startswith("."):
        return None
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
    stem = re.sub(r"\.[cm]?[jt]sx?$", "", place)
    tries = [place, *(stem + end for end in (".ts", ".tsx", ".js", "/index.ts", "/index.js", "/mod.ts"))]
    return next((found for found in tries if read(found) is not None), None)
