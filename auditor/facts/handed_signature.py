"""Calls that are not followed and are handed a webhook's signature: they may well verify who sent the event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.symbols import Site
from auditor.facts.syntax import text_of

if TYPE_CHECKING:
    from auditor.facts.reach import Call

_SIGNATURE = re.compile(r"\w*(?:signature|sig_header|sigHeader)\w*", re.IGNORECASE)
_SAYS = re.compile(r"(?:^|[._])(?:log\w*|print|debug|info|warn\w*|error|exception|console)\b", re.IGNORECASE)


def takes_signature(call: Call) -> bool:
    """`checkout.handle_webhook(body, signature)` of a library: the body and what was sent to prove it."""
    given = call.node.child_by_field_name("arguments")
    values = [each.child_by_field_name("value") or each for each in given.named_children] if given is not None else []
    if isinstance(call.target, Site) or len(values) < 2 or _SAYS.search(call.name):  # noqa: PLR2004 - body and signature
        return False
    return any(each.type == "identifier" and _SIGNATURE.fullmatch(text_of(each)) for each in values)
