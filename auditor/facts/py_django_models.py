"""Views that are registered for a model and asked for by it, as NetBox and its plugins do.

`@register_model_view(Site, "racks", path="racks")` on a view, `include(get_model_urls("dcim", "site"))` in the URLs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.facts.py_bindings import decorators, keyword, positional
from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

    from auditor.facts.py_names import PyNames

_REGISTERS, _ASKS = "register_model_view", "get_model_urls"
_APP = re.compile(r"(?:^|/)(?P<app>\w+)/(?:models|views)(?:/|\.py$)")


@dataclass(frozen=True, slots=True)
class ModelView:
    """One view; `detail` says that it is one object's."""

    path: str
    view: Site
    detail: bool


def model_views(names: PyNames) -> dict[tuple[str, str], list[ModelView]]:
    """The views by their model's application and name."""
    found: dict[tuple[str, str], list[ModelView]] = {}
    for path in (path for path in names.paths() if f"@{_REGISTERS}(" in names.code.text(path)):
        for view in names.code.nodes(path, "class_definition", "function_definition"):
            for each in decorators(view):
                given = positional(each) if _is_called(each, _REGISTERS) else []
                if given:
                    key = _app_of(names, Site(path, given[0])), text_of(given[0]).rsplit(".", 1)[-1].lower()
                    found.setdefault(key, []).append(_registered(names, Site(path, view), each, given))
    return found


def _registered(names: PyNames, view: Site, decorator: Node, given: list[Node]) -> ModelView:
    rest = dict(zip(("name", "path", "detail"), given[1:], strict=False))
    name, path, detail = (keyword(decorator, key) or rest.get(key) for key in ("name", "path", "detail"))
    whole = names.text_value(view.path, path if path is not None else name) or ""
    return ModelView(whole, view, text_of(detail) != "False")


def model_asked(node: Node) -> tuple[str, str, bool] | None:
    """(application, model, whether of one object) of `get_model_urls("dcim", "site", detail=False)`."""
    given = positional(node) if _is_called(node, _ASKS) else []
    if len(given) <= 1:
        return None
    detail = keyword(node, "detail") or (given[2] if len(given) > 2 else None)  # noqa: PLR2004 - application, model
    return _text(given[0]), _text(given[1]), text_of(detail) != "False"


def _app_of(names: PyNames, model: Site) -> str:
    """The application whose model it is; that of the view's file where the model could not be followed."""
    found = names.resolve(model.path, model.node)
    match = _APP.search(found.path if isinstance(found, Site) else model.path)
    return match["app"] if match else ""


def _is_called(node: Node, name: str) -> bool:
    return node.type == "call" and text_of(node.child_by_field_name("function")).rsplit(".", 1)[-1] == name


def _text(node: Node) -> str:
    return text_of(node).strip("\"'")
