"""The application code of a repository: one parse per file and scan, shared by all rules."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakMethod

from auditor.facts.code_flow import follow
from auditor.facts.code_modules import read_code_modules
from auditor.facts.code_requests import ENTERS
from auditor.facts.jsx_text import without_ampersands
from auditor.facts.literals import may_match
from auditor.facts.purpose import are_all_examples
from auditor.facts.sites import is_client_module
from auditor.facts.syntax import is_broken, is_copied_library, is_minified, language_of, nodes, parse
from auditor.facts.type_arguments import without_type_arguments
from auditor.facts.units import is_example, is_test, is_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tree_sitter import Node, Tree

    from auditor.facts.code_modules import Modules
    from auditor.facts.code_values import Flow
    from auditor.sources.repository import Repository

_MAX_BYTES = 1_500_000
_ENDLESS_FROM = 600  # characters
_ENDLESS = re.compile(rf"[A-Za-z0-9+/=_-]{{{_ENDLESS_FROM},}}")
_WORD = re.compile(r"\w+")
_BLANKS = re.compile(r"\s{1000}")
_PARSED = 1_000_000  # characters whose trees are kept, each of some twenty bytes; to parse them again takes 0.2 s
_HELD = 2_000_000  # characters whose trees may be held by what resolves names, some 80 MB
_UNHELD = 2  # references to a tree that nobody has a node of: the table's and that of the question
_FOLDED = 8  # files; the words of one are asked about one after another


@dataclass(slots=True)
class Code:
    """`files` maps each path that rules look at to its language, `unread` what is not known to the reason.

    A file that does not parse is in both: what is seen in it counts, and what is not seen is no pass. `minified` names
    bundles and copies of libraries, which are no source of this project. `share` are the paths that a rule on single
    files is asked about at the moment, all where it is None; `touched` are the paths that were looked at.
    """

    repository: Repository
    files: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    minified: list[str] = field(default_factory=list)
    share: tuple[str, ...] | None = None
    touched: set[str] = field(default_factory=set)
    _trees: dict[str, Tree] = field(default_factory=dict)
    _parsed: int = 0
    _texts: dict[str, str] = field(default_factory=dict)
    _flows: dict[str, Flow | None] = field(default_factory=dict)
    _modules: Modules | None = None
    _folded: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    _held: dict[str, dict[re.Pattern[str], bool]] = field(default_factory=dict)
    _clients: dict[str, bool] = field(default_factory=dict)
    _keepers: list[WeakMethod[Callable[[], None]]] = field(default_factory=list)
    _pinned: int = 0

    @property
    def asked(self) -> dict[str, str]:
        """Those of `files` that a rule on single files is asked about."""
        if self.share is None:
            return self.files
        return {path: self.files[path] for path in self.share if path in self.files}

    @property
    def unknown(self) -> dict[str, str]:
        """Those of `unread` that a rule on single files is asked about."""
        if self.share is None:
            return self.unread
        return {path: self.unread[path] for path in self.share if path in self.unread}

    def forget(self, paths: Iterable[str]) -> None:
        """Let go of all that was made of these files, so that memory does not grow with the repository."""
        for path in paths:
            self._trees.pop(path, None)
            self._flows.pop(path, None)
            self._folded.pop(path, None)
            self._held.pop(path, None)

    def tree(self, path: str) -> Tree:
        """The syntax tree of one of `files`; a file with errors in it has a tree all the same."""
        self.touched.add(path)
        tree = self._trees.get(path)
        if tree is None:
            typed = self.files[path] in {"typescript", "tsx"}
            text = self.text(path)
            tree = _parsed(self.files[path], without_type_arguments(text) if typed else text)
            self._make_room(len(text))
            self._trees[path] = tree
        return tree

    def _make_room(self, size: int) -> None:
        """Let go of the trees where there are many. One that somebody has a node of stays: nodes of another would not
        be equal to those.
        """
        self._parsed += size
        if self._parsed <= _PARSED:
            return
        self._parsed = size
        if self._let_go() > self._pinned + _HELD:
            self._keepers = [keeper for keeper in self._keepers if keeper() is not None]
            for forget in (keeper() for keeper in self._keepers):
                if forget is not None:
                    forget()
            self._pinned = self._let_go()  # what is held by others is out of reach

    def _let_go(self) -> int:
        """Drop the trees that nobody has a node of; returns the characters of those that are left."""
        for path in list(self._trees):
            if sys.getrefcount(self._trees[path]) <= _UNHELD:
                del self._trees[path]
        return sum(len(self._texts.get(path, "")) for path in self._trees)

    def watch(self, forget: Callable[[], None]) -> None:
        """Have this method called where there are too many trees, for as long as its object lives."""
        self._keepers.append(WeakMethod(forget))

    def nodes(self, path: str, *types: str) -> list[Node]:
        """The nodes of these types in one of `files`, in the order of the text."""
        return nodes(self.files[path], self.tree(path).root_node, *types)

    def flow(self, path: str) -> Flow | None:
        """What happens to request data in one of `files`; None where that is too long or too deep to follow."""
        self.touched.add(path)
        if path not in self._flows:
            self._flows[path] = follow(self.files[path], self._root(path), path, self._read_modules().value)
        return self._flows[path]

    def is_entered(self, path: str) -> bool:
        """Whether request data may enter one of `files`."""
        return self.holds(path, ENTERS) and not self.is_client(path)

    def is_client(self, path: str) -> bool:
        """Whether a file says that it runs in a browser; asked once for each thing that happens in it."""
        self.touched.add(path)
        if path not in self._clients:
            self._clients[path] = is_client_module(self.text(path))
        return self._clients[path]

    def _root(self, path: str) -> Node:
        return self.tree(path).root_node

    def _touch(self, path: str) -> None:
        self.touched.add(path)

    def _read_modules(self) -> Modules:
        if self._modules is None:
            repository = self.repository
            self._modules = read_code_modules(self.files, repository.files, repository.text, self._root, self._touch)
        return self._modules

    def holds(self, path: str, pattern: re.Pattern[str]) -> bool:
        """Whether a pattern is found in one of `files`; each is looked for once."""
        self.touched.add(path)
        held = self._held.setdefault(path, {})
        if (known := held.get(pattern)) is None:
            possible = may_match(pattern, *self._fold(path))
            known = held[pattern] = possible and pattern.search(self.text(path)) is not None
        return known

    def _fold(self, path: str) -> tuple[str, frozenset[str]]:
        """A text in lower case, and its words."""
        if (known := self._folded.get(path)) is None:
            folded = self.text(path).lower()
            known = folded, frozenset(_WORD.findall(folded))
            for other in list(self._folded)[: 1 - _FOLDED]:
                self._folded.pop(other, None)
            self._folded[path] = known
        return known

    def text(self, path: str) -> str:
        """The file's text; words that nobody wrote (an image in a string) are broken up, every place staying its own.

        Many a pattern takes quadratic time on one endless word, and the scanned repository is not trusted.
        """
        self.touched.add(path)
        if path not in self._texts:
            text = self.repository.text(path) or ""
            self._texts[path] = _without_endless_words(text)
        return self._texts[path]


def _without_endless_words(text: str) -> str:
    if max(map(len, text.split("\n"))) < _ENDLESS_FROM:
        return text
    return _ENDLESS.sub(lambda match: ("a " * len(match[0]))[: len(match[0])], text)


def _parsed(language: str, text: str) -> Tree:
    """The tree of a text; where errors are left, that of the text without what the grammar is known to stumble over."""
    tree = parse(language, text)
    if not tree.root_node.has_error or language not in {"tsx", "javascript"}:
        return tree
    plain = without_ampersands(text)
    again = parse(language, plain) if plain != text else tree
    better = not again.root_node.has_error or (is_broken(tree.root_node) and not is_broken(again.root_node))
    return again if better else tree


def list_code(repository: Repository) -> Code:
    """Application code, none of it parsed yet: neither tests nor examples, vendored, generated or minified files."""
    code = Code(repository)
    counted = are_all_examples(repository.files)  # then they are what there is to read
    for path in (*repository.files, *sorted(repository.skipped)):
        language = language_of(path)
        if language is None or is_test(path) or (is_example(path) and not counted) or is_tool(path):
            continue
        text = repository.text(path)
        if text is None:
            reason = repository.skipped.get(path, "cannot be read")
            if "symbolic link" not in reason:  # where it leads inside the folder, the target is read itself
                code.unread[path] = reason
        elif is_minified(text) or is_copied_library(path, text):
            code.minified.append(path)
        elif len(text) > _MAX_BYTES:
            code.unread[path] = "too large to parse"
        elif _BLANKS.search(text):
            code.unread[path] = "more than 1,000 blanks in a row"
        else:
            code.files[path] = language
    return code


def broken(code: Code, paths: Iterable[str]) -> list[str]:
    """Those of the files that do not parse."""
    return [path for path in paths if is_broken(code.tree(path).root_node)]


def mark_broken(code: Code, paths: Iterable[str]) -> None:
    """Say of these files that they do not parse; `unread` is in the order of the files afterwards."""
    code.unread |= dict.fromkeys(paths, "does not parse")
    code.unread = dict(sorted(code.unread.items()))


def read_code(repository: Repository) -> Code:
    """Application code, every file parsed once."""
    code = list_code(repository)
    mark_broken(code, broken(code, code.files))
    return code
