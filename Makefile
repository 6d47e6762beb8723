# `make help` lists what there is. PORT, HOST and DATA_DIR are for `run`; ARGS goes to pytest and to uv; PYTHON makes .venv.

PYTHON = python3
HOST = 127.0.0.1
PORT = 8000
ARGS =

PY = .venv/bin/python
# Readable for all: PostgreSQL's programs are in there, and where we are root they run as another user.
PIP = umask 022; $(PY) -m pip install --quiet --quiet --disable-pip-version-check --no-input --only-binary :all: --require-hashes

# What `check --deploy` is to approve: production's settings, with secrets of the moment.
PRODUCTION = RETIVO_DEVELOPMENT=0 ALLOWED_HOSTS=retivo.example \
	SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	ENCRYPTION_KEYS="$$($(PY) -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')"

.PHONY: help run test check format openapi lock soak deadlocks inputs bench bench-growth bench-deletion forward demo simulate clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/  make \1	\2/p' Makefile | expand -t 20

run: .venv/installed ## set up, migrate, seed the demo and serve (HOST=127.0.0.1 PORT=8000 DATA_DIR=.data)
	@exec $(PY) manage.py run --host "$(HOST)" --port "$(PORT)" --exit-with-parent $$PPID

test: .venv/installed-dev ## run the tests (ARGS="-k share")
	@RETIVO_DEVELOPMENT=1 exec $(PY) -m pytest $(ARGS)

check: .venv/installed-dev ## lint, format, types, imports, migrations, openapi.yaml, deployment settings
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	@echo lint-imports; $(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache
	$(PY) manage.py makemigrations --check --dry-run
	@$(PY) manage.py spectacular --validate --fail-on-warn --file .venv/openapi.yaml
	diff openapi.yaml .venv/openapi.yaml || { echo 'openapi.yaml is out of date: make openapi'; exit 1; }
	@echo 'manage.py check --deploy'; $(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

format: .venv/installed-dev ## let ruff put the code in order
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

openapi: .venv/installed ## write openapi.yaml from the code
	$(PY) manage.py spectacular --validate --fail-on-warn --file openapi.yaml

# For all systems and every Python from 3.11 on. The last is a superset of the others, which take its versions.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --only-binary :all: --no-annotate --no-emit-index-url $(ARGS)

lock: .venv/installed-dev ## write requirements*.txt from requirements*.in (ARGS=--upgrade)
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) --constraint requirements-dev.txt requirements-otel.in --output-file requirements-otel.txt
	$(LOCK) --constraint requirements-dev.txt requirements-embedded.in --output-file requirements-embedded.txt
	$(LOCK) --constraint requirements-dev.txt requirements.in --output-file requirements.txt

soak: .venv/installed-dev ## run the tests at their whole size, as before a release: hours (ARGS="-k chaos")
	@SOAK=1 RETIVO_DEVELOPMENT=1 exec $(PY) -m pytest $(ARGS)

deadlocks: .venv/installed-dev ## run every pair of writers against each other (LOCK_TRANSACTIONS=10000)
	@RETIVO_DEVELOPMENT=1 LOCK_TRANSACTIONS="$${LOCK_TRANSACTIONS:-10000}" \
		exec $(PY) -m pytest -n0 -q tests/test_lock_order.py

inputs: .venv/installed-dev ## send 20,000 unusual and 20,000 malformed requests to every operation: an hour (INPUTS=…)
	@RETIVO_DEVELOPMENT=1 INPUTS=$${INPUTS:-20000} exec $(PY) -m pytest tests/retivo/api/test_any_input.py -n 0 -s $(ARGS)

bench: .venv/installed-dev ## measure against a peer, a hello view and the bare SQL (BENCH_SECONDS=…)
	@exec $(PY) -m bench

bench-growth: .venv/installed-dev ## the same with 20 M events and 100,000 tenants: hours (BENCH_SCALE=0.01)
	@exec $(PY) -m bench.growth

bench-deletion: .venv/installed-dev ## delete a tenant with a million events (BENCH_EVENTS=1000000)
	@exec $(PY) -m bench.deletion

forward: .venv/installed-dev ## read lists forward while 8 write, and count what is missed (FORWARD_ROWS=20000)
	@FORWARD_ROWS=$${FORWARD_ROWS:-20000} RETIVO_DEVELOPMENT=1 exec $(PY) -m pytest -n 0 -rP --show-capture=stdout \
		tests/decisions/ledger/test_forward.py -k eight

demo: .venv/installed-dev ## walk the closed loop with two merchants: a table, and bench/out/demo.png
	@exec $(PY) -m bench.demo

simulate: .venv/installed-dev ## decide for simulated tenants: a table, and bench/out/simulate.png (BENCH_SECONDS=…)
	@exec $(PY) -m bench.simulate

clean: ## remove .venv and the caches; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so whatever was interrupted is done again.
.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'retivo: Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 …' >&2; exit 1; }
	@test -x $(PY) || rm -rf .venv
	@umask 022; $(PYTHON) -m venv .venv >/dev/null || \
		{ echo 'retivo: $(PYTHON) cannot make a virtual environment: install its venv module.' >&2; exit 1; }
	@touch $@

.venv/installed: requirements-embedded.txt .venv/made
	@echo 'Installing the requirements …'
	@$(PIP) -r requirements-embedded.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo 'Installing the tools for development …'
	@$(PIP) -r requirements-dev.txt
	@touch $@
