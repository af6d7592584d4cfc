# Each target is one line into what does the work; `make help` lists them.

PYTHON ?= python3
# Where `make run` answers.
PORT ?= 4566
# RESET=1 forgets the data of the last `make run`.
RESET ?=
# The address to which `make run` has users deleted; without it, deletions are echoed.
export TASKER_URL ?=
# The address of an emulator that is there already, for `make run` and `make test-all` to use instead of one of their own.
export ENDPOINT ?=
# Where `make sam-local` answers.
API_PORT ?= 3000
export PYTHON

# Of `make key`: which stack, with which credentials, and the account and scopes of the new key.
# Not from the environment, where others use such names.
STACK =
PROFILE =
REGION =
ACCOUNT = operator
SCOPES = admin

# How often `make fuzz` tries each, and which of the tests.
CASES ?= 20000
FUZZED = fuzz:: upsets_it any_path pieces
# How long `make schemathesis` goes on by chance, 0: not at all.
MINUTES ?= 10
# From where the chance of `make schemathesis`, `make faults` and `make faults-real` goes on; how many seeds `make faults` tries; and how many
# jobs there are, where 100 and 200 aren't right.
SEED ?= 1
SEEDS ?= 5
JOBS ?=

LOCAL = $(PYTHON) -m infra.local
# The tests that need something that runs.
LIVE = cargo test --workspace --features tests/e2e

.DEFAULT_GOAL := help
.PHONY: help images run sam-local test test-all test-stack faults faults-real faults-planted fuzz schemathesis build arm64 deploy key kinds openapi fmt lint clean

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## start the whole stack on this machine (PORT=4566, RESET=1: forget its data, TASKER_URL=…, ENDPOINT=…)
	@$(LOCAL) up --port $(PORT) $(if $(filter-out 0,$(RESET)),--reset)

sam-local: ## serve the API from containers, by `sam local` (PORT=4566, API_PORT=3000); needs a Docker engine
	@$(LOCAL) sam-local --port $(PORT) --api-port $(API_PORT)

# The functions' calls are recorded there, and checked against template.yaml and AWS's models.
test test-all: export TOLLGATE_CALLS = $(CURDIR)/target/calls

test: ## run the default tests: in process, and a smoke test of a stack of their own
	rm -rf $(TOLLGATE_CALLS)
	cargo test --workspace
	$(LOCAL) console
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) smoke
	$(LOCAL) calls $(TOLLGATE_CALLS)

test-all: ## after `make test`, run the tests that need a stack, a browser, moto, containers (ENDPOINT=…: that emulator)
	$(LOCAL) moto -- $(LIVE) --test moto
	$(LOCAL) up --port 0 --temporary -- make test-stack
	$(LIVE) --test permissions
	$(LOCAL) calls $(TOLLGATE_CALLS)
	$(MAKE) schemathesis MINUTES=0
	$(MAKE) arm64

# After a restart MiniStack goes on with a stream where nothing is any more, so what looks at pushed events comes before.
test-stack: ## run the tests that need a stack, against that of TOLLGATE_STACK
	$(LIVE) --test e2e --test prometheus $(if $(ENDPOINT),-- --skip crash::)
	$(LOCAL) browser
	$(PYTHON) -m unittest tests/deploy/test_first_key.py
ifeq ($(ENDPOINT),)
	$(LIVE) --test concurrency
	$(LIVE) --test restart
	$(LIVE) --test faults_real
	for mode in response extensions crashes; do \
	  TOLLGATE_FREEZE=$$mode $(LOCAL) up --port 0 --temporary -- $(LIVE) --test freeze || exit 1; done
else
	@echo "! $(ENDPOINT) is not ours to restart, nor are its workers to kill: tests/restart, tests/faults_real, tests/freeze and tests/e2e/crash.rs not tried."
endif
	$(LOCAL) sam-local --api-port 0 -- $(LIVE) --test sam_local

.PHONY: smoke
smoke: export TOLLGATE_KEY := $(or $(KEY),$(TOLLGATE_KEY))
smoke: ## test a deployed stack, as its operator (URL=https://…, KEY=…, CALLBACK=https://…, SLOW=1)
	@$(LOCAL) smoke --url '$(URL)' --callback '$(CALLBACK)' $(if $(filter-out 0,$(SLOW)),--slow)

faults: ## let the stack suffer by seeds, and hold every promise against it (SEED=1, SEEDS=5, JOBS=100)
	SEED=$(SEED) SEEDS=$(SEEDS) JOBS=$(or $(JOBS),100) cargo test --profile faults -p tests --test faults every_promise -- --nocapture

faults-real: ## the same with real processes and real kills, on a stack of its own (SEED=1, JOBS=200)
	$(LOCAL) up --port 0 --temporary -- env SEED=$(SEED) JOBS=$(or $(JOBS),200) $(LIVE) --test faults_real -- --nocapture

fuzz: ## try what comes from outside more often than `make test` does (CASES=20000 of each sort)
	PROPTEST_CASES=$(CASES) cargo test --workspace --lib --test stack -- $(FUZZED)

schemathesis: ## try a stack of its own by infra/openapi.json, for MINUTES=10 by chance, from SEED=1 on
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) schemathesis --minutes $(MINUTES) --seed $(SEED)

faults-planted: ## plant bugs in the stack, of which each has to be found within twenty seeds (PLANTED=… one of them)
	cargo test --profile faults -p tests --test faults planted -- --ignored --nocapture

build: ## build the functions for AWS, into target/lambda/
	$(LOCAL) build

arm64: ## build one function with the tools of `make build`, and check its machine type and glibc
	$(PYTHON) -m unittest tests/deploy/test_elf.py
	$(LOCAL) arm64

deploy: build ## build, then deploy to the AWS account you are signed in to
	$(LOCAL) sam deploy --guided

key: ## make the first key of a deployed stack (STACK=, PROFILE=, REGION=, ACCOUNT=, SCOPES=)
	@$(LOCAL) key --stack "$(STACK)" --profile "$(PROFILE)" --region "$(REGION)" -- \
		--account "$(ACCOUNT)" --scopes "$(SCOPES)"

kinds: ## define the default kinds of a deployed stack (TOLLGATE_URL=…, TOLLGATE_KEY=…, TASKER_URL=…)
	@$(LOCAL) kinds

images: ## take the pictures of the console in docs/images/ anew, on a stack of its own
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) browser tests/browser/console_images.py

openapi: ## write infra/openapi.json anew, from the routers
	UPDATE_OPENAPI=1 cargo test --workspace --test invariants openapi

fmt: ## format the code
	cargo fmt --all

lint: ## check formatting, clippy, the template, the crates, the dashboards and the scripts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	$(LOCAL) lint

clean: ## remove what was built, and the local stack with its data
	rm -rf target .local .aws-sam
