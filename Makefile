# GNU make. `make run` needs Go alone; `make test` also what .ci/tools names.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

PROGRAMS := ./cmd/idp ./cmd/verifier ./examples/insurer ./examples/licence ./examples/wallet ./examples/story
AXE := conformance/tour/node_modules/axe-core/axe.min.js
FUZZTIME ?= 20s

.PHONY: run tour test fuzz bench lint build tools

## run: build, then live the story at http://localhost:8083 (Ctrl-C stops all)
run: build
	@exec bin/story run

## tour: walk the story in Chromium with a virtual authenticator; SHOW=1 shows the window
tour: build tools $(AXE)
	go run ./conformance/tour $(if $(SHOW),--show) --out screenshots

## build: every program into bin/
build:
	@mkdir -p bin
	go build -o bin/ $(PROGRAMS)

## tools: name what is missing, all at once; install it as root on Debian
tools:
	@.ci/tools

# The accessibility rules are axe-core's, fetched by its exact version and checksum.
$(AXE): conformance/tour/package-lock.json
	npm ci --prefix conformance/tour --no-audit --no-fund --ignore-scripts --silent
	@touch $@

## test: vet, then every test: units, stores on SQLite and PostgreSQL, scripts, fuzz seeds, the browser walk
test: tools $(AXE)
	go vet ./...
	go test -timeout 20m ./...

## fuzz: every Fuzz function for FUZZTIME each
fuzz:
	@go list ./... | while read -r pkg; do \
	  dir=$$(go list -f '{{.Dir}}' "$$pkg"); \
	  { grep -hoE '^func (Fuzz[A-Za-z0-9_]+)' "$$dir"/*_test.go 2>/dev/null || true; } | awk '{print $$2}' | while read -r name; do \
	    echo "$$pkg $$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
	  done; \
	done

## bench: benchmarks; each reports its ratio to the raw cryptography it cannot do without
bench:
	go test -run '^$$' -bench . -benchtime 2s ./pkg/... ./internal/...

## lint: formatting and vet; golangci-lint too where it is on the PATH
lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt'd:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not on the PATH: .golangci.yml was not used"; fi
