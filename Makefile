# Run `make` alone to see what there is.
.DEFAULT_GOAL := help
.PHONY: help setup demo doctor test test-fast test-mlflow check lint format types layers calibrate bench browser clean distclean

PYTHON ?= python3
SUITE ?= suites/support
ARGS ?=
RUN ?=
# Processes for the tests; those of one file stay together, because they share a model or a run.
WORKERS ?= 2
BIN := .venv/bin
BENCH ?= .venv/bench
MLFLOW ?= .venv/mlflow
STAMP := .venv/.installed
CHROMIUM := /usr/bin/chromium
FAST := not slow and not browser and not gpu
# All else is marked by the conftest.py of its folder; what is not collected need not be imported.
FAST_TESTS := tests/unit tests/properties

# Threads that wait for each other spin only briefly: long spins hurt beside other work (docs/decisions/0011).
GOMP_SPINCOUNT ?= 20000
export GOMP_SPINCOUNT

# Without compiled modules every process of the tests and of the demo would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

# An environment that sees the packages of .venv and has those of an extra which would change versions there: its
# folder, the extra, a module to know it by.
define beside
@[ -x $(1)/bin/python ] || { \
  echo '$@: making $(1), so that $(3) changes no version in .venv'; \
  $(BIN)/python -m venv $(1); \
  $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    > "$$($(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/evalgate.pth"; \
}
@$(1)/bin/python -c 'import $(3)' 2>/dev/null || $(1)/bin/python -m pip install -q -c .venv/constraints.txt -e ".[$(2)]"
endef

help: ## Show this list
	@echo 'Usage: make TARGET'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo 'Settings: PYTHON=python3.12 for setup, SUITE=FOLDER and ARGS="-L 20" for demo, ARGS="-k name" for test-fast'

setup: $(STAMP) ## Make .venv and install everything (again only if pyproject.toml or constraints.txt changed)
	@echo 'setup: .venv is ready'

$(STAMP): pyproject.toml constraints.txt
	@if $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "setup: .venv is there ($$($(BIN)/python -V))"; \
	else \
	  command -v $(PYTHON) >/dev/null || { \
	    echo "setup: there is no '$(PYTHON)'. Install Python 3.11 or newer, or name one: make setup PYTHON=/path/to/python3" >&2; exit 1; }; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "setup: '$(PYTHON)' is $$($(PYTHON) -V 2>&1), but 3.11 or newer is needed. Name another: make setup PYTHON=python3.12" >&2; exit 1; }; \
	  echo "setup: making .venv with $$($(PYTHON) -V)"; \
	  $(PYTHON) -m venv .venv || { \
	    echo "setup: no virtual environment could be made. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	fi
	@if nvidia-smi -L >/dev/null 2>&1; then \
	  echo 'setup: an NVIDIA GPU is here, so pip may choose a CUDA build of torch'; \
	  sed '/^torch==/d' constraints.txt > .venv/constraints.txt; \
	else \
	  echo "setup: no NVIDIA GPU, so torch is held at $$(sed -n 's/^torch==//p' constraints.txt)"; \
	  cp constraints.txt .venv/constraints.txt; \
	fi
	@echo 'setup: installing evalgate with all it needs: some 2 GB (more with CUDA), a few minutes'
	$(BIN)/python -m pip install -c .venv/constraints.txt -e ".[all]"
	@touch $@

demo: setup ## Score baselines, train candidates, judge them, write the report for suites/support
	@code=0; $(BIN)/evalgate run $(SUITE) $(ARGS) || code=$$?; \
	case $$code in \
	  0) what='a candidate ships' ;; \
	  1) what='the candidates are blocked, keep the baseline' ;; \
	  2) what='it cannot be told yet' ;; \
	  130) echo 'demo: interrupted; `make demo` goes on from here' >&2; exit 130 ;; \
	  *) echo "demo: no decision was reached (evalgate's exit code is $$code; the error stands above)" >&2; exit $$code ;; \
	esac; \
	echo "demo: done, $$what (evalgate's exit code is $$code; 0, 1 and 2 are decisions)"

doctor: setup ## Check the recording in RUN=FOLDER, then plant known faults into copies of it
	@[ -n "$(RUN)" ] || { echo 'doctor: name a recorded run: make doctor RUN=reports/support/ID' >&2; exit 1; }
	$(BIN)/evalgate doctor $(RUN)
	$(BIN)/evalgate doctor $(RUN) --inject

test: setup ## Run all tests: the fast ones first, then models and browser
	@[ -x $(CHROMIUM) ] || echo 'test: there is no $(CHROMIUM), so the browser tests will skip; `make browser` brings it'
	$(BIN)/pytest $(FAST_TESTS) -m "$(FAST)" -n $(WORKERS) --dist worksteal
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not ($(FAST))" -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-fast: setup ## Run the tests without models and browser
	$(BIN)/pytest $(FAST_TESTS) -m "$(FAST)" -n $(WORKERS) --dist worksteal $(ARGS)

test-mlflow: setup ## Run the tests that need a real MLflow server (an environment beside .venv)
	$(call beside,$(MLFLOW),mlflow,mlflow)
	PYTHONPATH=$(CURDIR) OMP_NUM_THREADS=1 $(MLFLOW)/bin/python -m pytest -m slow -k mlflow tests/unit/test_pushing_mlflow.py tests/unit/test_trackers.py

check: lint types layers test ## Run everything that must pass before a commit

lint: setup ## Check style and formatting (ruff)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: setup ## Mend style and formatting where ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: setup ## Check types (mypy --strict)
	$(BIN)/mypy

layers: setup ## Check which module may import which (import-linter)
	$(BIN)/lint-imports

calibrate: setup ## Simulate every gate and write docs/calibration.md (11 CPU-minutes, all cores)
	$(BIN)/python -m calibration

bench: setup ## Time the engine beside a plain loop, lm-eval and inspect-ai (a few minutes; ARGS="--rounds 3")
	$(call beside,$(BENCH),bench,inspect_ai)
	PYTHONPATH=$(CURDIR) $(BENCH)/bin/python -m benchmarks.engine $(ARGS)

browser: ## Install Chromium for the browser tests (Debian, as root)
	@if [ -x $(CHROMIUM) ]; then \
	  echo 'browser: $(CHROMIUM) is there'; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; \
	else \
	  echo 'browser: there is no $(CHROMIUM); install it as root: apt-get install chromium. Until then the browser tests skip.' >&2; \
	  exit 1; \
	fi

clean: ## Remove caches and build leftovers (keeps .venv and the recordings in reports/)
	rm -rf build dist *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find evalgate calibration models suites tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## Remove .venv, too
	rm -rf .venv
