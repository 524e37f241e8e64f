"""Why a migration's statement failed, and which extension the dashboard would have switched on for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditor.facts.statements import mentioned_relations, relation_name

if TYPE_CHECKING:
    from auditor.facts.statements import Statement

_DATA = {"insert_stmt", "update_stmt", "delete_stmt", "copy_stmt", "select_stmt", "merge_stmt"}
_ALREADY = {"42P07", "42710", "42723", "42P06", "42701", "42P03", "42P04", "42P05", "42P16"}
_MISSING = {"42P01", "42703", "42704", "42883", "3F000", "42P10"}
_SYNTAX = {"42601", "42P02"}
_LIMIT = {"57014", "57P01", "53100", "53200", "53400", "54001"}
_SCHEMAS = {
    "cron": "pg_cron",
    "net": "pg_net",
    "pgmq": "pgmq",
    "pgsodium": "pgsodium",
    "vault": "supabase_vault",
}
_TYPES = {
    "vector": "vector", "halfvec": "vector", "sparsevec": "vector", "geometry": "postgis", "geography": "postgis",
    "citext": "citext", "ltree": "ltree", "hstore": "hstore", "http_request": "http", "http_response": "http",
}  # fmt: skip
_FUNCTIONS = {
    "moddatetime": "moddatetime", "unaccent": "unaccent", "similarity": "pg_trgm", "word_similarity": "pg_trgm",
    "http_get": "http", "http_post": "http", "uuid_generate_v4": "uuid-ossp", "uuid_generate_v1": "uuid-ossp",
    "gen_random_bytes": "pgcrypto", "crypt": "pgcrypto", "gen_salt": "pgcrypto",
    "digest": "pgcrypto", "hmac": "pgcrypto",
    "levenshtein": "fuzzystrmatch", "soundex": "fuzzystrmatch", "dmetaphone": "fuzzystrmatch",
    "json_matches_schema": "pg_jsonschema", "jsonb_matches_schema": "pg_jsonschema", "st_point": "postgis",
    "st_makepoint": "postgis", "st_distance": "postgis", "st_dwithin": "postgis", "id_encode": "pg_hashids",
}  # fmt: skip
# The field of the grammar's node that names the relation which a statement changes.
_HOLDS_RELATION = {
    "alter_table_stmt": "relation", "create_stmt": "relation", "index_stmt": "relation", "rename_stmt": "relation",
    "create_policy_stmt": "table", "alter_policy_stmt": "table", "view_stmt": "view",
}  # fmt: skip
_PATTERNS = (
    (re.compile(r'schema "(\w+)" does not exist'), _SCHEMAS),
    (re.compile(r'type "(?:\w+\.)?(\w+)(?:\[\])?" does not exist'), _TYPES),
    (re.compile(r"function (?:\w+\.)?(\w+)\("), _FUNCTIONS),
    (
        re.compile(r'operator class "(?:\w+\.)?(gin_trgm_ops|gist_trgm_ops)"'),
        dict.fromkeys(("gin_trgm_ops", "gist_trgm_ops"), "pg_trgm"),
    ),
    (re.compile(r'extension "([\w-]+)" does not exist'), None),
)


def doubtful(statement: Statement) -> frozenset[str]:
    """Relations whose state is not known because this statement failed, as `schema.name`; names alone out of DO."""
    kind = statement.kind
    if kind in _HOLDS_RELATION:
        relation = getattr(statement.body, _HOLDS_RELATION[kind])
        return frozenset({relation_name(relation)} if relation.relname else ())
    if kind in {"drop_stmt", "grant_stmt"}:
        return frozenset(mentioned_relations(statement.node))
    if kind == "do_stmt":  # what it would have done is not known: every table that it names
        return frozenset(re.findall(r"[a-z_][a-z0-9_]*", statement.text.lower()))
    return frozenset()


def extension_for(sqlstate: str, message: str) -> str | None:
    """The extension whose absence explains an error: the project switched it on outside its migrations."""
    if sqlstate not in {"3F000", "42704", "42883"}:
        return None
    for pattern, table in _PATTERNS:
        if match := pattern.search(message):
            return match[1] if table is None else table.get(match[1].lower())
    return None


def cause_of(statement: Statement, sqlstate: str, message: str) -> str:
    """The group that a failure belongs to, as the report names it."""
    if sqlstate in _SYNTAX:
        return "syntax error"
    if sqlstate in _LIMIT:
        return "limit reached"
    if statement.kind in _DATA:
        return "seed data"
    if sqlstate in _ALREADY and "already" in message:
        return "already exists"
    if sqlstate in _MISSING:
        return "refers to something that does not exist"
    return "needs a superuser" if sqlstate == "42501" else "rejected"
