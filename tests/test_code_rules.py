"""What the pages of rules on code cannot show: subjects, severities, confidences, and both fixtures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.detectors.code import api_key_stored_in_clear, jwt_not_verified, n_plus_one_read, weak_secret_fallback
from auditor.facts.environment_reads import is_secret_variable
from auditor.facts.tables import prisma_tables, sql_tables
from auditor.model import Confidence, FileSpan, Severity, State
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from types import ModuleType

    from auditor.model import Answer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
RULES = (api_key_stored_in_clear, jwt_not_verified, n_plus_one_read, weak_secret_fallback)
KEYS = "supabase/migrations/20250203140000_webhooks_and_api_keys.sql"


def _ask(rule: ModuleType, root: Path) -> list[Answer]:
    repository = read_repository(root)
    return list(rule.ask(repository, read_code(repository)))


def _write(root: Path, **files: str) -> Path:
    """Files whose names are given with `__` for a slash."""
    for name, text in files.items():
        stem, _, suffix = name.replace("__", "/").rpartition("_")
        path = root / f"{stem}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _failed(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.state is State.FAIL]


def _places(answers: list[Answer]) -> list[tuple[str, str]]:
    """Path and blamed line of each failed row in the leaky fixture, so that a moved line is no failure."""
    found = []
    for answer in _failed(answers):
        assert isinstance(answer.where, FileSpan)
        lines = (FIXTURES / "leaky" / answer.where.path).read_text().splitlines()
        found.append((answer.where.path, lines[answer.where.line - 1].strip()))
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.rpartition(".")[2])
def test_the_sound_fixture_passes_and_has_subjects(rule: ModuleType) -> None:
    answers = _ask(rule, FIXTURES / "sound")
    assert not _failed(answers)
    assert any(answer.state is State.OK for answer in answers)


def test_planted_faults_are_found() -> None:
    reads = _places(_ask(n_plus_one_read, FIXTURES / "leaky"))
    assert [path for path, _ in reads] == [
        "src/routes/members.ts", "src/routes/organizations.ts", "src/routes/organizations.ts", "src/routes/projects.ts",
    ]  # fmt: skip
    assert all("prisma." in line for _, line in reads)
    fallbacks = _places(_ask(weak_secret_fallback, FIXTURES / "leaky"))
    assert [path for path, _ in fallbacks] == ["src/lib/env.ts", "src/routes/members.ts"]
    assert _places(_ask(jwt_not_verified, FIXTURES / "leaky")) == [
        ("src/middleware/auth.ts", "const claims = decodeJwt(token)")
    ]


def test_a_key_in_clear_is_one_row_at_the_migration_that_makes_it() -> None:
    failed = _failed(_ask(api_key_stored_in_clear, FIXTURES / "leaky"))
    assert [answer.subject for answer in failed] == ["table api_keys"]
    assert _places(failed) == [(KEYS, "key text not null unique,")]
    assert failed[0].confidence is None, "the code that stores and looks it up makes it more than suspected"


def test_subjects_are_unique_and_without_line_numbers(tmp_path: Path) -> None:
    body = "".join(f"  await prisma.user.findUnique({{ where: {{ id: rows[{n}].id }} }});\n" for n in range(3))
    code = f"export async function load(rows) {{\n{body}}}\n"
    first = [answer.subject for answer in _ask(n_plus_one_read, _write(tmp_path / "a", src__a_ts=code))]
    moved = [answer.subject for answer in _ask(n_plus_one_read, _write(tmp_path / "b", src__a_ts="\n\n\n" + code))]
    assert first == moved
    assert first == [f"read of user in src/a.ts:load{end}" for end in ("", "#2", "#3")]


def test_a_file_that_is_not_read_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(b"process.env.JWT_SECRET \xff\xfe")
    for rule in (jwt_not_verified, n_plus_one_read, weak_secret_fallback):
        assert [answer.state for answer in _ask(rule, tmp_path)] == [State.UNKNOWN]
    assert not _ask(api_key_stored_in_clear, tmp_path), "no table of keys: not applicable rather than unknown"


def test_a_fallback_is_never_printed(tmp_path: Path) -> None:
    _write(tmp_path, src__env_ts='export const s = process.env.JWT_SECRET || "tr0ub4dor";')
    (answer,) = _ask(weak_secret_fallback, tmp_path)
    assert answer.severity is Severity.HIGH
    assert "9 characters" in answer.detail
    assert "tr0ub4dor" not in f"{answer.detail} {answer.evidence} {answer.subject}"


def test_keys_of_other_services_weigh_less(tmp_path: Path) -> None:
    _write(tmp_path, src__env_ts='mail(process.env.MAIL_API_KEY ?? "k-93af02cd");')
    (answer,) = _ask(weak_secret_fallback, tmp_path)
    assert (answer.state, answer.severity) == (State.FAIL, Severity.MEDIUM)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("JWT_SECRET", True), ("DB_PASSWORD", True), ("STRIPE_SECRET_KEY", True), ("ACCESS_TOKEN_PRIVATE_KEY", True),
        ("JWT_SECRET_2", True), ("TOKEN_URL", False), ("MAX_TOKENS", False), ("SALT_ROUNDS", False), ("APP_ENV", False),
        ("NEXT_PUBLIC_TOKEN", False), ("SUPABASE_ANON_KEY", False), ("PASSWORD_RESET_TTL", False),
        ("TEST_PASSWORD", False),
    ],
)  # fmt: skip
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_variable(name) is secret


def test_a_chain_of_fallbacks_is_one_finding(tmp_path: Path) -> None:
    _write(tmp_path, src__env_ts='const s = process.env.JWT_SECRET || process.env.AUTH_SECRET || "x";')
    assert [answer.state for answer in _ask(weak_secret_fallback, tmp_path)] == [State.FAIL, State.OK]


@pytest.mark.parametrize(
    ("body", "severity", "confidence"),
    [
        ("req.user = { id: jwt.decode(req.headers.token).sub };", Severity.CRITICAL, None),
        ("return jwt.decode(token).sub;", Severity.HIGH, None),
        ("return format(jwt.decode(token));", Severity.MEDIUM, Confidence.SUSPECTED),
        ("return jwt.verify(token, key, { ignoreExpiration: true });", Severity.HIGH, None),
    ],
)
def test_a_token_weighs_by_its_use(
    tmp_path: Path, body: str, severity: Severity, confidence: Confidence | None
) -> None:
    _write(tmp_path, src__a_ts=f'import jwt from "jsonwebtoken";\nexport function f(req, token) {{ {body} }}\n')
    (answer,) = _ask(jwt_not_verified, tmp_path)
    assert (answer.state, answer.severity, answer.confidence) == (State.FAIL, severity, confidence)


def test_decode_of_another_library_is_no_token(tmp_path: Path) -> None:
    _write(tmp_path, src__a_ts='import { decode } from "base64";\nexport const f = (req) => decode(req.body).sub;\n')
    assert not _ask(jwt_not_verified, tmp_path)


def test_reads_that_prisma_joins_are_a_note(tmp_path: Path) -> None:
    _write(tmp_path, src__a_ts="rows.map((row) => prisma.user.findUnique({ where: { id: row.id } }).posts());")
    (answer,) = _ask(n_plus_one_read, tmp_path)
    assert (answer.state, answer.severity) == (State.FAIL, Severity.INFO)


@pytest.mark.parametrize(
    "path", ["scripts__fix_ts", "prisma__seed_ts", "src__cron__daily_ts", "tests__a_ts", "src__x.test_ts"]
)
def test_reads_outside_requests_are_no_subjects(tmp_path: Path, path: str) -> None:
    _write(tmp_path, **{path: "for (const row of rows) await prisma.user.findUnique({ where: { id: row.id } });"})
    assert not _ask(n_plus_one_read, tmp_path)


def test_without_code_that_touches_it_a_key_in_clear_is_suspected(tmp_path: Path) -> None:
    _write(tmp_path, prisma__schema_prisma="model ApiKey {\n  id String @id\n  key String @unique\n}\n")
    (answer,) = _ask(api_key_stored_in_clear, tmp_path)
    assert (answer.state, answer.confidence) == (State.FAIL, Confidence.SUSPECTED)


def test_later_migrations_count() -> None:
    files = {
        "1.sql": "create table a (id int, key text, note text default 'x, y)'); -- create table c (id int)",
        "2.sql": 'alter table "public"."a" rename column key to key_hash;\nalter table a add e varchar(9), drop note;',
        "3.sql": "create table b (id int); drop table if exists b;",
    }
    tables = sql_tables(files)
    assert list(tables) == ["a"]
    assert list(tables["a"].columns) == ["id", "key_hash", "e"]
    assert (tables["a"].columns["e"].path, tables["a"].columns["e"].line) == ("2.sql", 2)


def test_names_that_prisma_maps() -> None:
    text = 'model Key {\n  // note\n  apiKey String @map("api_key")\n  tags String[]\n  @@map("keys")\n}\n'
    (table,) = prisma_tables("schema.prisma", text)
    assert (table.name, table.code) == ("keys", "Key")
    column = table.columns["api_key"]
    assert (column.code, column.type, column.line) == ("apiKey", "string", 3)
    assert table.columns["tags"].type == "list"


@pytest.mark.parametrize(("start", "found"), [("", 1), ('"use client";\n', 0)])
def test_components_of_the_server_are_asked(tmp_path: Path, start: str, found: int) -> None:
    body = "rows.map((row) => prisma.user.findFirst({ where: { id: row.id } }));"
    _write(tmp_path, app__page_tsx=f"{start}export default async function Page() {{ {body} return <p />; }}")
    assert len(_failed(_ask(n_plus_one_read, tmp_path))) == found
