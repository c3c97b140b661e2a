# Every target sets up what it needs. VENV names the virtual environment: make test VENV=/somewhere/else
VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(abspath $(VENV))/bin
RUN := PATH="$(BIN):$$PATH"
PIP := "$(BIN)/python" -m pip --disable-pip-version-check --quiet
# What the environment holds, and which checkout its editable install points to: compared with the stamps inside it, so
# that a fresh checkout with the same pins installs nothing.
PINS = $(shell cat requirements.txt constraints.txt | cksum)
CHECKOUT = $(CURDIR) $(shell cksum < pyproject.toml)
# Wheels of torch without CUDA, for Linux machines without a GPU: make setup CPU=1, or `export CPU=1` once for all.
TORCH_INDEX ?= $(if $(CPU),https://download.pytorch.org/whl/cpu)

# Two tests at a time: most wait for a process that they started. The tests of one file stay together, and the files in
# the order of tests/conftest.py.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup install ray constraints repro report seconds test test-fast lint format hooks use catalog remote learning-curve tune ablation examples clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Create the virtual environment and install requirements.txt (CPU=1: torch without CUDA)
	@test "$$(cat "$(VENV)/.pins" 2>/dev/null)" = "$(PINS)" || $(MAKE) --no-print-directory install
	@test "$$(cat "$(VENV)/.checkout" 2>/dev/null)" = "$(CHECKOUT)" || { \
	  $(PIP) install --no-deps --no-build-isolation -e . && echo "$(CHECKOUT)" > "$(VENV)/.checkout"; }

install:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Python 3.11 is needed: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing the requirements into $(VENV), once: some minutes, about 7 GB (CPU=1: without CUDA, far less)"
	$(PYTHON) -m venv "$(VENV)"
	@rm -f "$(VENV)/.pins" "$(VENV)/.checkout" "$(VENV)/.ray"
	$(if $(TORCH_INDEX),$(PIP) install --no-deps --index-url "$(TORCH_INDEX)" $$(grep -E '^torch(vision)?==' requirements.txt))
	$(PIP) install -r requirements.txt -c constraints.txt
	@echo "$(CHECKOUT)" > "$(VENV)/.checkout"
	@echo "$(PINS)" > "$(VENV)/.pins"

ray: setup  ## Install Ray, for workers on several machines: see docs/scaling.md
	@test "$$(cat "$(VENV)/.ray" 2>/dev/null)" = "$$(cksum < requirements-ray.txt)" || { \
	  $(PIP) install -r requirements-ray.txt -c constraints.txt && cksum < requirements-ray.txt > "$(VENV)/.ray"; }

# CUDA's packages exist for x86_64 Linux alone: elsewhere their pins must not bind.
constraints:  ## Resolve requirements.txt anew in a fresh environment, and pin all that it installs in constraints.txt
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(PYTHON) -m venv "$$fresh" && \
	  "$$fresh/bin/python" -m pip install --quiet -r requirements.txt && \
	  { echo "# Everything that requirements.txt installs, pinned: written by \`make constraints\`."; \
	    "$$fresh/bin/python" -m pip freeze --all --exclude-editable --exclude pip | sed -E \
	      '/^(nvidia-|cuda-|triton==)/s/$$/ ; platform_system == "Linux" and platform_machine == "x86_64"/'; } \
	  > "$$fresh/constraints.txt" && cp "$$fresh/constraints.txt" constraints.txt

repro: setup  ## Run the pipeline; stages that are up to date are skipped
	@$(RUN) python -m pricefuse.pipeline.preflight
	$(RUN) dvc repro
	@$(RUN) python -m pricefuse.pipeline.summary

test: setup lint  ## Check format, lint, types and imports, run all tests, and print their coverage
	$(RUN) python -m pytest $(PARALLEL) --cov=pricefuse --cov-report=term:skip-covered

test-fast: setup  ## Run the tests that take less than a few seconds each, without coverage: about a minute in all
	$(RUN) python -m pytest $(PARALLEL) -m "not slow"

lint: setup  ## Check format, lint, types and imports alone
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports --no-cache

format: setup  ## Format the code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

hooks: setup  ## Check what is committed from now on, and push its data with it (.pre-commit-config.yaml)
	@$(RUN) pre-commit install
	@# An editor that commits need not have the environment on its PATH, where the hooks' tools are.
	@for hook in pre-commit pre-push post-checkout; do \
	  file="$$(git rev-parse --git-path hooks)/$$hook" && \
	  text=$$(awk -v bin="$(BIN)" '{ print } NR == 1 { print "export PATH=\"" bin ":$$PATH\"" }' "$$file") && \
	  printf '%s\n' "$$text" > "$$file" || exit; \
	done

use: setup  ## Write a recipe into params.yaml: make use PROFILE=seed (default, seed, challenge)
	@$(RUN) python -m pricefuse.pipeline.profiles "$(PROFILE)"

catalog: setup  ## Choose the catalog data/raw/<name>: make catalog NAME=mine
	@$(RUN) python -m pricefuse.pipeline.choose_catalog "$(NAME)"

# URL and ENDPOINT reach it through its environment: no shell reads what stands in them, and make does not print them.
remote: setup  ## Name where the team's data lies: make remote URL=s3://bucket/pricefuse (ENDPOINT=https://... for MinIO)
	@$(RUN) python -m pricefuse.pipeline.remote "$$URL" "$$ENDPOINT"

report: setup  ## Bring reports/report.html up to date: scores, figures, data quality, a gallery of predictions
	$(RUN) dvc repro report

seconds: setup  ## Record how long the stages took here, for the model card and the report (after make repro)
	@$(RUN) python -m pricefuse.pipeline.record_seconds

learning-curve: setup  ## Score one member on ever more training rows, and show it in the report (after make repro)
	$(RUN) dvc repro learning_curve/dvc.yaml
	$(RUN) dvc repro -f -s report

tune: setup  ## Search for better settings of a member: make tune MEMBER=boosted TRIALS=60 MINUTES=20 (after make repro)
	$(RUN) pricefuse tune --member "$(or $(MEMBER),boosted)" --trials "$(or $(TRIALS),60)" $(if $(MINUTES),--minutes "$(MINUTES)") \
	  $(if $(WRITE),--write)
	$(RUN) dvc repro -f -s report

ablation: setup  ## Measure what each part is worth on the catalog of params.yaml (after make repro)
	$(RUN) python benchmarks/ablation.py --features data/fused/train

examples: setup  ## Draw the pictures that the README shows (after make repro; the report's needs Chromium)
	$(RUN) python docs/draw_examples.py
	$(RUN) python docs/draw_report.py

clean:  ## Remove the virtual environment and all caches of the checks; data and DVC's cache stay
	rm -rf "$(VENV)" .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
