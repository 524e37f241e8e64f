"""No pattern takes exponential time: the scanned repository is untrusted, and a stuck search cannot be interrupted."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.pumped import pumped

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 240


def test_no_pattern_of_the_package_takes_exponential_time(tmp_path: Path) -> None:
    told = tmp_path / "names"
    with told.open("w") as file:
        try:
            ended = subprocess.run([sys.executable, "-m", "tests.pumped"], stdout=file, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"takes too long: {told.read_text().splitlines()[-1]}") from None
    assert ended.returncode == 0
    assert len(told.read_text().splitlines()) > 1000


def test_what_is_repeated_is_pumped() -> None:
    texts = set(pumped(re.compile(r"^(?:\w+[._])*(?:db|tx)\.get$")))
    assert any(text.startswith(("a.a.a.a.a.", "a_a_a_a_")) for text in texts)
