# The commands of this project; `make help` lists them. What they need is set up by .ci/setup.
# PORT=… moves the server, PYTHON=… picks the interpreter, ARGS=… goes to pytest or to the benchmarks.

PORT ?= 8000
HOST = 127.0.0.1
PY = .venv/bin/python

.PHONY: help serve test check bench format pages clean
.DEFAULT_GOAL := help

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

serve: ## serve the layers of config/layers.toml on http://127.0.0.1:8000
	@.ci/setup requirements.txt
	@HOST=$(HOST) PORT=$(PORT) exec $(PY) -m gunicorn -c config/gunicorn.conf.py wsgi:app

test: ## check style and types, run all tests
	@.ci/setup requirements-dev.txt "chromium|chromium-browser|google-chrome=chromium" \
		"nginx|/usr/sbin/nginx=nginx-light" gdal_translate=gdal-bin
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -n auto --maxprocesses=4 $(ARGS)

check: test ## the same: all that has to hold before a commit

bench: ## measure all that bench/README.md tells of, or ARGS="hot …"
	@.ci/setup requirements-dev.txt wrk=wrk "nginx|/usr/sbin/nginx=nginx-light"
	$(PY) -m bench $(ARGS)

format: ## put the code into its form
	@.ci/setup requirements-dev.txt
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

pages: ## build OpenLayers for the web pages anew from the npm package; needs Node.js and npm
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer with npm"; exit 1; }
	cd server/openlayers && npm ci && npm run --silent build && rm -rf node_modules

clean: ## remove .venv and all caches
	rm -rf .venv .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
