from __future__ import annotations

from tests.generate import generated


def test_derived_files_are_up_to_date() -> None:
    stale = [path.name for path, text in generated().items() if path.read_text("utf-8") != text]
    assert not stale, "run `make generate`"
