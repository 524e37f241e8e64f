"""A search for words first must never lose what the pattern would have found."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import auditor.detectors.code as package
from auditor.facts.literals import literals, may_match


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\bMath\.random\b|\brandom\b|np\.random", {"math.random", "random!", "np.random"}),
        (r"\bky\b|\bgot\(", {"ky!", "got("}),
        (r"\bk\b\.x", {"k!"}),
        (r"(?i)JWT|jsonwebtoken", {"jwt", "jsonwebtoken"}),
        (r"[rR]edirect", {"edirect"}),
        (r"(?:abc|x)def\b", {"def"}),
        (r"(?:abc|x)de+", set()),
        (r"in(?:sert|dex)", {"insert", "index"}),
        (r"abc|x?", set()),
        (r"(?:abcd)*", set()),
        (r"(?:abcd)+y", {"abcd"}),
        (r"a.c", set()),
        (r"(?!word)\w+", set()),
    ],
)
def test_the_words_of_a_pattern(pattern: str, words: set[str]) -> None:
    parts, whole = literals(re.compile(pattern))
    assert parts | {f"{word}!" for word in whole} == words


def _patterns() -> list[re.Pattern[str]]:
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, re.Pattern)]
    assert len(found) > 50
    return found


def test_no_rule_loses_a_file_by_it() -> None:
    """Whatever a pattern of a rule matches in the sources of the rules themselves, its words are there."""
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    lines = [line for m in modules for line in Path(m.__file__ or "").read_text("utf-8").splitlines()]
    for pattern in _patterns():
        for line in lines:
            if pattern.search(line):
                tokens = frozenset(re.findall(r"\w+", line.lower()))
                assert may_match(pattern, line.lower(), tokens), (pattern.pattern, line)
