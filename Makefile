# Everything that a fresh machine needs is here. Only python3 (3.11 or newer) and make are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed
DEMO := build/demo

.DEFAULT_GOAL := help
.PHONY: help setup demo trial test long promises fast check lint types messages schema pictures docs lakes bench clean

help:  ## list what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(DONE)  ## make the virtual environment from the lock file

$(DONE): requirements.lock pyproject.toml
	@echo "==> Making the virtual environment in $(VENV) (once; some minutes on a slow line)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --no-warn-script-location --no-compile --require-hashes -r requirements.lock || \
	  { $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 15))' && \
	    echo "Libraries may not be built for so new a Python yet: rm -rf $(VENV), then make $(MAKECMDGOALS) PYTHON=python3.14"; exit 1; }
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests/' $(VENV)/lib || true  # by all cores; pip would use one
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(DONE)
	@echo "==> Ready: $(BIN)/cityai --help"

demo: $(DONE)  ## write the synthetic city, run its project, print where the card is
	@mkdir -p $(DEMO)/projects && cp -R configs $(DEMO) && cp -R projects/sample_requests $(DEMO)/projects
	@echo "==> Writing the synthetic city (no network, no real person)"
	@cd $(DEMO) && $(CURDIR)/$(BIN)/cityai sample-city
	@echo "==> Running sample_requests in $(DEMO), so that the published card stays as it is"
	@cd $(DEMO) && $(CURDIR)/$(BIN)/cityai run projects/sample_requests
	@echo "==> The card: $(DEMO)/model_cards/sample_requests/card.html (cd $(DEMO) for cityai ui)"

trial: $(DONE)  ## carry the invented city's evaluation from the design to the card (minutes), in build/trial
	@$(BIN)/python docs/evaluating.py build/trial

# One thread of linear algebra each: beside other workers, more of them only wait, at full cost.
# Compiled modules are kept: every worker, and every process that a test starts, reads them.
TESTS := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(DONE)  ## lint, types and the tests, within minutes
	@echo "==> Lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> Types, and beside them the tests (make long runs those that take long)"
	@$(BIN)/mypy & types=$$!; \
	$(TESTS) -m "not long"; tests=$$?; wait $$types && exit $$tests

long: $(DONE)  ## the tests that take long; CI runs them after make test
	@echo "==> Tests that take long"
	@$(TESTS) -m long

promises: $(DONE)  ## what is promised and what was observed of it: a table, and docs/promises.md
	@CITYAI_PROMISES=1 $(TESTS) -q -m promise -o faulthandler_timeout=7200

fast: $(DONE)  ## the tests that take no time
	@$(TESTS) -q -m "not slow and not long"

check: lint types fast  ## what to run before a commit

lint: $(DONE)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(DONE)
	@$(BIN)/mypy

messages: $(DONE)  ## bring the card's catalogues up to date with the code
	@$(BIN)/python -m cityai.i18n.collect

schema: $(DONE)  ## write the JSON Schema that editors use
	@$(BIN)/cityai schema --write

lock:  ## resolve the pins again (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header -o requirements.lock

pictures: $(DONE)  ## take the README's and the gallery's pictures of the published cards (needs Chromium)
	@$(BIN)/python docs/pictures.py

docs: $(DONE)  ## the documentation site, in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "==> build/site/index.html"

# In a folder of its own, so that nothing but their tests sees them. Java 17 or newer is yours.
lakes: $(DONE)  ## fetch Spark and the readers of Delta and Iceberg tables (700 MB) for their tests, skipped without them
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target build/lakes \
	  pyspark==4.1.4 py4j==0.10.9.9 grpcio==1.85.3 grpcio-status==1.85.3 googleapis-common-protos==1.76.0 zstandard==0.25.0 \
	  deltalake==1.6.6 arro3-core==0.9.1 deprecated==1.3.1 \
	  pyiceberg==0.12.0 mmh3==5.3.1 pyroaring==1.2.0 strictyaml==1.7.3 tenacity==9.2.1

bench: $(DONE)  ## accuracy on five real sets beside the peers, speed and growth, the audit's coverage, evaluation
	@$(BIN)/python benchmarks/demand.py
	@$(BIN)/python benchmarks/by_hand.py
	@for part in trials permuted cities speed; do $(BIN)/python benchmarks/impact.py $$part || exit 1; done
	@$(BIN)/python benchmarks/audit_speed.py
	@$(BIN)/python benchmarks/speed.py
	@$(BIN)/python benchmarks/audit_coverage.py

clean:  ## remove the environment and all saved stages (published cards stay)
	rm -rf $(VENV) .cityai
