"""Where the packaged data (`rules/`, `reports/`) lies: the installed copy, else beside the package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path:
    """The folder `rules` or `reports`, wherever this copy of the tool keeps it."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
