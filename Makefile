# The two commands that matter: `make demo` and `make test`. Everything else: `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SEEDS ?= 200
UPGRADE ?=
ARGS ?=
WORKERS ?= auto
CODE := gridwire connectors streams sandbox tests bench
# Only what exists: ruff and mypy refuse a missing folder.
SOURCES = $(wildcard $(CODE))
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

.PHONY: help setup demo test check format generate release-schemas prove bench lock kafka-up kafka-down clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: $(STAMP) ## Create .venv with the first Python >= 3.11 and install everything, pinned and hashed
	@:

# One at a time: two makes in one checkout wait for one another, and the second finds it done.
$(STAMP): requirements.txt requirements-dev.txt pyproject.toml .ci/setup
	@.ci/setup $(VENV) $(STAMP)

demo: setup ## From a fresh clone to a finished run of the whole scenario
	@$(BIN)/gridwire demo $(ARGS)

# Beside one another, by file: most of a test's time is waiting for processes that it has started.
test: setup ## Run all tests; skips say what is missing (ARGS="-k name" narrows, WORKERS=0: one after another)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# Every step runs, so that one look shows all there is to mend.
check: setup ## ruff, mypy --strict, generated files up to date, structural tests
	@status=0; \
	$(BIN)/ruff check $(SOURCES) || status=1; \
	$(BIN)/ruff format --check $(SOURCES) || status=1; \
	$(BIN)/mypy $(SOURCES) || status=1; \
	$(BIN)/python -m gridwire.generate --check || status=1; \
	$(BIN)/python -m gridwire.commands.docs --check || status=1; \
	$(BIN)/python -m pytest -q tests/tidy || status=1; \
	exit $$status

format: setup ## Format the code and apply safe fixes
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

generate: setup ## Write everything that is derived: records, reference pages
	@$(BIN)/python -m gridwire.generate
	@$(BIN)/python -m gridwire.commands.docs

# With each release, before its section stands in the changelog.
release-schemas: setup ## Keep the schemas of this version, with which later ones must stay compatible
	@$(BIN)/python -m gridwire.releases

prove: setup ## Crash and replay proofs over many seeds (SEEDS=200; ARGS="--proof kill --minutes 30 --resume")
	@$(BIN)/python -m tests.chaos.prove --seeds $(SEEDS) $(ARGS)

bench: setup ## Measure against the peers, side by side (half an hour; ARGS=--quick: a look)
	@$(BIN)/python -m bench $(ARGS)

lock: setup ## Pin and hash what requirements*.in ask for (UPGRADE=--upgrade: at the newest versions)
	@$(LOCK) $(UPGRADE) requirements.in -o requirements.txt
	@$(LOCK) $(UPGRADE) -c requirements.txt requirements-otlp.in -o requirements-otlp.txt
	@$(LOCK) $(UPGRADE) requirements-dev.in -o requirements-dev.txt
	@$(LOCK) $(UPGRADE) requirements-bench.in -o requirements-bench.txt

kafka-up: setup ## Start a local Kafka and schema registry that stay, and say where they are
	@$(BIN)/gridwire kafka up

kafka-down: setup ## Stop them again
	@$(BIN)/gridwire kafka down

clean: ## Remove everything that is made, .venv too (stop a local Kafka first)
	@rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
