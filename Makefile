# GNU make. `make run` needs Go alone; `make test` also what .ci/tools names.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

PROGRAMS := ./cmd/idp ./cmd/verifier ./examples/insurer ./examples/licence ./examples/extract ./examples/portal ./examples/wallet ./examples/story
AXE := conformance/tour/node_modules/axe-core/axe.min.js
STRANGER := conformance/relyingparty/node_modules/openid-client/package.json
FUZZTIME ?= 30s
RELEASE ?= bin/release
BIN := $(CURDIR)/.tools

# What runs outside our binaries, and has a go.mod of its own.
MODULES := tools conformance/logtools conformance/irmago fabric/chaincode fabric/network fabric/sdkanchor

# All targets compile as a release does, so that one build cache serves them all.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

.PHONY: page run fabric tour test soak fuzz bench lint build tools release sbom licences vuln

## run: build, then live the story at http://localhost:8083 (Ctrl-C stops all)
run: build
	@exec bin/story run

## fabric: the same story, anchored on a Hyperledger Fabric network of two organisations on this computer
fabric: build
	go build -C fabric/network -o $(CURDIR)/bin/network .
	@exec bin/story run --fabric bin/network

## tour: walk the story in Chromium with a virtual authenticator; SHOW=1 shows the window
tour: build tools $(AXE)
	go run ./conformance/tour $(if $(SHOW),--show) --out screenshots

## page: the receipt checker for browsers, into the folder that idp is built with
page:
	@env -u GOOS -u GOARCH go run ./internal/idp/offline/wasm --out internal/idp/offline/built

## build: every program into bin/
build: page
	@mkdir -p bin
	go build -o bin/ $(PROGRAMS)

## tools: name what is missing, all at once; install it as root on Debian
tools:
	@.ci/tools

# axe-core has the accessibility rules, openid-client is a stranger's relying party;
# both are fetched by their exact versions and checksums.
$(AXE): conformance/tour/package-lock.json
	npm ci --prefix conformance/tour --no-audit --no-fund --ignore-scripts --silent
	@touch $@

$(STRANGER): conformance/relyingparty/package-lock.json
	npm ci --prefix conformance/relyingparty --no-audit --no-fund --ignore-scripts --silent
	@touch $@

## test: lint, then every test: units, stores on SQLite and PostgreSQL, scripts, fuzz seeds, the browser walk
test: tools lint page $(AXE) $(STRANGER)
	@for module in $(MODULES); do go test -C $$module -timeout 20m ./...; done
	go test -timeout 20m ./...

## soak: the long forms of the tests that have one, package by package, under an hour
soak: tools $(AXE) $(STRANGER)
	@git grep -l 'figure\.Soak()' -- '*_test.go' | xargs -n 1 dirname | sort -u | while read -r dir; do \
	  MYDATA_SOAK=1 go test -count 1 -timeout 60m "./$$dir"; \
	done

## fuzz: every Fuzz function for FUZZTIME each
fuzz:
	@for module in . $(MODULES); do go list -C $$module -f '{{.ImportPath}} {{.Dir}}' ./...; done | while read -r pkg dir; do \
	  { grep -hoE '^func (Fuzz[A-Za-z0-9_]+)' "$$dir"/*_test.go 2>/dev/null || true; } | awk '{print $$2}' | while read -r name; do \
	    echo "$$pkg $$name"; go test -C "$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) .; \
	  done; \
	done

## bench: benchmarks; each reports its ratio to the raw cryptography it cannot do without
bench:
	go test -run '^$$' -bench . -benchtime 2s ./pkg/... ./internal/... ./conformance/speed

## lint: gofmt, vet, staticcheck and golangci-lint find nothing, in the product and in the other modules
lint: $(BIN)/staticcheck $(BIN)/golangci-lint
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 ls 2>/dev/null | xargs gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not gofmt'd:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(BIN)/staticcheck ./...
	$(BIN)/golangci-lint run --allow-parallel-runners
	@for module in $(MODULES); do echo "vet, staticcheck, golangci-lint: $$module"; (cd $$module && go vet ./... && \
	  $(BIN)/staticcheck ./... && $(BIN)/golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml); done

## release: the services as they are passed on; the same source and Go give the same bytes anywhere
release: page
	@mkdir -p $(RELEASE)
	go build -o $(RELEASE)/ ./cmd/idp ./cmd/verifier
	@cd $(RELEASE) && sha256sum idp verifier

## sbom: a CycloneDX bill of materials beside each released service
sbom: release $(BIN)/supply
	$(BIN)/supply sbom --out $(RELEASE) $(RELEASE)/idp $(RELEASE)/verifier

## licences: write docs/licences.md anew after a change of go.mod; a module whose licence we do not accept is refused
licences:
	MYDATA_UPDATE=1 go test -count 1 -run '^TestLicences$$' .

## vuln: known vulnerabilities in what we call, where Go's database (or the one in GOVULNDB) is reachable
vuln: $(BIN)/govulncheck
	@.ci/vuln $(BIN)/govulncheck $(if $(GOVULNDB),-db $(GOVULNDB)) ./...

# Tools by the exact versions of tools/go.mod, built from source once.
$(BIN)/staticcheck: FROM = honnef.co/go/tools/cmd/staticcheck
$(BIN)/golangci-lint: FROM = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(BIN)/govulncheck: FROM = golang.org/x/vuln/cmd/govulncheck
$(BIN)/supply: FROM = ./supply
$(BIN)/supply: $(wildcard tools/supply/*.go)
$(BIN)/%: tools/go.mod tools/go.sum
	go build -C tools -o $@ $(FROM)
