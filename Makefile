# Needs Python 3.11 or newer and nothing else: servers, engine and tools come from wheels.

PYTHON ?= python3
BIN := .venv/bin
# Reads the settings and reaches no server, which Django would warn about.
TOOL := $(BIN)/python -W "ignore:Got an error checking a consistent migration" manage.py
TOOL_SETTINGS := --settings iacplatform.settings.tooling
INSTALLED := .venv/.installed
OPENAPI := docs/reference/openapi.yaml
# Each process that runs tests starts servers of its own, so with servers that are given there is one.
PROCESSES ?= $(if $(DATABASE_URL)$(REDIS_URL),0,2)
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
CLIENT_CONFIG := docs/reference/openapi-client.yaml
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo up bench bench-api check lint types test test-api test-faults test-chaos test-large test-long schema client lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv from the locked requirements

$(INSTALLED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("iacplatform needs Python 3.11 or newer, and $(PYTHON) is %d.%d. Try: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Installing the locked requirements into .venv (a minute, the first time only)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<
	@touch $@

demo: $(INSTALLED) ## Plan, approve and apply a change before your eyes, then stop everything
	@$(BIN)/python -m iacplatform.embedded demo

up: $(INSTALLED) ## Run the platform here until Ctrl-C, with a change that waits for approval
	@$(BIN)/python -m iacplatform.embedded up

bench: $(INSTALLED) ## Measure the platform against the bare engine
	@$(BIN)/python -m iacplatform.embedded bench

bench-api: $(INSTALLED) ## Measure the most used requests at 100, 10,000 and 100,000 workspaces
	@$(BIN)/python -m iacplatform.embedded bench-api

check: lint types test test-large ## All that CI checks
	@$(MAKE) --no-print-directory test-api QUICK=1 EXAMPLES=3

lint: $(INSTALLED) ## Style, import order, missing migrations, Django's checks, API description
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(TOOL) makemigrations --check --dry-run $(TOOL_SETTINGS)
	$(TOOL) check $(TOOL_SETTINGS)
	@mkdir -p .cache
	$(TOOL) spectacular --fail-on-warn --file .cache/openapi.yaml $(TOOL_SETTINGS)
	diff -u $(OPENAPI) .cache/openapi.yaml

types: $(INSTALLED) ## Types, with mypy in strict mode
	$(BIN)/mypy

test: $(INSTALLED) ## Tests, against a real PostgreSQL, Redis and engine
	$(PYTEST) -m "not large and not long"

test-api: $(INSTALLED) ## Every operation of the API with valid, wrong and strange input: make test-api EXAMPLES=50 SEED=6
	$(BIN)/python -m tests.api_fuzz $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(SEED),--seed $(SEED)) $(if $(QUICK),--quick) $(if $(ONLY),-k '$(ONLY)')

test-faults: $(INSTALLED) ## Kill, freeze and cut off every part of the platform; nothing may be lost
	$(BIN)/python -m tests.faults $(if $(ONLY),-k '$(ONLY)')

test-chaos: $(INSTALLED) ## Random faults at random moments: make test-chaos MINUTES=5 SEED=28
	$(BIN)/python -m tests.faults chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

test-large: $(INSTALLED) ## The tests of sizes that take their time
	$(PYTEST) -m large

test-long: $(INSTALLED) ## The tests that take minutes each, one after the other; CI leaves them out
	$(BIN)/python -m pytest -m long

schema: $(INSTALLED) ## Write the API description, docs/reference/openapi.yaml
	$(TOOL) spectacular --fail-on-warn --file $(OPENAPI) $(TOOL_SETTINGS)

client: $(INSTALLED) ## Make a Python client of the API description, .cache/client
	@mkdir -p .cache
	$(BIN)/openapi-python-client generate --path $(OPENAPI) --config $(CLIENT_CONFIG) --meta setup \
		--output-path .cache/client --overwrite --fail-on-warning

lock: $(INSTALLED) ## Write requirements/*.txt from pyproject.toml
	$(LOCK) --output-file requirements/runtime.txt
	$(LOCK) --extra embedded --extra dev --output-file requirements/dev.txt

clean: ## Remove data, downloads and caches; .venv stays
	@# Where root keeps this directory private, PostgreSQL's data is elsewhere, behind a link.
	@for link in $$(find .run -name postgres -type l 2>/dev/null); do rm -rf "$$(readlink $$link)"; done
	rm -rf .run .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
