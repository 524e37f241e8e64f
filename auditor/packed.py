"""Rows as JSON and back: what a worker process hands over, and what the cache keeps. No pickle, nothing executable."""

from __future__ import annotations

import dataclasses
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any

from auditor.detectors.code_sites import Followed
from auditor.listed import AccessRow, AccessSetup, EndpointData, EndpointInput, EndpointRow
from auditor.model import (
    Answer,
    Commit,
    Confidence,
    Control,
    DbObject,
    FileSpan,
    Presence,
    Proof,
    RuleAnswers,
    Severity,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TYPE = "="
_RUN = "run of answers"
_CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        AccessRow,
        AccessSetup,
        Answer,
        Commit,
        Control,
        DbObject,
        EndpointData,
        EndpointInput,
        EndpointRow,
        FileSpan,
        Followed,
        Proof,
        RuleAnswers,
    )
} | {kind.__name__: kind for kind in (Confidence, Presence, Severity, State)}


_SHARED = {Control, EndpointData, EndpointInput, FileSpan}  # thousands of rows have the same one
_FIELDS = {
    kind: tuple((field.name, field.default) for field in dataclasses.fields(kind))
    for kind in _CLASSES.values()
    if dataclasses.is_dataclass(kind)
}


def pack(value: Any) -> Any:  # noqa: ANN401 - rows of any kind
    """Rows as values that JSON knows; what a field is by default is left out."""
    if isinstance(value, list | tuple):
        return _packed_list(value)
    if isinstance(value, Enum):
        return {_TYPE: type(value).__name__, "value": value.value}
    if fields := _FIELDS.get(type(value)):
        given = ((name, getattr(value, name), default) for name, default in fields)
        return {_TYPE: type(value).__name__} | {name: pack(item) for name, item, default in given if item != default}
    if dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no row")
    return {key: pack(item) for key, item in value.items()} if isinstance(value, dict) else value


def _packed_list(values: Sequence[Any]) -> list[Any]:
    """Answers that are alike but for their subject become one: thousands of a rule are."""
    found: list[Any] = []
    last: Answer | None = None
    for value in values:
        if not isinstance(value, Answer):
            found.append(pack(value))
        elif last is not None and _alike(last, value):
            found[-1]["subjects"].append(value.subject)
        else:
            rest = pack(value)
            found.append({_TYPE: _RUN, "subjects": [rest.pop("subject")], "rest": rest})
        last = value if isinstance(value, Answer) else None
    return found


def _alike(one: Answer, other: Answer) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name, _ in _FIELDS[Answer][1:])


def unpack(value: Any, known: dict[Any, Any] | None = None) -> Any:  # noqa: ANN401 - rows of any kind
    """The rows again. Raises KeyError, TypeError or ValueError where the value was not made by `pack`.

    What many rows have alike is held once; `known` is what rows that were unpacked before had, and is added to.
    """
    return _unpacked(value, {} if known is None else known)


def _unpacked(value: Any, known: dict[Any, Any]) -> Any:  # noqa: ANN401 - rows of any kind
    if isinstance(value, str):
        return sys.intern(value)
    if isinstance(value, list):
        return tuple(row for item in value for row in _rows(item, known))
    if not isinstance(value, dict):
        return value
    items = {key: _unpacked(item, known) for key, item in value.items() if key != _TYPE}
    if _TYPE not in value:
        return items
    made = _CLASSES[value[_TYPE]](**items)
    return known.setdefault(made, made) if type(made) in _SHARED else made


def _rows(item: Any, known: dict[Any, Any]) -> Iterable[Any]:  # noqa: ANN401 - rows of any kind
    """The rows of one entry of a list."""
    if not isinstance(item, dict) or item.get(_TYPE) != _RUN:
        return (_unpacked(item, known),)
    rest = {key: _unpacked(part, known) for key, part in item["rest"].items() if key != _TYPE}
    return (Answer(subject=_unpacked(subject, known), **rest) for subject in item["subjects"])
