"""One line at a time to a console: neutralised, plain, cut or wrapped, and spelt in ASCII where need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.text import Text

from auditor.model import Severity
from auditor.render.safe_text import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

Fit = Literal["wrap", "cut", "keep"]
Part = tuple[str, str]

TONES = {"good": "green", "bad": "red", "warn": "yellow", "open": "magenta", "mute": "dim"}
SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "◐": "~", "◇": "o", "·": ".", "…": "...", "─": "-", "–": "-"}  # noqa: RUF001 - a dash on purpose
)


class Screen:
    """The only way to the console: no text reaches it but through `line` and `block`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = console.width

    def blank(self) -> None:
        self._console.print()

    def line(self, *parts: Part, indent: int = 0, fit: Fit = "wrap") -> None:
        """Write one line, wrapped or cut to fit the screen; `keep` leaves that to the terminal."""
        text = Text.assemble(*((self._encodable(one_line(value)), style) for value, style in parts))
        self._write(text, indent, fit)

    def block(self, value: str, *, indent: int = 0, fit: Fit = "wrap") -> None:
        """Write text of several lines; `keep` is for what a reader copies out."""
        for line in visible(value).rstrip().split("\n"):
            self._write(Text(self._encodable(line.expandtabs(4))), indent, fit)

    def _write(self, text: Text, indent: int, fit: Fit) -> None:
        text.rstrip()
        for row in self._fitted(text, self.width - indent, fit):
            row.rstrip()
            shown = Text.assemble(" " * indent, row) if row else row
            self._console.print(shown, soft_wrap=True, highlight=False, emoji=False)

    def _fitted(self, text: Text, width: int, fit: Fit) -> Sequence[Text]:
        if fit == "wrap":
            return list(text.wrap(self._console, width))
        if fit == "cut" and text.cell_len > width:
            ellipsis = self._encodable("…")
            text.truncate(max(0, width - len(ellipsis)))
            text.append(ellipsis)
        return [text]

    def _encodable(self, text: str) -> str:
        if not self._console.options.ascii_only:
            return text
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
