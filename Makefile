# Everything that a person or CI runs. Each target does its own set-up, in .venv and node_modules.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
PYTHON ?= python3
UV_VERSION := 0.13.9

.PHONY: help demo test check bench-cold bench-twin package template setup setup-dev lock contracts contracts-test clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: setup  ## Mint the sample collection's six prints into out/
	@monoprint demo

test: setup-dev  ## Every test
	pytest -n 2 --dist loadfile

check: setup-dev  ## The static gate: format, lint, types, import arrows
	ruff format --check .
	ruff check .
	mypy
	lint-imports

package: setup-dev  ## A zip for each function of serverless.yml, in dist/
	python -m infra.package

template: setup-dev .lint/.dev  ## The deployment's template, compiled offline and linted
	python -m infra.deploy.template .lint/template
	@# W3005: osls says twice on what a resource depends. W1020: what varies in prod's CHAIN_URL does not in dev's.
	.lint/bin/cfn-lint --ignore-checks W3005 W1020 -- .lint/template/*.json
	.lint/bin/checkov --config-file .checkov.yaml --directory .lint/template

# LAMBDA_PYTHON=...: a CPython of serverless.yml's version, where uv finds none.
bench-cold: setup-dev  ## How long a handler takes to be ready, beside a bare one and one that imports everything
	python -m benchmarks.cold $(if $(LAMBDA_PYTHON),--python $(LAMBDA_PYTHON))

# REQUESTS=...: how many tokens to mint.
bench-twin: setup-dev  ## What a mint costs without its picture: tokens a second, CPU ms by stop
	python -m benchmarks.twin $(if $(REQUESTS),--requests $(REQUESTS))

setup: .venv/.run node_modules/.run  ## What `make demo` needs: Python packages and the embedded chain

setup-dev: .venv/.dev node_modules/.dev .ministack/.dev  ## What tests and checks need as well

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Monoprint needs Python 3.11 or newer; got $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.run: requirements/run.txt requirements/build.txt pyproject.toml | .venv/bin/uv
	uv pip install --quiet --require-hashes -r requirements/run.txt
	uv pip install --quiet --no-deps --build-constraints requirements/build.txt --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	uv pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# AWS on this machine, for the tests. Its dependencies are not ours: it has a venv of its own.
.ministack/.dev: requirements/ministack.txt | .venv/bin/uv
	$(PYTHON) -m venv --clear --without-pip .ministack
	uv pip install --quiet --python .ministack/bin/python --require-hashes -r requirements/ministack.txt
	@touch $@

# Linters of the deployment's template, a venv of their own as well.
.lint/.dev: requirements/lint.txt | .venv/bin/uv
	$(PYTHON) -m venv --clear --without-pip .lint
	uv pip install --quiet --python .lint/bin/python --require-hashes -r requirements/lint.txt
	@touch $@

node_modules/.run: package-lock.json package.json | .venv/.run
	@[[ node_modules/.dev -nt package-lock.json && node_modules/.dev -nt package.json ]] || npm ci --omit=dev --silent
	@touch $@

node_modules/.dev: package-lock.json package.json | .venv/.dev
	npm ci --silent
	@touch node_modules/.run $@

lock:  ## Resolve the Python packages again, into requirements/
	uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 requirements/build.in -o requirements/build.txt
	uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --group node -o requirements/run.txt
	uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --group node --group aws --group dev -c requirements/run.txt -o requirements/dev.txt
	uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml --group aws -c requirements/dev.txt -o requirements/lambda.txt
	uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --group ministack -o requirements/ministack.txt
	uv pip compile -q --universal --generate-hashes --no-header --python-version 3.11 --group lint -o requirements/lint.txt

contracts: setup-dev  ## Rebuild contracts/artifacts from contracts/src
	python contracts/build.py

contracts-test: setup-dev  ## The contract's own tests
	python contracts/build.py --test

clean:  ## Remove what demo and builds left (not .monoprint, which holds your collections and keys)
	rm -rf dist out contracts/out contracts/cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
