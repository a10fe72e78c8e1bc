# Every target works on a clean checkout: it makes .venv and installs what it needs.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TESTS ?= tests
# Two workers a core: tests of the whole line, of pages and of relays wait more than they compute.
WORKERS := $(shell expr $$(nproc) \* 2)
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal

.PHONY: demo test test-system torture check bench bench-web format words clean

demo: $(READY)
	$(BIN)/digest demo

test: $(READY)
	$(PYTEST) $(TESTS)

# Chromium for the pages, Postfix for a real relay and smtp-sink, Dovecot for its mailboxes, systemd to read the
# unit, opendkim to verify; axe-core, of npm, judges the pages.
test-system: $(READY)
	@tools/system-packages chromium postfix dovecot-imapd fonts-liberation systemd opendkim
	@tools/npm-packages axe-core@4.10.3
	$(PYTEST) -m "system and not torture" $(TESTS)

# A hundred kills, full disks, servers that die, and on PostgreSQL what was seen on SQLite: for many minutes.
torture: $(READY)
	@tools/system-packages postfix
	$(PYTEST) -m torture $(TESTS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# It says how long it will take; PARTS="throughput idle" measures those alone, QUICK=--quick only tries it out.
bench: $(READY)
	@tools/system-packages postfix
	$(BIN)/python benchmarks/bench.py $(QUICK) $(PARTS)

# The reader pages alone: sign-ups and one-click posts a second, also while an issue goes out.
bench-web: $(READY)
	@tools/system-packages postfix
	$(BIN)/python benchmarks/bench.py $(QUICK) web

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# After a sentence was added or changed: the catalogs in templates/locale get it, and say what is untranslated.
words: $(READY)
	$(BIN)/python tools/words.py

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(READY)
