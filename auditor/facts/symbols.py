"""What an expression stands for, across the files of a repository: code, a package's export, or what is not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.facts.auto_imports import AutoImports
from auditor.facts.bindings import (
    CLASSES,
    FUNCTIONS,
    Binding,
    Import,
    Module,
    Part,
    assignments,
    declared,
    property_of,
    read_module,
    required,
    returned,
    same_value,
    string_of,
    unwrap,
)
from auditor.facts.class_members import given_types, members_of
from auditor.facts.parameters import REST, named_parameters
from auditor.facts.pieces import Site as Site  # noqa: PLC0414 - others take it from here
from auditor.facts.scopes import Scopes, read_scopes
from auditor.facts.specifiers import Specifiers, package_of
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.parsed_files import Files

_MAX_HOPS = 24


@dataclass(frozen=True, slots=True)
class External:
    """An export of a package; `name` is dotted, and has `()` where a value that a call gave is meant."""

    package: str
    name: str

    @property
    def last(self) -> str:
        return self.name.rsplit(".", 1)[-1].removesuffix("()")


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that should lead to a file of this repository, and does not."""

    specifier: str
    name: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function, or what a loop declares: `key` is the property where it is taken apart, `...` for
    all that follow.
    """

    site: Site
    index: int
    key: str = ""


Target = Site | External | Missing | Parameter
_Place = tuple[str, int, int]


@dataclass(slots=True, weakref_slot=True)
class Symbols:
    """Resolves names; one for a scan."""

    code: Files
    specifiers: Specifiers
    auto: AutoImports = field(default_factory=AutoImports)
    _modules: dict[str, Module] = field(default_factory=dict)
    _scopes: dict[str, Scopes] = field(default_factory=dict)
    _names: dict[_Place, dict[str, Node | Binding | Parameter]] = field(default_factory=dict)
    _assigned: dict[_Place, dict[str, Node]] = field(default_factory=dict)
    _classes: dict[_Place, tuple[dict[str, Node], dict[str, Node]]] = field(default_factory=dict)
    _results: dict[tuple[str, int, int, str], Target | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.code.watch(self.forget)

    def forget(self) -> None:
        """Let go of everything that holds a piece of a tree; it is read again where it is asked for."""
        self._modules, self._scopes, self._names = {}, {}, {}
        self._assigned, self._classes, self._results = {}, {}, {}

    def module(self, path: str) -> Module:
        if path not in self._modules:
            self._modules[path] = read_module(self.code.tree(path).root_node)
        return self._modules[path]

    def _scopes_of(self, path: str) -> Scopes:
        if path not in self._scopes:
            self._scopes[path] = read_scopes(self.code.files[path], self.code.tree(path).root_node)
        return self._scopes[path]

    def resolve(self, path: str, node: Node, hops: int = _MAX_HOPS) -> Target | None:
        """What an expression stands for; None where only running the program would tell."""
        node = unwrap(node)
        if hops <= 0:
            return None
        if node.type in {"identifier", "shorthand_property_identifier", "type_identifier"}:
            return self.lookup(path, text_of(node), node, hops - 1)
        if node.type in {"member_expression", "subscript_expression"}:
            return self._property(path, node, hops - 1)
        if node.type == "this":
            holder = next((scope for scope in self._scopes_of(path).around(node) if scope.type in CLASSES), None)
            return Site(path, holder) if holder is not None else None
        if (same := same_value(node)) is not None:
            return self.resolve(path, same, hops - 1)
        specifier = required(node)
        return self.imported(path, Import(specifier, "*"), hops - 1) if specifier else Site(path, node)

    def lookup(self, path: str, name: str, at: Node, hops: int = _MAX_HOPS) -> Target | None:
        """What a name stands for where `at` uses it."""
        for scope in self._scopes_of(path).around(at):
            what = self._declared(path, scope).get(name)
            if isinstance(what, Parameter):
                return what
            if what is not None and what != at:
                return self._follow(path, what, hops - 1)
        if (binding := self.module(path).names.get(name)) is not None:
            return self._follow(path, binding, hops - 1)
        given = self.auto.file_of(path, name, lambda file: self.module(file).exports) if self.auto.given else None
        return self.exported(given, name, hops - 1) if given is not None and hops > 0 else None

    def _declared(self, path: str, scope: Node) -> dict[str, Node | Binding | Parameter]:
        """The names that a scope itself declares."""
        place = (path, scope.start_byte, scope.end_byte)
        if place not in self._names:
            taken = scope.type in FUNCTIONS or scope.type == "for_in_statement"
            inside = (pair for each in (() if taken else scope.named_children) for pair in declared(each))
            given = named_parameters(scope) if taken else ()
            self._names[place] = {name: Parameter(Site(path, scope), at, key) for name, at, key in given} | dict(inside)
        return self._names[place]

    def assigned(self, path: str, scope: Node, target: str) -> Node | None:
        """The first value that a target (a name, `this.name`) is given somewhere in a piece of code."""
        place = (path, scope.start_byte, scope.end_byte)
        if place not in self._assigned:
            self._assigned[place] = assignments(self.code.files[path], scope)
        return self._assigned[place].get(target)

    def exported(self, path: str, name: str, hops: int = _MAX_HOPS) -> Target | None:
        """What a file exports under a name."""
        module = self.module(path)
        what = module.export(name)
        if isinstance(what, str):
            binding = module.names.get(what)
            return None if binding is None else self._follow(path, binding, hops - 1)
        if what is not None:
            return self._follow(path, what, hops - 1)
        common = module.exports.get("default")
        if name not in {"default", "*"} and common is not None and not isinstance(common, str | Import | Part):
            found = self.member(Site(path, common), name, hops - 1) if common.type == "object" else None
            if found is not None:
                return found
        for star in module.stars if hops > 0 else ():
            target = self.specifiers.resolve(path, star)
            found = self.exported(target, name, hops - 1) if target in self.code.files and target else None
            if found is not None:
                return found
        return None

    def imported(self, path: str, what: Import, hops: int = _MAX_HOPS) -> Target | None:
        target = self.specifiers.resolve(path, what.specifier)
        if target is None:
            if self.specifiers.is_local(path, what.specifier):
                return Missing(what.specifier, what.name)
            return External(package_of(what.specifier), what.name)
        if target not in self.code.files or hops <= 0:
            return Missing(what.specifier, what.name)
        if what.name == "*" or (what.name == "default" and self.module(target).whole is not None):
            return self._whole(target, hops - 1)
        return self.exported(target, what.name, hops - 1) or Missing(what.specifier, what.name)

    def _whole(self, path: str, hops: int) -> Target | None:
        """A module as one value: what CommonJS exports, else the file."""
        module = self.module(path)
        return Site(path, module.root) if module.whole is None else self._follow(path, module.whole, hops)

    def member(self, target: Target, key: str, hops: int = _MAX_HOPS) -> Target | None:
        """A property of what an expression stands for."""
        if isinstance(target, External):
            return External(target.package, key if target.name in {"*", "default"} else f"{target.name}.{key}")
        if isinstance(target, Missing):
            return Missing(target.specifier, f"{target.name}.{key}")
        if isinstance(target, Parameter) and target.key == REST:
            return Parameter(target.site, target.index + int(key)) if key.isdecimal() else None
        if isinstance(target, Parameter):
            return None if target.key else Parameter(target.site, target.index, key)
        return self._of_site(target, key, hops) if isinstance(target, Site) and hops > 0 else None

    def _of_site(self, target: Site, key: str, hops: int) -> Target | None:
        node = target.node
        if node.type == "program":
            return self.exported(target.path, key, hops - 1)
        if node.type == "object":
            return self._of_object(target, key, hops - 1)
        if node.type in CLASSES:
            return self._of_class(target, key, hops - 1)
        if node.type in {"new_expression", "call_expression"}:
            return self._of_result(target, key, hops - 1)
        if node.type == "array" and key.isdecimal():
            item = dict(enumerate(node.named_children)).get(int(key))
            return self.resolve(target.path, item, hops - 1) if item is not None else None
        return None

    def called(self, path: str, call: Node, hops: int = _MAX_HOPS) -> Target | None:
        """What a call calls, or what a `new` expression makes one of."""
        function = call.child_by_field_name("constructor" if call.type == "new_expression" else "function")
        return self.resolve(path, function, hops) if function is not None else None

    def _follow(self, path: str, what: Node | Binding, hops: int) -> Target | None:
        if isinstance(what, Import):
            return self.imported(path, what, hops)
        if isinstance(what, Part):
            whole = self.resolve(path, what.value, hops)
            return self.member(whole, what.key, hops) if whole is not None else None
        if what.type == "variable_declarator":  # declared here, assigned later
            declaration = what.parent
            scope = declaration.parent if declaration is not None else None
            name = text_of(what.child_by_field_name("name"))
            value = self.assigned(path, scope, name) if scope is not None else None
            return self.resolve(path, value, hops) if value is not None else None
        return self.resolve(path, what, hops)

    def _property(self, path: str, node: Node, hops: int) -> Target | None:
        held, key = node.child_by_field_name("object"), node.child_by_field_name("property")
        index = node.child_by_field_name("index")
        name = text_of(key) if key is not None else string_of(index) if index is not None else None
        if held is None or not name:
            return None
        whole = self.resolve(path, held, hops)
        return self.member(whole, name, hops) if whole is not None else None

    def _of_object(self, target: Site, key: str, hops: int) -> Target | None:
        value = property_of(target.node, key)
        return self.resolve(target.path, value, hops) if value is not None else None

    def _of_class(self, target: Site, key: str, hops: int) -> Target | None:
        place = (target.path, target.node.start_byte, target.node.end_byte)
        if place not in self._classes:
            self._classes[place] = members_of(target.node), given_types(target.node)
        members, types = self._classes[place]
        if key in members:
            return Site(target.path, members[key])
        value = self.assigned(target.path, target.node, f"this.{key}") or types.get(key)
        return self.resolve(target.path, value, hops) if value is not None else None

    def _of_result(self, target: Site, key: str, hops: int) -> Target | None:
        """A property of what a call gives; asked once, or functions that return each other's results never end."""
        place = (target.path, target.node.start_byte, target.node.end_byte, key)
        if place not in self._results:
            self._results[place] = None  # what is made out of itself has no more
            self._results[place] = self._of_made(target, key, hops)
        return self._results[place]

    def _of_made(self, target: Site, key: str, hops: int) -> Target | None:
        """A method of the class that was made, or a property of the object that is returned."""
        made = self.called(target.path, target.node, hops)
        if isinstance(made, External):
            return External(made.package, f"{made.name}().{key}")
        if not isinstance(made, Site):
            return None
        if made.node.type in CLASSES:
            return self._of_class(made, key, hops)
        if target.node.type == "new_expression":  # a function that is used as a class
            value = self.assigned(made.path, made.node, f"this.{key}")
            if value is None:
                method = f"{text_of(made.node.child_by_field_name('name'))}.prototype.{key}"
                value = self.assigned(made.path, self.module(made.path).root, method)
            return self.resolve(made.path, value, hops) if value is not None else None
        for value in returned(made.node):
            whole = self.resolve(made.path, value, hops)
            found = self.member(whole, key, hops) if whole is not None else None
            if found is not None:
                return found
        return None
