# ruff: noqa: E501 - tables of examples are easier to read in long lines
from __future__ import annotations

import json
import time

import pytest

from auditor.facts.lock_graph import NPM_HOST, PYPI_HOST
from auditor.facts.lock_manifests import read_manifest
from auditor.facts.lockfiles import LockfileError, Package, read_lock, read_lockfile
from tests.lock_samples import FORMATS, NODE, PNPM_9, PYPROJECT, ROLES, SAME, WANTED


@pytest.mark.parametrize("name", SAME)
def test_every_format_gives_the_same_packages(name: str) -> None:
    assert {(package.name, package.version) for package in read_lockfile(name, SAME[name])} == WANTED


@pytest.mark.parametrize("form", FORMATS)
def test_one_project_in_every_format_has_the_same_packages_in_the_same_roles(form: str) -> None:
    name, text = FORMATS[form]
    python = form in {"poetry", "uv", "pdm"}
    manifest = read_manifest(*(("pyproject.toml", PYPROJECT) if python else ("package.json", json.dumps(NODE))))
    assert manifest
    found = read_lock(name, text, {"": manifest}).packages
    assert {(p.name, p.version, p.dev, p.direct, p.via) for p in found} == ROLES


def test_formats_without_a_graph_have_the_same_packages() -> None:
    plain = {(name, version) for name, version, *_ in ROLES}
    pipfile = {
        "_meta": {"pipfile-spec": 6, "sources": [{"name": "pypi", "url": "https://packages.example.com/simple"}]},
        "default": {"a": {"version": "==1.0.0", "hashes": ["x"]}, "b": {"version": "==2.0.0"}},
        "develop": {"d": {"version": "==4.0.0"}, "e": {"version": "==5.0.0"}},
    }
    found = read_lockfile("Pipfile.lock", json.dumps(pipfile))
    assert {(p.name, p.version) for p in found} == plain
    assert {p.name for p in found if p.dev} == {"d", "e"}
    pylock = 'lock-version = "1.0"\ncreated-by = "x"\n' + "".join(
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n' for name, version in sorted(plain)
    )
    for file in ("pylock.toml", "pylock.prod.toml"):
        assert {(p.name, p.version) for p in read_lockfile(file, pylock)} == plain
    pins = "".join(f"{name}=={version}\n" for name, version in sorted(plain))
    assert {(p.name, p.version) for p in read_lockfile("requirements.txt", pins)} == plain


def test_what_the_lockfile_says_besides() -> None:
    (b,) = [p for p in read_lockfile("pnpm-lock.yaml", PNPM_9) if p.name == "b"]
    assert b.deprecated == "Use another one, please: it is old"
    entry = {
        "version": "1.0.0", "resolved": f"https://{NPM_HOST}/x/-/x-1.0.0.tgz", "license": "MIT",
        "hasInstallScript": True, "deprecated": "gone",
    }  # fmt: skip
    (x,) = read_lockfile("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": {"node_modules/x": entry}}))
    assert (x.licence, x.script, x.deprecated, x.integrity, x.public) == ("MIT", True, "gone", False, True)


def test_workspaces_of_npm_are_no_packages_and_hand_their_needs_on() -> None:
    packages = {
        "": {"workspaces": ["packages/*"], "dependencies": {"core": "*"}},
        "node_modules/core": {"link": True, "resolved": "packages/core"},
        "packages/core": {"name": "core", "dependencies": {"left": "1"}, "devDependencies": {"tool": "1"}},
        "packages/core/node_modules/left": {"version": "1.0.0"},
        "node_modules/left": {"version": "2.0.0", "dev": True},
        "node_modules/tool": {"version": "1.0.0", "dev": True, "dependencies": {"left": "2"}},
        "packages/gone": {"extraneous": True, "dependencies": {"left": "3"}},
    }
    found = read_lock("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": packages}))
    assert {(p.name, p.version, p.dev, p.direct) for p in found.packages} == {
        ("left", "1.0.0", False, True),
        ("left", "2.0.0", True, False),
        ("tool", "1.0.0", True, True),
    }


def test_workspaces_of_pnpm_link_to_each_other() -> None:
    text = (
        "lockfileVersion: '9.0'\nimporters:\n  apps/web:\n    devDependencies:\n      core:\n        specifier: workspace:*\n"
        "        version: link:../../packages/core\n  packages/core:\n    dependencies:\n      left:\n        specifier: ^1\n"
        "        version: 1.0.0\n      alias:\n        specifier: npm:other@2\n        version: other@2.0.0\n"
        "packages:\n  left@1.0.0: {}\n  other@2.0.0: {}\nsnapshots:\n  left@1.0.0: {}\n  other@2.0.0: {}\n"
    )
    found = read_lock("pnpm-lock.yaml", text)
    assert {(p.name, p.dev, p.direct) for p in found.packages} == {("left", False, True), ("other", False, True)}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        (
            "package-lock.json",
            json.dumps({"lockfileVersion": 3, "packages": {
                "": {"dependencies": {"g": "github:x/g", "u": "https://x.example/u.tgz", "f": "file:../f"}},
                "node_modules/g": {"version": "1.0.0", "resolved": "git+ssh://git@github.com/x/g.git#abc"},
                "node_modules/u": {"version": "2.0.0", "resolved": "https://x.example/u.tgz"},
                "node_modules/m": {"version": "3.0.0", "resolved": "https://npm.corp.example/m/-/m-3.0.0.tgz"},
            }}),
            {("g", "git", False), ("u", "url", False), ("m", "registry", False)},
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  g@https://codeload.github.com/x/g/tar.gz/abc:\n    resolution: {tarball: https://codeload.github.com/x/g/tar.gz/abc}\n    version: 1.0.0\n  u@https://x.example/u.tgz:\n    resolution: {tarball: https://x.example/u.tgz}\n    version: 2.0.0\n  m@3.0.0:\n    resolution: {integrity: sha512-x, tarball: https://npm.pkg.github.com/m}\n",
            {("g", "git", False), ("u", "url", False), ("m", "registry", False)},
        ),
        (
            "yarn.lock",
            '"g@github:x/g":\n  version "1.0.0"\n  resolved "https://codeload.github.com/x/g/tar.gz/abc"\n\nm@^3:\n  version "3.0.0"\n  resolved "https://npm.corp.example/m/-/m-3.0.0.tgz#0a"\n',
            {("g", "git", False), ("m", "registry", False)},
        ),
        (
            "bun.lock",
            '{"lockfileVersion": 1, "packages": {"g": ["g@github:x/g#abc", {}, "abc"], "u": ["u@https://x.example/u.tgz", {}], "w": ["w@workspace:w"], "j": ["@jsr/a__b@1.0.0", "https://npm.jsr.io/~/11/@jsr/a__b/1.0.0.tgz", {}, "sha512-x"]}}',
            {("g", "git", False), ("u", "url", False), ("@jsr/a__b", "registry", False)},
        ),
        (
            "deno.lock",
            '{"version": "5", "specifiers": {"jsr:@std/x@1": "1.0.0"}, "jsr": {"@std/x@1.0.0": {}}, "remote": {"https://deno.land/x/y.ts": "h"}}',
            {("jsr:@std/x", "other registry", False), ("modules of deno.land", "url", False)},
        ),
        (
            "poetry.lock",
            '[[package]]\nname = "mine"\nversion = "1"\n[package.source]\ntype = "git"\nurl = "https://x.example/m"\n\n[[package]]\nname = "Own"\nversion = "2"\n[package.source]\ntype = "legacy"\nurl = "https://pypi.corp.example/simple"\nreference = "corp"\n',
            {("mine", "git", False), ("own", "registry", False)},
        ),
        (
            "Pipfile.lock",
            '{"_meta": {"pipfile-spec": 6, "sources": [{"name": "corp", "url": "https://pypi.corp.example"}]}, "default": {"a": {"version": "==1"}, "g": {"git": "https://x.example/g"}}}',
            {("a", "registry", False), ("g", "git", False)},
        ),
        (
            "requirements.txt",
            "git+https://x.example/g.git@abc#egg=G\nu @ https://x.example/u.whl\n-e .\n-e git+https://x.example/h.git#egg=h\n",
            {("g", "git", False), ("u", "url", False), ("h", "git", False)},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_where_a_package_comes_from(name: str, text: str, wanted: set[tuple[str, str, bool]]) -> None:
    found = read_lock(name, text)
    assert {(p.name, p.origin, p.public) for p in (*found.packages, *found.others)} == wanted


@pytest.mark.parametrize("key", ["npm.corp.example/@a/b/1.0.0", "npm.corp.example:8080/@a/b@1.0.0"])
def test_another_registry_before_the_name_in_older_versions_of_pnpm(key: str) -> None:
    text = f"lockfileVersion: 5.4\nspecifiers:\n  '@a/b': ^1\ndependencies:\n  '@a/b': {key}\npackages:\n  {key}:\n    resolution: {{integrity: x}}\n"
    (found,) = read_lock("pnpm-lock.yaml", text).packages
    assert (found.name, found.version, found.public, found.direct) == ("@a/b", "1.0.0", False, True)


def test_yarn_berry_without_resolutions() -> None:
    text = '__metadata:\n  version: 8\n\n"lodash@npm:^4":\n  version: 4.17.15\n\n"a@workspace:.":\n  version: 0.0.0\n'
    assert [(p.name, p.version, p.line) for p in read_lockfile("yarn.lock", text)] == [("lodash", "4.17.15", 4)]


def test_a_patched_package_is_still_that_package() -> None:
    text = '__metadata:\n  version: 8\n\n"x@patch:x@npm%3A1.0.0#./x.patch":\n  version: 1.0.0\n  resolution: "x@patch:x@npm%3A1.0.0#./x.patch::version=1.0.0&hash=1"\n'
    assert [(p.name, p.version) for p in read_lockfile("yarn.lock", text)] == [("x", "1.0.0")]


def test_requirements_with_extras_markers_hashes_and_comments() -> None:
    text = "# pinned\nJinja2[i18n]==2.10 ; python_version > '3.8' \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\nflask == 2.0.1  # why\nsix===1.16.0\n"
    found = read_lock("requirements.txt", text)
    assert [(p.name, p.line, p.integrity) for p in found.packages] == [
        ("flask", 5, None),
        ("jinja2", 2, True),
        ("six", 6, None),
    ]
    assert found.loose is None


def test_requirements_that_include_others() -> None:
    files = {
        "reqs/base.txt": "flask\nurllib3==2.0\n",
        "reqs/pins.txt": "flask==2.0.1\nother==1\n",
        "reqs/requirements-dev.txt": "-r base.txt\n-c pins.txt\n-r ../../../etc/passwd\npytest==8\n",
    }
    found = read_lock("reqs/requirements-dev.txt", files["reqs/requirements-dev.txt"], other=files.get)
    assert {(p.name, p.version, p.dev) for p in found.packages} == {("pytest", "8", True)}
    assert found.loose == "1 requirements are not pinned (first: line 3)"
    base = read_lock(
        "reqs/requirements.txt",
        "-c pins.txt\nflask>=1\n-r reqs/requirements.txt\n",
        other={"reqs/pins.txt": files["reqs/pins.txt"]}.get,
    )
    assert {(p.name, p.version, p.line) for p in base.packages} == {("flask", "2.0.1", 2)}


def test_requirements_with_an_index_of_their_own_are_not_public() -> None:
    for line, public in (
        (f"--index-url https://{PYPI_HOST}/simple", True),
        ("--extra-index-url=https://a.example/", False),
    ):
        (package,) = read_lockfile("requirements.txt", f"{line}\nflask==2.0.1\n")
        assert package.public is public


DEEP = "".join(f"{' ' * n}b:\n" for n in range(2, 400, 2))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", "{"),
        ("package-lock.json", "[]"),
        ("package-lock.json", '{"lockfileVersion": 99, "packages": {}}'),
        ("package-lock.json", '{"lockfileVersion": 3, "packages": {"node_modules/a": 3}}'),
        ("package-lock.json", "[" * 200_000),
        ("package-lock.json", "<<<<<<< HEAD\n{}\n"),
        ("pnpm-lock.yaml", "lockfileVersion: '99.0'"),
        ("pnpm-lock.yaml", "a: &a [x]\nb: &b [*a,*a]\nc:\n  - *b\n"),
        ("pnpm-lock.yaml", "a: [\n"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages:\n  what is this\n"),
        ("pnpm-lock.yaml", f"lockfileVersion: '9.0'\npackages:\n{DEEP}"),
        ("yarn.lock", "<html>\n"),
        ("yarn.lock", "a@^1:\n  resolved x\n"),
        ("yarn.lock", "__metadata:\n  version: 99\n"),
        ("bun.lock", '{"lockfileVersion": 9, "packages": {}}'),
        ("bun.lock", '{"lockfileVersion": 1, "packages": {"a": []}}'),
        ("deno.lock", '{"version": "77"}'),
        ("poetry.lock", "[[package]"),
        ("poetry.lock", "package = []\n[metadata]\nlock-version = '9.0'\n"),
        ("uv.lock", "version = 2\n"),
        ("pdm.lock", "package = []\n[metadata]\nlock_version = '9.0'\n"),
        ("pylock.toml", 'lock-version = "2.0"\n'),
        ("Pipfile.lock", '{"_meta": {"pipfile-spec": 9}}'),
        ("bun.lockb", "\0"),
    ],
)
def test_what_cannot_be_read_is_said(name: str, text: str) -> None:
    with pytest.raises(LockfileError, match=r"\w"):
        read_lockfile(name, text)


def test_a_large_lockfile_takes_no_time() -> None:
    entries = "".join(f"\n  pkg{n}@1.0.{n}:\n    resolution: {{integrity: sha512-{'x' * 80}}}\n" for n in range(20_000))
    started = time.monotonic()
    assert len(read_lockfile("pnpm-lock.yaml", f"lockfileVersion: '9.0'\n\npackages:\n{entries}")) == 20_000
    assert time.monotonic() - started < 5


def test_a_cycle_ends_and_the_shortest_way_is_told() -> None:
    packages = {
        "": {"dependencies": {"a": "1"}},
        "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}},
        "node_modules/b": {"version": "1.0.0", "dependencies": {"a": "1", "c": "1"}},
        "node_modules/c": {"version": "1.0.0"},
    }
    found = read_lock("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": packages})).packages
    assert {p.name: p.via for p in found} == {"a": (), "b": ("a",), "c": ("a", "b")}


def test_a_package_in_two_places_is_one_package() -> None:
    packages = {
        "": {"devDependencies": {"a": "1"}, "dependencies": {"b": "1"}},
        "node_modules/a": {"version": "1.0.0", "dependencies": {"c": "1"}, "dev": True},
        "node_modules/a/node_modules/c": {"version": "1.0.0", "dev": True},
        "node_modules/b": {"version": "1.0.0", "dependencies": {"c": "1"}},
        "node_modules/b/node_modules/c": {"version": "1.0.0"},
    }
    found: list[Package] = read_lock(
        "package-lock.json", json.dumps({"lockfileVersion": 3, "packages": packages})
    ).packages
    assert [(p.name, p.dev) for p in found] == [("a", True), ("b", False), ("c", False)]
