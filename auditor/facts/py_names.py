"""What a Python expression stands for, across the modules of a repository."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import Argument, Element, Imported, Names, innermost_class, node_of, read_names, returns
from auditor.facts.py_modules import Package, PyModules, read_modules
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

    from auditor.facts.parsed_files import Files
    from auditor.facts.py_bindings import Bound

_MAX_LOOPS = 3  # one in another
_MAX_HOPS = 16
_PLAIN = {"typing", "collections.abc", "builtins"}
Meaning = Site | External | Missing | Package


@dataclass(slots=True, weakref_slot=True)
class PyNames:
    """Resolves names of Python code; one for a scan."""

    code: Files
    _scopes: dict[tuple[str, int, int], Names] = field(default_factory=dict)
    _functions: dict[str, list[tuple[int, int, Node]]] = field(default_factory=dict)
    _bases: dict[tuple[str, int, int], list[Site | External]] = field(default_factory=dict)
    _modules: PyModules | None = None
    _globals: dict[tuple[str, str], Meaning | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code.watch(self.forget)

    def forget(self) -> None:
        """Let go of everything that holds a piece of a tree; it is read again where it is asked for."""
        self._scopes, self._functions, self._bases, self._globals = {}, {}, {}, {}

    def paths(self) -> list[str]:
        return [path for path, language in self.code.files.items() if language == "python"]

    def mentions(self, *words: str) -> bool:
        return any(word in text for text in map(self.code.text, self.paths()) for word in words)

    def scope(self, path: str, node: Node) -> Names:
        """The names that a module, a class or a function binds."""
        key = (path, node.start_byte, node.end_byte)
        if key not in self._scopes:
            self._scopes[key] = read_names(node)
        return self._scopes[key]

    def _top(self, path: str) -> Names:
        return self.scope(path, self.code.tree(path).root_node)

    def resolve(self, path: str, node: Node | None, hops: int = _MAX_HOPS) -> Meaning | None:
        """What an expression stands for; None where only running the program would tell."""
        if node is None or hops <= 0:
            return None
        if node.type in {"parenthesized_expression", "await", "type"} and node.named_children:
            return self.resolve(path, node.named_children[0], hops)
        if node.type == "identifier":
            return self._lookup(path, text_of(node), node, hops - 1)
        if node.type == "attribute":
            held = node.child_by_field_name("object")
            name = text_of(node.child_by_field_name("attribute"))
            if held is not None and text_of(held) in {"self", "cls"} and (owner := innermost_class(held)):
                return self.member(Site(path, owner), name, hops - 1) or self._kept(path, owner, text_of(node), hops)
            return self.member(self.resolve(path, held, hops - 1), name, hops - 1)
        return Site(path, node)

    def member(self, owner: Meaning | None, name: str, hops: int = _MAX_HOPS) -> Meaning | None:
        """An attribute of a module, a class, or a value of a class."""
        if isinstance(owner, External):
            return External(owner.package, f"{owner.name}.{name}" if owner.name != "*" else name)
        if isinstance(owner, Package):
            return self._of_module(owner.stem, name, hops)
        if isinstance(owner, Missing):
            return Missing(owner.specifier, name)
        if owner is None or hops <= 0:
            return None
        if owner.node.type == "class_definition":
            return self._of_class(owner, name, hops)
        return self.member(made, name, hops - 1) if (made := self.made(owner, hops - 1)) else None

    def made(self, value: Site, hops: int = _MAX_HOPS) -> Site | External | None:
        """What a call gives: an object of a class of this repository, or something of a package."""
        if value.node.type != "call":
            return None
        called = self.resolve(value.path, value.node.child_by_field_name("function"), hops)
        if isinstance(called, Site) and called.node.type == "call":
            called = self.class_given(called, hops - 1)
        if isinstance(called, External):
            return External(called.package, f"{called.name}()")
        if isinstance(called, Site) and called.node.type == "class_definition":
            return called
        if isinstance(called, Site) and called.node.type == "function_definition":
            return self._returned(called, hops - 1)
        return None

    def class_given(self, call: Site, hops: int = 6) -> Site | None:
        """The class that a function makes and gives back: `Router = router_class(Route)`."""
        function = self.resolve(call.path, call.node.child_by_field_name("function"), hops)
        if hops <= 0 or not isinstance(function, Site) or function.node.type != "function_definition":
            return None
        for back in returns(function.node):
            found = self.resolve(function.path, back, hops)
            if isinstance(found, Site) and found.node.type == "class_definition":
                return found
        return None

    def _returned(self, function: Site, hops: int) -> Site | External | None:
        found = self.resolve(function.path, function.node.child_by_field_name("return_type"), hops)
        if isinstance(found, Site) or (isinstance(found, External) and found.package not in _PLAIN):
            return found
        for back in returns(function.node):
            value = self.resolve(function.path, back, hops)
            if isinstance(value, Site) and value.node.type == "call":
                return self.made(value, hops - 1)
        return None

    def bases(self, owner: Site) -> list[Site | External]:
        """The classes that a class derives from, near ones first, with their own."""
        place = (owner.path, owner.node.start_byte, owner.node.end_byte)
        if place not in self._bases:
            self._bases[place] = []  # a class that derives from itself has no more
            self._bases[place] = list(self._derived(owner))
        return self._bases[place]

    def _derived(self, owner: Site, hops: int = 6) -> Iterator[Site | External]:
        given = owner.node.child_by_field_name("superclasses")
        for each in given.named_children if given is not None and hops > 0 else ():
            each_type = each.child_by_field_name("value") if each.type == "subscript" else each
            before = self._top(owner.path).before(owner.node, each_type)
            found = self.resolve(owner.path, each_type) if before is None else self._follow(owner.path, before, hops)
            if isinstance(found, Site) and found.node.type == "call":
                found = self.class_given(found) or self.made(found)
            if isinstance(found, Site | External):
                yield found
                if isinstance(found, Site) and found.node.type == "class_definition":
                    yield from self._derived(found, hops - 1)

    def text_value(self, path: str, node: Node | None, hops: int = 6) -> str | None:
        """The text that an expression stands for; parts that cannot be known are left out as `{…}`."""
        if node is None or hops <= 0:
            return None
        if node.type == "string":
            return self._literal(path, node, hops)
        if node.type in {"binary_operator", "concatenated_string"}:
            parts = [self.text_value(path, child, hops - 1) for child in node.named_children]
            return None if all(part is None for part in parts) else "".join(part or "{…}" for part in parts)
        if node.type in {"identifier", "attribute"}:
            found = self.resolve(path, node)
            known = isinstance(found, Site) and found.node.type in {"string", "binary_operator", "concatenated_string"}
            return self.text_value(found.path, found.node, hops - 1) if known and isinstance(found, Site) else None
        return None

    def _literal(self, path: str, node: Node, hops: int) -> str:
        parts = []
        for child in node.named_children:
            if child.type == "string_content":
                parts.append(text_of(child))
            elif child.type == "interpolation":
                parts.append(self.text_value(path, child.named_children[0], hops - 1) or f"{text_of(child)}")
        return "".join(parts)

    def items(self, path: str, node: Node | None) -> list[Site]:
        """The elements of a list, of a tuple, or of lists that are added up."""
        found = self.resolve(path, node)
        if not isinstance(found, Site):
            return []
        if found.node.type == "binary_operator":
            return [each for child in found.node.named_children for each in self.items(found.path, child)]
        if found.node.type in {"list", "tuple", "set"}:
            given = [child for child in found.node.named_children if child.type != "comment"]
            spread = [self.items(found.path, child.named_children[0]) for child in given if child.type == "list_splat"]
            plain = [Site(found.path, child) for child in given if child.type != "list_splat"]
            return plain + [each for inner in spread for each in inner]
        return []

    def alternatives(self, path: str, node: Node | None, hops: int = _MAX_LOOPS) -> list[Site]:
        """What a loop's variable stands for in turn, also of a loop in a loop; of anything else the expression."""
        if node is None:
            return []
        bound = self._bound(path, text_of(node), node) if node.type == "identifier" and hops > 0 else None
        if not isinstance(bound, Element):
            return [Site(path, node)]
        outer = self.alternatives(path, bound.values, hops - 1)
        each = [item for one in outer for item in self.items(one.path, one.node)]
        if bound.index < 0:
            return each
        inner = [(one, [child for child in one.node.named_children if child.type != "comment"]) for one in each]
        return [Site(one.path, parts[bound.index]) for one, parts in inner if len(parts) > bound.index]

    def dotted(self, meaning: Meaning | None) -> str:
        """`package.name` of something that a package gives; empty for this repository's own."""
        if not isinstance(meaning, External):
            return ""
        return meaning.package if meaning.name == "*" else f"{meaning.package}.{meaning.name}"

    def _bound(self, path: str, name: str, at: Node) -> Bound | None:
        for scope in self._around(path, at):
            if (found := self.scope(path, scope).bound.get(name)) is not None:
                return found
        return self._top(path).bound.get(name)

    def _lookup(self, path: str, name: str, at: Node, hops: int) -> Meaning | None:
        for scope in self._around(path, at):
            bound = self.scope(path, scope).bound.get(name)
            if bound is not None and (isinstance(bound, Imported | Argument | Element) or bound != at):
                return self._follow(path, bound, hops)
        return self._in_module(path, name, hops)

    def _around(self, path: str, at: Node) -> list[Node]:
        """The functions around a place, innermost first, then the class whose body it stands in."""
        if path not in self._functions:
            found = self.code.nodes(path, "function_definition", "class_definition")
            self._functions[path] = [(f.start_byte, f.end_byte, f) for f in found]
        start, end = at.start_byte, at.end_byte
        around = [f for first, last, f in self._functions[path] if first <= start and end <= last]
        inner = [f for index, f in enumerate(reversed(around)) if f.type == "function_definition" or index == 0]
        return [f for f in inner if f != at]

    def _in_module(self, path: str, name: str, hops: int) -> Meaning | None:
        """What a name of a module stands for; asked once for each, as no place in the module changes it."""
        key = (path, name)
        if key not in self._globals:
            self._globals[key] = None  # a name that leads to itself stands for nothing
            self._globals[key] = self._read_global(path, name, hops)
        return self._globals[key]

    def _read_global(self, path: str, name: str, hops: int) -> Meaning | None:
        names = self._top(path)
        if name in names.bound:
            return self._follow(path, names.bound[name], hops)
        for star in names.stars if hops > 0 else ():
            module = self.module(path, star)
            found = self._of_module(module.stem, name, hops - 1) if isinstance(module, Package) else None
            if found is not None and not isinstance(found, Missing):
                return found
        return None

    def _follow(self, path: str, bound: Bound, hops: int) -> Meaning | None:
        if isinstance(bound, Imported):
            module = self.module(path, bound.module)
            return self.member(module, bound.name, hops - 1) if bound.name else module
        if isinstance(bound, Argument):
            return self._of_type(path, bound, hops)
        return None if isinstance(bound, Element) else self.resolve(path, bound, hops - 1)

    def _of_type(self, path: str, argument: Argument, hops: int) -> Meaning | None:
        """An object of the class that a parameter is annotated with."""
        written = argument.annotation.named_children[0] if argument.annotation is not None else None
        if written is not None and written.type == "generic_type" and text_of(written).startswith("Annotated"):
            inner = nodes("python", written, "type")
            written = inner[0].named_children[0] if inner else None
        found = self.resolve(path, written, hops - 1)
        if isinstance(found, External):
            return External(found.package, f"{found.name}()")
        return found if isinstance(found, Site) and found.node.type == "class_definition" else None

    def _of_module(self, stem: str, name: str, hops: int) -> Meaning | None:
        path = self.file_of(stem)
        if path is not None and hops > 0:
            found = self._in_module(path, name, hops - 1)
            if found is not None:
                return found
        inner = f"{stem}/{name}".lstrip("/")
        if self._files().exists(inner):
            return Package(inner)
        bound = self._top(path).bound if path is not None else {}
        return None if name in bound else Missing(stem.replace("/", "."), name)

    def _of_class(self, owner: Site, name: str, hops: int) -> Meaning | None:
        bound = self.scope(owner.path, owner.node).bound.get(name)
        if bound is not None:
            return self._follow(owner.path, bound, hops)
        given: External | None = None
        for base in self.bases(owner):
            if isinstance(base, External):
                given = given or External(base.package, f"{base.name}().{name}")
                if not base.last.endswith("Mixin"):  # which adds little by itself: what comes after it has the rest
                    return given
            elif (bound := self.scope(base.path, base.node).bound.get(name)) is not None:
                return self._follow(base.path, bound, hops)
        return given

    def _kept(self, path: str, owner: Node, name: str, hops: int) -> Meaning | None:
        """What the constructor keeps as `self.name`."""
        maker = node_of(self.scope(path, owner).bound.get("__init__"))
        value = self.scope(path, maker).bound.get(name) if maker is not None else None
        return None if value is None else self._follow(path, value, hops - 1)

    def file_of(self, stem: str) -> str | None:
        return self._files().file_of(stem)

    def module(self, path: str, module: str) -> Package | External | Missing:
        """The module of a name, as a file imports it."""
        return self._files().find(path, module)

    def _files(self) -> PyModules:
        if self._modules is None:
            self._modules = read_modules(self.code.files)
        return self._modules
