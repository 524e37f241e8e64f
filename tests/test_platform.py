from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.facts.compose import ComposeError, read_services
from auditor.facts.dockerfile import final_user, read_stages
from auditor.facts.edge_authentication import sign_of, suggestive
from auditor.facts.edge_source import reach
from auditor.facts.supabase_config import line_of
from auditor.model import Answer, FileSpan, Severity, State
from auditor.sources.repository import read_repository

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).parent.parent / "fixtures"
RULES = (
    "compose_database_published", "edge_function_jwt_off", "auth_config_weak", "dockerfile_runs_as_root",
)  # fmt: skip


def _ask(rule: str, root: Path) -> list[Answer]:
    return list(importlib.import_module(f"auditor.detectors.repository.{rule}").ask(read_repository(root)))


def _asked(rule: str, root: Path, files: Mapping[str, str | bytes]) -> dict[str, Answer]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return {answer.subject.rpartition("#")[2]: answer for answer in _ask(rule, root)}


@pytest.mark.parametrize("rule", RULES)
def test_the_fixtures(rule: str) -> None:
    sound = _ask(rule, FIXTURES / "sound")
    assert sound
    assert {answer.state for answer in sound} == {State.OK}
    assert State.FAIL in {answer.state for answer in _ask(rule, FIXTURES / "leaky")}


@pytest.mark.parametrize("rule", RULES)
def test_nothing_of_the_kind_is_no_row(rule: str, tmp_path: Path) -> None:
    assert not _asked(rule, tmp_path, {"index.ts": "", "tests/compose.yml": "services: {db: {image: postgres}}"})


@pytest.mark.parametrize(
    ("ports", "address"),
    [
        ("['5432:5432']", ""), ("[5432:5432]", ""), ("['5432']", ""), ("['${PORT:-5432}:5432']", ""),
        ("['${PORT:?set it}:5432']", ""), ("['5432:5432/tcp']", ""), ("['127.0.0.1:5432:5432']", "127.0.0.1"),
        ("['127.0.0.1::5432']", "127.0.0.1"), ("['${DB:-127.0.0.1:5432}:5432']", "127.0.0.1"),
        ("['[::1]:5432:5432']", "::1"), ("[{target: 5432}]", ""), ("['${BIND:?}:5432:5432']", "${BIND:?}"),
        ("[{target: 5432, published: 5432, host_ip: 127.0.0.1}]", "127.0.0.1"),
    ],
)  # fmt: skip
def test_the_address_of_a_port(ports: str, address: str) -> None:
    (service,) = read_services(f"services:\n  db:\n    image: postgres\n    ports: {ports}\n")
    assert [(port.address, port.target, port.line) for port in service.ports] == [(address, "5432", 4)]


@pytest.mark.parametrize(
    ("service", "state", "severity"),
    [
        ("{image: redis, ports: ['6379:6379']}", State.FAIL, Severity.HIGH),
        ("{image: redis, ports: ['6379:6379'], command: redis-server --requirepass x}", State.FAIL, Severity.MEDIUM),
        ("{image: redis, ports: ['6379:6379'], command: redis-server /etc/redis.conf}", State.FAIL, Severity.MEDIUM),
        ("{image: mongo:8, ports: ['27017:27017']}", State.FAIL, Severity.HIGH),
        ("{image: mongo, ports: ['1'], environment: [MONGO_INITDB_ROOT_PASSWORD=x]}", State.FAIL, Severity.MEDIUM),
        ("{image: postgres, ports: ['1'], environment: {POSTGRES_HOST_AUTH_METHOD: trust}}", State.FAIL, Severity.HIGH),
        ("{image: 'minio/minio', ports: ['9000:9000']}", State.FAIL, Severity.LOW),
        ("{image: 'minio/minio', ports: ['9000:9000', '9001:9001']}", State.FAIL, Severity.MEDIUM),
        ("{image: postgres, ports: ['${BIND}:5432:5432']}", State.UNKNOWN, None),
        ("{image: postgres, ports: ['10.0.0.2:5432:5432']}", State.OK, None),
        ("{image: postgres, extends: {file: other.yml, service: db}}", State.UNKNOWN, None),
        ("{image: postgres, expose: ['5432']}", State.OK, None),
    ],
)  # fmt: skip
def test_a_store_of_a_deployed_file(service: str, state: State, severity: Severity | None, tmp_path: Path) -> None:
    text = f"services:\n  api: {{build: .}}\n  it: {service}\n"
    answer = _asked("compose_database_published", tmp_path, {"docker-compose.yml": text})["it"]
    assert (answer.state, answer.severity) == (state, severity)


def test_merges_extends_and_names_are_followed(tmp_path: Path) -> None:
    text = """\
x-open: &open
  ports: ["5432:5432"]
services:
  api: {build: .}
  db:
    <<: *open
    image: postgres
  base: {image: redis, ports: ["6379:6379"]}
  cache: {extends: base}
  redis-exporter: {build: ., ports: ["9121:9121"]}
  my-redis: {build: ., ports: ["6379:6379"]}
"""
    found = _asked("compose_database_published", tmp_path, {"compose.yaml": text})
    failed = {name: a.where for name, a in found.items() if a.state is State.FAIL}
    assert failed == {
        "db": FileSpan("compose.yaml", 2),
        "base": FileSpan("compose.yaml", 8),
        "cache": FileSpan("compose.yaml", 8),
        "my-redis": FileSpan("compose.yaml", 11),
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"services: [", "not valid YAML"), (b"a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"a: *nowhere\n", "not valid YAML"), (b"services: " + b"[" * 5000 + b"]" * 5000, "nested deeper"),
        (b"- " * 5000 + b"x", "nested deeper"), (b"? " * 5000 + b"x", "nested deeper"),
        (b"#" * 1_000_001, "larger than 1 MB"), (b"\xfe\xfd", "not valid UTF-8"), (b"a: \x07", "not valid YAML"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_parse_is_unknown(text: bytes, reason: str, tmp_path: Path) -> None:
    (answer,) = _asked("compose_database_published", tmp_path, {"compose.yml": text}).values()
    assert answer.state is State.UNKNOWN
    assert reason in answer.detail


def test_alias_bombs_cost_nothing() -> None:
    lists = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    merges = "".join(f"m{n}: &m{n}\n  <<: [*m{n - 1}, *m{n - 1}]\n" for n in range(1, 40))
    text = f"a0: &a0 x\nm0: &m0 {{image: postgres}}\n{lists}{merges}services:\n  db:\n    <<: *m39\n    ports: *a39\n"
    (service,) = read_services(text)
    assert service.image == "postgres"
    assert read_services("services: &s\n  <<: *s\n  db: &d {image: redis, extends: db, <<: *d}\n")


def test_too_deep_is_said() -> None:
    with pytest.raises(ComposeError, match="nested deeper"):
        read_services("\n".join(" " * n + "a:" for n in range(200)))


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("FROM node\nUSER node\n", "node"), ("FROM node AS a\nUSER app\nFROM a\n", "app"),
        ("FROM node AS a\nUSER app\nFROM a AS b\nFROM 1\n", "app"), ("FROM node AS a\nUSER app\nFROM node\n", ""),
        ("FROM node AS node\n", ""), ("ARG B=a\nFROM node AS a\nUSER app\nFROM --platform=$X ${B}\n", "app"),
        ("FROM node\nARG U=app\nUSER ${U}:${U}\n", "app:app"), ("FROM node\nENV U app\nUSER $U\n", "app"),
        ("FROM node\nUSER ${U:-root}\n", "root"), ("FROM node\nRUN a \\\n# b\n USER x\nUSER y\n", "y"),
        ("FROM node\nRUN cat <<A <<'B'\nUSER a\nA\nUSER b\nB\n", ""), ("from node\nuser node\n", "node"),
    ],
)  # fmt: skip
def test_the_user_of_the_last_stage(text: str, user: str) -> None:
    assert final_user(read_stages(text))[0] == user


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("FROM python:3.13\nUSER root\n", State.FAIL), ("FROM alpine\n", State.FAIL),
        ("FROM cgr.dev/chainguard/node\n", State.OK), ("FROM acme/base\n", State.UNKNOWN),
        ("FROM $BASE\n", State.UNKNOWN),
        ("FROM debian\nRUN apt-get install gosu\nENTRYPOINT ./start.sh\n", State.UNKNOWN),
        ('FROM debian\nENTRYPOINT ["gosu", "app", "api"]\n', State.OK), ("# nothing\n", State.UNKNOWN),
    ],
)  # fmt: skip
def test_dockerfiles(text: str, state: State, tmp_path: Path) -> None:
    (answer,) = _asked("dockerfile_runs_as_root", tmp_path, {"Dockerfile": text}).values()
    assert answer.state is state


@pytest.mark.parametrize(
    "text",
    [
        "const { data } = await supabase.auth.getUser(token)", "await jwtVerify(token, keys)",
        "stripe.webhooks.constructEvent(body, signature, secret)", "new Webhook(secret).verify(body, headers)",
        "if (body.secret !== process.env.API_ROUTE_SECRET) return",
        "const k = Deno.env.get('CRON_SECRET')\nif (k !== request.headers.get('x')) return",
        "if (h !== `Bearer ${Deno.env.get('SUPABASE_SERVICE_ROLE_KEY')}`) return",
    ],
)  # fmt: skip
def test_signs_of_authentication(text: str) -> None:
    assert sign_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "const key = Deno.env.get('API_KEY')\nif (key === undefined) throw 1",
        "const key = process.env.API_KEY\nif (key == null) throw 1",
        "if (Deno.env.get('ENVIRONMENT') === 'production') log()", "if (process.env.API_KEY === '') throw 1",
        "fetch(url, { headers: { authorization: `Bearer ${key}` } })", "await supabase.auth.admin.getUserById(id)",
        "crypto.subtle.digest('SHA-256', data)",
    ],
)  # fmt: skip
def test_what_is_no_sign(text: str) -> None:
    assert not sign_of(text)
    assert not suggestive([text], set())


def _parts(files: Mapping[str, str]) -> tuple[str, set[str]]:
    reached = reach("f/index.ts", files.get, {})
    return "".join(text for _, text in reached.parts), reached.outside


def test_only_what_is_used_of_an_import_is_reached() -> None:
    text, outside = _parts(
        {
            "f/index.ts": "import { a as b, type T } from '../s/a'\nimport x from 'npm:x'\nb(x) // c()\n",
            "s/a.ts": "import { d } from './d.ts'\nexport const a = () => inner(d)\nfunction inner() { one }\n"
            "export function c() { two }\n",
            "s/d.ts": "import { e } from './e.ts'\nexport const d = 3; e()\n",
            "s/e.ts": "export const e = four\n",
        }
    )
    assert "one" in text
    assert "const d = 3" in text
    assert "two" not in text
    assert "c()" not in text
    assert "four" not in text  # three imports deep
    assert outside == {"x", "e"}


def test_stars_routers_and_circles_are_followed() -> None:
    text, _ = _parts(
        {
            "f/index.ts": "import { app } from './all.ts'\nimport * as m from './m.ts'\nDeno.serve(app, m)\n",
            "f/all.ts": "export * from './app.ts'\n",
            "f/app.ts": "import './index.ts'\nexport const app = make()\napp.get('/', guard, () => 1)\n"
            "const guard = () => app\n",
            "f/m.ts": "export const q = 5\n",
        }
    )
    assert "app.get('/'" in text
    assert "const guard" in text
    assert "const q = 5" in text


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("Deno.serve(() => run())", State.FAIL),
        ("import { verifyRequest } from 'npm:x'\nDeno.serve((r) => verifyRequest(r))", State.UNKNOWN),
        ("import { requireAuth } from 'npm:x'\nDeno.serve(wrap(requireAuth, run))", State.UNKNOWN),
        ("Deno.serve((r) => checkToken(r))\nfunction checkToken(r) { return odd(r) }", State.UNKNOWN),
        ("app.use(bearerAuth({ token }))", State.OK),
    ],
)  # fmt: skip
def test_an_edge_function(source: str, state: State, tmp_path: Path) -> None:
    files = {
        "apps/db/supabase/config.toml": "[functions]\nf.verify_jwt = false\n",
        "apps/db/supabase/functions/f/index.ts": source,
        "apps/db/supabase/functions/_shared/index.ts": "",
    }
    (answer,) = _asked("edge_function_jwt_off", tmp_path, files).values()
    assert (answer.state, answer.where) == (state, FileSpan("apps/db/supabase/config.toml", 2))


def test_a_configuration_that_does_not_parse_is_unknown(tmp_path: Path) -> None:
    files = {"supabase/config.toml": "[auth", "supabase/functions/f/index.ts": "Deno.serve(run)"}
    for rule in ("edge_function_jwt_off", "auth_config_weak"):
        (answer,) = _asked(rule, tmp_path, files).values()
        assert answer.state is State.UNKNOWN
        assert "not valid TOML" in answer.detail


def test_source_of_an_unclosed_kind_is_read_once() -> None:
    for mark in ("'", '"', "`", "/*", "`\\`", "'\\'", "import {", "[", "export const {", "new Webhook("):
        reached = reach("f.ts", {"f.ts": mark * 50_000}.get, {})
        suggestive([text for _, text in reached.parts], reached.outside)
        sign_of(reached.parts[0][1])


@pytest.mark.parametrize(
    ("urls", "site", "severity"),
    [
        ("https://**", "https://a.example", Severity.MEDIUM), ("*", "https://a.example", Severity.MEDIUM),
        ("https://*.vercel.app/**", "https://a.example", Severity.MEDIUM),
        ("https://a.example**", "https://a.example", Severity.MEDIUM),
        ("http*://**", "https://a.example", Severity.MEDIUM), ("https://**", "http://127.0.0.1:3000", Severity.LOW),
        ("https://*-team.vercel.app/**", "https://a.example", None),
        ("https://*.a.example/**", "https://a.example", None), ("http://localhost:*/**", "https://a.example", None),
        ("exp://**", "https://a.example", None),
    ],
)  # fmt: skip
def test_redirect_urls(urls: str, site: str, severity: Severity | None, tmp_path: Path) -> None:
    text = f'[auth]\nsite_url = "{site}"\nadditional_redirect_urls = ["{urls}"]\n'
    found = _asked("auth_config_weak", tmp_path, {"supabase/config.toml": text})
    assert found["auth.additional_redirect_urls"].severity == severity


def test_what_comes_from_the_environment_or_is_off_is_not_asked_about(tmp_path: Path) -> None:
    text = '[auth]\nsite_url = "env(SITE)"\njwt_expiry = "env(EXPIRY)"\n[auth.email]\nenable_signup = false\n'
    found = _asked("auth_config_weak", tmp_path, {"supabase/config.toml": text + "enable_confirmations = false\n"})
    assert {name: answer.state for name, answer in found.items()} == {"auth.email.enable_confirmations": State.OK}


def test_the_line_of_a_setting() -> None:
    text = '# a\n[auth]\nx = 1\nemail.y = 2\n[ auth . "email" ]\nz = 3\n[functions.f]\n'
    places = {"auth.x": 3, "auth.email.y": 4, "auth.email.z": 6, "functions.f.q": 7, "other.q": 1}
    assert {name: line_of(text, name) for name in places} == places
