"""Policies on the files of storage that do not say for which bucket they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.platform_policies import (
    answer,
    names_bucket,
    names_owner,
    policies_on,
    tells_callers_apart,
)
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.platform_policies import PlatformPolicy
    from auditor.model import Answer
    from auditor.sources.database import Database


def ask(database: Database) -> Iterator[Answer]:
    for policy in policies_on(database, "storage.objects"):
        yield _judge(policy)


def _judge(policy: PlatformPolicy) -> Answer:
    unscoped = [part for part in policy.alternatives if not names_bucket(part)]
    wide = [part for part in unscoped if not tells_callers_apart(part)]
    if wide and policy.writes:
        return answer(policy, None, ok="it is open to any write, which storage-policy-open-write judges")
    if not unscoped or all(map(names_owner, unscoped)):
        return answer(policy, None, ok="it names its bucket, or the files' owner")
    if wide and (policy := policy.reached_by(wide)).roles:
        fault = f"{policy.who} may read and list the files of every bucket, private ones included"
        severity = Severity.HIGH if "anon" in policy.roles else Severity.MEDIUM
        return answer(policy, fault, severity=severity, evidence="reads every bucket")
    fault = f"it names no bucket, so what it gives {policy.who} holds in every bucket, those to come included"
    return answer(policy, fault, severity=Severity.LOW, evidence="names no bucket")
