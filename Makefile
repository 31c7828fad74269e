# `make demo` and `make test` work on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: bootstrap demo test test-full lint bench crawl enrich export clean test-lowest

bootstrap: $(STAMP)

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of requirements.txt ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $(STAMP)

demo: bootstrap
	@$(BIN)/python -m runclub_spider.demo

# At most ten minutes on two idle cores.
test: bootstrap
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not full"

# What takes longer, at most forty minutes: tests marked `full`.
test-full: bootstrap
	@$(BIN)/python -m pytest -n auto --dist loadfile -m full

lint: bootstrap
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: bootstrap
	@$(BIN)/python -m bench

crawl: bootstrap
	$(BIN)/scrapy crawl spotify_search
	$(BIN)/scrapy crawl spotify_playlist

enrich: bootstrap
	$(BIN)/scrapy crawl enrich

export: bootstrap
	$(BIN)/scrapy publish

# The oldest versions that requirements.txt admits, in an environment of their own.
test-lowest:
	@$(PYTHON) -m venv .venv-lowest
	@sed -E '/^# Linters/,$$d; s/^([][a-z0-9_.-]+)>=([^,]+).*/\1==\2/' requirements.txt \
	  > .venv-lowest/lowest.txt
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-lowest/lowest.txt
	@.venv-lowest/bin/python -m pytest -m "not realdata and not e2e"
	@.venv-lowest/bin/python -m pytest tests/test_postgres.py

# The environment, caches of tools and the demo's store; neither .cache/ nor export/.
clean:
	rm -rf $(VENV) .venv-lowest .cache/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
