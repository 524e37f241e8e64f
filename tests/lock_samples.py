# ruff: noqa: E501 - tables of examples are easier to read in long lines
"""One and the same project in the lockfile of every package manager."""

from __future__ import annotations

import json

WANTED = {("@scope/b", "2.0.0-rc.1"), ("lodash", "4.17.15")}
SAME = {
    "package-lock.json": json.dumps(
        {
            "lockfileVersion": 3,
            "packages": {
                "": {},
                "node_modules/lodash": {"version": "4.17.15"},
                "node_modules/alias": {"name": "@scope/b", "version": "2.0.0-rc.1"},
                "node_modules/linked": {"link": True, "resolved": "x"},
                "node_modules/fork": {"version": "1.0.0", "resolved": "git+ssh://example.com/x.git#abc"},
            },
        }
    ),
    "npm-shrinkwrap.json": json.dumps(
        {
            "lockfileVersion": 1,
            "dependencies": {
                "lodash": {"version": "4.17.15", "dependencies": {"alias": {"version": "npm:@scope/b@2.0.0-rc.1"}}},
            },
        }
    ),
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  '@scope/b@2.0.0-rc.1(react@18)': {}\n  lodash@4.17.15: {}\n",
    "yarn.lock": '# yarn lockfile v1\n\n"alias@npm:@scope/b@^2":\n  version "2.0.0-rc.1"\n\nlodash@^4, lodash@4:\n  version "4.17.15"\n',
    "bun.lock": '{"packages": {"alias": ["@scope/b@2.0.0-rc.1", {},], "lodash": ["lodash@4.17.15", "", {},],},}',
    "deno.lock": json.dumps(
        {
            "version": "4",
            "npm": {"@scope/b@2.0.0-rc.1_react@18.0.0": {}, "lodash@4.17.15": {}},
            "jsr": {"@std/x@1.0": {}},
        }
    ),
}


# One project in every format: `a` needs `b`, the development tool `d` needs `e` and, as `a` does, `b`.
ROLES = {
    ("a", "1.0.0", False, True, ()),
    ("b", "2.0.0", False, False, ("a",)),
    ("d", "4.0.0", True, True, ()),
    ("e", "5.0.0", True, False, ("d",)),
}
NODE = {"name": "p", "dependencies": {"a": "^1.0.0"}, "devDependencies": {"d": "^4.0.0"}}
V1 = {
    "a": {"version": "1.0.0", "requires": {"b": "^2.0.0"}},
    "b": {"version": "2.0.0"},
    "d": {"version": "4.0.0", "dev": True, "requires": {"b": "^2.0.0", "e": "^5.0.0"}, "dependencies": {"e": {"version": "5.0.0", "dev": True}}},
}  # fmt: skip
V3 = {
    "": NODE,
    "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "^2.0.0"}},
    "node_modules/b": {"version": "2.0.0"},
    "node_modules/d": {"version": "4.0.0", "dev": True, "dependencies": {"b": "^2.0.0", "e": "^5.0.0"}},
    "node_modules/d/node_modules/e": {"version": "5.0.0", "dev": True},
}
PNPM_9 = """lockfileVersion: '9.0'

settings:
  autoInstallPeers: true

importers:

  .:
    dependencies:
      a:
        specifier: ^1.0.0
        version: 1.0.0(react@18.0.0)
    devDependencies:
      d:
        specifier: ^4.0.0
        version: 4.0.0

packages:

  a@1.0.0:
    resolution: {integrity: sha512-x}
    engines: {node: '>=18'}

  b@2.0.0:
    resolution: {integrity: sha512-x}
    deprecated: >-
      Use another one,
      please: it is old

  d@4.0.0:
    resolution: {integrity: sha512-x}
    cpu: [x64]

  e@5.0.0:
    resolution: {integrity: sha512-x}

snapshots:

  a@1.0.0(react@18.0.0):
    dependencies:
      b: 2.0.0

  b@2.0.0: {}

  d@4.0.0:
    dependencies:
      b: 2.0.0
      e: 5.0.0

  e@5.0.0: {}
"""
PNPM_6 = """lockfileVersion: '6.0'

dependencies:
  a:
    specifier: ^1.0.0
    version: 1.0.0

devDependencies:
  d:
    specifier: ^4.0.0
    version: 4.0.0

packages:

  /a@1.0.0:
    resolution: {integrity: sha512-x}
    dependencies:
      b: 2.0.0
    dev: false

  /b@2.0.0:
    resolution: {integrity: sha512-x}

  /d@4.0.0:
    resolution: {integrity: sha512-x}
    dependencies:
      b: 2.0.0
      e: 5.0.0
    dev: true

  /e@5.0.0:
    resolution: {integrity: sha512-x}
    dev: true
"""
PNPM_5 = """lockfileVersion: 5.4

specifiers:
  a: ^1.0.0
  d: ^4.0.0

dependencies:
  a: 1.0.0_react@18.0.0

devDependencies:
  d: 4.0.0

packages:

  /a/1.0.0_react@18.0.0:
    resolution: {integrity: sha512-x}
    dependencies:
      b: 2.0.0

  /b/2.0.0:
    resolution: {integrity: sha512-x}

  /d/4.0.0:
    resolution: {integrity: sha512-x}
    dependencies:
      b: 2.0.0
      e: 5.0.0
    dev: true

  /e/5.0.0:
    resolution: {integrity: sha512-x}
    dev: true
"""
YARN_1 = """# yarn lockfile v1


a@^1.0.0:
  version "1.0.0"
  resolved "https://registry.yarnpkg.com/a/-/a-1.0.0.tgz#0123"
  integrity sha512-x
  dependencies:
    b "^2.0.0"

"b@2 || 3", b@^2.0.0:
  version "2.0.0"

d@^4.0.0:
  version "4.0.0"
  dependencies:
    b "^2.0.0"
  optionalDependencies:
    e "^5.0.0"

e@^5.0.0:
  version "5.0.0"
"""
BERRY = """__metadata:
  version: 8
  cacheKey: 10c0

"a@npm:^1.0.0":
  version: 1.0.0
  resolution: "a@npm:1.0.0"
  dependencies:
    b: "npm:^2.0.0"
  checksum: 10c0/abc
  languageName: node
  linkType: hard

"b@npm:2 || 3, b@npm:^2.0.0":
  version: 2.0.0
  resolution: "b@npm:2.0.0"

"d@npm:^4.0.0":
  version: 4.0.0
  resolution: "d@npm:4.0.0"
  dependencies:
    b: "npm:^2.0.0"
    e: "npm:^5.0.0"

"e@npm:^5.0.0":
  version: 5.0.0
  resolution: "e@npm:5.0.0"

"p@workspace:.":
  version: 0.0.0-use.local
  resolution: "p@workspace:."
  dependencies:
    a: "npm:^1.0.0"
    d: "npm:^4.0.0"
  languageName: unknown
  linkType: soft
"""
BUN = """{
  "lockfileVersion": 1,
  "workspaces": {
    "": { "name": "p", "dependencies": { "a": "^1.0.0", }, "devDependencies": { "d": "^4.0.0", }, },
  },
  "packages": {
    "a": ["a@1.0.0", "", { "dependencies": { "b": "^2.0.0" } }, "sha512-x"],

    "b": ["b@2.0.0", "", {}, "sha512-x"],

    "d": ["d@4.0.0", "", { "dependencies": { "b": "^2.0.0", "e": "^5.0.0" } }, "sha512-x"],

    "d/e": ["e@5.0.0", "", {}, "sha512-x"],
  },
}
"""
POETRY = """[[package]]
name = "a"
version = "1.0.0"
groups = ["main"]
[package.dependencies]
B = ">=2"

[[package]]
name = "b"
version = "2.0.0"
groups = ["main", "dev"]

[[package]]
name = "d"
version = "4.0.0"
groups = ["dev"]
[package.dependencies]
b = ">=2"
e = {version = ">=5", markers = "python_version > '3'"}

[[package]]
name = "e"
version = "5.0.0"
groups = ["dev"]

[metadata]
lock-version = "2.1"
"""
UV = """version = 1
revision = 3

[[package]]
name = "a"
version = "1.0.0"
source = { registry = "https://packages.example.com/simple" }
dependencies = [{ name = "b" }]

[[package]]
name = "b"
version = "2.0.0"
source = { registry = "https://packages.example.com/simple" }

[[package]]
name = "d"
version = "4.0.0"
source = { registry = "https://packages.example.com/simple" }
dependencies = [{ name = "b" }, { name = "e", marker = "python_version > '3'" }]

[[package]]
name = "e"
version = "5.0.0"
source = { registry = "https://packages.example.com/simple" }

[[package]]
name = "p"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "a" }]

[package.dev-dependencies]
dev = [{ name = "d" }]
"""
PDM = """[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"

[[package]]
name = "a"
version = "1.0.0"
groups = ["default"]
dependencies = ["b>=2; python_version > '3'"]

[[package]]
name = "b"
version = "2.0.0"
groups = ["default", "dev"]

[[package]]
name = "d"
version = "4.0.0"
groups = ["dev"]
dependencies = ["b", "e[x]>=5"]

[[package]]
name = "e"
version = "5.0.0"
groups = ["dev"]
"""
PYPROJECT = '[project]\nname = "p"\ndependencies = ["A>=1"]\n[dependency-groups]\ndev = ["d>=4"]\n'
FORMATS = {
    "npm 1": ("package-lock.json", json.dumps({"lockfileVersion": 1, "dependencies": V1})),
    "npm 2": ("npm-shrinkwrap.json", json.dumps({"lockfileVersion": 2, "packages": V3, "dependencies": V1})),
    "npm 3": ("package-lock.json", json.dumps({"lockfileVersion": 3, "packages": V3})),
    "pnpm 5": ("pnpm-lock.yaml", PNPM_5),
    "pnpm 6": ("pnpm-lock.yaml", PNPM_6),
    "pnpm 9": ("pnpm-lock.yaml", PNPM_9),
    "yarn 1": ("yarn.lock", YARN_1),
    "yarn 4": ("yarn.lock", BERRY),
    "bun": ("bun.lock", BUN),
    "poetry": ("poetry.lock", POETRY),
    "uv": ("uv.lock", UV),
    "pdm": ("pdm.lock", PDM),
}
