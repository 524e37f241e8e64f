"""Secrets: what is found, what must stay silent, and that no report shows a value."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from auditor.detectors.ask import ask_files
from auditor.facts.secret_formats import find_tokens
from auditor.facts.secret_jwts import find_api_keys
from auditor.facts.secret_names import find_assigned, is_secret_name
from auditor.facts.secret_urls import find_database_urls
from auditor.facts.secrets import redact
from auditor.judge import judge_rule
from auditor.model import Answer, Severity, State
from auditor.plan import needs
from auditor.report_builder import build_findings
from auditor.rulebook import load_rulebook
from auditor.sources.repository import read_repository
from tests.secret_samples import HEX, KEYS, LOWER, jwt, noise, pem

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
RULES = [page.id for page in load_rulebook().pages if needs(page) == ("repository",) and page.kind == "secret"]


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_told_by_its_format(kind: str) -> None:
    name = "TWILIO_AUTH_TOKEN" if "Twilio" in kind else "DISCORD"
    text = f'const {name} = "{KEYS[kind]}";\n'
    assert [(found.kind, found.value) for found in find_tokens(text)] == [(kind, KEYS[kind])]
    assert KEYS[kind] not in redact(text)
    assert f"{KEYS[kind][:4]}…{KEYS[kind][-2:]}" in redact(text)


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("GEMINI_API_KEY=", "AIza" + noise(35)),
        ("mailgun: { apiKey: '", f"key-{noise(32, HEX)}"),
        ("MAILCHIMP_KEY=", f"{noise(32, HEX)}-us14"),
        ("POSTMARK_SERVER_TOKEN=", "8f2c1d7e-4b6a-4c3d-9e5f-71a2b8c94d06"),
        ("DEEPSEEK_API_KEY=", f"sk-{noise(32, HEX)}"),
        ("DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=", noise(86) + "=="),
        ("CLOUDINARY_URL=cloudinary://735190284673519:", noise(27) + "@shop"),
    ],
)
def test_a_key_is_told_by_its_format_and_the_name_around_it(before: str, value: str) -> None:
    found = list(find_tokens(f"{before}{value}\n"))
    assert [value.startswith(item.value) for item in found] == [True]
    assert not list(find_tokens(f"ID={value.partition('@')[0]}\n"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAPBOX_ACCESS_TOKEN", "pk." + noise(60) + "." + noise(22)),
        ("DATADOG_CLIENT_TOKEN", "pub" + noise(32, HEX)),
        ("USDC_TOKEN", "0x" + noise(40, HEX)),
        ("TOKEN_ADDRESS", noise(44)),
        ("ALGOLIA_SEARCH_API_KEY", noise(32, HEX)),
        ("SECRET_KIND", "SECRET_KIND_API_KEY_V2_2024"),
        ("DB_PASSWORD", f"ENC[AES256_GCM,data:{noise(24)}]"),
        ("API_TOKEN", jwt(sub="1234567890", name="John Doe")),
        ("API_TOKEN", jwt(sub="5ebac534954b54139806c112", exp=1589300284)),
        ("SUPABASE_API_KEY", jwt(iss="supabase", ref=noise(20, LOWER), role="anon")),
        ("CI_SECRET", "ci-only-secret-a1b2c3d4e5f6"),
    ],
)
def test_public_values_under_the_name_of_a_secret(name: str, value: str) -> None:
    assert not list(find_assigned(f'{name} = "{value}"\n'))
    assert [token.name for token in find_assigned(f'APP_TOKEN = "{noise(40)}"\n')] == ["APP_TOKEN"]


def test_a_token_of_a_third_party_and_short_hexadecimal_keys() -> None:
    text = f'const apiToken = "{jwt(aud="94d59cef", jti=noise(40, HEX))}";\nconst adminKey = "{noise(20, HEX)}";\n'
    assert [assigned.name for assigned in find_assigned(text)] == ["apiToken", "adminKey"]


def test_what_a_finding_shows_of_a_settings_file_is_blacked_out() -> None:
    assert redact('{ "jwtKey": "supersecret", "port": "8080" }') == '{ "jwtKey": "…", "port": "8080" }'


def test_what_a_finding_shows_of_a_yaml_file_is_blacked_out() -> None:
    value = noise(40)
    assert value not in redact(f"app:\n  session_secret: {value}\n")


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" + noise(36),  # the checksum is wrong: nobody issued this
        "sk_live_" + "x" * 24,
        "sk_live_" + "1234567890" * 3,
        "sk_live_your" + noise(24),
        "pk_live_" + noise(24),
        f"sb_publishable_{noise(22)}_{noise(8)}",
        "AIza" + noise(35),
        "AKIA" + noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),  # an id without its secret
        "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY",
        "more_" + noise(8) + "_" + noise(24),  # ends in what would be Resend's prefix
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + noise(128) + "\n-----END PUBLIC KEY-----",
    ],
)
def test_what_is_no_key(text: str) -> None:
    assert list(find_tokens(f'x = "{text}"\n')) == []


def test_the_secret_beside_an_aws_key_id() -> None:
    secret = noise(38) + "/q"
    text = f'id = "AKIA{noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")}"\nsecret = "{secret}"\n'
    assert [found.value for found in find_tokens(text)] == [secret]
    assert list(find_tokens(text.replace("\n", "\n" * 8))) == []


@pytest.mark.parametrize(("kind", "start"), [("PRIVATE KEY", b"\x30"), ("OPENSSH PRIVATE KEY", b"openssh-key-v1\0")])
def test_a_private_key_is_blacked_out_line_by_line(kind: str, start: bytes) -> None:
    text = f"first\n{pem(kind, start)}\nlast\n"
    assert [found.kind for found in find_tokens(text)] == ["private key"]
    shown = redact(text).split("\n")
    assert len(shown) == len(text.split("\n"))
    assert not any(line in shown for line in text.split("\n")[2:-3])
    assert list(find_tokens(pem(kind, b"\x01"))) == []


def test_a_google_service_account() -> None:
    text = json.dumps({"type": "service_account", "private_key": pem("PRIVATE KEY", b"\x30")})
    assert [found.kind for found in find_tokens(text)] == ["Google service account key"]


@pytest.mark.parametrize(
    ("payload", "roles"),
    [
        ({"iss": "supabase", "role": "service_role", "ref": "abcdefghijklmnopqrst"}, ["service_role"]),
        ({"iss": "supabase", "role": "anon"}, ["anon"]),
        ({"iss": "supabase-demo", "role": "service_role"}, []),
        ({"iss": "https://accounts.acme.io", "role": "service_role"}, []),
        ({"sub": "1234567890", "name": "John Doe"}, []),
    ],
)
def test_the_role_of_a_token(payload: dict[str, object], roles: list[str]) -> None:
    assert [key.role for key in find_api_keys(f'"{jwt(**payload)}"')] == roles


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("postgresql://app:Tr7vQ2mZ9k@db.acme.io:5432/app", False),
        ("postgresql://postgres.abcdefgh:Tr7vQ2mZ9k@aws-0-eu-west-1.pooler.supabase.com/postgres", False),
        ("redis://:Tr7vQ2mZ9k@cache.acme.io", False),
        ("mongodb+srv://app:Tr7vQ2mZ9k@cluster0.abcde.mongodb.net", False),
        ("amqps://app:Tr7@vQ2mZ9k@mq.acme.io", False),
        ("mysql://app:Tr7vQ2mZ9k@127.0.0.1/app", True),
        ("mysql://app:Tr7vQ2mZ9k@mysql/app", True),
        ("postgresql://app:mylocalpassword7@localhost/app", None),
        ("postgresql://app@db.acme.io/app", None),
        ("postgresql://postgres:postgres@db.acme.io/app", None),
        ("postgresql://app:${PASSWORD}@db.acme.io/app", None),
        ("postgresql://app:<password>@db.acme.io/app", None),
        ("postgresql://app:your-password@db.acme.io/app", None),
        ("postgresql://app:Tr7vQ2mZ9k@db.example.com/app", None),
        ("postgresql://app:Tr7vQ2mZ9k@<host>/app", None),
        ("postgresql://app:app@db.acme.io/app", None),
    ],
)
def test_a_database_url(url: str, local: bool | None) -> None:
    found = list(find_database_urls(f'url = "{url}"'))
    assert [item.local for item in found] == ([] if local is None else [local])
    assert all(item.password not in redact(url) and item.host in redact(url) for item in found)


@pytest.mark.parametrize(
    "line",
    [
        'const secretLabel = "q7Zp2vLk9XwT4rBn8sYd";',
        'const tokenHash = "q7Zp2vLk9XwT4rBn8sYd";',
        'const csrfToken = "q7Zp2vLk9XwT4rBn8sYd";',
        'const color = "q7Zp2vLk9XwT4rBn8sYd";',
        "const accessToken = process.env.ACCESS_TOKEN_2024_01;",
        'const secret = "https://acme.io/secrets/2024/01/list";',
        'passwordTooShort: "password-must-have-at-least-12-characters",',
        'const apiKey = "aaaaaaaaaaaaaaaaaaaaaaaa11";',
        'const token = "0123456789abcdef0123456789abcdef";',
        'const token = "2024-01-01T00:00:00.000Z";',
        'tokenizerModel: "gpt-3.5-turbo-0613-q7Zp2vLk9XwT",',
    ],
)
def test_what_is_no_random_secret(line: str) -> None:
    assert list(find_assigned(line)) == []


def test_a_random_value_under_the_name_of_a_secret() -> None:
    for line in (
        'apiKey: "q7Zp2vLk9XwT4rBn8sYd"',
        "jwt_secret = 'q7Zp2vLk9XwT4rBn8sYd'",
        'x["token"]="q7Zp2vLk9XwT4rBn8sYd"',
    ):
        assert len(list(find_assigned(line))) == 1, line
    assert list(find_assigned('token = "q7Zp2vLk9XwT4rBn8sYd"' + " " * 3000)) == [], "a minified line"
    assert is_secret_name("SUPABASE_SERVICE_ROLE_KEY")
    assert not is_secret_name("tokenUrl")


def _failed(root: Path) -> list[tuple[str, Answer]]:
    repository, book = read_repository(root), load_rulebook()
    asked = [(rule, ask_files(page, repository)) for rule in RULES if (page := book.page(rule))]
    assert not [answers.unavailable for _, answers in asked if answers.unavailable]
    return [(rule, row) for rule, answers in asked for row in answers.answers if row.state is State.FAIL]


def test_a_value_without_quotes_in_a_pipeline(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text(
        "env:\n  JWT_SECRET: q7Zp2vLk9XwT4rBn8sYd\n  API_TOKEN: ${{ secrets.API_TOKEN_20 }}\n"
    )
    found = [(rule, row.span.line, row.severity) for rule, row in _failed(tmp_path) if row.span]
    assert found == [("hardcoded-provider-token", 2, Severity.MEDIUM)]


def test_the_fixtures() -> None:
    assert _failed(FIXTURES / "sound") == []
    found = [(rule, row.span.path, row.span.line) for rule, row in _failed(FIXTURES / "leaky") if row.span]
    assert ("hardcoded-database-url", "src/lib/db.ts", 4) in found


@pytest.mark.parametrize("name", ["pnpm-lock.yaml", "app.min.js", "a.svg", "node_modules/a/index.js", "a.js.map"])
def test_files_that_nobody_wrote_are_no_subjects(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(f'const key = "{KEYS["Stripe live secret key"]}";\n')
    assert _failed(tmp_path) == []


def test_what_cannot_be_read_is_unknown_only_where_somebody_wrote_it(tmp_path: Path) -> None:
    for name in ("a.ts", ".env", "a.png", "a.data"):
        (tmp_path / name).write_bytes(b"\xfe\xfd\x00key")
    page = load_rulebook().page("hardcoded-provider-token")
    assert page
    rows = ask_files(page, read_repository(tmp_path)).answers
    assert [(row.subject, row.state) for row in rows] == [("file .env", State.UNKNOWN), ("file a.ts", State.UNKNOWN)]


def test_one_level_lower_in_tests_and_templates(tmp_path: Path) -> None:
    for name in ("src/a.ts", "tests/a.ts", ".env.example"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f'KEY="{KEYS["Stripe live secret key"]}"\n')
    severities = {row.subject: row.severity for rule, row in _failed(tmp_path) if rule == "hardcoded-provider-token"}
    assert severities == {
        "file .env.example": Severity.HIGH,
        "file src/a.ts": Severity.CRITICAL,
        "file tests/a.ts": Severity.HIGH,
    }


def test_a_secret_is_no_name_of_another(tmp_path: Path) -> None:
    tokens = ["sbp_" + noise(40, "fedcba9876543210"), KEYS["Supabase access token"], noise(40)]
    (tmp_path / "a.yml").write_text(f"{tokens[0]}: {tokens[1]}\n{tokens[2]}: {KEYS['Neon key']}\n")
    rows = [row for _, row in _failed(tmp_path)]
    assert rows
    assert not [token for token in tokens for row in rows if token in row.detail + row.evidence]


def test_without_git_an_env_file_is_unknown_and_untracked_is_fine(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SESSION_SECRET=q7Zp2vLk9XwT4rBn8sYd\n")
    page = load_rulebook().page("env-file-tracked")
    assert page

    def state() -> list[State]:
        return [row.state for row in ask_files(page, read_repository(tmp_path)).answers]

    assert read_repository(tmp_path).tracked is None
    assert state() == [State.UNKNOWN]
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    assert state() == [State.OK]
    subprocess.run(["git", "add", ".env"], cwd=tmp_path, check=True)
    assert read_repository(tmp_path).tracked == frozenset({".env"})
    assert state() == [State.FAIL]


def test_no_report_shows_a_value(tmp_path: Path) -> None:
    values = [*KEYS.values(), jwt(iss="supabase", role="service_role"), "Tr7vQ2mZ9k", "q7Zp2vLk9XwT4rBn8sYd"]
    lines = [f'const TWILIO_AUTH_TOKEN = "{value}";' for value in values[:-2]]
    lines += ['const url = "postgresql://app:Tr7vQ2mZ9k@db.acme.io/app";', 'const apiSecret = "q7Zp2vLk9XwT4rBn8sYd";']
    (tmp_path / "a.ts").write_text("// DISCORD\n" + "\n".join(lines) + "\n" + pem("PRIVATE KEY", b"\x30") + "\n")
    (tmp_path / ".env").write_text("SESSION_SECRET=q7Zp2vLk9XwT4rBn8sYd\nDB_PASSWORD=kQ7x2!mRz9\n")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    repository, book = read_repository(tmp_path), load_rulebook()
    pages = [page for rule in RULES if (page := book.page(rule))]
    ruled = [judge_rule(page, ask_files(page, repository), {}) for page in pages]
    findings = build_findings(ruled, {}, repository.text)
    text = "\n".join(finding.model_dump_json() for finding in findings)
    assert len(findings) >= len(values)
    assert not [value for value in (*values, "kQ7x2!mRz9") if value in text]
    assert not [line for line in pem("PRIVATE KEY", b"\x30").split("\n")[1:-1] if line in text]
    assert not [value for value in values for rule in ruled for row in rule.open if value in row.evidence + row.detail]


@pytest.mark.parametrize(
    "part",
    [
        "eyJ", "twilioauth", "-----BEGIN PRIVATE KEY-----", "postgres://a:b", "sk-T3BlbkFJ", "=' ", "A=", "xapp-1-A",
        "AKIA" + noise(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") + " ", 'token="q7Zp2vLk9XwT4rBn8sYd";', "@",
        "= \t", "re_a_",
        "TOKEN=q7Zp2vLk9XwT4rBn8sYd\n", "eyJa.eyJ", "PUBLIC_", ":AA1 iscord MA", "redis://:x@",
    ],
)  # fmt: skip
def test_no_file_takes_long(tmp_path: Path, part: str) -> None:
    (tmp_path / "a.ts").write_text(part * (200_000 // len(part)))
    (tmp_path / ".env").write_text("A=" + part * (200_000 // len(part)))
    started = time.monotonic()
    _failed(tmp_path)
    redact((tmp_path / "a.ts").read_text())
    assert time.monotonic() - started < 15


def test_ordinary_text_is_left_as_it_is() -> None:
    text = "API_KEY: z.string(),\nAUTH_SECRET: zIdTokenSecretAlg,\nconst token = await getToken();\n"
    text += 'create table tokens (id uuid);\nPORT=3000\nTOKEN_TTL=3600\nKEY="<key>"\n'
    assert redact(text) == text
