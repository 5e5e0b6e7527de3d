# Each target makes what it needs. Nothing here needs root, a network beyond the package index, or AWS.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Tests start hundreds of children: each would compile all modules anew where the environment forbids to keep them.
KEPT   := PYTHONDONTWRITEBYTECODE=

.NOTPARALLEL:
.PHONY: help demo test check lint types bench docs lambda lock clean

help:            ## show this
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/sandbox.stamp: requirements/sandbox.txt scripts/venv
	@PYTHON="$(PYTHON)" scripts/venv $(VENV) requirements/sandbox.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt scripts/venv
	@PYTHON="$(PYTHON)" scripts/venv $(VENV) requirements/dev.txt
	@touch $@ $(VENV)/sandbox.stamp

demo: $(VENV)/sandbox.stamp  ## the whole story on an embedded sandbox
	@$(BIN)/hubwright demo

test: $(VENV)/dev.stamp  ## the tests
	@$(KEPT) $(BIN)/python -m pytest -n auto --maxprocesses 2 --dist worksteal -m "not peer and not bench"

check: lint types  ## everything that reads the code without running it
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/house.py
	@$(BIN)/python scripts/docs_manifests.py --check
	@$(BIN)/python scripts/docs_fields.py --check
	@$(BIN)/python scripts/docs_access.py --check

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

bench: $(VENV)/dev.stamp  ## the figures in docs/benchmarks.md; QUICK=1 in under five minutes
	@scripts/programs skopeo docker-registry rclone
	@$(BIN)/python -m pytest -m bench -s tests/bench

lambda: $(VENV)/dev.stamp  ## a zip for Lambda, with the manifests at HEAD in it: dist/
	@mkdir -p dist
	@$(BIN)/hubwright bundle --out dist/bundle.json
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/lambda_zip --bundle dist/bundle.json

docs: $(VENV)/dev.stamp  ## write the generated pages again
	@$(BIN)/python scripts/docs_manifests.py
	@$(BIN)/python scripts/docs_fields.py
	@$(BIN)/python scripts/docs_access.py
	@$(BIN)/python scripts/docs_tutorial.py
	@$(BIN)/python scripts/docs_recording.py

lock: $(VENV)/dev.stamp  ## resolve the requirement files again
	@scripts/lock $(VENV)

clean:           ## remove what these targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
