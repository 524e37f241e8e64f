"""Policies that let whoever asks write to the files of storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.platform_policies import answer, names_bucket, policies_on, wide_alternatives
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.detectors.platform_policies import PlatformPolicy
    from auditor.model import Answer
    from auditor.sources.database import Database

_VERBS = {"insert": "upload", "update": "overwrite", "delete": "delete", "all": "upload, overwrite and delete"}


def ask(database: Database) -> Iterator[Answer]:
    for policy in policies_on(database, "storage.objects"):
        if policy.writes:
            yield _judge(policy)


def _judge(policy: PlatformPolicy) -> Answer:
    wide = wide_alternatives(policy)
    if not wide:
        return answer(policy, None, ok="it tells callers apart")
    policy = policy.reached_by(wide)
    scoped = all(map(names_bucket, wide))
    files = "files of a whole bucket, whoever they belong to" if scoped else "files of every bucket"
    if policy.command == "insert":
        files = "anything into a bucket, under any path" if scoped else "anything into any bucket"
    fault = f"{policy.who} may {_VERBS[policy.command]} {files}: it does not look at who is asking"
    return answer(policy, fault, severity=_severity(policy, scoped=scoped), evidence=f"open {policy.command}")


def _severity(policy: PlatformPolicy, *, scoped: bool) -> Severity:
    if policy.command == "insert":
        return Severity.HIGH if "anon" in policy.roles or not scoped else Severity.MEDIUM
    return Severity.CRITICAL if "anon" in policy.roles else Severity.HIGH
