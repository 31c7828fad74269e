# `make demo` and `make test` work on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev
# What only some need, each with its ranges and its lock: `make bootstrap EXTRAS=fleet,scale`.
KNOWN  := $(patsubst requirements-%.txt,%,$(filter-out %-dev.txt,$(wildcard requirements-*.txt)))
COMMA  := ,
EXTRAS ?=
WANTED := $(subst $(COMMA), ,$(EXTRAS))
PIP    := -m pip --disable-pip-version-check --quiet

.PHONY: bootstrap demo test test-full test-swift lint bench crawl enrich export clean lock \
        test-lowest test-newest

# Exactly the versions of the lock, each proven by its hash.
bootstrap: $(STAMP) $(WANTED:%=$(VENV)/.installed-with-%)
	@$(BIN)/python -m compileall -q runclub_spider runclub_sandbox

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages of requirements.lock ..."
	@$(BIN)/python $(PIP) install --require-hashes -r requirements.lock
	@touch $(STAMP)

ifneq ($(filter-out $(KNOWN),$(WANTED)),)
$(error EXTRAS: there is no $(filter-out $(KNOWN),$(WANTED)); there are $(KNOWN))
endif
$(VENV)/.installed-with-%: $(STAMP) requirements-%.lock
	@echo "Installing the packages of requirements-$*.lock ..."
	@$(BIN)/python $(PIP) install --require-hashes -r requirements.lock -r requirements-$*.lock
	@touch $@

# With all extras: no test is left out.
LOCKS := requirements.lock $(KNOWN:%=requirements-%.lock) requirements-dev.lock
$(DEV): $(STAMP) $(LOCKS)
	@echo "Installing the packages of requirements-dev.lock ..."
	@$(BIN)/python $(PIP) install --require-hashes $(LOCKS:%=-r %)
	@touch $(DEV)

demo: bootstrap
	@$(BIN)/python -m runclub_spider.console.demo

# Seven to eight minutes on two cores. Files go out in the order that tests/conftest.py
# gives them: xdist would keep those of few tests for the end, and here they are the long ones.
SPREAD := -n auto --dist loadfile --no-loadscope-reorder
# Every worker and every command that starts would compile what no other may keep.
test test-full: export PYTHONDONTWRITEBYTECODE =
test: $(DEV)
	@$(BIN)/python -m pytest $(SPREAD) -m "not full"

# What takes longer, at most forty minutes: tests marked `full`, and on PostgreSQL what uses a store.
ON_SERVER := $(addprefix tests/,store frontier publish spiders crawl)
test-full: $(DEV)
	@$(BIN)/python -m pytest $(SPREAD) -m full
	@TEST_STORE=postgresql $(BIN)/python -m pytest $(SPREAD) -m "not full" $(ON_SERVER)

# The app's importer: needs a Swift 6, or root and debootstrap to make a Debian that has it.
test-swift: bootstrap
	@PYTHON=$(BIN)/python docs/app/tests/run.sh

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV)
	@$(BIN)/python -m bench

crawl: bootstrap
	$(BIN)/scrapy crawl spotify_search
	$(BIN)/scrapy crawl spotify_playlist

enrich: bootstrap
	$(BIN)/scrapy crawl enrich

export: bootstrap
	$(BIN)/scrapy publish

# Both ends of the ranges, each in an environment of its own. For once a week: what is released
# meanwhile may break what the lock still hides.
RANGES := requirements.txt $(KNOWN:%=requirements-%.txt) requirements-dev.txt
test-lowest:
	@$(PYTHON) -m venv .venv-lowest
	@sed -E '/^# Linters/,$$d; s/^([][a-z0-9_.-]+)>=([^,;]+)[^;]*/\1==\2/' \
	  $(RANGES) > .venv-lowest/lowest.txt
	@.venv-lowest/bin/python $(PIP) install -r .venv-lowest/lowest.txt
	@.venv-lowest/bin/python -m pytest -m "not realdata and not e2e and not full"
	@.venv-lowest/bin/python -m pytest tests/test_postgres.py

test-newest:
	@$(PYTHON) -m venv .venv-newest
	@.venv-newest/bin/python $(PIP) install --upgrade $(RANGES:%=-r %)
	@.venv-newest/bin/python -m pytest -n auto --dist loadfile -m "not realdata and not full"

# Writes all locks anew: the newest versions that the ranges admit, for every platform. Each holds
# what those before it do not.
COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
          --generate-hashes --upgrade --annotation-style line \
          --custom-compile-command "make lock"
beside = $(1:%=--constraint %) $$(sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package \1/p' $(1))
lock:
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python $(PIP) install uv
	@$(COMPILE) requirements.txt --output-file requirements.lock >/dev/null
	@for extra in $(KNOWN); do \
	  $(COMPILE) requirements.txt requirements-$$extra.txt $(call beside,requirements.lock) \
	    --output-file requirements-$$extra.lock >/dev/null || exit 1; \
	done
	@$(COMPILE) $(RANGES) $(call beside,$(filter-out %-dev.lock,$(LOCKS))) \
	  --output-file requirements-dev.lock >/dev/null

# The environment, caches of tools and the demo's store; neither .cache/ nor export/.
clean:
	rm -rf $(VENV) .venv-lowest .venv-newest .venv-lock .cache/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
