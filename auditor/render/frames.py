"""Code frames for the terminal, in the manner of rustc: a gutter with numbers, the faulty lines marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.render.safe_text import clip, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.report import Finding

Part = tuple[str, str]
_TAB = "    "


def frame_lines(finding: Finding, width: int) -> Iterator[list[Part]]:
    """Yield the frame's lines as (text, style) parts, each fitting `width` columns by being cut.

    The mark is a `>` as well as a colour; the path stands above, where a terminal makes it a link.
    """
    gutter = max((len(str(line.number)) for line in finding.frame), default=1)
    if finding.location:
        span = f"{one_line(finding.location.path)}:{finding.location.line}"
        yield [(f"{' ' * gutter}--> ", "blue"), (span, "")]
    if finding.frame:
        yield [(f"{' ' * gutter}  |", "blue")]
    for line in finding.frame:
        text = clip(one_line(line.text.replace("\t", _TAB)), width)
        mark, style = ("> ", "bold") if line.marked else ("  ", "dim")
        yield [(f"{line.number:>{gutter}}  | ", "blue"), (mark, "bold red"), (text, style)]
