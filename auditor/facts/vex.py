"""OpenVEX and CycloneDX VEX: statements that a vulnerability does not affect a product, as suppressions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from auditor.facts.advisories import text_of, texts_of
from auditor.facts.lock_graph import NPM, PYPI, normalised, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLEARED = {"not_affected", "fixed", "false_positive", "resolved", "resolved_with_pedigree"}
_PURL = re.compile(r"pkg:(npm|pypi)/((?:%40|@)?[^@?#]+)(?:@([^?#]+))?", re.IGNORECASE)


class VexError(Exception):
    """A file that is no VEX document; the text says why."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A vulnerability, by all its names, does not affect these packages (glob of subjects; `*`: any), and why."""

    names: frozenset[str]
    subjects: tuple[str, ...]
    reason: str


def read_vex(text: str) -> list[Statement]:
    """The statements that clear something; what is affected or still looked into changes nothing. Raises VexError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise VexError("it is no JSON") from error
    if not isinstance(data, dict):
        raise VexError("it is no VEX document")
    try:
        if isinstance(data.get("statements"), list) and "openvex" in text_of(data.get("@context")):
            return list(_open_vex(data["statements"]))
        if data.get("bomFormat") == "CycloneDX":
            return list(_cyclonedx(data))
    except (TypeError, AttributeError, ValueError) as error:
        raise VexError("a statement of it cannot be read") from error
    raise VexError("it is neither OpenVEX nor CycloneDX")


def _open_vex(statements: list[Any]) -> Iterator[Statement]:
    for item in statements:
        if not isinstance(item, dict) or item.get("status") not in _CLEARED:
            continue
        fault = item.get("vulnerability")
        inner = fault if isinstance(fault, dict) else {"name": fault}
        names = {
            text_of(inner.get("name")),
            text_of(inner.get("@id")).rpartition("/")[2],
            *texts_of(inner.get("aliases")),
        }
        subjects = tuple(subject for product in item.get("products") or () for subject in _products(product))
        said = text_of(item.get("justification")) or text_of(item.get("impact_statement")) or str(item["status"])
        yield Statement(frozenset(names - {""}), subjects, f"VEX: {said}")


def _products(product: Any) -> Iterator[str]:  # noqa: ANN401 - JSON of any shape
    """The packages that a statement names: subcomponents of a product where it has some, else the product."""
    inner = product if isinstance(product, dict) else {"@id": product}
    for part in inner.get("subcomponents") or [inner]:
        identity = part.get("@id") if isinstance(part, dict) else part
        purl = table(part, "identifiers").get("purl") or identity
        yield subject_of(text_of(purl)) or "*"


def _cyclonedx(data: dict[str, Any]) -> Iterator[Statement]:
    purls = {text_of(part.get("bom-ref")): text_of(part.get("purl")) for part in _tables(data.get("components"))}
    for item in _tables(data.get("vulnerabilities")):
        analysis = table(item, "analysis")
        if analysis.get("state") not in _CLEARED:
            continue
        names = {text_of(item.get("id")), *(text_of(part.get("id")) for part in _tables(item.get("references")))}
        refs = [text_of(part.get("ref")) for part in _tables(item.get("affects"))]
        subjects = tuple(subject_of(purls.get(ref) or ref.rpartition("#")[2]) or "*" for ref in refs) or ("*",)
        said = text_of(analysis.get("justification")) or text_of(analysis.get("detail")) or str(analysis["state"])
        yield Statement(frozenset(names - {""}), subjects, f"VEX: {said}")


def _tables(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def subject_of(purl: str) -> str | None:
    """The subject of our rows that a package URL means, any version where it names none."""
    match = _PURL.match(purl)
    if match is None:
        return None
    name = unquote(match[2])
    npm = match[1].lower() == "npm"
    return f"package {NPM if npm else PYPI}:{name if npm else normalised(name)}@{unquote(match[3] or '*')}"
