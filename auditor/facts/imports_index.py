"""Which packages the code imports, where, and which of their symbols: how near an advisory is to code that runs.

By patterns and not by trees: the answer orders findings and never acquits one, so that speed weighs more than the odd
import in a comment.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from auditor.facts.lock_graph import NPM, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from auditor.facts.advisory_answers import Hit
    from auditor.facts.lock_graph import Package

_JS = {".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte", ".astro"}
_FROM = re.compile(
    r"""(?:^|[;}\n])[ \t]*(?:import|export)\b(?P<type>\s+type\b)?"""
    r"""(?P<names>(?:(?!\bimport\b)[^'"`;()]){0,2000}?)\bfrom\s*(?P<q>['"])(?P<module>[^'"\n]{1,200})(?P=q)"""
)
_BARE = re.compile(r"""(?:^|[;}\n])[ \t]*import\s*(?P<q>['"])(?P<module>[^'"\n]{1,200})(?P=q)""")
_CALL = re.compile(
    r"""(?:(?:const|let|var)\s+(?P<names>\{[^{}]{0,1000}\}|[\w$]+)\s*=\s*(?:await\s+)?)?"""
    r"""\b(?:require|import)(?:\.resolve)?\(\s*(?P<q>['"`])(?P<module>[^'"`\n$]{1,200})(?P=q)"""
)
_IN_TYPE = re.compile(r"(?:@type(?:def)?\s*\{|@param\s*\{|typeof\s|[<|&]\s*|[\w)?]:\s*)$")  # `import("x").T`
_PY_FROM = re.compile(r"^[ \t]*from[ \t]+(\w+)([\w.]*)[ \t]+import[ \t]+(\([^)]{0,3000}\)|[^\n#]{1,500})", re.MULTILINE)
_PY_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]{1,500})", re.MULTILINE)
_NAME = re.compile(r"(?:@[A-Za-z0-9_~][\w.~-]*/)?[A-Za-z0-9_~][\w.~-]*")
_MAX_TEXT = 1_500_000
# Modules whose package bears another name; normalised names of the distribution.
_MODULES = {
    "PIL": ("pillow",), "yaml": ("pyyaml",), "jwt": ("pyjwt",), "jose": ("python-jose",), "dotenv": ("python-dotenv",),
    "bs4": ("beautifulsoup4",), "cv2": ("opencv-python", "opencv-python-headless"), "sklearn": ("scikit-learn",),
    "multipart": ("python-multipart",), "psycopg2": ("psycopg2", "psycopg2-binary"), "Crypto": ("pycryptodome",),
    "Cryptodome": ("pycryptodomex",), "OpenSSL": ("pyopenssl",), "magic": ("python-magic",), "nacl": ("pynacl",),
    "dateutil": ("python-dateutil",), "slugify": ("python-slugify",), "MySQLdb": ("mysqlclient",),
    "git": ("gitpython",), "rest_framework": ("djangorestframework",), "corsheaders": ("django-cors-headers",),
    "attr": ("attrs",), "flask_sqlalchemy": ("flask-sqlalchemy",), "pkg_resources": ("setuptools",),
    "ldap": ("python-ldap",), "redis": ("redis",), "socketio": ("python-socketio",), "engineio": ("python-engineio",),
    "telegram": ("python-telegram-bot",), "docx": ("python-docx",), "pptx": ("python-pptx",), "fitz": ("pymupdf",),
    "zmq": ("pyzmq",), "serial": ("pyserial",), "usb": ("pyusb",), "win32api": ("pywin32",), "wx": ("wxpython",),
    "gi": ("pygobject",), "Xlib": ("python-xlib",), "google": (), "azure": (), "opentelemetry": (), "zope": (),
    "sentry_sdk": ("sentry-sdk",), "jinja2": ("jinja2",), "psycopg": ("psycopg", "psycopg-binary"),
    "markdown": ("markdown",), "ruamel": ("ruamel-yaml",), "pymongo": ("pymongo",), "bson": ("pymongo",),
    "gridfs": ("pymongo",), "connexion": ("connexion",), "allauth": ("django-allauth",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Use:
    """One import: `symbols` are the names taken from it, `*` where all of it is; `types` says that only types are."""

    path: str
    line: int
    symbols: frozenset[str]
    module: str = ""
    types: bool = False


@dataclass(slots=True)
class Imports:
    """The imports of each package, by (ecosystem, name); Python modules are resolved when asked for."""

    npm: dict[str, list[Use]] = field(default_factory=dict)
    modules: dict[str, list[Use]] = field(default_factory=dict)
    texts: Callable[[str], str | None] = lambda _: None

    def uses(self, package: Package) -> list[Use]:
        if package.ecosystem == NPM:
            return self.npm.get(package.name, [])
        return [use for name in _modules_of(package.name, self.modules) for use in self.modules[name]]


Uses = tuple[tuple[str, Use], ...]
"""The imports of one file, each with its npm package or Python module."""


def read_imports(
    paths: Iterable[str], text_of: Callable[[str], str | None], known: Mapping[str, Uses] | None = None
) -> Imports:
    """The imports of all files; of those in `known` as they stand there."""
    found = Imports(texts=text_of)
    for path in filter(may_import, paths):
        uses = known[path] if known and path in known else uses_of(path, text_of(path))
        of_language = found.modules if path.endswith(".py") else found.npm
        for name, use in uses:
            of_language.setdefault(name, []).append(use)
    return found


def may_import(path: str) -> bool:
    suffix = PurePosixPath(path).suffix
    return suffix in _JS or suffix == ".py"


def uses_of(path: str, text: str | None) -> Uses:
    """What one file imports; nothing where it could not be read, or is too large to be written by hand."""
    if text is None or len(text) > _MAX_TEXT:
        return ()
    if path.endswith(".py"):
        return tuple(_python(path, text))
    return tuple(_javascript(path, text)) if "import" in text or "require" in text or "from" in text else ()


def package_of(module: str) -> str | None:
    """The npm package that a specifier means; None for a path, an alias of the project, or a module of the runtime."""
    if module.startswith("npm:"):
        module = re.sub(r"^npm:/?(@?[^@/]+(?:/[^@/]+)?)@[^/]*", r"\1", module).removeprefix("npm:")
    if module.startswith((".", "/", "#", "~", "@/", "$")) or ":" in module:
        return None
    match = _NAME.match(module)
    if match is None or (module.startswith("@") and "/" not in match[0]):
        return None
    return match[0] if module.startswith("@") else module.split("/")[0]


def _breaks(text: str) -> list[int]:
    return [match.start() for match in re.finditer("\n", text)]


def _line(breaks: list[int], position: int) -> int:
    """The line of a position; counted from the start each time, many imports would take quadratic time."""
    return bisect_left(breaks, position) + 1


def _javascript(path: str, text: str) -> Iterator[tuple[str, Use]]:
    breaks = _breaks(text)
    for pattern in (_FROM, _BARE, _CALL):
        for match in pattern.finditer(text):
            name = package_of(match["module"])
            if name:
                groups = match.groupdict()
                line = _line(breaks, match.start("module"))
                types = bool(groups.get("type")) or bool(
                    _IN_TYPE.search(text[max(0, match.start() - 30) : match.start()])
                )
                yield name, Use(path, line, _symbols(groups.get("names") or ""), match["module"], types)


def _symbols(names: str) -> frozenset[str]:
    """Names taken out of a module: `{a as b, c}`, `{a: b}`; a whole one is `*`."""
    inner = re.search(r"\{([^{}]*)\}", names)
    taken = {re.split(r"\s+as\s+|:|\s*=", part.strip())[0].strip() for part in inner[1].split(",")} if inner else set()
    outside = re.sub(r"\{[^{}]*\}", "", names).strip(" ,\n\t")
    return frozenset(
        {name.removeprefix("type ") for name in taken if name} | ({"*"} if outside or not inner else set())
    )


def _python(path: str, text: str) -> Iterator[tuple[str, Use]]:
    breaks = _breaks(text)
    for match in _PY_FROM.finditer(text):
        names = {part.strip().split(" ")[0] for part in match[3].strip("() \n").split(",")}
        line = _line(breaks, match.start(1))
        yield match[1], Use(path, line, frozenset(name for name in names if name), match[1] + match[2])
    for match in _PY_IMPORT.finditer(text):
        line = _line(breaks, match.start(1))
        for part in match[1].split(","):
            module = part.strip().split(" ")[0]
            if module:
                yield module.split(".")[0], Use(path, line, frozenset({"*"}), module)


def _modules_of(name: str, known: dict[str, list[Use]]) -> list[str]:
    return [module for module in known if name in distributions_of(module)]


def distributions_of(module: str) -> tuple[str, ...]:
    """The packages that a module may come from; the table first, then those of the same or a usual name."""
    listed = _MODULES.get(module)
    plain = normalised(module)
    usual = (plain, f"python-{plain}", f"py{plain}", f"{plain}-python", f"django-{plain}", f"flask-{plain}")
    return listed or usual if listed is None or listed else usual


def symbols_of(hit: Hit) -> frozenset[str]:
    """The bare names of the functions that a fault is in: `(lodash).defaultsDeep`, `jinja2.sandbox.f`."""
    return frozenset(re.split(r"[.:#/)]", function)[-1].strip("()") for function in hit.functions)


def reach(package: Package, hit: Hit, imports: Imports) -> tuple[int, str]:
    """How near a fault is to code that runs: a rank (the nearest first) and the words for it."""
    if package.dev:
        return 4, "development only"
    uses = [use for use in imports.uses(package) if not use.types]
    if uses:
        touched = _touching(uses, symbols_of(hit), imports)
        nearest = touched or uses[0]
        what = f"{nearest[1]} is used" if isinstance(nearest, tuple) else "imported"
        place = nearest[0] if isinstance(nearest, tuple) else nearest
        return (0 if touched else 1), f"{what} in {place.path}:{place.line}"
    if package.direct is False:
        return 2, f"brought in by {' > '.join(package.via)}" if package.via else "transitive only"
    return (3, "declared, not imported by the code that was read") if package.direct else (3, "not imported by name")


def _touching(uses: list[Use], symbols: frozenset[str], imports: Imports) -> tuple[Use, str] | None:
    """A use of one of the faulty symbols: by its name in the import, or on what was imported whole."""
    for use in uses if symbols else ():
        for symbol in sorted(symbols):
            if symbol in use.symbols or use.module.endswith(f"/{symbol}"):
                return use, symbol
            if "*" in use.symbols and re.search(rf"\.{re.escape(symbol)}\b", imports.texts(use.path) or ""):
                return use, symbol
    return None
