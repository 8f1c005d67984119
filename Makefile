# Everything a contributor does. `make` alone lists the targets.

GO             ?= go
LINTER_VERSION := v2.15.0
LINTER         := bin/golangci-lint-$(LINTER_VERSION)
# The S3 server that the tests start; internal/bucket/buckettest asks for this version.
GATEWAY_VERSION := v1.8.0
GATEWAY         := bin/versitygw-$(GATEWAY_VERSION)
# What holds the edge against HTTP/2's standard; internal/edge asks for this version.
H2SPEC_VERSION := v2.2.1
H2SPEC         := bin/h2spec-$(H2SPEC_VERSION)
# The issuer of certificates that the edge gets its own from in tests; internal/edge asks for this version.
PEBBLE_VERSION := v2.10.1
PEBBLE         := bin/pebble-$(PEBBLE_VERSION)
# Stands before an edge in the tests of internal/purge, which ask for this version.
CADDY_VERSION := v2.11.9
CADDY         := bin/caddy-$(CADDY_VERSION)
# What the tests need from npm: the reference GraphQL implementation, GeoIP data,
# generators of clients.
NPM            := internal/shape/reference internal/edge/geoipdata internal/admin/client internal/webhook/client

# What can be set on the command line, e.g. `make up ARGS="--listen 127.0.0.1:9000"`.
ARGS      ?=
FUZZTIME  ?= 10s
BENCHTIME ?= 1s
TIMEOUT   ?= 15m

# The packages that decide rather than move bytes: `make unit` runs them alone.
LOGIC := ovenbird facts model shape release site bake

# None of the program is C. The same setting for build, vet and lint lets them
# share what they compile; only the race detector needs a C compiler.
export CGO_ENABLED := 0

.DEFAULT_GOAL := help
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-6s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: build ## build, then run everything on the demo site (ARGS=… for more flags)
	bin/ovenbird up --site examples/toons $(ARGS)

.PHONY: build
build: ## build bin/ovenbird
	$(GO) build -o bin/ovenbird ./cmd/ovenbird

.PHONY: unit
unit: ## test the business logic alone: no I/O, seconds
	$(GO) test -short -timeout 2m $(LOGIC:%=./internal/%)

# One run of the tests under the race detector serves for nearly all kinds: rules
# of the house, unit, conformance. The scripts and the browser run the real program
# as it is built for use: with the detector in it, it is five times as slow.
.PHONY: test
test: setup format vet lint ## set up what the tests need, then check and test everything
	CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) $$($(GO) list ./... | grep -v '/cmd/')
	$(GO) test -timeout $(TIMEOUT) ./cmd/...

.PHONY: lint
lint: $(LINTER) ## run the linters
	$(LINTER) run ./...

.PHONY: fmt
fmt: $(LINTER) ## format the code
	$(LINTER) fmt ./...

.PHONY: bench
bench: tools $(CADDY) ## run the benchmarks and the programs that measure (BENCHTIME=1s)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	set -e; for program in $(wildcard bench/*/main.go); do $(GO) run "./$${program%/main.go}"; done

.PHONY: fuzz
fuzz: ## run every fuzz target for a while (FUZZTIME=10s each)
	GO="$(GO)" scripts/fuzz $(FUZZTIME)

.PHONY: soak
soak: setup ## run the tests of faults for long (SOAK=500 SEED=… DURATION=minutes ONLY=name)
	GO="$(GO)" SOAK="$(SOAK)" SEED="$(SEED)" DURATION="$(DURATION)" ONLY="$(ONLY)" scripts/soak

.PHONY: clean
clean: ## remove what was built and set up; environments in .ovenbird stay
	rm -rf bin $(NPM:%=%/node_modules)

# The steps of `make test`.

.PHONY: setup
setup: tools $(GATEWAY) $(H2SPEC) $(PEBBLE) $(CADDY) $(NPM:%=%/node_modules/.package-lock.json)

.PHONY: tools
tools:
	@scripts/tools

.PHONY: format
format: $(LINTER)
	@$(LINTER) fmt --diff ./... || { echo "the code is not formatted: run make fmt" >&2; exit 1; }

.PHONY: vet
vet:
	$(GO) vet ./...

# The version is in the name, so that a new one is built when it changes.
$(LINTER):
	GOBIN="$(abspath bin)" $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTER_VERSION)
	mv bin/golangci-lint $@

$(H2SPEC):
	GOBIN="$(abspath bin)" $(GO) install github.com/summerwind/h2spec/cmd/h2spec@$(H2SPEC_VERSION)+incompatible
	mv bin/h2spec $@

$(CADDY):
	GOBIN="$(abspath bin)" $(GO) install -p 1 github.com/caddyserver/caddy/v2/cmd/caddy@$(CADDY_VERSION)
	mv bin/caddy $@

$(PEBBLE):
	GOBIN="$(abspath bin)" $(GO) install github.com/letsencrypt/pebble/v2/cmd/pebble@$(PEBBLE_VERSION)
	mv bin/pebble $@

# -p 1: it is large, and compiling much of it at once takes gigabytes.
$(GATEWAY):
	GOBIN="$(abspath bin)" $(GO) install -p 1 github.com/versity/versitygw/cmd/versitygw@$(GATEWAY_VERSION)
	mv bin/versitygw $@

# npm writes this file last, and only when everything is in place.
$(NPM:%=%/node_modules/.package-lock.json): %/node_modules/.package-lock.json: %/package.json %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
