"""Every pattern of the package against short texts that repeat parts of it; ends in time only if none is exponential.

`python -m tests.pumped` writes the name of each pattern before it is tried: where it hangs, the last one is at fault.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import auditor
from auditor.facts.semgrep_rules import read_rules
from auditor.rulebook import load_rulebook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REPEATS = 36  # of a part: an exponential pattern would take minutes
_MOST = 220  # characters, so that what takes cubic time ends all the same
_USUAL = (" ", "a", "\n", "(", "/*", "/* a */ // b\n", "a ", "A", "_", "a_", "1", '"', "a.", "a[", "\t", "-")
_SAMPLES = 'a .x(1"\n/*{'
_CLASSES = {"SPACE": " ", "DIGIT": "1", "WORD": "a", "NOT_SPACE": "a", "NOT_DIGIT": "a", "NOT_WORD": "."}


def named_patterns() -> dict[str, re.Pattern[Any]]:
    """The patterns that modules hold by a name or in a table, and the words of semgrep's rules."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in pkgutil.walk_packages(auditor.__path__, "auditor."):
        if not module.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(module.name)).items():
                found |= {f"{module.name}.{key}": pattern for key, pattern in _held(name, value)}
    for page in load_rulebook().pages:
        for rule in read_rules(page.id, page.yaml.read_text("utf-8")) if page.yaml else ():
            found |= {f"{rule.id} {number}": word for number, word in enumerate(rule.words)}
    return {name: pattern for pattern, name in {pattern: name for name, pattern in found.items()}.items()}


def _held(name: str, value: object) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _held(f"{name}[{key!r}]", inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for number, inner in enumerate(value):
            yield from _held(f"{name}[{number}]", inner)


def parts_of(items: Iterable[Any], parts: set[str]) -> str:
    """A text that roughly matches; what it repeats or chooses from is added to `parts`."""
    whole = ""
    for kind, value in items:
        if kind is parser.LITERAL:
            whole += chr(value)
        elif kind is parser.IN:
            whole += _member(value)
        elif kind in {parser.ANY, parser.NOT_LITERAL}:
            whole += "a"
        elif kind is parser.SUBPATTERN:
            whole += parts_of(value[-1], parts)
        elif kind is parser.BRANCH:
            branches = [parts_of(branch, parts) for branch in value[1]]
            parts.update(branches)
            whole += branches[0]
        elif kind in {parser.MAX_REPEAT, parser.MIN_REPEAT}:
            inner = parts_of(value[2], parts)
            parts.add(inner)
            whole += inner * max(value[0], 1)
    return whole


def _member(choices: list[Any]) -> str:
    """A character of a class."""
    if choices[0][0] is parser.NEGATE:
        given = {chr(value) for kind, value in choices if kind is parser.LITERAL}
        return next(character for character in _SAMPLES + "é" if character not in given)
    kind, value = choices[0]
    if kind is parser.CATEGORY:
        return _CLASSES[str(value).removeprefix("CATEGORY_").removeprefix("UNI_")]
    return chr(value if kind is parser.LITERAL else value[0])


def pumped(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Texts that begin as the pattern does, go on with one part of it many times, and end in what it does not take."""
    parts = set(_USUAL)
    whole = parts_of(parser.parse(pattern.pattern, pattern.flags), parts)
    parts |= {whole[:size] for size in (2, 4, 8, 16)}
    starts = {whole[:size] for size in (0, 1, 3, 6, 12, len(whole) // 2, len(whole))}
    for part in sorted(filter(None, parts)):
        for start in sorted(starts):
            yield start[:60] + (part * _REPEATS)[:_MOST] + "\x00"


def main() -> None:
    for name, pattern in named_patterns().items():
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        for text in pumped(pattern):
            pattern.search(text.encode() if isinstance(pattern.pattern, bytes) else text)


if __name__ == "__main__":
    main()
