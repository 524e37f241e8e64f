"""The names of the modules of a repository, read when data is handed to one of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from auditor.facts import code_ir as ir
from auditor.facts.code_elsewhere import MADE, is_class
from auditor.facts.code_flow import load
from auditor.facts.code_values import Env, Flow, Origin, Value
from auditor.facts.py_modules import Package, PyModules, read_modules
from auditor.facts.specifiers import Specifiers, read_specifiers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tree_sitter import Node

_MOST_HOPS = 8  # of a name that is handed on from module to module


@dataclass(slots=True)
class Modules:
    """What the modules of a repository give; each is read once. `touch` is told of every file that has a say in it."""

    files: Mapping[str, str]
    root: Callable[[str], Node]
    touch: Callable[[str], None]
    specifiers: Specifiers
    python: PyModules
    _envs: dict[str, Env | None] = field(default_factory=dict)
    _needs: dict[str, set[str]] = field(default_factory=dict)
    _loading: list[str] = field(default_factory=list)

    def value(self, flow: Flow, origin: Origin, hops: int = _MOST_HOPS) -> Value | None:
        """What an import stands for; None for what no module of this repository gives."""
        if hops <= 0:
            return None
        found, rest = self._python(flow, origin) if flow.language == "python" else self._javascript(flow, origin)
        while found is not None and rest:
            if found.origin is not None and not _has(found, rest[0]):
                return self.value(flow, replace(found.origin, members=(*found.origin.members, *rest)), hops - 1)
            made = rest[0] == MADE and found.closure is not None
            found, rest = (_called(flow, found, rest[1:]) if made else _member(found, rest[0])), rest[1:]
        if found is not None and found.origin is not None and found.closure is None and found.keys is None:
            return self.value(flow, found.origin, hops - 1)
        return found

    def _javascript(self, flow: Flow, origin: Origin) -> tuple[Value | None, tuple[str, ...]]:
        env = self._env(flow, self.specifiers.resolve(origin.path, origin.module))
        if env is None:
            return None, ()
        if not origin.members:
            return env.names.get("module.exports") or env.names.get(f"{ir.EXPORT}default"), ()
        first, *rest = origin.members
        return _export(env, first), tuple(rest)

    def _python(self, flow: Flow, origin: Origin) -> tuple[Value | None, tuple[str, ...]]:
        module: object = self.python.find(origin.path, origin.module)
        members = origin.members
        while isinstance(module, Package):
            env = self._env(flow, self.python.file_of(module.stem))
            if not members:
                return None, ()
            if env is not None and (found := env.names.get(members[0])):
                return found, members[1:]
            inner = f"{module.stem}/{members[0]}".lstrip("/")
            if not self.python.exists(inner):
                return None, ()
            module, members = Package(inner), members[1:]
        return None, ()

    def _env(self, flow: Flow, path: str | None) -> Env | None:
        if path is None or path not in self.files:
            return None
        if path not in self._envs:
            self._envs[path] = None  # a module that imports itself gives nothing yet
            self._needs[path] = {path}
            self._loading.append(path)
            self._envs[path] = load(flow, path, self.root(path))
            self._loading.pop()
        for needed in self._needs[path]:
            self.touch(needed)
        if self._loading:
            self._needs[self._loading[-1]] |= self._needs[path]
        return self._envs[path]


def _export(env: Env, name: str) -> Value | None:
    """What a module exports under a name, as ES modules and as CommonJS say it."""
    names = env.names
    whole = names.get("module.exports")
    for key in (f"{ir.EXPORT}{name}", name, f"exports.{name}", f"module.exports.{name}"):
        if found := names.get(key):
            return found
    if whole is not None and name == "default":
        return whole
    if whole is not None and (found := _member(whole, name)):
        return found
    stars = [value.origin for key, value in names.items() if key.startswith(f"{ir.EXPORT}*") and value.origin]
    return Value(origin=stars[0].member(name)) if len(stars) == 1 else None


def _has(value: Value, name: str) -> bool:
    return value.keys is not None and name in value.keys


def _called(flow: Flow, maker: Value, asked: tuple[str, ...]) -> Value | None:
    """What a function makes that is given nothing; where nobody knows of which class, of one that has what is asked."""
    assert maker.closure is not None
    made = flow.call(flow, maker.closure, (), {}, Env())
    if made.keys is not None or made.origin is not None or not asked:
        return made
    models = [value.keys[MADE] for value in maker.closure.env.names.values() if value.keys and is_class(value)]
    return next((model for model in models if _has(model, asked[0])), None)


def _member(value: Value, name: str) -> Value | None:
    if value.keys is not None and name in value.keys:
        return value.keys[name]
    return Value(name=f"{value.name}.{name}", origin=value.origin.member(name)) if value.origin else None


def read_code_modules(
    files: Mapping[str, str],
    paths: Iterable[str],
    text: Callable[[str], str | None],
    root: Callable[[str], Node],
    touch: Callable[[str], None] = lambda _: None,
) -> Modules:
    return Modules(files, root, touch, read_specifiers(files, paths, text), read_modules(files))
