# The two commands of this project are `make demo` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
CARGO ?= cargo
# Build results live outside the clone, so that a fresh clone builds warm.
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tenantry
export CARGO_TARGET_DIR ?= $(CACHE)/target

.PHONY: help test check
help: ## Say what there is to make.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

test: ## Set up and pass all tests.
	@echo "test: building and running every crate's tests (target: $(CARGO_TARGET_DIR))"
	$(CARGO) test --workspace --locked

check: ## Formatting, lints with warnings as errors, documentation.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
