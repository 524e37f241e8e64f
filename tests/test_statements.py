from __future__ import annotations

from auditor.facts.statements import as_btree, mentioned_relations, split_statements


def _lines(text: str) -> list[tuple[int, int, str]]:
    return [(s.line, s.end_line, s.text.split()[0].lower()) for s in split_statements("a.sql", text)]


def test_lines_start_at_the_statement_and_not_at_its_comment() -> None:
    text = "-- first\n/* more */\ncreate table a (\n  id int\n);\n\n\nselect 1; select 2;\n"
    assert _lines(text) == [(3, 5, "create"), (8, 8, "select"), (8, 8, "select")]


def test_dollar_quotes_hold_semicolons() -> None:
    text = "create function f() returns void language plpgsql as $$ begin perform 1; end $$;\nselect 1"
    assert [line for line, _, _ in _lines(text)] == [1, 2]


def test_non_ascii_text_keeps_its_lines() -> None:
    text = "-- größer 日本語\nselect 'ü';\nselect '日本';\ncreate table t (id int);"
    assert [line for line, _, _ in _lines(text)] == [2, 3, 4]


def test_a_syntax_error_costs_its_own_statement_only() -> None:
    found = split_statements("a.sql", "create table a (id int);\ncreat table b (id int);\ncreate table c (id int);")
    assert [(s.line, s.error is None) for s in found] == [(1, True), (2, False), (3, True)]


def test_psql_commands_and_copy_data_are_blanked_in_place() -> None:
    text = "\\connect db\nCOPY public.t (a, b) FROM stdin;\n1\tx;y\n2\t\\N\n\\.\nselect 1;\n"
    assert _lines(text) == [(6, 6, "select")]


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    assert _lines("\ufeffselect 1;\r\n\r\nselect 2;\r\n") == [(1, 1, "select"), (3, 3, "select")]


def test_numbers_go_on_over_files() -> None:
    assert [s.number for s in split_statements("b.sql", "select 1; select 2", 5)] == [5, 6]


def test_relations_that_a_statement_names() -> None:
    node = split_statements("a.sql", "drop table notes, private.x")[0].node
    assert mentioned_relations(node) == {"public.notes", "private.x"}
    policy = split_statements("a.sql", 'drop policy if exists "own rows" on app.notes')[0].node
    assert mentioned_relations(policy) == {"app.notes"}


def test_an_index_of_a_stand_in_becomes_a_btree() -> None:
    made = as_btree(split_statements("a.sql", "create index i on t using hnsw (e vector_l2_ops) with (m = 4)")[0])
    assert made.text == "CREATE INDEX i ON t USING btree (e)"
