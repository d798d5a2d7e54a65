# The two commands of this project are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
CARGO ?= cargo
# Build results live outside the clone, so that a fresh clone builds warm.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tenantry
export CARGO_TARGET_DIR ?= $(CACHE)/target
export CARGO

.PHONY: help demo test check advisories schema bench fuzz
help: ## Say what there is to make.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: ## Build, and show a dozen tenants being scaled beside HPA. ARGS are passed on, such as ARGS='--for 30s'.
	@scripts/fetch-traces
	@echo "demo: building (target: $(CARGO_TARGET_DIR)); some minutes the first time"
	@$(CARGO) build --profile demo --locked -p tenantry
	@$(CARGO_TARGET_DIR)/demo/tenantry demo $(ARGS)

test: ## Set up and pass all tests.
	@scripts/test

check: ## Formatting, lints with warnings as errors, house rules, licences, documentation.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) run -q --locked -p xtask -- tidy
	@command -v cargo-deny >/dev/null || $(CARGO) install cargo-deny --locked --version 0.20.2 --target-dir $(CARGO_TARGET_DIR)/tools
	$(CARGO) deny --locked check bans licenses sources
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

advisories: ## Known weaknesses of dependencies; needs the advisory database on GitHub.
	$(CARGO) deny --locked check advisories

schema: ## Write the JSON Schema of documents and the OpenAPI document anew.
	UPDATE_EXPECT=1 $(CARGO) test -q -p tenantry-domain the_schema_is_checked_in
	UPDATE_EXPECT=1 $(CARGO) test -q -p tenantry-api --lib the_document_is_checked_in

fuzz: ## Fuzz what meets bytes from outside, ten minutes a target (SECONDS_EACH); wants a nightly compiler and cargo-fuzz.
	@fuzz/run

bench: ## Measure what bench/README.md records.
	@bench/run
