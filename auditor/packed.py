"""Rows as JSON and back: what a worker process hands over, and what the cache keeps. No pickle, nothing executable."""

from __future__ import annotations

import dataclasses
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


def unpack(value: Any) -> Any:  # noqa: ANN401 - rows of any kind
    """The rows again. Raises KeyError, TypeError or ValueError where the value was not made by `pack`."""
    if isinstance(value, list):
        return tuple(row for item in value for row in _unpacked(item))
    if not isinstance(value, dict):
        return value
    items = {key: unpack(item) for key, item in value.items() if key != _TYPE}
    return _CLASSES[value[_TYPE]](**items) if _TYPE in value else items


def _unpacked(item: Any) -> Iterable[Any]:  # noqa: ANN401 - rows of any kind
    """The rows of one entry of a list."""
    if not isinstance(item, dict) or item.get(_TYPE) != _RUN:
        return (unpack(item),)
    rest = {key: unpack(part) for key, part in item["rest"].items() if key != _TYPE}
    return (Answer(subject=subject, **rest) for subject in item["subjects"])
