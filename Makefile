# klustered. The two commands that matter: make demo, make test.

BIN     := bin/klustered
TAGS    := grpcnotrace
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Functions are not inlined but where logs are read: the binary is a tenth
# smaller, and triage waits for the node, not for itself.
MODULE  := github.com/klustered/klustered
SMALL   := $(foreach p,$(MODULE) google.golang.org k8s.io go.etcd.io golang.org/x filippo.io \
	github.com/BurntSushi github.com/google github.com/mdlayher net mime encoding,-gcflags=$(p)/...=-l) \
	-gcflags=crypto/tls=-l -gcflags=crypto/x509=-l \
	$(foreach p,journal feed crilog observe,-gcflags=$(MODULE)/internal/collect/$(p)/...=)
GOBUILD := CGO_ENABLED=0 go build -buildvcs=false -trimpath -tags $(TAGS) $(SMALL)
LDFLAGS := -s -w -X github.com/klustered/klustered/internal/cli.version=$(VERSION)
DRILL   ?= node-not-ready
LAB     ?= 1
SEEDS   ?= 1

.PHONY: help build demo test unit mutants lab drills flux eval race lint fuzz bench generate clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

build: ## build bin/klustered
	@mkdir -p bin
	$(GOBUILD) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/klustered

demo: build ## show klustered at work: recorded incidents, then a drill on a real cluster (DRILL=NAME|all, LAB=0 for no cluster)
	@scripts/demo $(BIN) '$(DRILL)' '$(LAB)'

test: ## every test: units, laws, lab (SHORT=1 leaves the lab out)
	@scripts/test $(if $(SHORT),short,full)

unit: ## unit tests and laws alone
	go vet -tags $(TAGS) ./...
	go test -tags $(TAGS) -short ./...

mutants: ## plant defects in every rule and remedy: the laws must catch each
	KLUSTERED_LAWS=mutants go test -tags $(TAGS) -run '^Test$$' ./faults/...

lab: build ## the tests on a real cluster alone
	go test -tags $(TAGS) -v -p 1 -timeout 100m -run Integration ./lab/... ./cmd/...

drills: build ## every drill with SEEDS seeds: found, fixed, undone, fixed again, scored
	KLUSTERED_DRILL_SEEDS=$(SEEDS) go test -tags $(TAGS) -v -timeout 120m -run IntegrationDrills ./cmd/klustered

flux: build ## what Flux keeps in Git, on a real cluster, with its own controller (minutes to build it once)
	scripts/flux
	go test -tags $(TAGS) -v -timeout 20m -run IntegrationFlux ./cmd/klustered

eval: build ## measure the diagnosis on every drill, pairs, triples and healthy labs, into docs/eval.md (hours; goes on where it was)
	@scripts/eval $(BIN)

race: ## unit tests and laws under the race detector
	go test -tags $(TAGS) -race -short ./...

lint: ## formatting, vet, generated files
	@list=$$(gofmt -l .); [ -z "$$list" ] || { echo "not formatted: $$list" >&2; exit 1; }
	go vet -tags $(TAGS) ./...
	go run ./internal/gen -check

fuzz: ## every fuzz target for ten seconds
	@scripts/fuzz 10s

bench: build ## triage time, memory, binary size, lab start cold and from the snapshot
	@scripts/bench $(BIN)

generate: ## write the generated files
	go generate ./...

clean: ## remove what was built here (the cache of the lab stays)
	rm -rf bin
