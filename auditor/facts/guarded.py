"""Every endpoint with the controls in front of it: the rows of the report's endpoint table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.facts.audited_tables import audited_tables
from auditor.facts.declared_inputs import declared_schemas
from auditor.facts.delegates import delegate
from auditor.facts.endpoint_controls import audit_record, cross_origin, headers_of, server_headers, whole_servers
from auditor.facts.endpoint_data import reached, taken
from auditor.facts.helper_names import with_helpers
from auditor.facts.inputs import reads, unvalidated
from auditor.facts.owned_lookups import ownership
from auditor.facts.purposes import by_machine
from auditor.facts.webhooks import receiver, signature
from auditor.listed import EndpointRow
from auditor.model import Control, Presence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.facts.endpoints import Endpoint
    from auditor.facts.inventory import Inventory

_NOTHING = Control(Presence.NOT_APPLICABLE)


def endpoint_rows(inventory: Inventory, asked: Sequence[Endpoint] | None = None) -> list[EndpointRow]:
    """One row for each of these endpoints, of all that are asked about without any."""
    whole, headers, audited = _of_servers(inventory)
    return [
        EndpointRow(
            unit=endpoint.unit,
            method=endpoint.method,
            path=endpoint.address,
            framework=endpoint.framework,
            where=endpoint.where,
            controls={
                "auth": inventory.authentication(endpoint),
                "validation": validation(inventory, endpoint),
                "rate_limit": inventory.rate_limit(endpoint),
                "signature": signature(inventory, endpoint) if receiver(inventory, endpoint) else _NOTHING,
                "ownership": ownership(inventory, endpoint)[0],
                "audit": audit_record(inventory, endpoint, audited),
                "cors": cross_origin(inventory, endpoint, whole),
                "headers": headers_of(endpoint, headers),
            },
            inputs=taken(inventory, endpoint),
            data=reached(inventory, endpoint),
        )
        for endpoint in (inventory.asked if asked is None else asked)
    ]


def _of_servers(inventory: Inventory) -> tuple[dict[str, str], dict[str, Control], set[str]]:
    """What whole servers set, and the tables whose changes triggers record."""
    if _of_servers not in inventory.memory:
        code = inventory.reacher.symbols.code
        found = whole_servers(code, inventory), server_headers(code, inventory), audited_tables(inventory.given)
        inventory.memory[_of_servers] = found
    known: tuple[dict[str, str], dict[str, Control], set[str]] = inventory.memory[_of_servers]
    return known


def validation(inventory: Inventory, endpoint: Endpoint) -> Control:
    """Whether everything that the endpoint takes goes through a schema, or through a helper that is declared so."""
    found = _validation(inventory, endpoint)
    if found.presence is Presence.NOT_APPLICABLE:
        return found
    return with_helpers(inventory.reacher, endpoint, inventory.helpers.validation, found)


def _validation(inventory: Inventory, endpoint: Endpoint) -> Control:
    if delegate(inventory.reacher, endpoint) is not None:
        return _NOTHING  # the library reads the request, and validates it as it wants
    if endpoint.handler is None:
        return Control(Presence.UNRESOLVED, endpoint.lost)
    schemas = declared_schemas(inventory.reacher, endpoint)
    found = reads(inventory.reacher, endpoint)
    if not found and not schemas:
        return _NOTHING  # it takes nothing from the caller
    if not (left := unvalidated(found, schemas)):
        return Control(Presence.PRESENT, "every input goes through a schema")
    reason = _trusted(inventory, endpoint)
    return Control(Presence.PRESENT, reason) if reason else Control(Presence.ABSENT, left[0].kind)


def _trusted(inventory: Inventory, endpoint: Endpoint) -> str:
    """Why the input needs no schema: it comes from a sender who was verified."""
    if receiver(inventory, endpoint) and signature(inventory, endpoint).presence is Presence.PRESENT:
        return "the sender's signature is verified"
    access = inventory.authentication(endpoint)
    machine = access.presence is Presence.PRESENT and by_machine(endpoint, access.shows)
    return f"only a machine of our own calls it: {access.shows}" if machine else ""
