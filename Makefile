# `make run` and `make test` are all that a newcomer needs; each sets up what it uses.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Many of the tests wait, for a lease, a process, a page: more workers than cores.
WORKERS := -n 5 --dist loadgroup
SKIPPED = $(if $(SKIPS),--skips=$(SKIPS))
SHORT_TESTS := --short tests/luggage tests/bot/web

# These would decide which code runs, in place of the lock files and the checkout; and without bytecode
# each of the many processes would compile all that it loads.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONOPTIMIZE
# These would decide which tests run, with which plugins, and what counts as covered.
unexport $(filter PYTEST_% COV_% COVERAGE_%,$(.VARIABLES))

.PHONY: run test faults mutants bench check docs requirements format packages dist audit clean help tools set-up-run set-up-dev set-up-docs set-up-mutants

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 16

run: set-up-run  ## set up and run the bot (the demo, where no App is configured)
	@# With job control the bot is in a process group of its own: a Ctrl-C is for it alone, and make,
	@# which would die of it, ends as the bot does. Without a terminal, a signal for make is for the bot.
	@if [ -t 0 ]; then set -m; $(BIN)/python -m bot_deploy start --or-demo; \
	  else exec $(BIN)/python -m bot_deploy start --or-demo; fi

test: set-up-dev  ## set up and run the tests, with the coverage gate; a short form of them, the library and the pages: make test SHORT=1
	$(if $(SHORT),$(BIN)/python -m pytest -q $(WORKERS) $(SKIPPED) $(SHORT_TESTS),\
	  $(BIN)/python -m pytest $(WORKERS) --ignore tests/docs_site --cov --cov-report= $(SKIPPED) && $(BIN)/python -m tests.coverage_gate)

tools:  ## install what more of the tests use: Debian packages, as root
	@tests/tools/install

faults: set-up-dev  ## the fault campaign, hours; parts of it: make faults ROW=name SEED=n SHORT=1 SIZE=n
	$(BIN)/python -m tests.faults $(if $(ROW),--row $(ROW)) $(if $(DATABASE),--database $(DATABASE)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(SIZE),--size $(SIZE)) $(if $(SHORT),--short)

mutants: set-up-mutants  ## mutation tests of the tests, hours; a part of it, or its results until now: make mutants PART=bot/actions REPORT=1
	$(VENV)-mutants/bin/python -m tests.mutants $(PART) $(if $(REPORT),--report)

bench: set-up-dev  ## measure, side by side with others, and write docs/performance.md: make bench NAME="ingest start" SHORT=1
	$(BIN)/python -m bench $(NAME) $(if $(SHORT),--short)

check: set-up-docs  ## ruff, mypy strict, import-linter, docs checks and the site
	@.ci/lock-age
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(addsuffix -docs,$(SKIPPED)) tests/shape/test_docs.py tests/docs_site

docs: set-up-docs  ## build the documentation site into build/docs/VERSION, next to other versions: make docs VERSION=1.2.0 OUTPUT=folder
	$(BIN)/python -m docs.site $(if $(VERSION),--version $(VERSION)) $(if $(OUTPUT),--output $(OUTPUT))

format: set-up-dev  ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: set-up-dev  ## compile *.in into *.txt: exact versions, with hashes
	for name in requirements requirements-build requirements-dev requirements-docs requirements-mutants bench/peers/pypi/requirements; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	    --only-binary :all: --emit-build-options --no-emit-index-url --custom-compile-command "make requirements" $$name.in -o $$name.txt || exit 1; \
	done

packages: set-up-dev
	.ci/packages $(BIN)/uv

dist: packages  ## what a release holds, as far as this machine and its Python make it, into dist/
	.ci/pex $(PYTHON)

audit: set-up-dev  ## look up known vulnerabilities of the locked files, on the network
	.ci/audit $(BIN)/uv

clean:  ## remove the virtual environments
	rm -rf $(VENV) $(VENV)-mutants

# Another Python: make test PYTHON=python3.13 VENV=.venv-3.13. bot_deploy/venv.py does the rest.
define SET_UP
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@test "$$($(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)" = True || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m bot_deploy.venv $(VENV)
endef

set-up-run:
	$(SET_UP) requirements.txt

set-up-dev:
	$(SET_UP) requirements.txt requirements-dev.txt

# After the others, because two pips must not install into one environment at a time.
set-up-docs: set-up-dev
	$(SET_UP) requirements.txt requirements-dev.txt requirements-docs.txt

# In an environment of its own: mutmut brings setproctitle, which gunicorn uses where it is installed.
set-up-mutants: override VENV := $(VENV)-mutants
set-up-mutants:
	$(SET_UP) requirements.txt requirements-dev.txt requirements-mutants.txt
