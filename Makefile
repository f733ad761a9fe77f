# The two commands a newcomer needs: `make crawl URL=…` and `make test`.
# All set up a virtual environment in .venv first; it needs Python 3.11 or later, and make.

PYTHON ?= python3
BIN := .venv/bin
URL ?=
ARGS ?=
ROUNDS ?= 5
SITE ?=

.PHONY: crawl test lint nightly hostile bench bench-plots bench-stages bench-soaks clean

crawl: .venv/installed ## crawl URL, or without one the example site
ifeq ($(strip $(URL)),)
	@$(BIN)/python examples/serve.py $(BIN)/crawler crawl -v $(ARGS)
else
	@$(BIN)/crawler crawl -v $(ARGS) $(URL)
endif

FAST := not alone and not slow

# Tests start the command hundreds of times: none of these is to compile it anew.
unexport PYTHONDONTWRITEBYTECODE

test: .venv/developing lint ## lint, types, import contracts, and the tests: those of time alone
	$(BIN)/pytest -q -m "alone and not slow"
	$(BIN)/pytest -q -n 2 --dist worksteal -m "$(FAST)" tests/policy tests/engine --cov=crawler.policy \
		--cov=crawler.engine --cov-branch --cov-fail-under=95 --cov-report=term:skip-covered
	$(BIN)/pytest -n 2 --dist worksteal -m "$(FAST)" --ignore=tests/policy --ignore=tests/engine

lint: .venv/developing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

nightly: .venv/developing ## the long soaks, at most an hour
	$(BIN)/pytest -m slow --timeout=3600

hostile: .venv/developing ## a web server that misbehaves in 80 ways, for any crawler to try
	@$(BIN)/python -m tests.web.hostile

bench: .venv/developing ## ours and its peers on real documentation, or on SITE=/path
	@$(BIN)/python -m tests.bench.peers.install
	@$(BIN)/python -m tests.bench --rounds $(ROUNDS) $(if $(SITE),--site $(SITE)) $(ARGS)

bench-plots: .venv/developing ## speed by URLs known and by connections, as SVG in build/bench
	@$(BIN)/python -m tests.bench.curves

bench-stages: .venv/developing ## what each stage costs, in microseconds of CPU
	@$(BIN)/python -m tests.bench.stages

bench-soaks: .venv/developing ## long crawls: speed and memory as they go on, as tables
	$(BIN)/pytest -s -m slow --timeout=3600 tests/bench

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("crawler needs Python 3.11 or later; try make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/developing: .venv/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .venv-bench .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
