"""`-o FORMAT=FILE`: what may be written where, checked before the scan."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from auditor.model import UsageError

FORMATS = (
    "json", "html", "sarif", "junit", "markdown", "github", "gitlab-codequality", "gitlab-sast", "cyclonedx", "csv",
)  # fmt: skip
# DEL, C1 and the bidi controls stand raw in valid JSON, and some terminals obey them.
_ACTING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_PIECE = 1 << 20  # characters


def read_outputs(texts: tuple[str, ...], root: Path) -> list[tuple[str, str]]:
    """The (format, file) pairs; raises UsageError for one that cannot be written."""
    outputs = [_output(text, root) for text in texts]
    files = [file if file == "-" else os.path.realpath(file) for _, file in outputs]
    for text, file in zip(texts, files, strict=True):
        if files.count(file) > 1:
            raise UsageError(f"-o {text}: another report goes to the same place")
    return outputs


def _output(text: str, root: Path) -> tuple[str, str]:
    form, separator, file = text.partition("=")
    if form not in FORMATS or not separator or not file:
        raise UsageError(f"-o {text}: write FORMAT=FILE with FORMAT one of {', '.join(FORMATS)}")
    if file != "-" and (fault := fault_of(Path.cwd() / file, root)):
        raise UsageError(f"-o {text}: {fault}")
    return form, file


def fault_of(place: Path, root: Path) -> str:
    """Why a file may not be written there; empty where it may."""
    if not place.parent.is_dir():
        return f"there is no folder {place.parent}"
    if place.is_dir():
        return "this is a folder"
    if _leads_astray(place, root):
        return "a link of the scanned folder leads this file elsewhere"
    if not os.access(place if place.exists() else place.parent, os.W_OK):
        return "may not be written"
    return ""


def _leads_astray(place: Path, root: Path) -> bool:
    """Whether a path that seems to lie in the scanned folder does not: the repository must not choose what is
    overwritten, nor make the tool wait at a FIFO.
    """
    seeming = Path(os.path.normpath(Path(os.path.realpath(place.anchor)) / place.relative_to(place.anchor)))
    inside = seeming.is_relative_to(root) or Path(os.path.realpath(place.parent)).is_relative_to(root)
    if not inside:
        return False
    return not Path(os.path.realpath(place)).is_relative_to(root) or (place.exists() and not place.is_file())


def write_output(form: str, file: str, text: str) -> None:
    if file == "-":
        shown = text if form == "html" else _ACTING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
        stream = click.get_binary_stream("stdout")
        stream.write(shown.encode("utf-8", "backslashreplace"))
        stream.flush()
        return
    try:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace") as written:
            # In pieces: the report of a large repository is not to be held twice.
            written.writelines(text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    except OSError as error:
        raise UsageError(f"-o {form}={file}: {error.strerror}") from error
