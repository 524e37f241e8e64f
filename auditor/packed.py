"""Rows as JSON and back: what a worker process hands over, and what the cache keeps. No pickle, nothing executable."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

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

_TYPE = "="
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


def pack(value: Any) -> Any:  # noqa: ANN401 - rows of any kind
    """Rows as values that JSON knows; what a field is by default is left out."""
    if isinstance(value, Enum):
        return {_TYPE: type(value).__name__, "value": value.value}
    if dataclasses.is_dataclass(value) and type(value).__name__ in _CLASSES:
        given = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {_TYPE: type(value).__name__} | {f.name: pack(item) for f, item in given if item != f.default}
    if dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no row")
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    return [pack(item) for item in value] if isinstance(value, list | tuple) else value


def unpack(value: Any) -> Any:  # noqa: ANN401 - rows of any kind
    """The rows again. Raises KeyError, TypeError or ValueError where the value was not made by `pack`."""
    if isinstance(value, list):
        return tuple(unpack(item) for item in value)
    if not isinstance(value, dict):
        return value
    items = {key: unpack(item) for key, item in value.items() if key != _TYPE}
    return _CLASSES[value[_TYPE]](**items) if _TYPE in value else items
