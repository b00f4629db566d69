# Everything a newcomer or a contributor runs. `make` alone lists it.
VENV ?= .venv
PYTHON ?= python3
PYTEST_ARGS ?=
SEED ?=
SECONDS ?=
FUZZ_ARGS ?=
MUTANTS_ARGS ?=

python := $(VENV)/bin/python
pip_install := $(python) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Stamps: an environment is installed again only when what it is made from has changed.
installed := $(VENV)/.proofolio-installed
installed_dev := $(VENV)/.proofolio-installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo test coverage lint fuzz mutants bench docs clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "Variables: VENV (now $(VENV)), PYTHON (now $(PYTHON)), PYTEST_ARGS (for make test and coverage), SEED, SECONDS, FUZZ_ARGS (for make fuzz), MUTANTS_ARGS."

demo: $(installed)  ## the main job on real prices, with a report at the end
	$(VENV)/bin/proofolio demo

test: $(installed_dev)  ## the tests and every example in the docstrings
	$(python) -m pytest -q -n 2 $(PYTEST_ARGS)

coverage: $(installed_dev)  ## the tests again, with the branches they take; fails where the verification has less than 95 %
	$(python) -m pytest -q -n 2 --cov --cov-report= $(PYTEST_ARGS)
	$(python) scripts/coverage_floor.py

lint: $(installed_dev)  ## ruff (rules and format), mypy --strict on src, vulture, names in docstrings
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m vulture
	$(python) scripts/docstrings.py
	$(python) -m mypy

fuzz: $(installed_dev)  ## look for wrong words in thousands of small models (SEED, SECONDS; half an hour)
	$(python) -m tests.fuzzing $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS)) $(FUZZ_ARGS)

mutants: $(installed_dev)  ## put small mistakes into the exact checkers and see that a test fails for each
	$(python) scripts/mutants $(MUTANTS_ARGS)

bench: $(installed)  ## the quick cases of every benchmark suite, with a report (under three minutes)
	$(VENV)/bin/proofolio bench --quick --out bench-quick

docs: $(installed_dev)  ## the site, as pages that open from disk: build/site/index.html
	PYTHONPATH=scripts/site NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --config-file scripts/site/mkdocs.yml
	@echo "The site is in build/site; open build/site/index.html."

clean:  ## remove what builds and tools left behind (the environment stays)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

$(installed): constraints.txt pyproject.toml
	@$(python) -m pip --version >/dev/null 2>&1 || { $(make_environment); }
	@echo "Installing proofolio and its pinned dependencies into $(VENV) (a minute or two the first time)."
	@$(pip_install) hatchling
	@$(pip_install) --no-build-isolation --editable .
	@touch $@

$(installed_dev): $(installed)
	@echo "Installing the development tools into $(VENV)."
	@$(pip_install) --no-build-isolation --editable '.[dask,dev,docs,fast,parquet]'
	@touch $@

# Each way a machine can fall short is one sentence that says what to do.
define make_environment
command -v "$(PYTHON)" >/dev/null \
	|| { echo "proofolio needs Python 3.11 or newer and found no '$(PYTHON)': install one, or name it with PYTHON=/path/to/python3." >&2; exit 1; }; \
"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "proofolio needs Python 3.11 or newer, but '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1): name a newer one with PYTHON=/path/to/python3." >&2; exit 1; }; \
"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	|| { echo "'$(PYTHON)' cannot make virtual environments: install its venv module (on Debian and Ubuntu the package python3-venv) and run make again." >&2; exit 1; }; \
"$(PYTHON)" -m venv "$(VENV)"
endef
