# The commands of developers, CI and `sam build`. `make` without a target lists them.
#
# Requires Go, Python 3.11+ and Node.js 20+ (optionally Java 17 and Maven). Every other tool is pinned
# (tools/go.mod, test/python/requirements*.txt, test/node/package-lock.json, test/harness/dynamodb/pom.xml) and installed
# into this folder when it is needed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

# Relative, because make cannot handle a path with a space in it as a target.
TOOLS    := .tools
VENV     := $(TOOLS)/venv
COVERAGE := $(TOOLS)/coverage.out
BENCH    := bin/bench
SOURCES  := bench cmd deploy internal test
TEMPLATES := template.yaml examples/step-functions/template.yaml

# --- variables: make NAME=value ----------------------------------------------------------------------

# Processor to build for: arm64 or x86_64. `sam build` ignores this: it builds for the parameter Architecture of
# template.yaml (deploy/*/Makefile). ARCH in the environment is ignored, because other tools set it too.
ifneq ($(filter undefined environment,$(origin ARCH)),)
ARCH := $(or $(LAMBDA_ARCH),arm64)
endif
# Output folder of `make build`. `sam build` sets it.
ARTIFACTS_DIR ?= bin
# Version of the binary, from git; without git, the newest release in the changelog. It is -dirty if what is built has
# changed, and not if only samconfig.toml has, into which `sam deploy --guided` writes.
VERSION ?= $(or $(shell git describe --tags --always 2>/dev/null)$(shell git diff --quiet HEAD -- cmd internal go.mod go.sum 2>/dev/null || [ $$? -ne 1 ] || echo -dirty),$(shell sed -n 's/^\#\# \[\{0,1\}v\{0,1\}\([0-9][0-9A-Za-z.+-]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1),dev)
# Duration of each quota test in `make soak`.
SOAK ?= 60s
# Minimum statement coverage of internal/, in percent.
COVERAGE_MIN ?= 90
# Duration of each fuzz target in `make fuzz`.
FUZZTIME ?= 1m
# `make bench`: how often the first answer is measured (the other figures follow), the round-trip times, how a share of a
# processor is granted (cgroup, signals or auto), and the folder that performance.md is written to.
BENCH_RUNS        ?= 20
BENCH_TO_AWS      ?= 1ms
BENCH_TO_JUNCTION ?= 20ms
BENCH_SHARE       ?= auto
BENCH_OUT         ?= docs
# What `make benchstat` compares with, and how often it runs each benchmark.
BASE        ?= HEAD
BENCH_COUNT ?= 6
# Name of the secret that `make secret` creates.
SECRET_NAME ?= junction/team-key
# Section of samconfig.toml that `make deploy` and `make logs` use: `ci` asks nothing.
CONFIG_ENV ?= default
# Parameters for `make deploy` in place of those of samconfig.toml, for example JunctionSecretArn=…
PARAMETERS ?=
# Name of the stack, and the ID of the user that `make canary` refreshes.
STACK_NAME ?= $(shell sed -n 's/^stack_name = "\(.*\)"/\1/p' samconfig.toml | head -n 1)
USER_ID    ?=
# Event of `make sam-local`, and the environment variables of the function.
EVENT    ?= events/direct.json
ENV_VARS ?= events/env.json

HOST_ARCH     := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
GOARCH_arm64  := arm64
GOARCH_x86_64 := amd64
GOARCH_LAMBDA  = $(or $(GOARCH_$(ARCH)),$(error ARCH is $(ARCH), and must be arm64 or x86_64))
BUILD_FLAGS    = -trimpath -tags lambda.norpc -ldflags '-s -w -X main.version=$(VERSION)'
LAMBDA_BUILD   = CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_LAMBDA) go build $(BUILD_FLAGS)

# sam needs a region even if it does not call AWS.
SAM = SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(VENV)/bin/sam

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- before a commit ---------------------------------------------------------------------------------

.PHONY: fmt
fmt: ## Format the Go code and tidy go.mod
	gofmt -s -w $(SOURCES)
	go mod tidy

.PHONY: lint
lint: $(TOOLS)/go.stamp validate ## Check format, vet, golangci-lint, go.mod, the templates and the workflows
	@unformatted=$$(gofmt -s -l $(SOURCES)); if [ -n "$$unformatted" ]; then \
		echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff
	go vet ./...
	$(TOOLS)/bin/golangci-lint run ./...
	$(TOOLS)/bin/actionlint

.PHONY: validate
validate: $(TOOLS)/python.stamp ## Check template.yaml and the example's template with cfn-lint and sam validate --lint
	$(VENV)/bin/cfn-lint --append-rules cfn_lint_serverless.rules --template $(TEMPLATES) deploy/deployer.yaml
	for template in $(TEMPLATES); do $(SAM) validate --lint --template $$template || exit 1; done

.PHONY: checkov
checkov: $(TOOLS)/checkov.stamp ## Check template.yaml for insecure settings with checkov (installs 300 MB)
	$(TOOLS)/checkov/bin/checkov --file template.yaml --framework cloudformation --skip-download --compact --quiet

.PHONY: test
test: $(TOOLS)/sbom.stamp $(TOOLS)/python.stamp $(TOOLS)/schemathesis.stamp $(TOOLS)/ministack.stamp $(TOOLS)/node.stamp $(TOOLS)/dynamodb.stamp ## Run all tests, including the whole-process tests, and check coverage
	JUNCTION_REFRESH_TOOLS=required go test -race -timeout 20m -coverprofile=$(COVERAGE) ./...
	@grep -E '^mode:|/internal/' $(COVERAGE) > $(COVERAGE).internal
	@go tool cover -func=$(COVERAGE).internal | awk -v least=$(COVERAGE_MIN) '/^total:/ { \
		covered = $$3 + 0; printf "statement coverage of internal/: %.1f %% (at least %d %%)\n", covered, least; \
		exit covered < least }'

.PHONY: cover
cover: ## Show which statements the last make test covered
	go tool cover -html=$(COVERAGE)

.PHONY: soak
soak: $(TOOLS)/python.stamp $(TOOLS)/ministack.stamp $(TOOLS)/dynamodb.stamp ## Run the quota tests with several processes, for SOAK (60s) each, and 10,000 queued refreshes
	JUNCTION_REFRESH_TOOLS=required JUNCTION_REFRESH_SOAK=$(SOAK) go test -count=1 -v -p 1 -timeout 60m \
		-skip '^TestRefreshIsMadeIfTheTableCannotBeReached$$' ./test/quota ./test/soak

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (1m)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' internal | sort | while IFS=: read -r file target; do \
		echo "== $${target#func } in $$(dirname $$file)"; \
		go test -run '^$$' -fuzz "^$${target#func }\$$" -fuzztime $(FUZZTIME) "./$$(dirname $$file)" < /dev/null || exit 1; done

.PHONY: dashboard
dashboard: $(TOOLS)/python.stamp $(TOOLS)/dashboard.stamp ## Draw docs/dashboard.svg: the template's dashboard on a simulated day
	go test ./test/deploy -count=1 -run '^TestASimulatedDayFillsEveryGraphOfTheDashboard$$' -day "$(CURDIR)/$(TOOLS)/day.json"
	$(TOOLS)/dashboard/bin/python test/python/dashboard.py $(TOOLS)/day.json docs/dashboard.svg

.PHONY: vuln
vuln: $(TOOLS)/go.stamp ## Check the code that is built for known vulnerabilities
	@$(TOOLS)/bin/govulncheck ./... > $(TOOLS)/vuln.log 2>&1; code=$$?; cat $(TOOLS)/vuln.log; \
	if [ $$code -ne 0 ] && grep -q 'fetching vulnerabilities' $(TOOLS)/vuln.log; then \
		echo "make vuln: NOTHING WAS CHECKED: the vulnerability database cannot be reached from here"; exit 0; fi; \
	exit $$code

.PHONY: sbom
sbom: $(TOOLS)/go.stamp build-RefreshFunction ## Build the bootstrap, and write its components and their licenses to bin/sbom.json (CycloneDX)
	@# Without GOPROXY=off the tool would look for this module's own license in the module proxy.
	GOOS=linux GOARCH=$(GOARCH_LAMBDA) GOPROXY=off $(TOOLS)/bin/cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp \
		-version v$(VERSION:v%=%) -output "$(ARTIFACTS_DIR)/sbom.json" "$(ARTIFACTS_DIR)/bootstrap"

# Exactly this version of Go, because another one makes other bytes; so do these variables.
RELEASE_GO := go1.26.8
release: export GOTOOLCHAIN := $(RELEASE_GO)
release: export GOFLAGS := -buildvcs=false
release: export GOAMD64 := v1
release: export GOARM64 := v8.0
release: export GOEXPERIMENT :=

.PHONY: release
release: $(TOOLS)/go.stamp ## Write the files of a release to dist/ (VERSION=1.2.3), the same bytes everywhere
	rm -rf dist
	$(MAKE) --no-print-directory sbom ARCH=arm64 ARTIFACTS_DIR=bin/release/arm64 VERSION=$(VERSION:v%=%)
	$(MAKE) --no-print-directory sbom ARCH=x86_64 ARTIFACTS_DIR=bin/release/x86_64 VERSION=$(VERSION:v%=%)
	go run ./deploy/release $(VERSION:v%=%) bin/release dist

# --- the function ------------------------------------------------------------------------------------

.PHONY: build
build: build-RefreshFunction ## Build the bootstrap for Lambda (ARCH=arm64 or x86_64) into bin/

# The target that `BuildMethod: makefile` in template.yaml runs.
.PHONY: build-RefreshFunction
build-RefreshFunction:
	$(LAMBDA_BUILD) -o "$(ARTIFACTS_DIR)/bootstrap" ./cmd/lambda

.PHONY: secret
secret: ## Ask for Junction's team key, store it with a token for HTTP callers in Secrets Manager, and note the ARN in samconfig.toml
	@deploy/secret.sh "$(SECRET_NAME)" samconfig.toml

# The developer's own sam, which a deployment needs anyway, and not that of .tools.
.PHONY: deploy
deploy: ## Build and deploy with the settings of samconfig.toml (CONFIG_ENV=ci asks nothing)
	sam build --config-env $(CONFIG_ENV) $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))
	sam deploy --config-env $(CONFIG_ENV) $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))

.PHONY: logs
logs: ## Follow the function's log
	sam logs --config-env $(CONFIG_ENV) --stack-name "$(STACK_NAME)" --name RefreshFunction --tail

.PHONY: canary
canary: ## Refresh the user USER_ID through the deployed URL, and fail unless that works
	@deploy/canary.sh "$(STACK_NAME)" "$(USER_ID)"

.PHONY: sam-local
# Defaults to the processor of this machine, because the other one needs an emulator.
sam-local: ARCH := $(or $(LAMBDA_ARCH),$(HOST_ARCH))
sam-local: $(TOOLS)/python.stamp ## Run EVENT in Lambda's own image (Docker; first put a sandbox key into the file ENV_VARS)
	$(SAM) build --parameter-overrides Architecture=$(ARCH)
	$(SAM) local invoke RefreshFunction -e $(EVENT) --env-vars $(ENV_VARS) --parameter-overrides Architecture=$(ARCH)

.PHONY: bench
bench: $(TOOLS)/python.stamp $(TOOLS)/dynamodb.stamp $(TOOLS)/peer-python.stamp $(TOOLS)/peer-typescript.stamp $(TOOLS)/plots.stamp ## Measure as Lambda runs, compare with Junction's SDKs, and write docs/performance.md
	$(MAKE) --no-print-directory build-RefreshFunction ARCH=arm64 ARTIFACTS_DIR=$(BENCH)/arm64
	$(MAKE) --no-print-directory build-RefreshFunction ARCH=x86_64 ARTIFACTS_DIR=$(BENCH)/x86_64
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build $(BUILD_FLAGS) -o $(BENCH)/arm64/bare ./bench/peers/bare
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 go build $(BUILD_FLAGS) -o $(BENCH)/x86_64/bare ./bench/peers/bare
	NODE_PATH=$(TOOLS)/peer-typescript/node_modules $(TOOLS)/peer-typescript/node_modules/.bin/esbuild bench/peers/typescript/*.ts \
		--bundle --minify --platform=node --target=es2020 --out-extension:.js=.cjs --outdir=$(BENCH)/typescript --log-level=warning
	go run ./bench -runs $(BENCH_RUNS) -to-aws $(BENCH_TO_AWS) -to-junction $(BENCH_TO_JUNCTION) -share $(BENCH_SHARE) -out $(BENCH_OUT)
	go run ./bench/webhook
	go run ./bench/quota
	go run ./bench/scale -function $(BENCH)/$(HOST_ARCH)/bootstrap

.PHONY: benchstat
benchstat: $(TOOLS)/go.stamp ## Compare the Go benchmarks of the hot pieces with those of the commit BASE (HEAD)
	rm -rf $(TOOLS)/base && git worktree prune && git worktree add --quiet --detach $(TOOLS)/base $(BASE)
	go -C $(TOOLS)/base test -run '^$$' -bench . -count $(BENCH_COUNT) ./internal/... > $(TOOLS)/base.bench; git worktree remove --force $(TOOLS)/base
	go test -run '^$$' -bench . -count $(BENCH_COUNT) ./internal/... > $(TOOLS)/new.bench
	$(TOOLS)/bin/benchstat $(TOOLS)/base.bench $(TOOLS)/new.bench

# --- tools -------------------------------------------------------------------------------------------

.PHONY: tools
tools: $(TOOLS)/go.stamp $(TOOLS)/sbom.stamp $(TOOLS)/python.stamp $(TOOLS)/schemathesis.stamp $(TOOLS)/ministack.stamp $(TOOLS)/node.stamp $(TOOLS)/dynamodb.stamp ## Install every tool into .tools/

$(TOOLS)/go.stamp: tools/go.mod tools/go.sum
	@echo "building the Go tools; the first time takes some minutes"
	GOBIN="$(CURDIR)/$(TOOLS)/bin" go -C tools install tool
	@touch $@

# One of the Go tools by itself, because `make test` needs no other.
$(TOOLS)/sbom.stamp: tools/go.mod tools/go.sum
	GOBIN="$(CURDIR)/$(TOOLS)/bin" go -C tools install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@

$(TOOLS)/python.stamp: test/python/requirements.txt
	python3 -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement test/python/requirements.txt
	@touch $@

# Each has its own environment: the dependencies of the first three conflict with those of aws-sam-cli, and few need the last.
$(TOOLS)/schemathesis.stamp $(TOOLS)/ministack.stamp $(TOOLS)/checkov.stamp $(TOOLS)/dashboard.stamp: $(TOOLS)/%.stamp: test/python/requirements-%.txt
	python3 -m venv --clear $(TOOLS)/$*
	$(TOOLS)/$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(TOOLS)/node.stamp: test/node/package.json test/node/package-lock.json
	npm --prefix test/node ci --no-audit --no-fund --loglevel=error
	@mkdir -p $(TOOLS)
	@touch $@

# What only `make bench` needs: the contenders, and what draws the plots.
$(TOOLS)/peer-python.stamp: bench/peers/python/requirements.txt
$(TOOLS)/plots.stamp: bench/plots/requirements.txt
$(TOOLS)/peer-python.stamp $(TOOLS)/plots.stamp:
	python3 -m venv --clear $(basename $@)
	$(basename $@)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

$(TOOLS)/peer-typescript.stamp: bench/peers/typescript/package.json bench/peers/typescript/package-lock.json
	@mkdir -p $(basename $@)
	cp $^ bench/peers/typescript/.npmrc $(basename $@)
	cd $(basename $@) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# AWS's own DynamoDB engine. Without Java and Maven, or if it cannot be downloaded, the tests use moto.
$(TOOLS)/dynamodb.stamp: test/harness/dynamodb/pom.xml
	@mkdir -p $(TOOLS) && rm -rf $(TOOLS)/dynamodb.new
	@if java -version >/dev/null 2>&1 && mvn -q -B -f test/harness/dynamodb/pom.xml \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$(CURDIR)/$(TOOLS)/dynamodb.new"; \
	then rm -rf $(TOOLS)/dynamodb && mv $(TOOLS)/dynamodb.new $(TOOLS)/dynamodb && touch $@; \
	else rm -rf $(TOOLS)/dynamodb.new; echo "no DynamoDB Local (it needs Java 17 and Maven): the tests use moto's DynamoDB instead"; fi

.PHONY: lock
lock: ## Update requirements*.txt and package-lock.json from requirements*.in and package.json
	@for file in test/python/requirements*.in bench/*/requirements.in bench/*/*/requirements.in; do \
		echo "$${file%.in}.txt"; \
		rm -rf $(TOOLS)/lock && python3 -m venv $(TOOLS)/lock && \
		$(TOOLS)/lock/bin/pip install --quiet --disable-pip-version-check --requirement $$file && \
		echo "# Made by \`make lock\` from $${file##*/}: do not edit." > $${file%.in}.txt && \
		$(TOOLS)/lock/bin/pip freeze >> $${file%.in}.txt || exit 1; done
	@for folder in test/node bench/peers/typescript; do \
		(cd $$folder && rm -f package-lock.json && npm install --package-lock-only --loglevel=error) || exit 1; done

.PHONY: clean
clean: ## Remove everything that was built or installed
	rm -rf bin dist .aws-sam .tools test/node/node_modules coverage.out
