"""Who acts on the shadow database: the role, the claims as PostgREST sets them, and whose rows are their own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.facts.rows import World

if TYPE_CHECKING:
    from auditor.sources.database import Database
    from auditor.sources.planting import Planted

SERVICE = "service_role"
_ANONYMOUS_SIGN_INS = re.compile(r"^\s*enable_anonymous_sign_ins\s*=\s*true", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Caller:
    """`home` is the world whose rows are the caller's own, empty where none are; `foreign` the world whose rows are
    somebody else's. `user` is the id that the caller signs in with.
    """

    name: str
    role: str
    claims: str
    home: str = ""
    foreign: str = "a"
    user: str = ""


def anonymous() -> Caller:
    return Caller("anon", "anon", json.dumps({"role": "anon"}))


def signed_in(name: str, world: World, *, home: str = "", foreign: str = "a", is_anonymous: bool = False) -> Caller:
    """A user with a session, as Supabase Auth writes its claims."""
    claims: dict[str, Any] = {
        "aud": "authenticated",
        "role": "authenticated",
        "sub": world.user,
        "email": "" if is_anonymous else world.email,
        "is_anonymous": is_anonymous,
        "aal": "aal1",
        "app_metadata": {} if is_anonymous else {"provider": "email"},
        "user_metadata": {},
    }
    return Caller(name, "authenticated", json.dumps(claims), home, foreign, world.user)


def find_callers(database: Database, planted: Planted) -> list[Caller]:
    """Everybody who may ask, the least trusted first; last `service_role`, which shows what there is to be had."""
    if not database.supabase:
        return [Caller(role, role, json.dumps({"role": role})) for role in database.api_roles]
    first, second = planted.worlds
    callers = [
        anonymous(),
        signed_in("stranger", World("stranger")),
        signed_in("other", second, home=second.name, foreign=first.name),
        signed_in("owner", first, home=first.name, foreign=second.name),
    ]
    if _anonymous_sign_ins(database):
        callers.insert(1, signed_in("anonymous-user", World("anonymous-user"), is_anonymous=True))
    for name, world in planted.members.items():
        callers.append(signed_in(name, world, home=first.name, foreign=second.name))
    return [*callers, Caller(SERVICE, SERVICE, json.dumps({"role": SERVICE}))]


def _anonymous_sign_ins(database: Database) -> bool:
    """Whether anybody can sign in without saying who they are, or a policy thinks of it."""
    if _ANONYMOUS_SIGN_INS.search(database.config or ""):
        return True
    policies = (policy for table in database.schema.tables.values() for policy in table.policies)
    return any("is_anonymous" in f"{policy.using} {policy.check}" for policy in policies)
