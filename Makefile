# The verbs of the project. They need Python 3.11+, make and git; everything else is set up here,
# in .venv and .uv, without root.
PYTHON ?= python3
PORT ?= 3000
UV_VERSION := 0.13.8
UV := .uv/bin/uv
RUN := .venv/bin
READY := .venv/.ready-$(shell cksum < requirements.lock | tr -dc 0-9)
export FUNDPLATFORM_HOME ?= .fundplatform

.PHONY: demo test test-slow ui bench lint lock clean help
help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(UV) || { $(PYTHON) -m venv .uv && .uv/bin/pip install -q uv==$(UV_VERSION); }
	$(UV) venv -q --clear --python $(PYTHON) .venv
	$(UV) pip sync -q --compile-bytecode --require-hashes requirements.lock
	$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## the whole pipeline on the built-in sample, all 13 years (YEARS=1: the last one)
	@$(RUN)/fundplatform demo $(if $(YEARS),--years $(YEARS))

test: $(READY) ## the test suite
	$(RUN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

test-slow: $(READY) ## the longest proofs
	$(RUN)/pytest -m slow

ui: $(READY) ## the Dagster UI on http://127.0.0.1:3000 (PORT=3001: another port)
	@$(RUN)/fundplatform ui --port $(PORT)

bench: $(READY) ## the measurements, as ratios within one run
	$(RUN)/python -m bench

lint: $(READY) ## format, lint and types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(RUN)/hadolint deploy/Dockerfile

lock: $(READY) ## refresh requirements.lock from pyproject.toml
	$(UV) pip compile -q --universal --generate-hashes --no-header --group dev --upgrade \
	  pyproject.toml -o requirements.lock
	$(UV) pip compile -q --universal --generate-hashes --no-header --group build \
	  --constraint requirements.lock pyproject.toml -o deploy/requirements.lock

clean: ## remove the environment, caches and the default home
	rm -rf .venv .uv .fundplatform .pytest_cache .mypy_cache .ruff_cache .hypothesis dist *.egg-info
