"""Functions that CHECK constraints call, written out in their place where their body is one expression."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.facts.policy_terms import Term, bare_name, terms_of

if TYPE_CHECKING:
    from auditor.facts.schema import Routine

_RETURN = re.compile(r"^\s*begin\s+return\s+(.*?)\s*;\s*end\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_DEPTH = 4


def written_out(term: Term, routines: dict[str, Routine], depth: int = _DEPTH) -> Term:
    """The term with such calls replaced; what a function does beyond one expression stays a call."""
    args = tuple(written_out(arg, routines, depth) for arg in term.args)
    routine = routines.get(bare_name(term.name)) if term.kind == "call" and depth else None
    body = _body(routine) if routine and len(routine.arguments) == len(args) else None
    if routine is None or body is None:
        return replace(term, args=args)
    names = {f".{name}": arg for name, arg in zip(routine.arguments, args, strict=True)}
    numbers = {str(position): arg for position, arg in enumerate(args, 1)}
    return written_out(_filled(body, names, numbers), routines, depth - 1)


def _body(routine: Routine) -> Term | None:
    text = routine.body.strip().rstrip(";")
    match = _RETURN.match(routine.body)
    return terms_of(match[1] if match else f"({text})") if match or text[:6].lower() == "select" else None


def _filled(term: Term, names: dict[str, Term], numbers: dict[str, Term]) -> Term:
    if term.kind == "column" and term.name in names:
        return names[term.name]
    if term.kind == "param" and term.name in numbers:
        return numbers[term.name]
    return replace(term, args=tuple(_filled(arg, names, numbers) for arg in term.args))
