# Everything a newcomer needs is one target away; `make` alone lists them.

PYTHON ?= python3
# More arguments for a target: make chat CHAT="--port 8000"
CHAT ?=
EVAL ?=
PYTEST ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --custom-compile-command "make lock"
# Tests that have a long version, and those that only take long.
LONG := tests/test_crash.py tests/test_torn_files.py tests/test_state_machine.py \
	tests/test_hostile_files.py tests/test_home_faults.py tests/copies \
	tests/test_repairing.py tests/test_output_guard.py tests/models tests/eval/test_attacks.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup chat test torture load audit check eval eval-full gate lock clean chromium

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.installed ## Install Footnote and its models into .venv (2 GB, once)

chat: setup ## Open the chat page on the documents in seeds/
	$(BIN)/footnote chat --add seeds $(CHAT)

test: .venv/.installed-dev chromium ## Run all tests
	$(BIN)/python -m pytest $(PYTEST)

torture: .venv/.installed-dev ## Run the long versions of the tests of faults (two hours or more)
	FOOTNOTE_TEST_KILLS=300 $(BIN)/python -m pytest -q -rP $(LONG)

load: .venv/.installed-dev ## Measure many at once: sessions, a line, a writer among readers
	$(BIN)/python -m tests.load page
	$(BIN)/python -m tests.load model
	$(BIN)/python -m tests.load_library

audit: .venv/.installed-dev ## Check licences and known advisories; write a bill of materials
	mkdir -p build
	$(BIN)/python -m tests.supply_chain --sbom build/bill.json

check: .venv/.installed-dev ## Check style, layout and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

eval: setup ## Measure answers on the seeds' development questions (10 minutes)
	$(BIN)/footnote eval --split dev $(EVAL)

eval-full: setup ## Measure everything, beside other systems (75 minutes); EVAL=FOLDER adds XQuAD
	$(BIN)/footnote eval --full $(EVAL)

gate: setup ## Fail if search or answers got worse than the figures in eval/data
	$(BIN)/footnote eval --retrieval-only --fail-below eval/data/baseline-retrieval.json
	$(BIN)/footnote eval --split dev --limit 12 --fail-below eval/data/baseline-answers.json

lock: .venv/.installed-dev ## Write the lock files anew from pyproject.toml
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra dev --output-file requirements-dev.lock

clean: ## Remove .venv, caches and build folders; your library (.footnote) stays
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find rag ui eval tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last: an installation that broke off is taken up again, one that
# is complete is not even looked at.
.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Footnote needs Python 3.11 or later as $(PYTHON)." \
			"Install it, or name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing." \
			"Install it: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing Footnote and its models: 2 GB the first time, some minutes."
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

chromium:
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit 0; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install -y --no-install-recommends chromium && exit 0; \
	fi; \
	echo "There is no Chromium: the tests of the page in a browser are skipped." \
		"To run them: sudo apt-get install chromium"
