"""Whether code that takes a tenant from the request asks first if the caller belongs to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.bindings import arguments_of
from auditor.facts.effects import supabase_table
from auditor.facts.lookups import OWNER, by_service, from_request, looked_up
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.facts.effects import Effect
    from auditor.facts.lookup_conditions import Pairs
    from auditor.facts.reach import Reacher
    from auditor.facts.symbols import Site

# Who may act for several tenants: `profile.role !== "super_admin"`, `["admin", "support"].includes(me.role)`.
_ROLE_ASKED = re.compile(
    r"\brole\w*\)?\s*[!=]==?\s*[\"'`]|\bincludes\(\s*[\w.?!]*\brole\b|\.is_?(?:super_?|platform_?)?admin\b|\broles?\??\.(?:includes|some|has)\(",
    re.IGNORECASE,
)
_HELD_BY = {"includes", "has", "find", "some", "indexOf"}


def on_supabase(effect: Effect) -> bool:
    """Whether a query goes through supabase-js."""
    return supabase_table(effect.call.node) is not None


def names_tenant(chosen: Pairs, names: frozenset[str]) -> bool:
    """Whether rows are chosen by a tenant that the request names, and by no id of their own."""
    nobody: frozenset[str] = frozenset()
    return not looked_up(chosen, names, nobody) and looked_up(chosen, names, nobody, past_policies=True)


def tenant_checked(reacher: Reacher, handler: Site, names: frozenset[str]) -> bool:
    """Whether the handler asks for a role, or looks for the tenant among those of the caller."""
    if _ROLE_ASKED.search(reacher.text(handler)):
        return True
    return any(
        call.last in _HELD_BY
        and OWNER.search(call.name.rpartition(".")[0])
        and any(from_request(text_of(given), names) for given in arguments_of(call.node))
        for call in reacher.own(handler)
    )


def asked_as_caller(reacher: Reacher, chosen: Iterable[tuple[Effect, Pairs]], names: frozenset[str]) -> frozenset[str]:
    """What of the request a query asks for as the caller, whose policies then answer."""
    own = [pairs for effect, pairs in chosen if on_supabase(effect) and not by_service(reacher, effect)]
    values = {word for pairs in own for _, value in pairs for word in re.findall(r"\w+", value)}
    return names & values
