"""Policies that call auth functions once per row, because the call does not stand in a sub-select of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.detectors.policies import exposed_policies, policy_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.model import Answer
    from auditor.sources.database import Database

_AUTH = {"uid", "jwt", "role", "email"}


def ask(database: Database) -> Iterator[Answer]:
    for table, policy in exposed_policies(database):
        calls = sorted({call for text in (policy.using, policy.check) if text for call in bare_calls(text)})
        fault = None
        if calls:
            named = ", ".join(f"{call}()" for call in calls)
            fault = f"calls {named} for every row; (select {calls[0]}()) is evaluated once per statement"
        ok = "calls no auth function per row"
        yield policy_answer(table, policy, fault, ok=ok, evidence=",".join(calls))


def bare_calls(predicate: str) -> list[str]:
    """Auth functions that a predicate calls per row of the policy's own table.

    Inside `(select auth.uid())` the planner makes an InitPlan of it. A sub-select with a FROM that refers to nothing
    outside runs once as a whole, but its own scan still calls per row: that is counted, as the platform's linter does.
    """
    import postgast

    try:
        parsed = postgast.parse(f"select {predicate}")
    except postgast.PgQueryError:
        return []
    return list(_walk(parsed.stmts[0].stmt.select_stmt.target_list[0], wrapped=False))


def _walk(node: Any, *, wrapped: bool) -> Iterator[str]:  # noqa: ANN401 - any protobuf node
    kind = type(node).__name__
    if kind == "FuncCall" and not wrapped and (call := _auth_call(node)):
        yield call
    if kind == "SelectStmt":
        wrapped = not node.from_clause
    for field, value in node.ListFields():
        if field.message_type is None:
            continue
        children = [value] if hasattr(value, "ListFields") else value
        for child in children:
            yield from _walk(child, wrapped=wrapped)


def _auth_call(node: Any) -> str | None:  # noqa: ANN401 - a protobuf FuncCall
    name = [part.string.sval for part in node.funcname]
    if len(name) == 2 and name[0] == "auth" and name[1] in _AUTH:  # noqa: PLR2004 - schema and name
        return ".".join(name)
    return "current_setting" if name[-1] == "current_setting" else None
