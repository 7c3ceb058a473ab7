# Two commands do everything: `make demo` and `make test`. Each makes .venv when it is missing.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: demo test test-browser test-long lint bench gallery docs clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "backlit needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python venv is missing; on Debian: apt install python3-venv"; exit 2; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e ".[all]" --group test --group lint
	@touch $@

demo: $(VENV)/.ready  ## train on 1,797 handwritten digits; report, graph and model in runs/digits
	@$(VENV)/bin/backlit learn digits --overwrite

test: $(VENV)/.ready lint  ## the whole test suite
	@$(PY) -m pytest -q

test-browser: $(VENV)/.browser  ## the stepping page in a real browser (Debian's chromium)
	@$(PY) -m pytest -q -m browser tests/browser

$(VENV)/.browser: $(VENV)/.ready
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
	  { test "$$(id -u)" = 0 && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null; } || \
	  { echo "chromium is missing; on Debian: apt install chromium chromium-driver fonts-dejavu-core"; exit 2; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --group browser
	@touch $@

test-long: $(VENV)/.ready  ## what takes minutes: a thousand steps of each model
	@$(PY) -m pytest -q -m long

lint: $(VENV)/.ready  ## ruff and pyright
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/pyright

bench: $(VENV)/.ready  ## the benchmark table; peers first: .venv/bin/pip install --group peers
	@$(PY) -m benchmarks

gallery: $(VENV)/.ready  ## draw the figures of the README and of docs/gallery.md
	@$(PY) examples/figures.py
	@$(PY) examples/gallery.py

docs: $(VENV)/.ready  ## run the commands of docs/how-models-learn.md anew, and draw its picture
	@$(PY) examples/memorising.py docs/img
	@$(PY) docs/build_lesson.py

clean:  ## remove what the commands above made, runs/ excepted
	@rm -rf $(VENV) build *.egg-info src/*.egg-info .pytest_cache .ruff_cache .hypothesis
