"""What a piece of code runs: its calls, and those of the functions of this repository that it calls, some hops on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from auditor.facts.bindings import CLASSES, FUNCTIONS, arguments_of, unwrap
from auditor.facts.kept_on_context import kept_on_context
from auditor.facts.symbols import External, Missing, Site, Target
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

    from auditor.facts.symbols import Symbols

T = TypeVar("T")
_NAMES = {"identifier", "member_expression", "subscript_expression"}
_MAX_HOPS = 4
_MAX_BODIES = 150
_FOLLOWED = FUNCTIONS | {"class_declaration"}
_MAX_NAME = 200
_REMEMBERS = {"cache", "memoize", "memo", "once", "unstable_cache"}
_BROKEN = re.compile(r"\s*(\??\.)\s*")  # a chain that goes over several lines


@dataclass(frozen=True, slots=True)
class Call:
    """One call or `new`: `name` as it is written (`c.req.json`), `target` what it calls, None where not known."""

    path: str
    node: Node
    name: str
    target: Target | None

    @property
    def last(self) -> str:
        """The last part of the name; of an import that was renamed, the name that its module gives it."""
        if isinstance(self.target, External | Missing) and self.target.name not in {"default", "*"}:
            return self.target.name.rsplit(".", 1)[-1]
        return self.name.rsplit(".", 1)[-1]


@dataclass(slots=True)
class Reach:
    """Everything that some code runs. `bodies` are the functions gone through, the starting code first."""

    calls: list[Call] = field(default_factory=list)
    bodies: list[Site] = field(default_factory=list)


@dataclass(slots=True)
class Reacher:
    """Follows calls; remembers each function's own, so that no body is read twice in a scan."""

    symbols: Symbols
    _own: dict[tuple[str, int, int], tuple[list[Call], list[Site]]] = field(default_factory=dict)
    _reached: dict[tuple[str, int, int, int], Reach] = field(default_factory=dict)
    _texts: dict[tuple[str, int, int], str] = field(default_factory=dict)
    _said: dict[tuple[tuple[str, int, int], Callable[[str], Any]], Any] = field(default_factory=dict)
    memory: dict[Any, Any] = field(default_factory=dict)  # what was worked out of code on the way through its calls
    lasting: dict[Any, Any] = field(default_factory=dict)  # what was worked out of all files, and holds no piece of one

    def afresh(self) -> Reacher:
        """One that remembers nothing of single pieces of code."""
        return Reacher(self.symbols, lasting=self.lasting)

    def reach(self, start: Site, hops: int = _MAX_HOPS) -> Reach:
        """All that is run from `start`, at most `hops` calls away."""
        key = (*_key(start), hops)
        if key not in self._reached:
            self._reached[key] = self._follow(start, hops)
        return self._reached[key]

    def own(self, site: Site) -> list[Call]:
        """The calls that stand in the code itself, those of functions inside it too."""
        return self._direct(site)[0]

    def onward(self, site: Site) -> list[Site]:
        """The functions of this repository that the code calls, or hands to what it calls."""
        return self._direct(site)[1]

    def text(self, site: Site) -> str:
        """The code without its comments."""
        key = _key(site)
        if key not in self._texts:
            self._texts[key] = _without_comments(self.symbols.code.files[site.path], site.node)
        return self._texts[key]

    def says(self, site: Site, question: Callable[[str], T]) -> T:
        """The answer to a question about the code's text without its comments; asked once for each piece of code."""
        key = (_key(site), question)
        if key not in self._said:
            self._said[key] = question(self.text(site))
        answer: T = self._said[key]
        return answer

    def once(self, site: Site, question: Callable[[Reacher, Site], T]) -> T:
        """The answer to a question about a piece of code and what it calls; asked once for each piece of code."""
        key = (_key(site), question)
        if key not in self.memory:
            self.memory[key] = question(self, site)
        answer: T = self.memory[key]
        return answer

    def _follow(self, start: Site, hops: int) -> Reach:
        found = Reach()
        seen, level = {_key(start)}, [start]
        for _ in range(hops + 1):
            following: list[Site] = []
            for site in level:
                calls, onward = self._direct(site)
                found.bodies.append(site)
                found.calls += calls
                for target in onward:
                    if _key(target) not in seen and len(seen) < _MAX_BODIES:
                        seen.add(_key(target))
                        following.append(target)
            level = following
        return found

    def _direct(self, site: Site) -> tuple[list[Call], list[Site]]:
        key = _key(site)
        if key not in self._own:
            self._own[key] = self._read(site)
        return self._own[key]

    def _read(self, site: Site) -> tuple[list[Call], list[Site]]:
        if self.symbols.code.files[site.path] == "python":
            from auditor.facts.py_reach import names_of, read_calls

            return read_calls(names_of(self), site)
        calls, onward = [], self._built(site.path, unwrap(site.node))
        for node in nodes(self.symbols.code.files[site.path], site.node, "call_expression", "new_expression"):
            call = self._call(site.path, node)
            calls.append(call)
            onward += self._begun(call)
            for argument in arguments_of(node):
                if argument.type in _NAMES:
                    onward += self._function(self.symbols.resolve(site.path, argument))
        return calls, onward

    def _built(self, path: str, start: Node) -> list[Site]:
        """What stands behind a name, or behind the beginning of `client.use(…).schema(…).action`."""
        if start.type not in {*_NAMES, "call_expression"}:
            return []
        found = self._function(self.symbols.resolve(path, start)) if start.type != "call_expression" else []
        while start.type in {"member_expression", "call_expression"}:
            inner = start.child_by_field_name("object" if start.type == "member_expression" else "function")
            if inner is None:
                return found
            start = unwrap(inner)
        target = self.symbols.resolve(path, start) if start.type == "identifier" else None
        chained = (
            isinstance(target, Site) and target.node.type == "call_expression" and b".use(" in (target.node.text or b"")
        )
        return found + (self._function(target) if chained else [])

    def _call(self, path: str, node: Node) -> Call:
        field_name = "constructor" if node.type == "new_expression" else "function"
        called = node.child_by_field_name(field_name)
        name = (
            text_of(called) if called is not None and called.end_byte - called.start_byte < _MAX_NAME else _tail(called)
        )
        target = self.symbols.called(path, node) or kept_on_context(self.symbols, name)
        return Call(path, node, _BROKEN.sub(r"\1", name), self._remembered(target))

    def _remembered(self, target: Target | None) -> Target | None:
        """The function inside `cache(f)` of React and the like."""
        if not isinstance(target, Site) or target.node.type != "call_expression":
            return target
        maker, given = self.symbols.called(target.path, target.node), arguments_of(target.node)
        if not isinstance(maker, External) or maker.last not in _REMEMBERS or not given:
            return target
        return self.symbols.resolve(target.path, given[0]) or target

    def _begun(self, call: Call) -> list[Site]:
        """The code that a call runs; `new Service()` runs what makes the object, and none of its other methods."""
        found = self._function(call.target)
        if call.node.type != "new_expression":
            return found
        return [part for each in found for part in (_making(each) if each.node.type in CLASSES else [each])]

    def _function(self, target: Target | None) -> list[Site]:
        """The code behind a target, where it is some: a function, or the call that made the value."""
        made = _FOLLOWED | {"call_expression", "new_expression"}
        return [target] if isinstance(target, Site) and target.node.type in made else []


def _making(owner: Site) -> list[Site]:
    """The constructor of a class and the values of its fields."""
    body = owner.node.child_by_field_name("body")
    made = [
        child
        for child in (body.named_children if body is not None else ())
        if child.type in {"public_field_definition", "field_definition"}
        or text_of(child.child_by_field_name("name")) == "constructor"
    ]
    return [Site(owner.path, each) for each in made]


def _tail(called: Node | None) -> str:
    """The name of a call at the end of a long chain: `….insert`."""
    if called is None:
        return ""
    return "…." + text_of(called.child_by_field_name("property")) if called.type == "member_expression" else "…"


def _key(site: Site) -> tuple[str, int, int]:
    return site.path, *site.span


def _without_comments(language: str, node: Node) -> str:
    text = node.text or b""
    for comment in reversed(nodes(language, node, "comment")):
        start, end = comment.start_byte - node.start_byte, comment.end_byte - node.start_byte
        text = text[:start] + b" " + text[end:]
    return text.decode("utf-8", "replace")
