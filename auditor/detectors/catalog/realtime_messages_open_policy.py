"""Policies that let whoever asks listen or send on every private channel of Realtime."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.platform_policies import answer, policies_on, wide_alternatives
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.platform_policies import PlatformPolicy
    from auditor.model import Answer
    from auditor.sources.database import Database

_TOPIC = re.compile(r"\btopic\b", re.IGNORECASE)


def ask(database: Database) -> Iterator[Answer]:
    for policy in policies_on(database, "realtime.messages"):
        yield _judge(policy)


def _judge(policy: PlatformPolicy) -> Answer:
    wide = [part for part in wide_alternatives(policy) if not any(map(_TOPIC.search, part))]
    if not wide:
        return answer(policy, None, ok="it looks at the channel or at who is asking")
    policy = policy.reached_by(wide)
    does = {"select": "listen", "insert": "send"}.get(policy.command, "listen and send")
    fault = f"{policy.who} may {does} on every private channel: it looks neither at the channel nor at who is asking"
    severity = Severity.HIGH if "anon" in policy.roles else Severity.MEDIUM
    return answer(policy, fault, severity=severity, evidence=f"open {policy.command}")
