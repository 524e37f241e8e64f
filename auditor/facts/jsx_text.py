"""Ampersands in the text and the attributes of JSX, which its grammar takes for the beginning of an entity.

`<p title="R&D">salt & pepper</p>` is sound, and one such place may cost the tree of a whole file.
"""

from __future__ import annotations

import re

_ATTRIBUTE = re.compile(r"(?<=[\w-]=)(?:\"[^\"\n]*&[^\"\n]*\"|'[^'\n]*&[^'\n]*')")
_TEXT = re.compile(r">[^<>{}();=]*&[^<>{}();=]*(?=[<{])")
_BARE = re.compile(r"&(?!#?\w+;)")


def without_ampersands(text: str) -> str:
    """The same text, line for line and column for column, with a plus sign for each of them."""
    return _TEXT.sub(_plain, _ATTRIBUTE.sub(_plain, text))


def _plain(match: re.Match[str]) -> str:
    return _BARE.sub("+", match[0])
