.DEFAULT_GOAL := help
UNIT := unit
# tests of one file stay together: they share what takes long to make
BY_FILE := --dist loadfile --no-loadscope-reorder
BESIDE := -n auto --maxprocesses 4 $(BY_FILE)
# many of all the tests wait for programs: one more at a time than there are cores keeps these busy
ALL_BESIDE := -n $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 4 ? cores + 1 : 4))) $(BY_FILE)

# tests start hundreds of programs: none shall translate all of this anew, whatever the machine is set to
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run test check lint unit soak coverage bench format pins setup-run setup-dev

help: ## Show what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: setup-run ## Set up, then run a sample city with you in it
	.venv/bin/nearcast demo

test: setup-dev ## Set up, then run every test, with PostGIS and a browser where they can be had
	@bash .ci/postgres install || echo "PostGIS cannot be installed here: tests that need it are skipped"
	@bash .ci/chromium install || echo "Chromium cannot be installed here: tests that need it are skipped"
	.venv/bin/python -m pytest $(ALL_BESIDE)

check: setup-dev ## Format, lint, types, imports, unit and property tests
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint $(UNIT)

lint:
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports

unit:
	.venv/bin/python -m pytest -q -m "not e2e" $(BESIDE)

soak: setup-dev ## Races and crashes again and again, for minutes
	.venv/bin/python -m pytest -m soak

coverage: setup-dev ## Which branches the unit and property tests take
	.venv/bin/python -m pytest -q -m "not e2e" --cov --cov-report=term

bench: setup-run ## Measure matching against what you would use instead, and the engine
	.venv/bin/nearcast bench match --kind mixed --fences 100000 --pings 1000000 --verify
	.venv/bin/nearcast bench match --kind shops --fences 100000 --pings 1000000 --verify
	.venv/bin/nearcast bench engine

format: setup-dev ## Format the code
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

pins: setup-dev ## Pin the newest packages that pyproject.toml allows
	.venv/bin/pip-compile -q --upgrade $(PINNED) -o .requirements/run.txt pyproject.toml
	.venv/bin/pip-compile -q --upgrade $(PINNED) --extra dev -c .requirements/run.txt -o .requirements/dev.txt pyproject.toml
	sed -n '/^setuptools==/,/[^\\]$$/p' .requirements/dev.txt > .requirements/build.txt

PINNED := --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

setup-run:
	@bash .ci/setup run

setup-dev:
	@bash .ci/setup dev
