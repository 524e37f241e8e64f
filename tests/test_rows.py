# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""What is worked out about a row without a server: patterns, checks, and the search for values."""

from __future__ import annotations

import time

import pytest

from auditor.facts.policy_terms import terms_of
from auditor.facts.row_checks import value_of
from auditor.facts.row_operators import UNKNOWN
from auditor.facts.row_patterns import matches, read_pattern, samples


@pytest.mark.parametrize(
    "text",
    [r"^[a-z0-9]+(?:-[a-z0-9]+)*$", r"^\+?[1-9]\d{1,14}$", r"^.+@.+\..+$", "^(a|b){2,3}c?$", r"[[:upper:]]{3}", r"^\S+$",
     r"^[^\s@]+@[^\s@]+$", r"^https?://", r"^[A-Z]{2}-[0-9]{4}$", r"^\d{3}-\d{2}$", "^[]a]$", r"^v[0-9]+(\.[0-9]+){0,2}$"],
)  # fmt: skip
def test_samples_match_the_pattern_as_the_standard_engine_reads_it(text: str) -> None:
    import re

    pattern = read_pattern(text)
    assert pattern
    found = samples(pattern, 0)
    assert found
    standard = re.compile(text.replace("[[:upper:]]", "[A-Z]").replace("[]a]", r"[\]a]"))
    assert all(standard.search(sample) for sample in found)


def test_worlds_get_different_samples() -> None:
    pattern = read_pattern("^[A-Z]{3}$")
    assert pattern
    assert samples(pattern, 0) != samples(pattern, 1)


@pytest.mark.parametrize(
    "text", ["(?=x)y", r"(a)\1", "(?i)a", "a{1", "[a", "(" * 200 + ")" * 200, "a" * 900, "*a", "\\"]
)
def test_what_is_not_read_is_said_to_be_unknown(text: str) -> None:
    assert read_pattern(text) is None


@pytest.mark.parametrize(
    "text", ["^(a+)+$", "^(a|a)*$", "((a{255}){255}){255}", "(((a?){200}){200}){200}b", "(x*)*(y*)*z"]
)
def test_a_hostile_pattern_costs_no_time(text: str) -> None:
    pattern = read_pattern(text)
    started = time.monotonic()
    if pattern:
        matches(pattern, "a" * 299 + "!")
        samples(pattern, 0)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("check", "row", "expected"),
    [("n >= 1 and n <= 5", {"n": 3}, True), ("n >= 1 and n <= 5", {"n": 7}, False), ("n > 1", {"n": None}, None),
     ("s = any (array['a', 'b'])", {"s": "b"}, True), ("s <> all (array['a', 'b'])", {"s": "b"}, False),
     ("length(s) > 3 or s is null", {"s": "ab"}, False), ("lower(s) = s", {"s": "Ab"}, False), ("a < b", {"a": "2026-01-01", "b": "2025-01-01"}, False),
     ("s ~ '^[a-z]+$'", {"s": "a1"}, False), ("s like 'a%'", {"s": "abc"}, True), ("num_nonnulls(a, b) = 1", {"a": 1, "b": None}, True),
     ("jsonb_typeof(j) = 'object'", {"j": "[]"}, False), ("coalesce(b, false) is true", {"b": None}, False), ("odd(n)", {"n": 1}, UNKNOWN),
     ("a < b", {"a": 1}, UNKNOWN), ("s < 'x'", {"s": "a"}, UNKNOWN), ("a is distinct from b", {"a": None, "b": 1}, True),
     ("not (a = b)", {"a": 1, "b": 1.0}, False), ("cardinality(t) = 2", {"t": "{a,b}"}, True), ("n % 5 = 0", {"n": 10}, True)],
)  # fmt: skip
def test_what_a_check_says_of_a_row(check: str, row: dict[str, object], expected: object) -> None:
    term = terms_of(check, "t")
    assert term
    assert value_of(term, row) is expected
