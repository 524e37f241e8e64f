"""Which file of a repository a Python import means."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.symbols import External, Missing

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Package:
    """A module of this repository or a folder of modules; `stem` is its path without `.py` and `/__init__.py`."""

    stem: str


@dataclass(slots=True)
class PyModules:
    """The modules of a repository; `stems` are their paths without the suffix, with those of all folders."""

    files: Mapping[str, str]
    stems: set[str]
    _found: dict[tuple[str, str], Package | External | Missing] = field(default_factory=dict)

    def file_of(self, stem: str) -> str | None:
        """The file of a module."""
        return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in self.files), None)

    def exists(self, stem: str) -> bool:
        return stem in self.stems

    def find(self, path: str, module: str) -> Package | External | Missing:
        """The module of a name, dots in front of it or not, as a file imports it."""
        key = (path, module)
        if key not in self._found:
            self._found[key] = self._relative(path, module) if module.startswith(".") else self._absolute(path, module)
        return self._found[key]

    def _relative(self, path: str, module: str) -> Package | Missing:
        folder, name = PurePosixPath(path).parent.parts, module.lstrip(".")
        up = len(module) - len(name) - 1
        stem = "/".join([*folder[: max(0, len(folder) - up)], *filter(None, name.split("."))])
        return Package(stem) if not stem or stem in self.stems else Missing(module, "*")

    def _absolute(self, path: str, module: str) -> Package | External | Missing:
        """A folder that is a package itself is no place to import from, but where Django's own script begins."""
        parts, folder = module.split("."), PurePosixPath(path).parent.parts
        roots = ["/".join(folder[:end]) for end in range(len(folder), -1, -1)]
        roots = [root for root in roots if not root or f"{root}/__init__.py" not in self.files
                 or f"{root}/manage.py" in self.files]  # fmt: skip
        for root in [*roots, *(f"{root}/src".lstrip("/") for root in roots)]:
            stem = "/".join([*([root] if root else []), *parts])
            if stem in self.stems:
                return Package(stem)
        begun = any(f"{root}/{parts[0]}".lstrip("/") in self.stems for root in roots)
        return Missing(module, "*") if begun and len(parts) > 1 else External(module, "*")


def read_modules(files: Mapping[str, str]) -> PyModules:
    stems: set[str] = set()
    for path in (path for path, language in files.items() if language == "python"):
        parts = PurePosixPath(path).with_suffix("").parts
        stems |= {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return PyModules(files, stems)
