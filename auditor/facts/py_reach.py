"""What a piece of Python code runs: its calls, and the functions of this repository behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.py_bindings import arguments, positional
from auditor.facts.py_fastapi_depends import injected_guards
from auditor.facts.py_names import PyNames
from auditor.facts.reach import Call
from auditor.facts.symbols import External, Missing, Site
from auditor.facts.syntax import nodes, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.py_names import Meaning
    from auditor.facts.reach import Reacher
    from auditor.facts.symbols import Target

_MAX_NAME = 200


def names_of(reacher: Reacher) -> PyNames:
    """The names of a scan's Python code, read once."""
    if PyNames not in reacher.lasting:
        reacher.lasting[PyNames] = PyNames(reacher.symbols.code)
    found: PyNames = reacher.lasting[PyNames]
    return found


def read_calls(names: PyNames, site: Site) -> tuple[list[Call], list[Site]]:
    """The calls that stand in the code, and the functions that it calls, hands on, or asks to be run before it."""
    calls: list[Call] = []
    onward = list(_behind(names, names.resolve(site.path, site.node))) if site.node.type != "call" else []
    onward = [each for each in onward if each.node != site.node]
    for node in nodes("python", site.node, "call"):
        function = node.child_by_field_name("function")
        target = names.resolve(site.path, function)
        calls.append(Call(site.path, node, _name(text_of(function)), _target(target)))
        onward += _behind(names, target)
        for given in positional(node):
            if given.type in {"identifier", "attribute"}:
                onward += [each for each in _behind(names, names.resolve(site.path, given)) if _is_function(each)]
    if site.node.type == "function_definition":
        onward += _asked(names, site)
    return calls, onward


def _asked(names: PyNames, function: Site) -> Iterator[Site]:
    """What the parameters of a function ask FastAPI for."""
    if any("Depends" in text_of(a.node) or a.annotation is not None for a in arguments(function.node)):
        for each in injected_guards(names, function):
            yield from _behind(names, names.resolve(each.path, each.node))


def _behind(names: PyNames, target: Meaning | None) -> Iterator[Site]:
    """The code that runs when something is called: of a class its constructor, of its objects `__call__`."""
    if not isinstance(target, Site):
        return
    if target.node.type == "function_definition":
        yield target
    elif target.node.type == "class_definition":
        for name in ("__init__", "__call__", "has_permission", "dispatch", "validate"):
            found = names.scope(target.path, target.node).bound.get(name)
            if found is not None and getattr(found, "type", "") == "function_definition":
                yield from _behind(names, names.member(target, name))
    elif target.node.type == "call" and isinstance(made := names.made(target), Site):
        yield from _behind(names, made)
    elif target.node.type == "call":
        yield target


def _is_function(site: Site) -> bool:
    return site.node.type == "function_definition"


def _target(meaning: Meaning | None) -> Target | None:
    return meaning if isinstance(meaning, Site | External | Missing) else None


def _name(written: str) -> str:
    """The name of a call; of a long chain its end."""
    whole = "".join(written.split())
    return whole if len(whole) < _MAX_NAME else "…." + whole.rsplit(".", 1)[-1]
