"""Names that say what a table holds: a trail of who did what, or what only the privileged may change."""

from __future__ import annotations

import re

_TRAIL = re.compile(
    r"(?:^|[a-z])(?:audit(?:log|event|trail|entry|entrie|record|historie|history|logentry|logentrie)?"
    r"|(?:activity|adminactivity)(?:log|event|entry|entrie|record)|eventlog|securitylog|securityevent|adminlog|adminaction"
    r"|systemlog|(?:opera|operate|operation)(?:log|record))$",
)
_STRONG = re.compile(
    r"^(?:user|team|org|organization|organisation|workspace|project|tenant|company|account|group)?(?:member|membership)$"
    r"|^(?:user|team|org|organization|workspace|project|account|staff|company)?(?:role|permission|admin|adminuser)(?:assignment|grant)?$"
    r"|^rolepermission$|^userpermission$|apikey$|^apitoken$|^personalaccesstoken$|^serviceaccount$",
)
_WEAK = re.compile(
    r"^(?:user|account|profile|organization|organisation|org|workspace|team|tenant|company|subscription|plan|billing\w*"
    r"|invite|invitation|setting|featureflag|payment|refund|invoice|customer|policy|policie|group)$",
)


def folded(name: str) -> str:
    """One spelling for `audit_logs`, `AuditLog` and `auditLogs`."""
    return name.replace("_", "").lower().removesuffix("s")


def is_trail(name: str) -> bool:
    return bool(_TRAIL.search(folded(name)))


def is_privileged(name: str) -> bool:
    """Whether only somebody with a special role should change such rows: members, roles, keys."""
    return bool(_STRONG.search(folded(name)))


def is_sensitive(name: str) -> bool:
    """Whether such rows are changed by the privileged where an application knows roles at all."""
    return bool(_WEAK.search(folded(name)))
