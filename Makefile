# Everything a contributor runs. `make check` is what CI runs.

GO      ?= go
LINT     = $(GO) tool -modfile=tools/go.mod golangci-lint
# The packages with the longest tests. They start first, so that none of them runs alone at the end.
LONG     = $(addprefix confab/internal/,websocket history store cluster chatlog transcript)
# What needs no built binary.
UNIT     = $(LONG) $(filter-out $(LONG),$(shell $(GO) list ./... | grep -vE '/(e2e|bench/(cluster|server))'))
# The race detector looks at everything but SQLite's code, which is C that was translated: there it would find no
# race of ours, and it takes a fifth of the processor time. golangci-lint runs vet, so tests do not run it again.
RACE     = -race -vet=off -gcflags=modernc.org/sqlite/lib=-race=false
# The suites of e2e that measure time: each has the machine to itself.
TIMED    = clients|cluster|fault|proxy|restart
E2E      = CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -vet=off -count=1
FUZZTIME ?= 5s
# Of make fault: each of the scenarios once; ONLY=part of a name chooses.
ROUNDS  ?= 30
SEED    ?= 1
ONLY    ?=
NODE_DIRS = e2e/clients/node internal/console/web e2e/review/node e2e/policies/node examples/browser

.DEFAULT_GOAL := help
.PHONY: help build console run setup fmt lint test fuzz e2e e2e-conformance e2e-suites e2e-deploy check bench bench-logging bench-history bench-quiet bench-webhooks bench-tokens bench-peers bench-delivery bench-latency bench-tls bench-cluster bench-return bench-rolling bench-restarts soak casts screenshots console-soak first-minute fault

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

build: ## build bin/confab
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/confab ./cmd/confab

console: ## build the web console (internal/console/dist) from its source
	cd internal/console/web && npm run build

run: ## run it on this machine, with a demo room
	$(GO) run ./cmd/confab serve --dev

setup: ## install what the tests need (Debian packages, npm packages)
	tools/setup.sh
	@$(MAKE) --no-print-directory -j$(words $(NODE_DIRS)) $(NODE_DIRS:%=npm-ci/%)

npm-ci/%:
	@cd $* && npm ci --no-audit --no-fund --loglevel=error

fmt: ## format the code
	$(LINT) fmt

lint: ## read the code for mistakes
	$(LINT) run
	$(LINT) fmt --diff
	cd e2e/deploy && $(GO) tool -modfile=../../tools/go.mod golangci-lint run ./...
	tools/deadcode.sh
	cd internal/console/web && npm run --silent check

test: ## unit tests, with the race detector
	$(GO) test $(RACE) -timeout 10m $(UNIT)

fuzz: ## every fuzz target for FUZZTIME (5s)
	tools/fuzz.sh $(FUZZTIME)

# The tests are compiled first: a compiler beside them would slow them beyond their time limits.
e2e: build ## the built binary, the official clients, the conformance suite
	$(GO) list -export -test -deps ./e2e/... >/dev/null
	cd e2e/deploy && $(GO) list -export -test -deps ./... >/dev/null
	$(MAKE) --no-print-directory -j3 e2e-conformance e2e-suites e2e-deploy
	$(E2E) -p 1 -timeout 20m $$($(GO) list ./e2e/... | grep -E '/e2e/($(TIMED))(/|$$)')

# In its own directory, go test shows how many cases passed.
e2e-conformance:
	cd e2e/conformance && $(E2E) -timeout 10m

e2e-suites:
	$(E2E) -p 2 -timeout 20m $$($(GO) list ./e2e/... | grep -vE '/e2e/(conformance|$(TIMED))(/|$$)')

e2e-deploy:
	cd e2e/deploy && $(GO) test -vet=off -count=1 -timeout 10m ./...

check: setup lint test fuzz e2e ## all of the above: what CI runs

bench: ## benchmarks: calls per core, connects, database writes, delivery against a plain write
	$(GO) test -run '^$$' -bench . -benchtime 1s $(UNIT)
	$(GO) test -run '^$$' -bench 'GetRoom|CreateRoom|CreateChatToken' -benchtime 2s ./bench/server
	$(GO) test -run '^$$' -bench Connect -benchtime 16000x ./bench/server
	$(GO) test -run '^$$' -bench 'Flood|Storm' -benchtime 1x -timeout 20m ./bench/server

BENCH_BIN = $(CURDIR)/bin/bench

bench-peers:
	mkdir -p $(BENCH_BIN)
	gcc -O2 -Wall -Wextra -o $(BENCH_BIN)/floor bench/floor/floor.c
	$(GO) build -o $(BENCH_BIN)/ ./bench/engine ./bench/delivery
	cd bench/peers && $(GO) build -o $(BENCH_BIN)/ ./... github.com/nats-io/nats-server/v2
	rm -rf $(BENCH_BIN)/ws && cp -r bench/peers/ws $(BENCH_BIN)/ws
	cd $(BENCH_BIN)/ws && npm ci --no-audit --no-fund --loglevel=error

bench-delivery: build bench-peers ## delivery beside a floor and other servers: 15 minutes; QUICK=1 for 3
	CONFAB_BINARY=$(CURDIR)/bin/confab $(BENCH_BIN)/delivery -bin $(BENCH_BIN) $(if $(QUICK),-quick)

bench-latency: build ## what collections, scrapes and chat logging add to the latency at half of the load
	mkdir -p $(BENCH_BIN)
	$(GO) build -o $(BENCH_BIN)/delivery ./bench/delivery
	CONFAB_BINARY=$(CURDIR)/bin/confab $(BENCH_BIN)/delivery -latency

bench-tls: build ## what TLS adds to a delivery, a connection and a connect
	mkdir -p $(BENCH_BIN)
	$(GO) build -o $(BENCH_BIN)/tls ./bench/tls
	CONFAB_BINARY=$(CURDIR)/bin/confab $(BENCH_BIN)/tls

SOAK ?= 30m

soak: build ## half an hour of mixed load (SOAK=5m for less, TLS=1 over TLS): memory and descriptors stay flat
	mkdir -p $(BENCH_BIN)
	$(GO) build -o $(BENCH_BIN)/soak ./bench/soak
	CONFAB_BINARY=$(CURDIR)/bin/confab $(BENCH_BIN)/soak -for $(SOAK) $(if $(TLS),-tls) -out $(BENCH_BIN)

bench-logging: ## what review and logging add to a message; delivery of logs beside bare SDK calls
	$(GO) test -run '^$$' -bench Message -benchtime 4000x ./bench/server
	$(GO) test -run '^$$' -bench Delivery -benchtime 60000x ./internal/chatlog

bench-webhooks: build ## what an event costs that goes to a webhook; live delivery beside 100 webhooks of which half are dead
	$(GO) test -run '^$$' -bench Deliver -benchtime 50000x ./internal/notify
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -run '^$$' -bench Dead -benchtime 20000x -timeout 30m ./bench/server

bench-tokens: build ## what a token that an application signs costs more to open; 10,000 viewers admitted without a call
	$(GO) test -run '^$$' -bench OpenSigned -benchtime 20000x -cpu 1 ./internal/chattoken
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -run '^$$' -bench Admit -benchtime 10000x -timeout 30m ./bench/server

bench-quiet: ## what a connection costs in a quiet room, with catch-up and with presence
	$(GO) test -run '^$$' -bench Quiet -benchtime 4000x -timeout 30m ./bench/server
	$(GO) test -run '^$$' -bench Connection -benchtime 20000x ./internal/presence

bench-history: ## what history and logging add to a message at 1,000 a second, and history to a join; pages of a room with 1,000,000 messages
	$(GO) test -run '^$$' -bench Kept -benchtime 20000x ./bench/server
	$(GO) test -run '^$$' -bench Joins -benchtime 10000x ./bench/server
	$(GO) test -run '^$$' -bench Paths -benchtime 200000x ./internal/messaging
	$(GO) test -run '^$$' -bench . -benchtime 8000x -timeout 30m ./internal/history

casts: build ## record the casts of confab chat and confab load again (docs/images)
	$(E2E) -run TestCasts ./e2e/commands -record

screenshots: build ## a picture of every page of the console, in light and dark, for people to look at (bin/screenshots)
	$(E2E) -v -timeout 1h -run Screenshots ./e2e/console -pictures $(CURDIR)/bin/screenshots

CONSOLE_SOAK ?= 60m

first-minute: ## time the first minute from a clone with empty caches: the first build, and two people chatting
	$(E2E) -v -timeout 3h -run FirstMinuteOfClone ./e2e/console -clone

console-soak: build ## an hour (CONSOLE_SOAK) of 50 messages a second in two pages of the console: their memory stays flat
	$(E2E) -v -timeout 24h -run Soak ./e2e/console -soak $(CONSOLE_SOAK)

fault: build ## break clusters of nodes in every way, ROUNDS (30) times from SEED (1): order, loss, rates, tokens (root, nftables)
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -count=1 -timeout 24h -v ./e2e/fault -rounds $(ROUNDS) -seed $(SEED) -only "$(ONLY)"

bench-cluster: build ## what a cluster costs per message, delivery and join, and a remote home (two processors); BEFORE=FILE compares with another build
	CONFAB_BINARY=$(CURDIR)/bin/confab CONFAB_BEFORE=$(BEFORE) taskset -c 1 $(GO) test -run '^$$' -bench Delivery -benchtime 2000x -count 3 -timeout 1h ./bench/cluster
	CONFAB_BINARY=$(CURDIR)/bin/confab CONFAB_BEFORE=$(BEFORE) taskset -c 1 $(GO) test -run '^$$' -bench Room -benchtime 500x -count 3 -timeout 1h ./bench/cluster
	CONFAB_BINARY=$(CURDIR)/bin/confab CONFAB_BEFORE=$(BEFORE) taskset -c 1 $(GO) test -run '^$$' -bench Joins -benchtime 5000x -timeout 1h ./bench/cluster
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -run '^$$' -bench Echo -benchtime 12x -timeout 1h ./bench/cluster

bench-return: build ## the processor time of 10,000 clients of a killed node that come back, with catch-up and without
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -run '^$$' -bench Return -benchtime 10000x -timeout 30m ./bench/cluster

bench-rolling: build ## a rolling deployment of three nodes with 10,000 connections and official clients: who is away, and for how long
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -count=1 -timeout 30m -v -run RollingDeploy ./e2e/cluster -connections 10000 -masses 4 -drain 30s

bench-restarts: build ## restarts with 10,000 connections: hand-over, held socket, neither; one node and three
	CONFAB_BINARY=$(CURDIR)/bin/confab $(GO) test -count=1 -timeout 30m -v -run Restarts ./e2e/restart -connections 10000
