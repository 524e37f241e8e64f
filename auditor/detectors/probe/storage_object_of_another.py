"""Objects of somebody else in a bucket, tried with one that was put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.detectors.platform_policies import policies_on
from auditor.model import Answer, Confidence, DbObject, Proof, Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.sources.attempts import Attempt
    from auditor.sources.database import Database
    from auditor.sources.probes import Probed
    from auditor.sources.storage_probes import BucketProbe

_PG_POLICY = 3256
_OUTSIDERS = {"anon", "anonymous-user", "stranger"}


def ask(database: Database, probed: Probed) -> Iterator[Answer]:
    for bucket in probed.buckets:
        yield _answer(bucket, database)


def _answer(bucket: BucketProbe, database: Database) -> Answer:
    tried = [attempt for attempt in bucket.attempts if attempt.caller in _OUTSIDERS]
    done = [a for a in tried if a.state == "allowed" and not (a.command == "SELECT" and bucket.public)]
    place = _place(bucket, database, done)
    if not done:
        if lost := [attempt for attempt in tried if attempt.state == "error"]:
            return Answer(place.subject, State.UNKNOWN, f"{lost[0].command} as {lost[0].caller}: {lost[0].seen}", place)
        return Answer(place.subject, State.OK, "strangers cannot touch an object of somebody else", place)
    writes = [attempt for attempt in done if attempt.command != "SELECT"]
    verbs = list(dict.fromkeys(attempt.command for attempt in done))
    who = "anon" if any(attempt.caller == "anon" for attempt in done) else "a signed-in stranger"
    words = {"SELECT": "read", "UPDATE": "overwrite", "DELETE": "delete"}
    return Answer(
        place.subject,
        State.FAIL,
        f"{who} can {' and '.join(words[verb] for verb in verbs)} a file of another user",
        place,
        severity=None if writes else Severity.MEDIUM,
        confidence=Confidence.PROVED,
        proof=Proof(done[-1].script, done[-1].seen, f"ERROR 42501, or {done[-1].command} of 0 rows"),
        evidence=" ".join(verbs).lower(),
    )


def _place(bucket: BucketProbe, database: Database, done: list[Attempt]) -> DbObject:
    """The policy that let it through, as far as one names the bucket or none at all."""
    commands = {"all", *(attempt.command.lower() for attempt in done)}
    for policy in policies_on(database, "storage.objects") if done else ():
        text = " ".join(policy.clauses)
        if policy.command in commands and (bucket.bucket in text or "bucket_id" not in text):
            return DbObject("bucket", bucket.bucket, _PG_POLICY, policy.oid)
    return DbObject("bucket", bucket.bucket)
