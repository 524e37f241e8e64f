"""Names that Nuxt and Nitro import by themselves: whatever the files of `server/utils` and `shared/utils` export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.units import is_vendored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PACKAGES = re.compile(r'"(?:nuxt|nuxt-nightly|nitropack|nitro)"\s*:')
_GIVES = re.compile(r"(?:(?:src/)?server/utils|shared/utils|(?:src/)?utils)/(?:.+/)?[^/]+\.[cm]?[jt]s")
_TAKES = re.compile(r"(?:src/)?(?:server|shared)/|(?:src/)?(?:routes|api|middleware|utils)/")
_LAYER = re.compile(r"^layers/[^/]+/")


@dataclass(slots=True)
class AutoImports:
    """The folders of such packages with the files that give names there; `exports` reads a file's names."""

    given: dict[str, list[str]] = field(default_factory=dict)
    _names: dict[str, dict[str, str]] = field(default_factory=dict)

    def file_of(self, path: str, name: str, exports: Callable[[str], Iterable[str]]) -> str | None:
        """The file that gives a name to server code that does not import it."""
        folder = next((each for each in self.given if path.startswith(each)), None)
        if folder is None or not _TAKES.match(_LAYER.sub("", path.removeprefix(folder))):
            return None
        if folder not in self._names:
            self._names[folder] = {each: file for file in reversed(self.given[folder]) for each in exports(file)}
        found = self._names[folder].get(name)
        return found if found != path else None


def read_auto_imports(files: Iterable[str], paths: Iterable[str], text: Callable[[str], str | None]) -> AutoImports:
    """What each package that depends on Nuxt or Nitro gives, the innermost packages first."""
    folders = [path.removesuffix("package.json") for path in paths if path.rsplit("/", 1)[-1] == "package.json"
               and not is_vendored(path) and _PACKAGES.search(text(path) or "")]  # fmt: skip
    given: dict[str, list[str]] = {}
    for folder in sorted(folders, key=len, reverse=True):
        inside = (path for path in files if path.startswith(folder) and not path.endswith(".d.ts"))
        given[folder] = [path for path in inside if _GIVES.fullmatch(_LAYER.sub("", path.removeprefix(folder)))]
    return AutoImports(given)
