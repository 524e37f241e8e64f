"""Finds values that every CHECK constraint of a row allows, by a bounded search over candidates.

What a check says is worked out here as far as it goes; the server has the last word. A combination that it refused is
never proposed again, so the search also gets on where a constraint cannot be read at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.facts.policy_terms import terms_of
from auditor.facts.row_checks import value_of
from auditor.facts.row_operators import UNKNOWN
from auditor.facts.row_values import candidates, fits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.facts.row_checks import Check
    from auditor.facts.rows import World
    from auditor.facts.schema import Column, Table

_MAX_STEPS = 3_000


class _Default:
    """Stands for leaving the column out of the INSERT."""


_DEFAULT = _Default()


@dataclass(slots=True)
class Draft:
    """A row in the making: `values` are to be inserted; a column of `fixed` (a key, the owner) keeps its value, or
    takes null where it may, or one of those that are listed there.

    `refused` are combinations of values that the server did not take, `mistrusted` constraints that it read otherwise
    than we did.
    """

    table: Table
    world: World
    checks: list[Check]
    values: dict[str, Any]
    fixed: dict[str, list[Any]]
    refused: list[dict[str, Any]] = field(default_factory=list)
    mistrusted: set[str] = field(default_factory=set)

    def refuse(self, columns: tuple[str, ...]) -> None:
        self.refused.append({name: self.values.get(name, _DEFAULT) for name in columns})


def solve(draft: Draft) -> bool:
    """Give `values` a combination that nothing speaks against; False when there is none left."""
    changes: dict[str, Any] = {}
    for group in _groups(draft):
        if _stands(draft, group):
            continue
        if (found := _Search(draft, group).run()) is None:
            return False
        changes |= found
    for name, value in changes.items():
        if value is _DEFAULT:
            draft.values.pop(name, None)
        else:
            draft.values[name] = value
    return True


def _stands(draft: Draft, group: list[str]) -> bool:
    """Whether the row may stay as it is, as far as these columns go."""
    seen = {
        name: draft.values[name] if name in draft.values else default_of(c)
        for name in group
        if (c := draft.table.column(name))
    }
    checks = [check for check in draft.checks if check.name not in draft.mistrusted and check.columns & set(group)]
    if any(value_of(check.term, seen) is False for check in checks):
        return False
    return not any(
        set(refused) & set(group)
        and all(_same(draft.values.get(name, _DEFAULT), value) for name, value in refused.items())
        for refused in draft.refused
    )


def _groups(draft: Draft) -> list[list[str]]:
    """Columns that share a check or a refusal, directly or through others."""
    groups: list[set[str]] = []
    for columns in [set(check.columns) for check in draft.checks] + [set(refused) for refused in draft.refused]:
        usable = {name for name in columns if _settable(draft.table.column(name))}
        near = [group for group in groups if group & usable]
        groups = [group for group in groups if not group & usable] + [usable.union(*near)]
    order = [column.name for column in draft.table.columns]
    return [sorted(group, key=order.index) for group in groups if group]


def _settable(column: Column | None) -> bool:
    return column is not None and not column.generated and not column.identity_always


class _Search:
    """Depth first over one group, the values that the row has now first."""

    def __init__(self, draft: Draft, group: list[str]) -> None:
        self._draft = draft
        shares = [check for check in draft.checks if check.columns & set(group)]
        self._checks = [check for check in shares if check.name not in draft.mistrusted]
        self._refused = [refused for refused in draft.refused if set(refused) & set(group)]
        # Columns with few choices first: what hangs on them is then found out early.
        self._pools = {name: self._pool(name) for name in group}
        self._order = sorted(group, key=lambda name: (name not in draft.fixed, len(self._pools[name])))
        self._chosen: dict[str, Any] = {}
        self._seen: dict[str, Any] = {}
        self._steps = _MAX_STEPS

    def run(self) -> dict[str, Any] | None:
        return next(self._extend(0), None)

    def _pool(self, name: str) -> list[Any]:
        draft, column = self._draft, self._draft.table.column(name)
        assert column
        now = draft.values.get(name, _DEFAULT)
        offered: list[Any] = [] if column.not_null else [None]
        if name in draft.fixed:
            offered += draft.fixed[name]
        else:
            usual = candidates(draft.table, column, draft.world, draft.checks)
            offered = [*(value for value in usual if fits(column, value)), *offered]
        return [now, *(value for value in offered if not _same(value, now))]

    def _extend(self, depth: int) -> Iterator[dict[str, Any]]:
        if depth == len(self._order):
            yield dict(self._chosen)
            return
        name = self._order[depth]
        for value in self._pools[name]:
            self._steps -= 1
            if self._steps < 0:
                return
            self._chosen[name] = value
            self._seen[name] = self._evaluated(name, value)
            if self._allowed(name):
                yield from self._extend(depth + 1)
        self._chosen.pop(name, None)
        self._seen.pop(name, None)

    def _evaluated(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any SQL value
        column = self._draft.table.column(name)
        return default_of(column) if value is _DEFAULT and column else value

    def _allowed(self, name: str) -> bool:
        if any(value_of(check.term, self._seen) is False for check in self._checks if name in check.columns):
            return False
        return not any(name in refused and self._is(refused) for refused in self._refused)

    def _is(self, refused: Mapping[str, Any]) -> bool:
        now = self._draft.values
        chosen = (self._chosen[key] if key in self._chosen else _later(key, self._order, now) for key in refused)
        return all(
            value is not _LATER and _same(value, other) for value, other in zip(chosen, refused.values(), strict=True)
        )


_LATER = object()


def _later(name: str, order: list[str], now: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any SQL value
    return _LATER if name in order else now.get(name, _DEFAULT)


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any SQL values
    return one is other or (type(one) is type(other) and bool(one == other))


def default_of(column: Column) -> Any:  # noqa: ANN401 - any SQL value
    """What a column gets when it is left out, as far as that is a constant."""
    if column.default is None:
        return UNKNOWN if column.identity or column.generated else None
    term = terms_of(column.default)
    return value_of(term, {}) if term else UNKNOWN
