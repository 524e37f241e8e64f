from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from auditor.config import read_settings
from auditor.facts.access_contract import FILE_NAME, Part, compare, parse_contract, part_of, words, write_contract
from auditor.model import UsageError
from auditor.sources.contract import read_contract
from tests.running import run, write

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.facts.access_contract import Change, Key

NOTES = "public.notes"
MATRIX: dict[Key, str] = {
    (NOTES, "service_role", "DELETE"): "allowed",
    (NOTES, "anon", "SELECT"): "denied",
    (NOTES, "owner", "SELECT"): "own-rows",
    (NOTES, "owner", "INSERT"): "unknown",
    (NOTES, "owner", "DELETE"): "allowed",
    (NOTES, "member", "SELECT"): "unknown",
    ("public.f(uuid)", "anon", "EXECUTE"): "allowed",
}
MINIMAL = 'version = 1\ncommands = ["select"]\n'


def kinds(before: dict[Key, str], after: dict[Key, str]) -> dict[tuple[str, str, str], str]:
    return {(c.object, c.caller, c.command): c.kind for c in compare(part_of(before), after)}


def one(before: str, after: str) -> Change:
    key = (NOTES, "anon", "SELECT")
    other = (NOTES, "anon", "INSERT")  # of a caller that nothing at all is known of, nothing is agreed
    changes = compare(part_of({key: before, other: "denied"}), {key: after, other: "denied"})
    return next(change for change in changes if change.command == "SELECT")


def test_the_file_is_sorted_and_leaves_out_of_whom_nothing_is_known() -> None:
    text = write_contract({"supabase/migrations": MATRIX})
    assert text.endswith("""\
version = 1
commands = ["select", "insert", "delete", "execute"]

[functions."public.f(uuid)"]
anon = "execute"

[tables."public.notes"]
anon = "none"
owner = "select:own insert:unknown delete"
service_role = "delete"
""")
    assert text == write_contract({"supabase/migrations": dict(reversed(MATRIX.items()))})


def test_what_is_written_reads_back() -> None:
    two = {"a/migrations": MATRIX, 'b"\n/migrations': {('public."x.y\u202e"', "röle 1", "SELECT"): "allowed"}}
    text = write_contract(two)
    assert "\u202e" not in text, "what deceives the eye is spelt out"
    contract = parse_contract(text)
    for name, matrix in two.items():
        assert {c.kind for c in compare(contract.part(name), matrix)} <= {"same", "unknown"}
        agreed = {key: contract.part(name).state(key) for key in matrix}
        assert agreed == {key: None if key[1] == "member" else state for key, state in matrix.items()}
    assert (
        contract.line('public."x.y\u202e"')
        == text.split("\n").index(next(x for x in text.split("\n") if "x.y" in x)) + 1
    )


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("denied", "allowed", "widened"),
        ("denied", "own-rows", "widened"),
        ("own-rows", "allowed", "widened"),
        ("error", "allowed", "widened"),
        ("allowed", "own-rows", "narrowed"),
        ("allowed", "error", "narrowed"),
        ("denied", "error", "same"),
        ("own-rows", "own-rows", "same"),
        ("unknown", "allowed", "unknown"),
        ("allowed", "unknown", "unknown"),
        ("unknown", "unknown", "unknown"),
        ("denied", "a state of a later version", "unknown"),
    ],
)
def test_unknown_is_neither_wider_nor_the_same(before: str, after: str, kind: str) -> None:
    change = one(before, after)
    assert change.kind == kind
    assert change.opens == (kind == "widened")


def test_a_caller_of_whom_nothing_was_known_is_not_new() -> None:
    key, other = (NOTES, "owner", "SELECT"), ("public.other", "owner", "SELECT")
    assert kinds({key: "unknown", other: "denied"}, {key: "allowed", other: "denied"})[key] == "unknown"


def test_new_and_gone_objects_callers_and_commands() -> None:
    before = {(NOTES, "anon", "SELECT"): "denied", ("public.old", "reporter", "SELECT"): "allowed"}
    after = {
        (NOTES, "anon", "SELECT"): "denied",
        (NOTES, "anon", "TRUNCATE"): "allowed",
        (NOTES, "exporter", "SELECT"): "allowed",
        ("public.new", "anon", "SELECT"): "allowed",
        ("public.new", "anon", "INSERT"): "unknown",
    }
    assert kinds(before, after) == {
        (NOTES, "anon", "SELECT"): "same",
        (NOTES, "anon", "TRUNCATE"): "uncovered",
        (NOTES, "exporter", "SELECT"): "new",
        ("public.new", "anon", "SELECT"): "new",
        ("public.new", "anon", "INSERT"): "unknown",
        ("public.old", "", ""): "gone",
    }
    assert kinds(after, before)[NOTES, "exporter", ""] == "gone"


@pytest.mark.parametrize(
    ("caller", "command", "state", "opens"),
    [
        ("anon", "SELECT", "allowed", True),
        ("member", "DELETE", "allowed", True),
        ("reporter", "SELECT", "allowed", True),
        ("other", "SELECT", "own-rows", False),
        ("owner", "SELECT", "allowed", False),
        ("service_role", "SELECT", "allowed", False),
        ("anon", "TRUNCATE", "allowed", False),
        ("anon", "EXECUTE", "allowed", True),
    ],
)
def test_a_new_table_is_open_when_somebody_else_reaches_its_rows(
    caller: str, command: str, state: str, opens: bool
) -> None:
    (change,) = compare(Part(), {("public.new", caller, command): state})
    assert (change.kind, change.opens) == ("new", opens)


def test_words() -> None:
    assert words({"INSERT": "own-rows", "SELECT": "allowed", "UPDATE": "denied"}) == "select insert:own"
    assert words({"SELECT": "error"}) == "none"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version = 2\ncommands = []\n", "'version' is 2"),
        ("commands = []\n", "'version' is None"),
        ("version = 1\n", "'commands' lists"),
        (MINIMAL + "[table.x]\n", "unknown key 'table'"),
        (MINIMAL + '[tables."public.x"]\nanon = ["select"]\n', "public.x: anon is not a text"),
        (MINIMAL + '[tables."public.x"]\nanon = "selct"\n', "'selct' is no command"),
        (MINIMAL + '[tables."public.x"]\nanon = "select:all"\n', "'select:all' is no command"),
        (MINIMAL + '[tables."public.x"]\nanon = ""\n', 'write "none"'),
        (MINIMAL + "tables = 1\n", "'tables' is not a table"),
        (MINIMAL + "[databases.a.views]\n", "unknown key 'databases.a.views'"),
        ("version = \n", "line 1"),
        (f"x = {'[' * 5000}\n", ""),
    ],
)
def test_a_contract_that_cannot_be_read_is_a_usage_error_naming_it(tmp_path: Path, text: str, reason: str) -> None:
    write(tmp_path, {FILE_NAME: text, "supabase/migrations/1_a.sql": "create table t (id int primary key);"})
    with pytest.raises(UsageError, match=r"^backend-audit\.access\.toml: ") as error:
        read_contract(tmp_path)
    assert reason in str(error.value)
    answer = run("scan", tmp_path, "-q")
    assert answer.code == 2
    assert FILE_NAME in answer.err


def test_without_a_contract_there_is_none(tmp_path: Path) -> None:
    assert read_contract(tmp_path) is None
    write(tmp_path, {"etc/access.toml": MINIMAL})
    contract = read_contract(tmp_path, "etc/access.toml")
    assert contract
    assert contract.path == "etc/access.toml"
    with pytest.raises(UsageError, match=r"no/such\.toml: no such file; 'access-contract'"):
        read_contract(tmp_path, "no/such.toml")


def test_the_contract_lies_inside_the_folder_and_is_no_link(tmp_path: Path) -> None:
    inside = write(tmp_path / "repository", {"a.sql": ""})
    write(tmp_path / "outside", {"access.toml": MINIMAL})
    (inside / FILE_NAME).symlink_to(tmp_path / "outside" / "access.toml")
    with pytest.raises(UsageError, match="not a regular file"):
        read_contract(inside)
    (inside / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="symbolic link"):
        read_contract(inside, "link/access.toml")
    os.mkfifo(inside / "fifo")
    with pytest.raises(UsageError, match="not a regular file"):
        read_contract(inside, "fifo")


@pytest.mark.parametrize("value", ["/etc/passwd", "../access.toml", "a/../../b", "~/x", ""])
def test_the_settings_may_not_name_a_file_elsewhere(tmp_path: Path, value: str) -> None:
    write(tmp_path, {"backend-audit.toml": f'access-contract = "{value}"\n'})
    with pytest.raises(UsageError, match=r"backend-audit\.toml: 'access-contract'.*inside the scanned folder"):
        read_settings(tmp_path)


def test_the_settings_name_the_contract(tmp_path: Path) -> None:
    write(tmp_path, {"backend-audit.toml": 'access-contract = "security/access.toml"\n'})
    assert read_settings(tmp_path).access_contract == "security/access.toml"
