PYTHON ?= python

.PHONY: help setup test lint demo benchmark

help:  ## List the commands
	@grep -E "^[a-z]+:.*##" $(MAKEFILE_LIST) | sed "s/:.*##/\t/"

setup:  ## Install the package with all extras, editable
	$(PYTHON) -m pip install -e ".[dev]"

test:  ## Run the test suite; make test ARGS="tests/core -x" for a part of it
	$(PYTHON) -m pytest $(ARGS)

lint:  ## Check format, lint and types
	ruff format --check . && ruff check . && pyright

demo:  ## Extract, train and convert the bundled portraits
	faceswap demo $(ARGS)

benchmark:  ## Run a benchmark, e.g. make benchmark ARGS="train faces/a faces/b"
	$(PYTHON) tools/benchmark.py $(or $(ARGS),--help)
