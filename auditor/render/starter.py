"""The files that `init` writes: settings, a workflow of GitHub, a job of GitLab, an entry for pre-commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

SETTINGS = "backend-audit.toml"
GITHUB = ".github/workflows/backend-audit.yml"
GITLAB = ".gitlab-ci.backend-audit.yml"
PRE_COMMIT = ".pre-commit-config.yaml"


def settings(stack: Iterable[str]) -> str:
    """Settings in which everything is said and nothing is changed."""
    found = ", ".join(sorted(stack)) or "no framework that this tool knows"
    return f"""\
# Settings of backend-audit; options on the command line win. Found here: {found}.
# `backend-audit config schema` prints what may stand here.

# The least severity that fails the gate: critical, high, medium, low or never.
fail-on = "high"

# Endpoints that are meant to be open, as "METHOD /path"; everything else is asked for its authentication.
# public-endpoints = ["GET /health", "POST /webhooks/stripe"]

# The project's own functions that authenticate, limit or validate, where a scan does not see that they do.
# auth-helpers = ["requireUser"]
# limit-helpers = ["limited"]
# validation-helpers = ["parseBody"]

# Files that are no part of the backend.
# exclude = ["legacy/**"]

# A finding that is accepted: a reason is required, an end date from severity high on.
# [[ignore]]
# rule = "endpoint-without-rate-limit"
# subject = "GET /health"
# reason = "answered by the load balancer"
# until = 2027-06-30
"""


def github() -> str:
    """A workflow that audits each change and shows the summary; findings go to code scanning where that is on."""
    return f"""\
name: backend-audit
on:
  pull_request:
  push:
    branches: [main]
permissions:
  contents: read
jobs:
  audit:
    runs-on: ubuntu-latest
    permissions:
      contents: read
      security-events: write
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install "backend-audit=={__version__}"
      - run: >-
          backend-audit scan
          -o sarif=backend-audit.sarif -o html=backend-audit.html -o markdown=backend-audit.md
      - if: always() && hashFiles('backend-audit.md') != ''
        run: cat backend-audit.md >> "$GITHUB_STEP_SUMMARY"
      - if: always() && hashFiles('backend-audit.html') != ''
        uses: actions/upload-artifact@v4
        with:
          name: backend-audit
          path: backend-audit.html
      - if: always() && hashFiles('backend-audit.sarif') != ''
        continue-on-error: true # code scanning is not on in every repository
        uses: github/codeql-action/upload-sarif@v3
        with:
          sarif_file: backend-audit.sarif
          category: backend-audit
"""


def gitlab() -> str:
    """A job, to be included from `.gitlab-ci.yml`."""
    return f"""\
# In .gitlab-ci.yml: include: [{{local: {GITLAB}}}]
backend-audit:
  stage: test
  image: python:3.12-slim
  before_script:
    - apt-get update -qq && apt-get install -qq --yes git >/dev/null
    - pip install --quiet "backend-audit=={__version__}"
  script:
    - >-
      backend-audit scan -o html=backend-audit.html -o junit=backend-audit.xml
      -o gitlab-codequality=gl-code-quality-report.json -o gitlab-sast=gl-sast-report.json
  artifacts:
    when: always
    paths: [backend-audit.html]
    reports:
      junit: backend-audit.xml
      codequality: gl-code-quality-report.json
      sast: gl-sast-report.json
"""


def pre_commit() -> str:
    """An entry that looks at what is staged."""
    return f"repos:\n{pre_commit_entry()}"


def pre_commit_entry() -> str:
    """The entry alone, for a file that is already there."""
    return f"""\
  - repo: local
    hooks:
      - id: backend-audit
        name: backend-audit
        entry: backend-audit scan --changed -q
        language: python
        additional_dependencies: ["backend-audit=={__version__}"]
        pass_filenames: false
        always_run: true
"""
