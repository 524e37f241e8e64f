"""What `supabase/config.toml` says about exposure: the API's schemas, and whether new tables are exposed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace

_DEFAULT_SCHEMAS = ("public", "graphql_public")


@dataclass(frozen=True, slots=True)
class Exposure:
    """`schemas` are served by the API; `legacy` says that new tables are granted to the API roles by default.

    `reason` is the sentence that the report prints, because a guess must be visible.
    """

    schemas: tuple[str, ...]
    legacy: bool
    reason: str


def read_exposure(config: str | None, grants: str | None = None) -> Exposure:
    """The exposure under a config.toml's text; without one the defaults of the hosted platform until 2026.

    `grants`, `legacy` or `explicit`, is the user's own word on the default grants.
    """
    found = _read(config)
    return replace(found, legacy=grants == "legacy", reason=f"--grants {grants}") if grants else found


def _read(config: str | None) -> Exposure:
    try:
        api = tomllib.loads(config).get("api", {}) if config else {}
    except (ValueError, RecursionError) as error:
        return Exposure(_DEFAULT_SCHEMAS, legacy=True, reason=f"config.toml does not parse ({error}); defaults assumed")
    api = api if isinstance(api, dict) else {}
    schemas = api.get("schemas")
    chosen = tuple(str(name) for name in schemas) if isinstance(schemas, list) and schemas else _DEFAULT_SCHEMAS
    if "auto_expose_new_tables" in api:
        legacy = api["auto_expose_new_tables"] is not False
        return Exposure(chosen, legacy, f"config.toml sets auto_expose_new_tables = {str(legacy).lower()}")
    return Exposure(chosen, legacy=True, reason="new tables assumed to be granted to the API roles, as until 2026")
