# Targets delegate to cargo and `python3 -m infra.local`. `make help` lists them.

PYTHON ?= python3
# Port of the stack of `make run`.
PORT ?= 4566
# RESET=1 deletes the data of the last `make run`.
RESET ?=
# URL of the target of the kind user.delete for `make run`; without it, the target is `echo`.
export TASKER_URL ?=
# URL of an external emulator for `make run` and `make test-all`, instead of starting MiniStack.
export ENDPOINT ?=
# Port of the API of `make sam-local`.
API_PORT ?= 3000
export PYTHON

# Of `make key`: the stack, the AWS credentials, and the account and scopes of the new key. Not
# taken from the environment, where other tools use these names.
STACK =
PROFILE =
REGION =
ACCOUNT = operator
SCOPES = admin

# Cases per property of `make fuzz`, and a filter for its tests.
CASES ?= 20000
FUZZED = fuzz:: upsets_it any_path pieces
# Minutes of random requests of `make schemathesis`; 0 sends only deterministic ones.
MINUTES ?= 10
# First random seed of `make schemathesis`, `make faults` and `make faults-real`; number of seeds of
# `make faults`; number of jobs, by default 100 for `make faults` and 200 for `make faults-real`.
SEED ?= 1
SEEDS ?= 5
JOBS ?=

LOCAL = $(PYTHON) -m infra.local
# cargo-nextest runs the tests of all binaries at the same time; its settings are in .config/.
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
IN_PROCESS = $(if $(NEXTEST),cargo nextest run,cargo test) --workspace
# Tests that need a running stack or other tools.
LIVE = cargo test --workspace --features tests/e2e

.DEFAULT_GOAL := help
.PHONY: help images run sam-local test test-all test-stack faults faults-real faults-planted fuzz \
	schemathesis build arm64 deploy key kinds openapi openapi-compat fmt lint clean

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## start the whole stack on this machine (PORT=4566, RESET=1, TASKER_URL=…, ENDPOINT=…)
	@$(LOCAL) up --port $(PORT) $(if $(filter-out 0,$(RESET)),--reset)

sam-local: ## serve the API from containers with `sam local`; needs Docker (PORT=, API_PORT=3000)
	@$(LOCAL) sam-local --port $(PORT) --api-port $(API_PORT)

# Tests record the functions' AWS calls there, to check them against template.yaml and AWS's models.
test test-all: export TOLLGATE_CALLS = $(CURDIR)/target/calls

test: ## run the default tests: in process, and a smoke test of a temporary stack
	rm -rf $(TOLLGATE_CALLS)
	$(IN_PROCESS)
	$(LOCAL) console
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) smoke
	$(LOCAL) calls $(TOLLGATE_CALLS)

test-all: ## after `make test`, run tests with a stack, a browser, moto and containers (ENDPOINT=…)
	$(LOCAL) moto -- $(LIVE) --test moto
	$(LOCAL) up --port 0 --temporary -- make test-stack
	$(LIVE) --test permissions
	$(LOCAL) calls $(TOLLGATE_CALLS)
	$(MAKE) schemathesis MINUTES=0
	$(MAKE) arm64

# After a restart MiniStack does not continue its streams, so tests of pushed events run before.
test-stack: ## run the tests that need a stack, against TOLLGATE_STACK
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
	@echo "! Skipped on the external emulator $(ENDPOINT), which tests can't restart:" \
	  "tests/restart, tests/faults_real, tests/freeze and tests/e2e/crash.rs."
endif
	$(LOCAL) sam-local --api-port 0 -- $(LIVE) --test sam_local

.PHONY: smoke
smoke: export TOLLGATE_KEY := $(or $(KEY),$(TOLLGATE_KEY))
smoke: ## run the smoke test against a deployed stack (URL=…, KEY=…, CALLBACK=…, SLOW=1)
	@$(LOCAL) smoke --url '$(URL)' --callback '$(CALLBACK)' $(if $(filter-out 0,$(SLOW)),--slow)

faults: ## inject faults into the simulator and check all invariants (SEED=1, SEEDS=5, JOBS=100)
	SEED=$(SEED) SEEDS=$(SEEDS) JOBS=$(or $(JOBS),100) \
	  cargo test --profile faults -p tests --test faults every_promise -- --nocapture

faults-real: ## inject faults into a temporary stack by killing real processes (SEED=1, JOBS=200)
	$(LOCAL) up --port 0 --temporary -- \
	  env SEED=$(SEED) JOBS=$(or $(JOBS),200) $(LIVE) --test faults_real -- --nocapture

fuzz: ## run the property tests of external input with more cases (CASES=20000)
	PROPTEST_CASES=$(CASES) cargo test --workspace --lib --test stack -- $(FUZZED)

schemathesis: ## test a temporary stack against infra/openapi.json (MINUTES=10, SEED=1)
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) schemathesis --minutes $(MINUTES) --seed $(SEED)

faults-planted: ## check that fault injection finds each planted bug within 20 seeds (PLANTED=…)
	cargo test --profile faults -p tests --test faults planted -- --ignored --nocapture

build: ## build the functions for AWS, into target/lambda/
	$(LOCAL) build

arm64: ## build one function with the tools of `make build`, and check its machine type and glibc
	$(PYTHON) -m unittest tests/deploy/test_elf.py
	$(LOCAL) arm64

deploy: build ## build, then deploy to the current AWS account
	$(LOCAL) sam deploy --guided

key: ## create the first key of a deployed stack (STACK=, PROFILE=, REGION=, ACCOUNT=, SCOPES=)
	@$(LOCAL) key --stack "$(STACK)" --profile "$(PROFILE)" --region "$(REGION)" -- \
		--account "$(ACCOUNT)" --scopes "$(SCOPES)"

kinds: ## define a stack's default kinds (TOLLGATE_URL=…, TOLLGATE_KEY=…, TASKER_URL=…)
	@$(LOCAL) kinds

images: ## take the screenshots of the console in docs/images/, on a temporary stack
	$(LOCAL) up --port 0 --temporary -- $(LOCAL) browser tests/browser/console_images.py

openapi: ## regenerate infra/openapi.json from the routers
	UPDATE_OPENAPI=1 cargo test --workspace --test invariants openapi

openapi-compat: ## check infra/openapi.json for breaking changes since the last tag
	@$(LOCAL) openapi-compat

fmt: ## format the code
	cargo fmt --all
	$(LOCAL) fmt

lint: ## check formatting, clippy, spelling, scripts, the template, crates and the API description
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	$(LOCAL) lint

clean: ## delete build output, tools, and the local stack with its data
	rm -rf target .local .aws-sam
