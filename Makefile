# Everything a contributor runs. `make check` is what CI runs.

GO      ?= go
LINT     = $(GO) tool -modfile=tools/go.mod golangci-lint
UNIT     = $(shell $(GO) list ./... | grep -v '/e2e')
FUZZTIME ?= 5s
NODE_DIRS = e2e/clients/node e2e/review/node examples/browser

.DEFAULT_GOAL := help
.PHONY: help build run setup fmt lint test fuzz e2e check bench bench-logging

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

build: ## build bin/confab
	$(GO) build -trimpath -o bin/confab ./cmd/confab

run: ## run it on this machine, with a demo room
	$(GO) run ./cmd/confab serve --dev

setup: ## install what the tests need (Debian packages, npm packages)
	tools/setup.sh
	@set -e; for dir in $(NODE_DIRS); do (cd $$dir && npm ci --no-audit --no-fund --loglevel=error); done

fmt: ## format the code
	$(LINT) fmt

lint: ## read the code for mistakes
	$(LINT) run
	$(LINT) fmt --diff

test: ## unit tests, with the race detector
	$(GO) test -race -timeout 10m $(UNIT)

fuzz: ## every fuzz target for FUZZTIME (5s)
	tools/fuzz.sh $(FUZZTIME)

e2e: build ## the built binary, the official clients, the conformance suite
	cd e2e/conformance && CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -count=1 -timeout 10m
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -count=1 -timeout 20m $$($(GO) list ./e2e/... | grep -v /conformance)

check: setup lint test fuzz e2e ## all of the above: what CI runs

bench: ## benchmarks: calls per core, connects, database writes, delivery against a plain write
	$(GO) test -run '^$$' -bench . -benchtime 1s $(UNIT)

bench-logging: ## what review and logging add to a message; delivery of logs beside bare SDK calls
	$(GO) test -run '^$$' -bench Message -benchtime 4000x ./e2e/bench
	$(GO) test -run '^$$' -bench Delivery -benchtime 60000x ./internal/chatlog
