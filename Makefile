# Two commands, nothing before them: `make sweep` and `make test`.
# The environment is .venv in this folder, made anew when the dependencies change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INPUTS := pyproject.toml constraints.txt

.PHONY: help sweep test test-docker lint clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

sweep: $(VENV)/.installed  ## run the quickstart sweep on the embedded store
	$(BIN)/lrlab sweep sweeps/quickstart.yaml

test: $(VENV)/.test-installed  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-docker: $(VENV)/.test-installed  ## run the tests of the team server in containers (needs a Docker engine)
	$(BIN)/python -m pytest -m docker tests/server/test_compose_up.py

lint: $(VENV)/.test-installed  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "lrlab needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	       && apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null \
	       && $(PYTHON) -m venv --clear $(VENV); } \
	  || { echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: $(BIN)/python $(INPUTS)
	@echo "Installing lrlab and what it needs into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	@echo "Installing the test tools ..."
	@$(PIP) install -c constraints.txt -e '.[server,test]'
	@touch $@

clean:  ## remove the environment and caches
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
