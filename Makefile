# Everything a newcomer needs; `make` alone explains. Needs python3 (>= 3.11) with venv, and make.

PYTHON ?= python3
UV_VERSION := 0.13.8
ARGS ?=
# Part of the tests covers part of the code: only a whole run has to reach the limit.
COVERAGE = $(if $(strip $(ARGS)),,--cov --cov-report=term --cov-fail-under=85)

# uv from the PATH, else one of our own: nothing is installed outside this folder.
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
BIN := .venv/bin
# A checkout that was moved or copied has to install itself anew, so the stamp knows where it was made.
SYNCED := .venv/.synced-$(shell printf '%s' '$(CURDIR)' | cksum | cut -d' ' -f1)

export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
# Compiled once here: at each first start it takes seconds, and leaves every process's memory in pieces.
export UV_COMPILE_BYTECODE := 1
# Where the machine has a list of authorities of its own (a company's proxy, say), it is the one to trust.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS := true
endif
# What pytest makes of the test files is kept, or every run would make it again, and each of its workers for itself.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SILENT:
.PHONY: help setup check format-check lint types contracts unit test demo bench fmt clean

help: ## Show this list
	echo "Hanfleet: make TARGET [ARGS=\"...\"]"
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SYNCED) ## Install everything into .venv (other targets do it by themselves)

demo: $(SYNCED) ## Run the fleet on a sandbox until Ctrl-C; ARGS="--for 30 --report r.json" are passed on
	exec $(BIN)/hanfleet demo $(ARGS)

test: $(SYNCED) ## Run all tests with coverage; ARGS="-k word" runs some of them, without it
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(COVERAGE) $(ARGS)

check: $(SYNCED) ## Format, lint, types, import contracts, unit tests: in under a minute
	$(MAKE) --no-print-directory --jobs 2 --output-sync=target types format-check lint contracts unit

format-check: $(SYNCED)
	$(BIN)/python -m ruff format --check --quiet . || { echo "Run make fmt to format these files."; exit 1; }

lint: $(SYNCED)
	$(BIN)/python -m ruff check --quiet .

types: $(SYNCED)
	$(BIN)/python -m mypy

contracts: $(SYNCED)
	out=$$($(BIN)/python -c 'from importlinter.cli import lint_imports_command as run; run()' --no-logo 2>&1) || { echo "$$out"; exit 1; }

unit: $(SYNCED)
	$(BIN)/python -m pytest -q tests/unit

fmt: $(SYNCED) ## Format the code and mend what the linter can mend
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix --quiet .

bench: $(SYNCED) ## Measure; ARGS="reply", or start, memory, store, import, isolation
	exec $(BIN)/hanfleet bench $(ARGS)

clean: ## Remove all that make made here: environment, tools, caches
	rm -rf .venv .tools .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

$(SYNCED): pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --quiet
	$(BIN)/python -m compileall -q src
	rm -f .venv/.synced-*
	touch $@

.tools/bin/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hanfleet needs Python 3.11 or newer: make PYTHON=/path/to/python3")'
	echo "Fetching uv $(UV_VERSION) into .tools (once)"
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
