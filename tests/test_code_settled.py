"""What whole repositories have that small examples do not: signs that a grammar trips over, settings, helpers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.detectors.code import empty_catch, hardcoded_signing_secret
from auditor.facts.jsx_text import without_ampersands
from auditor.facts.privileged_writes import privileged_writes
from auditor.facts.units import is_example
from auditor.facts.unlisted import unlisted_servers
from auditor.model import Severity, State
from auditor.sources.code import read_code
from auditor.sources.repository import read_repository
from tests.running import write

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.sources.code import Code


def _code(root: Path, path: str, text: str) -> Code:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return read_code(read_repository(root))


def test_an_ampersand_in_jsx_is_no_error(tmp_path: Path) -> None:
    text = 'const page = <Field title="R&D">salt & pepper {a && b}</Field>;\nconst both = a & b;\n'
    code = _code(tmp_path, "src/page.tsx", text)
    assert not code.tree("src/page.tsx").root_node.has_error
    assert not code.unread


def test_other_ampersands_stay() -> None:
    text = '<a href="?x=1&amp;y=2">{a && b}</a>; const c = a & b; const d = "x & y";'
    assert without_ampersands(text) == text


def test_what_is_broken_stays_broken(tmp_path: Path) -> None:
    code = _code(tmp_path, "src/page.tsx", 'const page = <p title="R&D">{{{(((;\n' * 30)
    assert code.unread == {"src/page.tsx": "does not parse"}


@pytest.mark.parametrize(
    ("attempt", "severity"),
    [
        ("found.update({'speed': 1})", None),
        ("session.query(Seen).update({'speed': 1})", Severity.MEDIUM),
        ("users.collection.update({'speed': 1})", Severity.MEDIUM),
    ],
)
def test_a_dict_that_is_filled_is_no_write(tmp_path: Path, attempt: str, severity: Severity | None) -> None:
    text = f"def facts():\n    try:\n        {attempt}\n    except Exception:\n        pass\n"
    code = _code(tmp_path, "app/facts.py", text)
    (answer,) = empty_catch.ask(code.repository, code)
    assert (answer.state, answer.severity) == (State.FAIL, severity)


@pytest.mark.parametrize(
    ("path", "severity"),
    [("web/settings/development.py", Severity.LOW), ("web/settings/production.py", None)],
)
def test_a_secret_in_settings_for_development_weighs_less(tmp_path: Path, path: str, severity: Severity | None) -> None:
    code = _code(tmp_path, path, 'SECRET_KEY = "k3y-of-nobody"\nINSTALLED_APPS = ["django.contrib.auth"]\n')
    (answer,) = hardcoded_signing_secret.ask(code.repository, code)
    assert (answer.state, answer.severity) == (State.FAIL, severity)


def test_a_file_that_is_named_a_sample_is_one() -> None:
    assert is_example("web/local_settings.example.py")
    assert is_example("config.sample.js")
    assert not is_example("src/email.template.ts")
    assert not is_example("src/example.ts")


ROUTE = "const app = require('express')()\napp.post('/notes', (req, res) => db.query(`select ${req.body.id}`))\n"


@pytest.mark.parametrize(
    ("beside", "read"),
    [
        ({}, True),
        ({"eslint.config.js": "export default []\n", "tests/app.test.js": "test()\n", "README.md": "# x\n"}, True),
        ({"lib/index.js": "module.exports = 1\n"}, False),
        ({"setup.py": "setup()\n", "package/__init__.py": "", "package/core.py": "x = 1\n"}, False),
    ],
)
def test_where_all_code_is_an_example_it_is_the_application(beside: dict[str, str], read: bool, tmp_path: Path) -> None:
    code = read_code(read_repository(write(tmp_path, {"examples/shop/app.js": ROUTE, **beside})))
    assert ("examples/shop/app.js" in code.files) is read


def test_a_form_that_signs_up_is_no_privileged_write(tmp_path: Path) -> None:
    (tmp_path / "permissions.py").write_text("def allowed(user):\n    return user.is_superuser\n")
    code = _code(tmp_path, "users/forms.py", "def save(user):\n    user.save()\n")
    assert not privileged_writes(code.repository, code)
    code = _code(tmp_path, "users/removal.py", "def remove(user):\n    user.delete()\n")
    assert [write.where.path for write in privileged_writes(code.repository, code).values()] == ["users/removal.py"]


@pytest.mark.parametrize(
    ("listed", "found"),
    [("aiohttp==3.9\nfastapi==0.1\nstarlette==0.37\n", {}), ("aiohttp==3.9\n", {"requirements.txt": "aiohttp"})],
)
def test_a_part_of_a_framework_is_no_server_of_its_own(listed: str, found: dict[str, str]) -> None:
    assert unlisted_servers(["requirements.txt"], {"requirements.txt": listed}.get) == found
