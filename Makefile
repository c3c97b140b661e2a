# Every target sets up what it needs. VENV names the virtual environment: make test VENV=/somewhere/else
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(abspath $(VENV))/bin
RUN := PATH="$(BIN):$$PATH" PYTHONPATH=src

.DEFAULT_GOAL := help
.PHONY: help setup repro test lint format use ablation clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed  ## Create the virtual environment and install requirements.txt

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Python 3.11 is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --disable-pip-version-check --quiet -r requirements.txt
	@touch "$@"

repro: setup  ## Run the pipeline; stages that are up to date are skipped
	$(RUN) dvc repro

test: setup lint  ## Check format, lint and types, and run all tests
	$(RUN) python -m pytest

lint: setup  ## Check format, lint and types alone
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy

format: setup  ## Format the code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

use: setup  ## Write a recipe into params.yaml: make use PROFILE=seed (default, seed, challenge)
	@$(RUN) python profiles/use.py "$(PROFILE)"

ablation: setup  ## Measure what each part is worth on the catalog of params.yaml (after make repro)
	$(RUN) python benchmarks/ablation.py --features data/fused

clean:  ## Remove the virtual environment and all caches of the checks; data and DVC's cache stay
	rm -rf "$(VENV)" .pytest_cache .ruff_cache .mypy_cache .hypothesis
