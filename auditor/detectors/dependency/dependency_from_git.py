"""Dependencies that come from a git repository or an address instead of a registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.detectors.audited import line_answer
from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.facts.lock_manifests import Wanted
    from auditor.model import Answer
    from auditor.sources.packages import Packages
    from auditor.sources.repository import Repository

_COMMIT = re.compile(r"[#@/=][0-9a-f]{40}(?:$|[^0-9a-f])")
_ADDRESS = re.compile(
    r"git(?:\+\w+)?[:+@]|github:|gitlab:|bitbucket:|gist:|(?:@\s*)?(?:git|hg)\+|(?:@\s*)?https?://|url\+|[\w.-]+/[\w.-]+(?:#\S+)?$"
)


def ask(_: Repository, packages: Packages) -> Iterator[Answer]:
    for manifest in packages.manifests:
        for wanted in manifest.wanted:
            fault = _fault(wanted)
            severity = Severity.INFO if wanted.dev or _COMMIT.search(wanted.spec) else None
            subject = f"requirement {manifest.path}:{wanted.name}"
            yield line_answer(subject, manifest.path, wanted.line, fault, severity, "not from a registry")


def _fault(wanted: Wanted) -> str:
    if not _ADDRESS.match(wanted.spec.strip()):
        return ""
    pinned = "at one commit" if _COMMIT.search(wanted.spec) else "and names no commit"
    return f"{wanted.name} comes from an address {pinned}: no advisory is about it, and no registry keeps it"
