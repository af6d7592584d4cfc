# Each target is one line into what does the work; `make help` lists them.

PYTHON ?= python3
# Where `make run` answers.
PORT ?= 4566
# RESET=1 forgets the data of the last `make run`.
RESET ?=
# The address to which `make run` has users deleted; without it, deletions are echoed.
export TASKER_URL ?=

# How often `make fuzz` tries each, and which of the tests.
CASES ?= 20000
FUZZED = fuzz:: upsets_it any_path pieces
# How long `make schemathesis` goes on by chance, 0: not at all, and from where.
MINUTES ?= 10
SEED ?= 1

LOCAL = $(PYTHON) -m infra.local

.DEFAULT_GOAL := help
.PHONY: help run test fuzz schemathesis build deploy kinds openapi fmt lint clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## start the whole stack on this machine (PORT=4566, RESET=1: forget its data, TASKER_URL=…)
	@$(LOCAL) up --port $(PORT) $(if $(filter-out 0,$(RESET)),--reset)

# What the functions ask AWS for is noted there, and held to template.yaml in the end.
test: export TOLLGATE_CALLS = $(CURDIR)/target/calls
test: ## run all tests, the last ones against a stack of their own
	rm -rf $(TOLLGATE_CALLS)
	cargo test --workspace
	$(LOCAL) up --port 0 --temporary -- cargo test --workspace --features tests/e2e --test e2e --test restart
	cargo test --workspace --features tests/e2e --test permissions

fuzz: ## try what comes from outside more often than `make test` does (CASES=20000 of each sort)
	PROPTEST_CASES=$(CASES) cargo test --workspace --lib --test stack -- $(FUZZED)

schemathesis: ## try a stack of its own by infra/openapi.json, for MINUTES=10 by chance, from SEED=1 on
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) schemathesis --minutes $(MINUTES) --seed $(SEED)

build: ## build the functions for AWS, into target/lambda/
	$(LOCAL) build

deploy: build ## build, then deploy to the AWS account you are signed in to
	$(LOCAL) sam deploy --guided

kinds: ## define the default kinds of a deployed stack (TOLLGATE_URL=…, TOLLGATE_KEY=…, TASKER_URL=…)
	@$(LOCAL) kinds

openapi: ## write infra/openapi.json anew, from the routers
	UPDATE_OPENAPI=1 cargo test --workspace --test invariants openapi

fmt: ## format the code
	cargo fmt --all

lint: ## check formatting, clippy, the template and the scripts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	$(LOCAL) lint

clean: ## remove what was built, and the local stack with its data
	rm -rf target .local .aws-sam
