# afya: the commands of the project. `make help` lists them.
# Needs Python 3.11 or newer and make; everything else goes into .venv, once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# For example PIP_ARGS="--index-url ..." to take PyTorch's smaller CPU build (README, "Installing").
PIP_ARGS ?=

.PHONY: help demo test check bench system constraints clean
.DEFAULT_GOAL := help

# Separate programs; tests that use them are skipped where they are absent.
DEBIAN := apertium apertium-en-es apertium-es-pt apertium-fr-es postgresql chromium

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "afya needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Use: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing afya with PyTorch, transformers and what the demo needs into $(VENV) (a few minutes, once)."
	$(PIP) install $(PIP_ARGS) -c constraints.txt -e '.[all]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing afya with its test and check tools into $(VENV) (a few minutes, once)."
	$(PIP) install $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing afya with what it is measured beside into $(VENV) (a few minutes, once)."
	$(PIP) install $(PIP_ARGS) -c constraints.txt -e '.[bench]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

demo: $(VENV)/.demo  ## install, then the main job end to end in twelve languages (about 4 minutes)
	$(BIN)/afya demo --out runs/demo

test: $(VENV)/.dev  ## install, then all tests
	$(BIN)/python -m pytest

check: $(VENV)/.dev  ## lint, format, types and the floors of the house
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.bench  ## speed and size, measured beside the alternative (not part of the tests)
	$(BIN)/python -m benchmarks

system:  ## install what some tests run and pip does not have: Apertium, PostgreSQL and Chromium, from Debian
	@missing=$$(for name in $(DEBIAN); do dpkg -s $$name >/dev/null 2>&1 || echo $$name; done); \
	sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	if [ -n "$$missing" ]; then \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive \
			apt-get install -q -y --no-install-recommends $$missing; \
	fi

constraints: $(VENV)/.dev  ## write constraints.txt from what is installed
	@(grep '^#' constraints.txt; $(PIP) freeze --exclude-editable | sed -e 's/ @ .*//' -e 's/+cpu//') > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove .venv and caches; runs and datasets stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
