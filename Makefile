# `make demo` and `make test` make their own virtual environment in .venv; PYTHON chooses the interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-report.html

.PHONY: demo test check lint format generate samples rule bench bench-fleet clean

demo: $(VENV)/.installed
	@$(BIN)/backend-audit scan fixtures/leaky -o html=$(DEMO); \
	code=$$?; \
	if [ $$code -ne 1 ]; then echo "the demo's scan ended with $$code, expected 1 (a failed gate)"; exit 1; fi; \
	echo; echo "HTML report: $(CURDIR)/$(DEMO)"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto

# What CI runs: format, lint, types, layers, derived files, tests.
check: lint test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.generate --check

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What is derived from the code: the JSON schema, the rule index and the help text in the README.
generate: $(VENV)/.installed-dev
	$(BIN)/python -m tests.generate

# Both fixtures in every format, and the picture in the README: after a change of a format or a fixture.
samples: $(VENV)/.installed-dev
	$(BIN)/python -m tests.samples

# How long scans take, as a table; BENCH are options of tests/benchmarks/bench.py, folders among them.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks.bench $(BENCH)

# Fifty repositories and workers that are killed: fails where a scan is lost or done twice.
bench-fleet: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks.fleet $(BENCH)

# make rule kind=catalog id=some-fault
rule: $(VENV)/.installed-dev
	$(BIN)/python -m tests.new_rule $(kind) $(id)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "backend-audit needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .venv-bench $(DEMO) build dist
