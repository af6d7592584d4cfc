# Each target is one line into what does the work; `make help` lists them.

PYTHON ?= python3
# Where `make run` answers.
PORT ?= 4566
# RESET=1 forgets the data of the last `make run`.
RESET ?=
# The address to which `make run` has users deleted; without it, deletions are echoed.
export TASKER_URL ?=

LOCAL = $(PYTHON) -m infra.local

.DEFAULT_GOAL := help
# What `make faults` replays: the first seed, how many, and how many jobs each.
SEED ?= 1
SEEDS ?= 5
JOBS ?= 100

.PHONY: help run test faults build deploy kinds openapi fmt lint clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## start the whole stack on this machine (PORT=4566, RESET=1: forget its data, TASKER_URL=…)
	@$(LOCAL) up --port $(PORT) $(if $(filter-out 0,$(RESET)),--reset)

test: ## run all tests, the last ones against a stack of their own
	cargo test --workspace
	$(LOCAL) up --port 0 --temporary -- cargo test --workspace --features tests/e2e --test e2e --test restart

faults: ## let the stack suffer by seeds, and hold every promise against it (SEED=1, SEEDS=5, JOBS=100)
	SEED=$(SEED) SEEDS=$(SEEDS) JOBS=$(JOBS) cargo test --profile faults -p tests --test faults every_promise -- --nocapture

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
