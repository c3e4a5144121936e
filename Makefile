# The commands of this project; `make help` lists them. `.ci/setup` installs their requirements.
# PORT=… sets the port of the server, PYTHON=… the interpreter, ARGS=… the arguments of pytest or of the benchmarks.

PORT ?= 8000
HOST = 127.0.0.1
PY = .venv/bin/python

.PHONY: help serve test check lock bench format pages clean
.DEFAULT_GOAL := help

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

serve: ## serve the layers of config/layers.toml on http://127.0.0.1:8000
	@.ci/setup requirements.txt
	@exec .venv/bin/rawcog serve --host $(HOST) --port $(PORT)

test: ## check style and types, run all tests
	@.ci/setup requirements-dev.txt "chromium|chromium-browser|google-chrome=chromium" \
		"nginx|/usr/sbin/nginx=nginx-light" gdal_translate=gdal-bin
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -n auto --maxprocesses=4 --dist worksteal $(ARGS)

check: test ## the same, and look the packages up in advisories; run it before each commit
	@$(PY) -m pip install --quiet "pip-audit>=2.10,<3" 2>/dev/null || true
	@$(PY) .ci/audit.py

lock: ## resolve requirements.txt into requirements.lock, with hashes
	@.ci/setup requirements-dev.txt
	@$(PY) -m pip install --quiet "uv>=0.9,<1"
	$(PY) -m uv pip compile requirements.txt --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" --output-file requirements.lock

bench: ## run the benchmarks of bench/README.md, or some of them: ARGS="hot …"
	@.ci/setup requirements-dev.txt wrk=wrk "nginx|/usr/sbin/nginx=nginx-light"
	$(PY) -m bench $(ARGS)

format: ## format the code
	@.ci/setup requirements-dev.txt
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

pages: ## rebuild OpenLayers for the pages from its npm package; needs Node.js and npm
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer with npm"; exit 1; }
	cd server/openlayers && npm ci && npm run --silent build && rm -rf node_modules

clean: ## remove .venv and all caches
	rm -rf .venv .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
