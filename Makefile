# The one door. `make help` prints the comments behind the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up test patient quick conformance lint fix bench images stack stack-down lock

help:  ## print this
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python's venv is missing. Install it: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.runtime  ## make .venv with what the programs need

setup-dev: $(VENV)/.dev

demo: setup  ## the main job on the embedded house: an action, a trigger, a rule, records
	$(BIN)/python examples/greyscale/demo.py

up: setup  ## the embedded house on 127.0.0.1:3233, until Ctrl-C
	@exec $(BIN)/chasen up

test: setup-dev lint  ## all tests that find their servers; names what it left out
	$(BIN)/python -m pytest -m "not patient"

patient: setup-dev  ## the tests that wait for a minute of the wall clock
	$(BIN)/python -m pytest -m patient

quick: setup-dev  ## the part of the tests that needs no servers, under a minute
	$(BIN)/python -m pytest tests/unit tests/architecture -m "not couchdb and not kafka and not docker and not compose and not slow"

conformance: setup-dev  ## the OpenWhisk contract's numbered cases, and what is not yet covered
	$(BIN)/python tests/conformance/report.py

lint: setup-dev  ## format, style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fix: setup-dev  ## repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev  ## the speed table: against a direct call of the same container
	$(BIN)/python benchmarks/bench.py

images:  ## build all images; from deploy/
	deploy/images.sh

stack: setup  ## the distributed house with locally built images
	deploy/stack.sh up

stack-down:  ## remove it, all of it
	deploy/stack.sh down

lock: setup-dev  ## renew the hashed requirements
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/runtime.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt
	echo hatchling editables | tr ' ' '\n' | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/build.txt
