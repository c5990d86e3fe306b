# podproof: conformance of Kubernetes Pods, proven on real pods.
#
#   make e2e     makes a kind cluster (or uses the one in KUBECONFIG), runs the
#                specs on it and prints a verdict for every claim
#   make test    checks podproof itself, without a cluster
#   make mutants runs the suite against components that are built wrong, and says
#                whether it notices (MUTANT=backoff-*, COMPONENT=kubelet, ALL=1,
#                EVERY=8 for a sample, UPSTREAM=1 beside Kubernetes' own suite)
#   make matrix  does what e2e does on every supported Kubernetes version, one after
#                the other, and compares them (VERSIONS=1.37,1.34: only these)
#   make rbac    prints the roles that a run on an existing cluster needs
#   make docs    makes the pages under docs/ and the schemas in reports/ anew
#   make clean   removes what interrupted or kept runs left on this machine
#
# Settings are variables: `make e2e PROFILE=quick K8S=1.36` is
# `bin/podproof run --profile=quick --k8s=1.36`. Each flag is one: bin/podproof run --help
# lists them.
SHELL := /bin/bash
GO ?= go

# What podproof is told of make: that PROFILE and the like are meant for it, and the names
# on make's command line, so that a misspelt one is not passed over.
given = $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(v)))),$(v)))
from_make = PODPROOF_FROM_MAKE='make $(filter-out GO SHELL KUBECONFIG PODPROOF_% $(1),$(given))'

.PHONY: e2e matrix mutants test lint browser build clean list docs need-go rbac

# Make turns every failure into its own exit code 2; the last line of the run
# and the record tell the verdict (bin/podproof run exits 0, 1, 2, 3 or 4).
e2e: build
	@$(call from_make) exec bin/podproof run

matrix: build
	@$(call from_make,VERSIONS) exec bin/podproof matrix $(if $(VERSIONS),--k8s='$(VERSIONS)')

rbac: build
	@$(call from_make) exec bin/podproof rbac

mutants: build
	@$(call from_make) exec bin/podproof mutants

# Static, so that the same program runs in an image of its own (podproof image).
build: need-go
	@test -x bin/podproof || echo "building podproof (the first time this takes a minute or two)" >&2
	@CGO_ENABLED=0 $(GO) build -o bin/podproof .

test: lint browser
	$(GO) test $$($(GO) list ./... | grep -v /suites$$)

# The tests of the HTML report open it in Chromium. Where there is none and it cannot
# be installed, they are skipped.
BROWSERS = chromium chromium-browser google-chrome
browser:
	@for b in $(BROWSERS); do command -v $$b >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing chromium, in which the tests open the HTML report (about a minute)"; \
		install="apt-get install --yes --no-install-recommends -qq chromium"; export DEBIAN_FRONTEND=noninteractive; \
		$$install >/dev/null 2>&1 || { apt-get update -qq >/dev/null && $$install >/dev/null; } && exit 0; \
	fi; \
	echo "make: Chromium is missing, so the HTML report is not opened in a browser: install chromium and put it on PATH" >&2

# These tools have a module file of their own, so that importers of podproof do not get
# their modules.
lint_tools = -modfile=.github/lint/go.mod
lint: need-go
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) tool $(lint_tools) revive -config .github/lint/revive.toml ./...
	git ls-files | grep -vE '/testdata/|\.png$$|\.sum$$' | xargs $(GO) tool $(lint_tools) misspell -error
	$(GO) tool actionlint .github/workflows/*.yml

list: build
	@$(call from_make) exec bin/podproof list

docs: build
	@bin/podproof list --format=markdown --out=docs
	@$(GO) test ./reports -run '^TestSchemaFiles$$' -update

clean: build
	@$(if $(CONTEXT),PODPROOF_CONTEXT='$(CONTEXT)') $(if $(NAMESPACES),PODPROOF_NAMESPACES='$(NAMESPACES)') \
		$(call from_make,CONTEXT NAMESPACES) bin/podproof clean
	rm -rf bin

need-go:
	@command -v $(GO) >/dev/null || { echo "make: Go is missing: install Go (the version is in go.mod) and put it on PATH" >&2; exit 1; }
