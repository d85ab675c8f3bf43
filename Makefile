# Penstock. `make` alone lists the tasks.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
KERNEL_TESTS := tests/process tests/state --ignore tests/process/commands --ignore tests/process/decide/rules/test_scales.py --ignore tests/process/decide/rules/test_parsing.py --ignore tests/process/decide/rules/test_packs.py

.PHONY: help setup demo serve test kernels chaos fuzz lint docs format bench stress clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.ready ## make .venv with the exact versions of constraints.txt; again only when they change

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Penstock needs Python 3.11 or newer; name one: make PYTHON=python3.12'; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo 'python cannot make virtual environments; install its venv package (Debian: python3-venv)'; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]' \
		|| { echo 'the installation failed; see the lines above, then run `make setup` again'; exit 1; }
	@touch $@

demo: setup ## live traffic on this machine until Ctrl-C; ARGS="--for 30s" ends by itself
	@$(BIN)/penstock demo $(ARGS)

serve: setup ## run everything, without traffic
	@$(BIN)/penstock serve $(ARGS)

test: setup ## all tests but the long ones, in random order, then the kernels in their other two modes; ARGS="-k heads" picks some
	@echo 'compiling kernels; two or three minutes, once' && $(BIN)/python -m penstock.process.warm
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not chaos' $(ARGS)
	@test -n '$(ARGS)' || $(MAKE) --no-print-directory kernels

kernels: setup ## the lane's tests with bounds checks, and uncompiled, where integers that overflow warn
	@NUMBA_DISABLE_JIT=1 PENSTOCK_EXAMPLES=6 $(BIN)/python -m pytest -n 2 $(KERNEL_TESTS)
	@echo 'compiling kernels with bounds checks' && NUMBA_BOUNDSCHECK=1 $(BIN)/python -m penstock.process.warm
	@NUMBA_BOUNDSCHECK=1 PENSTOCK_EXAMPLES=10 $(BIN)/python -m pytest -n 2 $(KERNEL_TESTS)

chaos: setup ## the long runs that kill processes under load; they print their seeds
	@$(BIN)/python -m pytest -m chaos -s --timeout 3600 $(ARGS)

fuzz: setup ## damage Arrow streams in 200,000 ways and see that the edge's reader refuses or reads them; PENSTOCK_SEED=… repeats a run
	@PENSTOCK_MUTATIONS=$${PENSTOCK_MUTATIONS:-200000} $(BIN)/python -m pytest -s tests/process/commands/columns/test_mutations.py $(ARGS)

lint: setup ## formatting rules, types and import contracts
	@$(BIN)/ruff check . || { echo 'remedy: `.venv/bin/ruff check --fix .`, or explain an exception'; exit 1; }
	@$(BIN)/mypy || { echo 'remedy: give the types that mypy asks for'; exit 1; }
	@$(BIN)/lint-imports --no-cache || { echo 'remedy: see "The house" in ARCHITECTURE.md; a contract is changed openly, with a reason'; exit 1; }

docs: setup ## write the tables in docs/ anew that are rendered: reasons, states, events, features, sandbox, capacity
	@$(BIN)/python -m penstock.contracts.reasons_doc docs
	@$(BIN)/python -m penstock.contracts.events_doc docs
	@$(BIN)/python -m penstock.contracts.features_doc docs
	@$(BIN)/python -m penstock.process.commands.sandbox docs
	@$(BIN)/python -m penstock.app.bench.capacity docs

format: setup ## put imports and simple matters in order
	@$(BIN)/ruff check --fix .

bench: setup ## measure: ARGS="lane", http, overload, growth, recovery, backtest; docs/benchmarks.md
	@$(BIN)/penstock bench $(ARGS)

stress: setup ## 100,000 payments/s for ten minutes, with a report; ARGS="--rate 20000 --seconds 60", ARGS=--list
	@$(BIN)/penstock bench stress $(ARGS)

clean: ## remove the environment and what tools left; data in ./var stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
