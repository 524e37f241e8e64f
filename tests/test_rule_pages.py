"""Every example of every rule page is a test, and the pages themselves are guarded."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor import suppress
from auditor.config import read_settings
from auditor.data import data_folder
from auditor.detectors.ask import ask_database, ask_files, find_detector
from auditor.facts.access_contract import FILE_NAME as CONTRACT
from auditor.facts.access_contract import parse_contract
from auditor.facts.advisory_answers import Answers, Hit, key_of
from auditor.facts.generated_types import read_types
from auditor.facts.histories import History
from auditor.facts.inventory import find_endpoints
from auditor.model import Kind, RuleAnswers, State, Target
from auditor.plan import needs
from auditor.rulebook import Example, Page, load_rulebook, read_examples
from auditor.sources.binaries import find_binaries
from auditor.sources.cluster import SUPERUSER
from auditor.sources.code import read_code
from auditor.sources.git_history import read_history
from auditor.sources.packages import read_packages
from auditor.sources.probes import probe
from auditor.sources.repository import read_repository
from auditor.sources.semgrep import read_semgrep
from auditor.sources.shadow import build_shadow
from tests.running import git, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.model import Answer
    from auditor.sources.database import Database

BOOK = load_rulebook()
FOLDER = "supabase/migrations"
ADVISORIES = Path(__file__).parent.parent / "fixtures" / "advisories"
EXAMPLES = [
    pytest.param(page, example, id=f"{page.id}: {example.verdict}: {example.title}")
    for page in BOOK.pages
    for example in read_examples(page)
]
_ENGINE = [(page, example) for page in BOOK.pages if page.yaml for example in read_examples(page)]
_FILES = {Kind.CODE, Kind.ROUTE, Kind.SECRET, Kind.REPOSITORY, Kind.DEPENDENCY}
_DATABASE = {Kind.CATALOG, Kind.PROBE, Kind.MIGRATION}


def _answers(page: Page, example: Example) -> list[Answer]:
    with ExitStack() as stack:
        files = dict(example.files)
        by_superuser = files.pop("superuser.sql", "")  # what an administrator did to the server
        contract = files.pop(CONTRACT, None)
        types = [(path, read_types(files.pop(path))) for path in list(files) if path.endswith(".ts")]
        live = {path: text for path, text in files.items() if path.startswith("live/")}
        migrations = {path: text for path, text in files.items() if path not in live}
        database = _replayed(migrations, stack, supabase="plain" not in page.tags)
        if live:  # the files below live/ are what somebody did to the server
            database, shadow = _replayed(live, stack), database
            database.source, database.counterpart = "live", shadow
        elif "live" in page.tags:
            database.source = "live"
        database.types = types[0] if types else None
        database.contract = parse_contract(contract) if contract else None
        if by_superuser:
            _administered(database, by_superuser, stack)
        probed = probe(database) if page.kind is Kind.PROBE else None
        return list(ask_database(page, database, probed))


def _administered(database: Database, statements: str, stack: ExitStack) -> None:
    assert database.cluster
    with database.cluster.connect(SUPERUSER) as session:
        session.execute(statements.encode())
    database.session = stack.enter_context(database.cluster.superuser())


def _replayed(files: dict[str, str], stack: ExitStack, *, supabase: bool = True) -> Database:
    named = {path if path.startswith(FOLDER) else f"{FOLDER}/{path}": text for path, text in sorted(files.items())}
    config = named.pop(f"{FOLDER}/supabase/config.toml", None)
    history = History("supabase", FOLDER, ".", named, (), supabase)
    return build_shadow(history, find_binaries(None), config, stack)


def _wanted_lines(example: Example) -> set[tuple[str, int]]:
    return {(path if path.startswith((FOLDER, CONTRACT)) else f"{FOLDER}/{path}", n) for path, n in example.marks}


@pytest.mark.parametrize(("page", "example"), [p for p in EXAMPLES if p.values[0].kind in _DATABASE])  # type: ignore[union-attr]
def test_example(page: Page, example: Example) -> None:
    answers = _answers(page, example)
    assert answers, "the rule asked about nothing"
    failed = [answer for answer in answers if answer.state is State.FAIL]
    lines = {(answer.span.path, answer.span.line) for answer in failed if answer.span}
    subjects = {answer.subject for answer in failed}
    if example.verdict == "bad":
        assert example.found <= subjects
        assert lines == _wanted_lines(example) or (not example.marks and subjects == example.found)
    elif example.verdict == "good":
        assert not failed, failed
    else:
        assert not (lines & _wanted_lines(example)), "a known miss is found now: make this example a bad one"


def _expand(text: str) -> str:
    """The example as a rule shall see it: without its marks, and `{{sk_live:24}}` as a key of that shape, which written
    out would stop a push.
    """
    text = re.sub(r"[ \t]*(?://|#|--|/\*)\s*<- found[ \t]*(?:\*/)?[ \t]*$", "", text, flags=re.MULTILINE)
    return re.sub(r"\{\{(\w+):(\d+)\}\}", lambda m: f"{m[1]}_{_noise(m[1], int(m[2]))}", text)


def _noise(seed: str, length: int) -> str:
    digest = hashlib.sha256(seed.encode()).digest() * 8
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(letters[byte % len(letters)] for byte in digest)[:length]


@pytest.mark.parametrize(
    ("page", "example"),
    [p for p in EXAMPLES if p.values[0].kind in _FILES and not p.values[0].yaml],  # type: ignore[union-attr]
)
def test_file_example(page: Page, example: Example, tmp_path: Path) -> None:
    for path, text in example.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(_expand(text))
    if example.git:
        subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
        _delete(tmp_path, [path for path in example.files if example.git.get(path) == "deleted"])
        tracked = [path for path in example.files if example.git.get(path) == "tracked"]
        if tracked:
            subprocess.run(["git", "add", "--", *tracked], cwd=tmp_path, check=True)
    repository = read_repository(tmp_path)
    more: tuple[object, ...] = ()
    if page.kind is Kind.DEPENDENCY:
        own = tmp_path / "advisories"  # an example may bring a database of its own
        packages = read_packages(repository, (str(own if own.is_dir() else ADVISORIES),))
        packages.denied = read_settings(tmp_path).denied_licences
        if told := example.files.get("yanked.json"):  # what PyPI would say
            said = {(name, Hit("yanked", reason)) for name, reason in json.loads(told).items()}
            hits = {p: tuple(hit for name, hit in said if name == p.name) for p in packages.packages}
            packages.yanked = Answers("PyPI", {key_of(package): hit for package, hit in hits.items()})
        more = (packages,)
    elif "git history" in needs(page):
        more = (read_history(repository, Target(tmp_path), lambda: True, lambda _: None),)
    elif page.kind is Kind.CODE:
        more = (read_code(repository),)
    elif page.kind is Kind.ROUTE:
        code = read_code(repository)
        more = (code, find_endpoints(code, repository.files, repository.text, repository.units))
    asked = ask_files(page, repository, *more)
    assert not asked.unavailable, asked.unavailable
    _check(example, asked.answers)


def _delete(folder: Path, paths: Sequence[str]) -> None:
    """Commit these files, and then that they are gone."""
    if not paths:
        return
    git(folder, "add", "-f", "--", *paths)
    git(folder, "commit", "-q", "-m", "with them")
    git(folder, "rm", "-q", "--", *paths)
    git(folder, "commit", "-q", "-m", "without them")


def _check(example: Example, answers: Sequence[Answer]) -> None:
    failed = [answer for answer in answers if answer.state is State.FAIL]
    lines = {(answer.span.path, answer.span.line) for answer in failed if answer.span}
    subjects = {answer.subject for answer in failed}
    if example.verdict == "bad":
        assert lines == example.marks or not example.marks, failed
        assert example.found <= subjects if example.marks else subjects == example.found, failed
    elif example.verdict == "good":
        assert answers, "the rule asked about nothing"
        assert not failed, failed
    else:
        assert not (lines & example.marks), "a known miss is found now: make this example a bad one"


@pytest.fixture(scope="module")
def engine_answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Answer]]:
    """The answers to every example whose detector is semgrep, by page and title: the engine starts once for all."""
    root = tmp_path_factory.mktemp("examples")
    folders: dict[str, tuple[str, str]] = {}
    for number, (page, example) in enumerate(_ENGINE):
        folders[f"{number:03}"] = (page.id, example.title)
        write(root / f"{number:03}", {path: _expand(text) for path, text in example.files.items()})
    repository = read_repository(root)
    code = read_code(repository)
    pages = [page for page in BOOK.pages if page.yaml]
    found: dict[tuple[str, str], list[Answer]] = {key: [] for key in folders.values()}
    with ExitStack() as stack:
        matches = read_semgrep(pages, code, 120.0, stack)
    for page in pages:
        asked = ask_files(page, repository, code, matches)
        assert not asked.unavailable, asked.unavailable
        for answer in asked.answers:
            assert answer.span
            folder, _, path = answer.span.path.partition("/")
            if folders[folder][0] == page.id:
                found[folders[folder]].append(replace(answer, span=replace(answer.span, path=path)))
    return found


@pytest.mark.parametrize(("page", "example"), [p for p in EXAMPLES if p.values[0].yaml])  # type: ignore[union-attr]
def test_semgrep_example(page: Page, example: Example, engine_answers: dict[tuple[str, str], list[Answer]]) -> None:
    _check(example, engine_answers[page.id, example.title])


@pytest.mark.parametrize(("page", "example"), [p for p in EXAMPLES if p.values[0].kind is Kind.SETTINGS])  # type: ignore[union-attr]
def test_suppression_example(page: Page, example: Example, tmp_path: Path) -> None:
    waivers = []
    for path, text in example.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        waivers += suppress.from_text(path, text)
    waivers += suppress.from_settings(read_settings(tmp_path).ignore, "backend-audit.toml")
    asked = {rule.id: RuleAnswers(rule.id) for rule in BOOK.pages}
    _, complaints = suppress.apply(BOOK, asked, waivers, date(2026, 6, 1))
    found = {f"suppression {c.waiver.rule}" for c in complaints if c.rule == page.id}
    assert found == set(example.found)


@pytest.mark.parametrize("page", BOOK.pages, ids=lambda page: page.id)
def test_page_is_complete(page: Page) -> None:
    examples = read_examples(page)
    bad = [example for example in examples if example.verdict == "bad"]
    assert bad, "no bad example"
    assert all(example.marks or example.found for example in bad), "a bad example without a mark"
    assert page.kind is Kind.SETTINGS or any(example.verdict == "good" for example in examples), "no good example"
    assert page.control in {control.id for control in BOOK.controls}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", page.id)
    assert page.description
    assert page.fix
    assert not page.title.endswith(".")


@pytest.mark.parametrize(
    "page", [page for page in BOOK.pages if page.kind is not Kind.SETTINGS], ids=lambda page: page.id
)
def test_page_has_one_detector(page: Page) -> None:
    module = Path("auditor/detectors") / page.kind.value / f"{page.detector_stem}.py"
    exists = (Path(__file__).parent.parent / module).is_file()
    detectors = [exists, page.sql is not None, page.yaml is not None]
    assert sum(detectors) == 1, "exactly one detector: a query or semgrep rules beside the page, or a module"
    if exists:
        assert callable(find_detector(page).ask)


def test_detectors_have_pages() -> None:
    stems = {(page.kind.value, page.detector_stem) for page in BOOK.pages}
    root = Path(__file__).parent.parent / "auditor" / "detectors"
    modules = {(path.parent.name, path.stem) for path in root.glob("*/*.py") if path.stem != "__init__"}
    assert modules <= stems
    queries = {path.stem for path in data_folder("rules").glob("*/*.sql") if not path.stem.startswith("_")}
    assert queries <= {page.id for page in BOOK.pages}
    rules = {path.stem for path in data_folder("rules").glob("*/*.yaml")}
    assert rules == {page.id for page in BOOK.pages if page.yaml and page.kind is Kind.CODE}


def test_ids_are_unique_also_among_former_names() -> None:
    names = [name for page in BOOK.pages for name in (page.id, *page.formerly)]
    assert len(names) == len(set(names))


def test_the_checklist_has_its_controls() -> None:
    assert len(BOOK.controls) == 23  # the design's table
    assert len({control.id for control in BOOK.controls}) == 23
    answered = {answer for control in BOOK.controls for answer in control.answers}
    assert {"npm audit clean", "RLS on all tables", "restrictive CORS", "empty catch", "N+1 queries"} <= answered
