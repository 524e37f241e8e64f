"""Attempts of callers to whom the row in question does not belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.sources.attempts import Attempt
    from auditor.sources.probes import TableProbe

# What insiders may do with the rows of others is for their policies to say; the service role may do everything.
_OUTSIDERS = ("anon", "anonymous-user", "stranger", "other")
_WORDS = {
    "other": "a member of another tenant",
    "stranger": "a signed-in stranger",
    "anonymous-user": "an anonymous user",
}


def foreign(result: TableProbe, commands: tuple[str, ...]) -> list[Attempt]:
    """What outsiders tried on rows of somebody else, the least trusted caller first."""
    return [
        attempt
        for attempt in result.attempts
        if attempt.command in commands and attempt.aim in {"others", "join"} and attempt.caller in _OUTSIDERS
    ]


def shown(attempts: Sequence[Attempt]) -> Attempt:
    """The last attempt that has a transcript."""
    return next((attempt for attempt in reversed(attempts) if attempt.script), attempts[-1])


def named(attempts: Iterable[Attempt]) -> str:
    """The callers, in words; whoever is signed in comes with the stranger."""
    callers = list(dict.fromkeys(attempt.caller for attempt in attempts))
    if "stranger" in callers:
        callers = [caller for caller in callers if caller not in {"other", "anonymous-user"}]
    return " and ".join(_WORDS.get(caller, caller) for caller in callers)
