# Every command a developer needs. `make test` is what CI runs.

GO      ?= go
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
VULN    := golang.org/x/vuln/cmd/govulncheck@v1.9.0
RELEASE ?=
FUZZ    ?= 10s

.PHONY: build test race check lint vuln fuzz bench gen golden image

build: ## the stripped, static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.release=$(RELEASE)" -o newswatch ./cmd/newswatch

test: check ## everything, the browser tests too: finds Chromium, or installs Debian's
	@eval "$$(sh deploy/find-chromium.sh)"; $(GO) test -timeout 20m ./...

race:
	$(GO) test -race -timeout 30m ./...

check: ## format and vet
	@files=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$files" ] || { echo "not gofmt'ed:"; echo "$$files"; exit 1; }
	$(GO) vet ./...

lint: ## golangci-lint with .golangci.yml; the first run builds it, some minutes
	$(GO) run $(LINT) run

vuln:
	$(GO) run $(VULN) ./...

fuzz: ## every fuzz target, FUZZ each
	@$(GO) list ./... | while read -r p; do \
	  for f in $$($(GO) test -list '^Fuzz' "$$p" | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZ) "$$p" || exit 1; \
	  done; done

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

gen: ## generated files; they are committed
	$(GO) generate ./...

golden: ## moves the golden files; the diff is the review
	$(GO) test ./... -update

image: build
	docker build -f deploy/Dockerfile -t newswatch .
