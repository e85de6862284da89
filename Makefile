# `make reproduce` and `make test` are all that a newcomer types.
PYTHON ?= python3
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake
PYTEST := $(BIN)/python -m pytest

.PHONY: setup reproduce test docs lint lock bench torture test-slurm status

setup: .venv/installed

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 12) and f"Python 3.12 or newer is needed, and {sys.executable} is {v[0]}.{v[1]}. Name another: make setup PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --requirement requirements.lock
	$(BIN)/python -m compileall -q -j 0 -x 'site-packages/.*/tests?/' .venv/lib workflow/src || true # on all cores, as pip would on one
	PYTHONPATH=workflow/src $(BIN)/python -m starpop.checks.warm_up
	touch $@

reproduce: setup
	-@$(SNAKEMAKE) --quiet --cores 1 fetch_apogee || echo "Going on with the simulated twin."
	@bars=; if [ -t 1 ] && [ -t 2 ]; then bars=--logger=rich; fi; set -x; $(SNAKEMAKE) --cores 4 $$bars

test: setup # what is written well is seen beside what works
	@$(MAKE) --no-print-directory lint & linting=$$!; \
	$(PYTEST) --numprocesses 2 --dist worksteal; tested=$$?; \
	wait $$linting && exit $$tested

docs: setup # the site, of a finished run, in docs/_build/html
	@PYTHONPATH=workflow/src $(BIN)/python docs/_ext/run_results.py
	$(BIN)/python -m sphinx -W --keep-going -n -q docs docs/_build/html

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy && PYTHONPATH=workflow/src $(BIN)/lint-imports --no-cache --no-logo && $(SNAKEMAKE) --lint

lock: # pins every dependency, with hashes and without the name of any index
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-emit-index-url --quiet --upgrade --output-file requirements.lock

bench: setup # ratios measured in one run, as tables in benchmarks/measured/, which the documentation shows
	for name in scan accuracy population fraction importance selection gate clusters ellipses survey report; do \
		PYTHONPATH=workflow/src $(BIN)/python benchmarks/bench_$$name.py > benchmarks/measured/$$name.new && mv benchmarks/measured/$$name.new benchmarks/measured/$$name.md || exit 1; \
	done

torture: setup # kills, full disks, damaged products: the same bytes in the end (12 min)
	$(BIN)/python tests/torture.py

test-slurm: setup # a Slurm of one node from Debian's packages: the same tables, a killed job sent again
	$(BIN)/python tests/slurm.py

status: # of the last run in this folder: what is done, runs, failed, is left
	@PYTHONPATH=workflow/src $(BIN)/python -m starpop.run.under_way
