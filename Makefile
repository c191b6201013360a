# Every target makes the environment .venv on first use and reuses it until a lock file changes.
# ARGS are passed on: make run ARGS="--data-dir /somewhere", make test ARGS="tests/unit -k store".
.DEFAULT_GOAL := help
.PHONY: help run test lint format types dist check bench lock environment clean distclean

BIN := .venv/bin
ARGS ?=
export PYTHON

help: ## list the targets
	@echo "make TARGET   (the first one compiles the model library: 5 to 8 minutes, once)"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

run: ## start the full-screen program
	@sh dev/setup.sh run
	@exec $(BIN)/workbench $(ARGS)

test: environment ## run the tests; COVERAGE=1 measures coverage too
	@exec $(BIN)/pytest $(if $(COVERAGE),--cov --cov-report=term,) $(ARGS)

lint: environment ## check style, format and the import rules
	@status=0; for tool in "ruff check ." "ruff format --check ." "lint-imports --no-logo"; do \
		$(BIN)/$$tool || status=1; done; exit $$status

format: environment ## put the code into its format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

types: environment ## check the types
	@$(BIN)/mypy

dist: environment ## build the wheel and check what is in it
	@$(BIN)/python dev/check_wheel.py

check: environment ## everything that CI runs
	@CI_SKIP_SYSTEM=1 bash .ci/run

bench: environment ## run the benchmarks
	@exec $(BIN)/python -m workbench.benchmarks $(ARGS)

lock: ## write the lock files anew; ARGS=--upgrade takes the newest versions
	@sh dev/lock.sh $(ARGS)

environment:
	@sh dev/setup.sh dev

clean: ## remove what building and testing left behind; keeps .venv
	@rm -rf build dist *.egg-info .coverage .coverage.* htmlcov snapshot_report.html \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv too
	@rm -rf .venv
