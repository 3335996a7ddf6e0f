# make verify    the main job: every claim of the ledger with its derivations, without torch; says where the report is
# make test      lint, types, import rules, doctests of every public example, tests
# make docs      the documentation site, docs/_build/html/index.html, offline
# The rest:      make figures | bench | lint | types | clean | test-minimal | verify-all | mutants | studies | vectors |
#                audit-surveys | study-kill-test | study-scaling | test-s3
#
# Each target sets up its own environment first, once, and again when pyproject.toml or constraints.txt change.
#   PYTHON=python3.12     the interpreter to build the environment with (>= 3.11; `make clean` before changing it)
#   VENV=/some/folder     where the environment lives (default .venv)
#   PYTEST_ARGS="-k phi"  handed to pytest by `make test`

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
VERIFY_ARGS ?=
PYTEST_ARGS ?=
FIGURES ?=
BENCHMARKS ?= bench_sampling bench_tableaus bench_import bench_torch_loop bench_network bench_dropins

SHELL := /bin/sh
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Only what is imported gets compiled, when it is: a tenth of what pip would compile.
INSTALL := $(PIP) install --quiet --quiet --no-compile --constraint constraints.txt
PROJECT := $(INSTALL) --no-build-isolation --editable
CONFIGURATION := pyproject.toml constraints.txt

# Another environment, active or configured, must not leak into ours.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PYTHONDONTWRITEBYTECODE
export PIP_USER := 0
export PYTHONNOUSERSITE := 1

# The processes of pytest-xdist share the cores; more threads in each only slow them down.
test test-minimal: export OMP_NUM_THREADS := 1
test test-minimal: export OPENBLAS_NUM_THREADS := 1

.PHONY: study-kill-test study-scaling test-s3 vectors audit-surveys help verify verify-all mutants studies test test-minimal figures docs bench lint types clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile

verify: $(VENV)/.core
	@$(BIN)/ersde verify $(VERIFY_ARGS); status=$$?; \
	if [ -f report/index.html ]; then echo "Report: $(CURDIR)/report/index.html"; fi; \
	exit $$status

# The ledger, and every derivation step by step (half a minute more the first time, seconds afterwards).
verify-all:
	@$(MAKE) --no-print-directory verify VERIFY_ARGS=--all

# Every derivation with one thing wrong at a time: all of them must be refuted.
mutants: $(VENV)/.core
	@mkdir -p report
	$(BIN)/python -m ersde_theory.derivations.mutants --json report/mutants.json

# The studies behind docs/records: how often an order verdict is wrong, the headline orders, the schemes compared
# (about a quarter of an hour).
studies: $(VENV)/.core
	$(BIN)/python -m ersde_theory.laboratory trials --json docs/records/order-trials.json
	$(BIN)/python -m ersde_theory.laboratory headline --json docs/records/headline-orders.json
	$(BIN)/python -m ersde_theory.laboratory.comparison --json docs/records/comparison.json

# A study whose driver and workers are killed 100 times; what studies cost (quiet cores wanted).
study-kill-test: $(VENV)/.test
	$(BIN)/python -m ersde_theory.studies.kill_test --json docs/records/study-kill-test.json

study-scaling: $(VENV)/.test
	$(BIN)/python -m ersde_theory.studies.scaling --json docs/records/study-scaling.json

# Certified coefficients bit for bit, trajectories to 1e-12; samplers of diffusers read out (minutes).
vectors: $(VENV)/.test
	$(BIN)/ersde vectors --check docs/vectors

audit-surveys: $(VENV)/.bench
	$(BIN)/python -m ersde_theory.audit.diffusers_survey --json docs/records/audit-diffusers.json

# The export to S3 against a local server, whose many packages are not worth an every-day install.
test-s3: $(VENV)/.test
	$(INSTALL) '.[s3]'
	$(BIN)/python -m pytest --quiet tests/studies/test_export_to_s3.py

test: lint types
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --quiet $(PYTEST_ARGS)

# What must work where torch and numba are not installed: all of it imports (tests/project/test_without_torch.py), and each
# module is tried. What checks numbers for seconds and would come out the same, with torch or without, has the marker `slow`
# and is left to `make test`, as are examples that take long. `make verify` covers ledger, report, figures and derivations;
# notebooks and site have no lane of their own. Tests of what needs torch skip themselves.
test-minimal: $(VENV)/.unit
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then \
	echo "error: $(VENV) has torch; run: make $@ VENV=.venv-minimal" >&2; exit 1; fi
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --quiet -m "not slow" tests analytic ersde_theory \
	--doctest-ignore-import-errors $(addprefix --ignore=tests/,claims docs derivations errors laboratory notebooks report) \
	$(addprefix --ignore=ersde_theory/,audit claims derivations integrations laboratory models network_errors report) \
	$(PYTEST_ARGS)

figures: $(VENV)/.core
	$(BIN)/python -m paper_figures $(FIGURES)

docs: $(VENV)/.test
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs docs/_build/html
	@echo "Site: $(CURDIR)/docs/_build/html/index.html"

bench: $(VENV)/.bench
	@set -e; for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py; done

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.test
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .venv-minimal build dist *.egg-info report
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- environments: a stamp for each set of packages -------------------------------------------------------------

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "error: Python 3.11 or newer is needed; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	echo "       Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "error: '$(PYTHON)' cannot create environments (on Debian or Ubuntu: install python3-venv)." >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) setuptools
	@touch $@

$(VENV)/.core: $(VENV)/.created $(CONFIGURATION)
	@echo "Installing the project into $(VENV)"
	@$(PROJECT) .
	@touch $@

$(VENV)/.unit: $(VENV)/.created $(CONFIGURATION)
	@echo "Installing the project and its test tools (without torch) into $(VENV)"
	@$(PROJECT) '.[unit]'
	@touch $(VENV)/.core $@

$(VENV)/.test: $(VENV)/.created $(CONFIGURATION)
	@echo "Installing the project, its test tools and torch into $(VENV) (about a minute)"
	@$(PROJECT) '.[test]'
	@touch $(VENV)/.core $@

$(VENV)/.bench: $(VENV)/.created $(CONFIGURATION)
	@echo "Installing the project and the libraries it is compared with into $(VENV)"
	@$(PROJECT) '.[bench]'
	@touch $(VENV)/.core $@
