# Everything goes through one virtual environment that is made when it is missing or out of date.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
HOST ?= 127.0.0.1
TLS ?=
RIG ?=
MINUTES ?= 10
SEED ?= 1
CASES ?= 2000
# Both gates; `TESTERS=3 .ci/run` and `make test TESTERS=3` say otherwise. Each tester has ports, a home, a product and a
# Chromium of its own, and takes about 2 GB. A third one would use the time in which the others wait, a third of it; on two
# cores it was once too much for tests that need an answer within seconds.
TESTERS ?= 2
# A file's tests stay together, and files in their order: those of tests/browser share one product and one Chromium for as
# long as they follow each other, and each start of both takes 20 s of processor time.
SPREAD := --dist loadfile --no-loadscope-reorder
# They try a sample in `make test`, and everything in `make thorough`.
SWEEPS = $(shell grep -rl 'tests.support.sweeps import' tests --include='test_*.py')
DATABASE_TESTS := tests/recorder tests/viewer tests/ops
export PYTHONPATH := $(CURDIR)
PINS := requirements.txt requirements-core.txt requirements-web.txt requirements-scale.txt requirements-hub.txt requirements-storage.txt requirements-imports.txt constraints.txt

.DEFAULT_GOAL := help
.PHONY: help tools run signin test test-faults test-postgres thorough lint format types demo readme docs interop bench budgets soak crash fuzz restarts wheel installed clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/.run: $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit("robotdata needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make run PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what robotdata needs (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.txt -r requirements-scale.txt -r requirements-hub.txt -r requirements-storage.txt -r requirements-imports.txt -c constraints.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

tools: $(VENV)/.dev
	@$(BIN)/python bench/prepare.py

run: $(VENV)/.run  ## start everything on this machine: web, worker and a rig (PORT=, HOST=, RIG=file.toml, TLS=1)
	@exec $(BIN)/python manage.py run --host $(HOST) --port $(PORT) $(if $(TLS),--tls) $(foreach rig,$(RIG),--rig $(rig))

signin: $(VENV)/.run  ## print a new one-use sign-in link
	@$(BIN)/python manage.py signin

test: $(VENV)/.dev  ## run what a change needs, of each sweep a sample; installs what the tests need, and a browser if this machine allows it
	@$(BIN)/python bench/prepare.py
	$(BIN)/python -m pytest -n $(TESTERS) $(SPREAD) -m "not faults" --ignore=tests/faults --ignore=tests/lerobot --ignore=tests/gymnasium $(ARGS)

test-faults: $(VENV)/.dev  ## real processes, disks and databases broken, at every write and by chance
	@$(BIN)/python bench/prepare.py
	$(BIN)/python -m pytest -n $(TESTERS) $(SPREAD) -m faults $(ARGS)

test-postgres: $(VENV)/.dev  ## the tests that use the database, on a private PostgreSQL (ARGS=tests/recorder/test_trash.py for a part)
	@$(BIN)/python bench/prepare.py
	$(BIN)/python -m tests.support.on_postgres -n $(TESTERS) $(SPREAD) -m "not faults" $(or $(ARGS),$(DATABASE_TESTS))

thorough: $(VENV)/.dev  ## all of the sweeps of which the gates run a sample: every single call broken, every byte, request and example
	@$(BIN)/python bench/prepare.py
	ROBOTDATA_THOROUGH=1 $(BIN)/python -m pytest -n $(TESTERS) $(SPREAD) -m faults -o timeout=3600 $(ARGS)
	ROBOTDATA_THOROUGH=1 $(BIN)/python -m pytest -n $(TESTERS) $(SPREAD) -m "not faults" -o timeout=3600 $(SWEEPS)

lint: $(VENV)/.dev  ## ruff, migrations that match the models, requirements that fit together, plain English
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	ROBOTDATA_HOME=$$(mktemp -d) $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python bench/resolve.py
	$(BIN)/python bench/wordlist.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev  ## mypy, strict on the rooms
	ROBOTDATA_HOME=$$(mktemp -d) $(BIN)/mypy robotdata recorder viewer

demo: $(VENV)/.dev  ## record, review, encode: through the API alone, against a private server
	$(BIN)/python bench/demo.py

readme: $(VENV)/.dev  ## run the README's commands: the product up to a live page, the demo, and a replay of its dataset
	PYTHON=$(BIN)/python bench/readme.sh

docs: $(VENV)/.dev  ## write what is generated: docs/faults.md and docs/architecture.svg
	$(BIN)/python bench/fault_table.py
	$(BIN)/python bench/draw_layers.py

interop: $(VENV)/.dev  ## open fresh datasets with the real LeRobot, and record with its drivers, in their environments
	@$(BIN)/python bench/prepare.py
	@sh bench/interop_env.sh all
	$(BIN)/python bench/interop.py
	$(BIN)/python -m pytest -n 2 $(SPREAD) -rs tests/lerobot tests/gymnasium tests/export/test_depth_lerobot.py

bench: $(VENV)/.dev  ## run every benchmark, print JSON
	$(BIN)/python bench/all.py

budgets: $(VENV)/.dev  ## what each act costs in processor time, queries, fsyncs and messages, beside its budget
	$(BIN)/python bench/budgets.py

soak: $(VENV)/.dev  ## record, reject, encode, view and kill for MINUTES; nothing acknowledged may be missing
	$(BIN)/python bench/soak.py --minutes $(MINUTES)

crash: $(VENV)/.dev  ## kill spool and commit a thousand times, and a recording rig two hundred times
	$(BIN)/python bench/crash.py
	$(BIN)/python bench/crash_rig.py

fuzz: $(VENV)/.dev  ## feed mutated takes, datasets and rig messages to start, pages and sweep (SEED=, CASES=)
	$(BIN)/python bench/fuzz.py --seed $(SEED) --cases $(CASES)

restarts: $(VENV)/.dev  ## restart web, worker, Redis and PostgreSQL fifty times each while a rig records
	$(BIN)/python bench/restarts.py

wheel: $(VENV)/.dev  ## build dist/*.whl
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

installed: wheel  ## install the wheel into clean environments (every Python found here), and record with it
	$(BIN)/python bench/installed.py

clean:
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache
