# The project's short runner. PYTHON may name any interpreter that has the extras test and dev installed.
PYTHON ?= python
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help fix lint test slow jax bench docs examples golden ci

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## +/\t/' | expand -t 10

fix:  ## format, and mend what ruff can mend
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

lint:  ## ruff and mypy, as CI runs them
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:  ## the test suite, on all cores
	$(PYTHON) -m pytest -n auto

slow:  ## the long tests: more random programs, every Hessian product
	$(PYTHON) -m pytest -n auto -m slow

jax:  ## the tables, the corpus and the kernels on the JAX engine, on JAX's CPU (extra "jax")
	AUTODIFF_TEST_JAX=1 $(PYTHON) -m pytest -q -n auto -m jax tests/engines/jax tests/programs
	AUTODIFF_TEST_JAX=1 JAX_DISABLE_JIT=1 $(PYTHON) -m pytest -q -n auto -m jax tests/ops tests/capture

docs:  ## build the site (extra "docs") into docs/_build/html, gallery included, without warnings
	$(PYTHON) -m sphinx -W --keep-going -b html docs docs/_build/html

examples:  ## run the examples of README.md, docs/ and the public docstrings
	$(PYTHON) -m pytest tests/docs

bench:  ## run the benchmarks on every tool that is installed, write bench/RESULTS-peers.md
	$(PYTHON) -m bench --write

golden:  ## rewrite the golden files (passes, derivatives, decisions); the diff is the review
	AUTODIFF_UPDATE_GOLDEN=1 $(PYTHON) -m pytest tests/passes tests/differentiate tests/programs/test_decisions.py

ci:  ## everything CI runs, in a virtual environment of its own
	.ci/run
