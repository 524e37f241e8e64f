"""Secrets in git's history: what former versions hold, what is left to the tree, and what could not be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from auditor.detectors.secret.secret_in_git_history import ask
from auditor.model import Commit, NotApplicable, Severity, State, Target
from auditor.sources import git_history, git_seen
from auditor.sources.git_history import read_history
from auditor.sources.git_versions import list_versions
from auditor.sources.repository import read_repository
from tests.running import committed, git, run, write
from tests.secret_samples import KEYS, noise

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.model import Answer
    from auditor.sources.git_versions import Listed

LIVE = KEYS["Stripe live secret key"]
OTHER = "sk_live_" + noise(24)[::-1]


def _commit(folder: Path, files: dict[str, str], *, without: tuple[str, ...] = ()) -> str:
    write(folder, files)
    for name in without:
        (folder / name).unlink()
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "--allow-empty", "-m", "next")
    return git(folder, "rev-parse", "HEAD")


def _asked(
    folder: Path,
    seconds: float = 20.0,
    *,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    cache: Path | None = None,
) -> list[Answer]:
    repository = read_repository(folder, include, exclude)
    target = Target(folder, history_seconds=seconds, include=include, exclude=exclude, cache=cache)
    return list(ask(repository, read_history(repository, target, lambda: True, lambda _: None)))


def _failed(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.state is State.FAIL]


def test_a_removed_key_names_the_commit_that_brought_it(tmp_path: Path) -> None:
    first = git(committed(tmp_path, {"a.ts": f'const key = "{LIVE}";\n'}), "rev-parse", "HEAD")
    _commit(tmp_path, {"a.ts": f'const key = "{LIVE}"; // still\n'})
    _commit(tmp_path, {"a.ts": "const key = process.env.KEY;\n"})
    failed = _failed(_asked(tmp_path))
    assert [(answer.subject, answer.severity) for answer in failed] == [("blob a.ts", Severity.HIGH)]
    assert isinstance(failed[0].where, Commit)
    assert (failed[0].where.id, failed[0].where.path) == (first, "a.ts")
    assert first[:12] in failed[0].detail
    assert git(tmp_path, "log", "--format=%as", "-1", first) in failed[0].detail
    assert LIVE not in repr(failed[0])


def test_one_finding_for_each_secret_and_path(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ts": f'k = "{LIVE}"\n', "b.ts": f'k = "{LIVE}"\nj = "{OTHER}"\n'})
    _commit(tmp_path, {"b.ts": f'// moved\nk = "{LIVE}"\nj = "{OTHER}"\n'})
    _commit(tmp_path, {}, without=("a.ts", "b.ts"))
    subjects = [answer.subject for answer in _failed(_asked(tmp_path))]
    assert subjects == ["blob a.ts", "blob b.ts", "blob b.ts"]


def test_what_still_stands_is_left_to_the_rule_on_files(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ts": f'k = "{LIVE}"\n'})
    _commit(tmp_path, {"b.ts": f'export const k = "{LIVE}"\n'}, without=("a.ts",))
    answers = _asked(tmp_path)
    assert not _failed(answers)
    assert [answer.state for answer in answers] == [State.OK]


def test_a_secret_that_an_ignored_file_holds_now_is_reported(tmp_path: Path) -> None:
    committed(tmp_path, {".env": f"STRIPE_SECRET_KEY={LIVE}\n", "a.ts": ""})
    _commit(tmp_path, {".gitignore": ".env\n"}, without=(".env",))
    write(tmp_path, {".env": f"STRIPE_SECRET_KEY={LIVE}\n"})
    assert [answer.subject for answer in _failed(_asked(tmp_path))] == ["blob .env"]


def test_an_env_file_is_one_finding_unless_it_is_tracked_today(tmp_path: Path) -> None:
    value = noise(24)
    committed(tmp_path, {".env": f"SESSION_SECRET={value}\nPORT=3000\n", "api/.env": f"SESSION_SECRET={value}x\n"})
    _commit(tmp_path, {".env": f"SESSION_SECRET={value}Z\n", "api/.env": "PORT=1\n"})
    _commit(tmp_path, {}, without=(".env",))
    failed = _failed(_asked(tmp_path))
    assert [(answer.subject, answer.severity) for answer in failed] == [("blob .env", Severity.HIGH)]
    assert "SESSION_SECRET" in failed[0].detail
    assert value not in failed[0].detail


def test_one_level_lower_in_tests(tmp_path: Path) -> None:
    committed(tmp_path, {"tests/a.ts": f'k = "{LIVE}"\n', "b.ts": f'k="{LIVE}"\n', "c.ts": ""})
    _commit(tmp_path, {}, without=("tests/a.ts", "b.ts"))
    severities = {answer.subject: answer.severity for answer in _failed(_asked(tmp_path))}
    assert severities == {"blob b.ts": Severity.HIGH, "blob tests/a.ts": Severity.MEDIUM}


def test_one_content_weighs_as_under_its_gravest_name(tmp_path: Path) -> None:
    text = f'k = "{LIVE}"\n'
    committed(tmp_path, {"tests/a.ts": text, "zz/b.ts": text, "c.ts": ""})
    _commit(tmp_path, {"tests/z.ts": text}, without=("tests/a.ts",))
    _commit(tmp_path, {}, without=("tests/z.ts", "zz/b.ts"))
    found = [(answer.subject, answer.severity) for answer in _failed(_asked(tmp_path))]
    assert found == [("blob zz/b.ts", Severity.HIGH)]


def test_only_the_scanned_folder_and_what_was_not_left_out(tmp_path: Path) -> None:
    committed(tmp_path, {"above.ts": f'k = "{LIVE}"\n', "app/a.ts": f'k = "{OTHER}"\n', "app/b.ts": "", "app/c.ts": ""})
    _commit(tmp_path, {"app/b.ts": f'k = "{LIVE}"\n'}, without=("above.ts", "app/a.ts"))
    _commit(tmp_path, {}, without=("app/b.ts",))
    assert [answer.subject for answer in _failed(_asked(tmp_path / "app"))] == ["blob a.ts", "blob b.ts"]
    assert [answer.subject for answer in _failed(_asked(tmp_path / "app", exclude=("a.ts",)))] == ["blob b.ts"]
    assert [answer.subject for answer in _failed(_asked(tmp_path / "app", include=("a.ts",)))] == ["blob a.ts"]


def test_other_branches_tags_and_merges_are_read(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ts": "1\n"})
    git(tmp_path, "checkout", "-q", "-b", "side")
    _commit(tmp_path, {"branch.ts": f'k = "{LIVE}"\n'})
    git(tmp_path, "checkout", "-q", "-b", "tagged", "main")
    _commit(tmp_path, {"tag.ts": f'k = "{OTHER}"\n'})
    git(tmp_path, "tag", "-a", "v1", "-m", "one")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "branch", "-q", "-D", "tagged")
    _commit(tmp_path, {"a.ts": "2\n"})
    git(tmp_path, "checkout", "-q", "-b", "merging", "HEAD~1")
    _commit(tmp_path, {"a.ts": "3\n"})
    git(tmp_path, "merge", "-q", "main", check=False)
    _commit(tmp_path, {"a.ts": f'k = "sk_live_{noise(30)[6:]}"\n'})  # written while merging: no parent has it
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "pack-refs", "--all")
    assert [a.subject for a in _failed(_asked(tmp_path))] == ["blob a.ts", "blob branch.ts", "blob tag.ts"]


def test_a_shallow_clone_says_so(tmp_path: Path) -> None:
    source = committed(tmp_path / "source", {"a.ts": f'k = "{LIVE}"\n'})
    _commit(source, {"a.ts": "k = 1\n"})
    git(tmp_path, "clone", "-q", "--depth", "1", source.as_uri(), "copy")
    unknown = [answer for answer in _asked(tmp_path / "copy") if answer.state is State.UNKNOWN]
    assert [(answer.subject, "--unshallow" in answer.detail) for answer in unknown] == [("blob cut off", True)]


def test_what_the_time_did_not_suffice_for_is_counted(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ts": f'k = "{LIVE}"\n'})
    _commit(tmp_path, {"a.ts": "k = 1\n"})
    unknown = _asked(tmp_path, seconds=1e-9)
    assert [(answer.subject, answer.state) for answer in unknown] == [("blob not read", State.UNKNOWN)]
    assert "2 of 2 commits" in unknown[0].detail
    assert "--history-budget" in unknown[0].detail


def test_what_was_read_before_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = committed(tmp_path / "p", {"a.ts": "1\n", "b.ts": f'k = "{LIVE}"\n', "c.ts": "3\n"})
    _commit(project, {"a.ts": "2\n"}, without=("b.ts",))
    first = _asked(project, cache=tmp_path / "cache")
    looked: list[str] = []

    def look(path: str, _: str) -> bool:
        looked.append(path)
        return True

    monkeypatch.setattr(git_history, "may_hold_secret", look)
    assert _asked(project, cache=tmp_path / "cache") == first
    assert looked == ["b.ts"]
    kept = list((tmp_path / "cache" / "history").glob("*.json"))
    assert len(kept) == 2
    assert not any(LIVE in file.read_text() for file in kept)
    monkeypatch.setattr(git_seen, "signature", lambda: "of other formats")
    _asked(project, cache=tmp_path / "cache")
    assert sorted(looked) == ["a.ts", "b.ts", "b.ts"]


def test_commits_are_listed_again_only_when_one_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, cache = committed(tmp_path / "p", {"a.ts": f'k = "{LIVE}"\n'}), tmp_path / "cache"
    _commit(project, {"a.ts": "2\n"})
    listings: list[int] = []

    def counted(*given: Any) -> Listed:  # noqa: ANN401 - as it is called
        listings.append(1)
        return list_versions(*given)

    monkeypatch.setattr(git_seen, "list_versions", counted)
    assert len(_failed(_asked(project, cache=cache))) == 1
    write(project, {"b.ts": f'k = "{LIVE}"\n'})
    assert _failed(_asked(project, cache=cache)) == [], "a file of today holds it again, and another rule reports it"
    assert len(listings) == 1
    _commit(project, {"b.ts": f'k = "{OTHER}"\n'})
    _commit(project, {"b.ts": "3\n"})
    found = _asked(project, cache=cache)
    assert [answer.subject for answer in _failed(found)] == ["blob a.ts", "blob b.ts"]
    assert len(listings) == 2
    git(project, "checkout", "-q", "HEAD~1")
    assert _asked(project, cache=cache) == _asked(project), "another commit is checked out, and none is new"


def test_without_git_there_is_no_history(tmp_path: Path) -> None:
    write(tmp_path, {"a.ts": ""})
    with pytest.raises(NotApplicable, match="no git repository"):
        _asked(tmp_path)
    git(tmp_path, "init", "-q", ".")
    with pytest.raises(NotApplicable, match="no commit"):
        _asked(tmp_path)


def test_a_first_commit_has_no_former_version(tmp_path: Path) -> None:
    committed(tmp_path, {"a.ts": f'k = "{LIVE}"\n'})
    with pytest.raises(NotApplicable, match="no former version"):
        _asked(tmp_path)


def test_names_that_nobody_should_write(tmp_path: Path) -> None:
    name = "new\nline \u202e\u00e9:.ts"
    committed(tmp_path, {name: f'k = "{LIVE}"\n', ":100644 x": "", "b.ts": ""})
    _commit(tmp_path, {}, without=(name, ":100644 x"))
    assert [answer.subject for answer in _failed(_asked(tmp_path))] == [f"blob {name}"]


def test_the_reports_carry_it_without_a_file(tmp_path: Path) -> None:
    project = committed(tmp_path / "p", {"a.ts": f'k = "{LIVE}"\n', "b.ts": ""})
    _commit(project, {}, without=("a.ts",))
    out = {form: tmp_path / f"out.{form}" for form in ("json", "sarif", "html", "junit", "markdown", "csv")}
    options = [f"-o{form}={place}" for form, place in out.items()]
    assert run("scan", project, "--only", "secret", "-q", *options).code == 1
    assert not [form for form, place in out.items() if LIVE in place.read_text()]
    finding = json.loads(out["json"].read_text())["findings"][0]
    assert (finding["rule"], finding["location"]) == ("secret-in-git-history", None)
    assert finding["object"] == f"{git(project, 'rev-parse', 'HEAD~1')[:10]} a.ts"
    result = json.loads(out["sarif"].read_text())["runs"][0]["results"][0]
    assert "physicalLocation" not in result["locations"][0]


def test_a_later_commit_leaves_the_fingerprint_as_it_was(tmp_path: Path) -> None:
    project = committed(tmp_path / "p", {"a.ts": f'k = "{LIVE}"\n', "b.ts": ""})
    _commit(project, {}, without=("a.ts",))
    prints = []
    for text in ("", "2"):
        _commit(project, {"b.ts": text})
        run("scan", project, "--only", "secret", "-q", f"-ojson={tmp_path / 'out.json'}")
        prints += [item["fingerprint"] for item in json.loads((tmp_path / "out.json").read_text())["findings"]]
    assert len(prints) == 2
    assert len(set(prints)) == 1


def test_a_glob_of_the_settings_accepts_a_path_of_the_history(tmp_path: Path) -> None:
    note = '[[ignore]]\nrule = "secret-in-git-history"\npath = "a.*"\nreason = "rotated in May"\nuntil = 2999-01-01\n'
    project = committed(tmp_path, {"a.ts": f'k = "{LIVE}"\n', "b.ts": "", "backend-audit.toml": note})
    _commit(project, {}, without=("a.ts",))
    assert run("scan", project, "--only", "secret", "-q").code == 0


@pytest.mark.parametrize("options", [("--quick",), ("--history-budget", "0")])
def test_it_can_be_left_out(tmp_path: Path, options: tuple[str, ...]) -> None:
    project = committed(tmp_path / "p", {"a.ts": f'k = "{LIVE}"\n', "b.ts": ""})
    _commit(project, {}, without=("a.ts",))
    out = tmp_path / "out.json"
    assert run("scan", project, "--only", "secret", "-q", *options, f"-ojson={out}").code == 0
    rules = {rule["id"]: rule["outcome"] for rule in json.loads(out.read_text())["rules"]}
    assert rules["secret-in-git-history"] == "not_asked"
    assert run("scan", project, "--history-budget", "soon").code == 2
