# Prunescope: `make serve` opens the page, `make test` runs every test. Both install what is missing, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# Address to serve on.
HOST ?= 127.0.0.1
PORT ?= 8080
# Path of a local copy of the default model, instead of fetching it.
MODEL ?=
export HOST PORT MODEL

# One native build serves all tests; those that need a GPU are named on_a_gpu.
WITH_GPU := --features prunescope-engine/webgpu
export WITH_GPU

.PHONY: help serve build build-tests test test-native test-scripts test-page test-kernels test-webgpu bench bench-native fmt lint lint-source clippy clippy-native clippy-site clippy-benches audit audit-registries licences clean model reference fuzz screenshots gallery traces schema

help: ## List these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo "  Variables: HOST=$(HOST) PORT=$(PORT) MODEL=/path/to/SmolLM2-135M-Instruct.Q4_1.gguf CHROMIUM=/path/to/browser"

serve: ## Install what is missing, build, and serve the page on http://$(HOST):$(PORT)
	@scripts/serve.sh check
	@$(MAKE) --no-print-directory build
	@scripts/serve.sh

build: model dist/index.html ## Make the static site in dist/, for any host and sub-path

# The sources of the site, so that it is rebuilt only after a change.
SITE_SOURCES := $(shell find src crates public styles .cargo -type f) Cargo.toml Cargo.lock Trunk.toml index.html scripts/join-styles.py scripts/finish-site.py scripts/gallery.py
dist/index.html: $(SITE_SOURCES) | model
	@scripts/setup-tools.sh
	@scripts/with-wasm.sh trunk build

test: test-scripts test-native test-page test-kernels ## Run every test

build-tests: ## Compile the native tests
	cargo test --profile tests --workspace $(WITH_GPU) --no-run

test-native: model reference ## Run the engine's tests: unit, property, parity, the paper's table
	cargo test --profile tests --workspace $(WITH_GPU) -- --skip on_a_gpu

test-scripts: ## Run the tests of the site's own scripts, in node
	@command -v node >/dev/null || { echo "prunescope: «node» is missing: install Node.js 20 or newer from https://nodejs.org, then run make again." >&2; exit 1; }
	node --test --test-reporter=spec tests/scripts/*.test.mjs

# The suite that needs the machine for itself: it asks whether the page freezes.
ALONE := tests/e2e/page.test.mjs
test-page: build reference build-tests ## Run the page's tests in Chromium, and in Firefox and WebKit what concerns every browser
	@scripts/setup-browsers.sh
	node --test --test-reporter=spec --test-concurrency=2 $(filter-out $(ALONE),$(wildcard tests/e2e/*.test.mjs))
	node --test --test-reporter=spec --test-concurrency=1 $(ALONE)

test-kernels: model reference ## Hold the GPU's path to the CPU's and the reference, natively on a GPU in software
	@scripts/setup-browsers.sh
	@scripts/test-kernels.sh

test-webgpu: build ## Check the paper's first rows on a real GPU, in Chromium and natively on Vulkan
	@scripts/setup-chromium.sh
	WEBGPU=real node --test --test-reporter=spec tests/e2e/webgpu/real.mjs
	cargo test --profile tests -p prunescope-gpu --no-default-features --features vulkan
	cargo test --profile tests -p prunescope-engine --features vulkan --lib --test engine -- on_a_gpu

# Options of the bench, such as BENCH="--quick --alone"; tests/bench/run.mjs lists them.
BENCH ?=
bench: build ## Measure speed in Chromium beside wllama: load, prefill, decode, toggle, memory, sizes
	@scripts/setup-chromium.sh tests/bench
	node tests/bench/run.mjs $(BENCH)

bench-native: model ## Measure the native engine, with the roofline beside it
	cargo bench -p prunescope-engine --bench native

# The recorded example of the first visit (Settings::example), and the other runs of the story (public/texts); a test records them again
# and compares.
HOT := prompt=What+is+the+opposite+of+hot%3F
TRACED := cargo run --release -p prunescope-cli -- record --model public/models/SmolLM2-135M-Instruct.Q4_1.json --link "" --chat
traces: model ## Record the runs that the page shows before a model is loaded
	mkdir -p public/traces
	$(TRACED) --prompt "What is the opposite of hot?" --drop b13,b14,b17,b25 --measure switches,choice,retrieval,sweep \
		--out public/traces/example.json --neighbours public/traces/neighbours.json
	$(TRACED) --drop m16,m17 --also "$(HOT)&drop=b13,b14,b17,b25&analysis=2" \
		--also "prompt=What+is+the+capital+of+Japan%3F&drop=&tokens=16&compare=8+bits*rtn8-g64&compare=half+removed*wanda-0.5&compare=2+of+4+removed*wanda-2:4#compare" \
		--out public/traces/story.json

schema: ## Write the JSON Schema of traces anew, which the site publishes; a test compares
	cargo run --release -p prunescope-cli -- schema >public/trace.schema.json

screenshots: build ## Take the README's pictures anew
	@scripts/setup-chromium.sh
	node tests/e2e/screenshots.mjs

gallery: build ## Take the pictures of the gallery anew
	@scripts/setup-chromium.sh
	mkdir -p public/gallery
	node tests/e2e/screenshots.mjs gallery

fmt: ## Format the code
	cargo fmt --all

lint: lint-source clippy ## Check formatting, walls between crates and lints, natively and for each of the three programs in the browser

lint-source: ## Check formatting and walls between crates, which compiles nothing
	@scripts/check-walls.sh
	@scripts/check-circles.py
	cargo fmt --all --check

clippy: clippy-native clippy-site ## Check lints, natively and for each of the three programs in the browser

clippy-native:
	cargo clippy --workspace --profile tests --all-targets -- -D warnings
	cargo clippy --workspace --profile tests --all-targets $(WITH_GPU) -- -D warnings

# With what other builds have compiled of the dependencies: the native tests', the site's.
LINTED := RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/scripts/check-with-clippy.sh
CHECK := $(LINTED) scripts/with-wasm.sh cargo build --target wasm32-unknown-unknown
clippy-benches:
	@$(LINTED) cargo build --profile tests --workspace --bench native $(WITH_GPU)
clippy-site:
	@$(CHECK) --profile small -p prunescope --lib --bin page
	@$(CHECK) --profile web -p prunescope-worker --lib --bin worker
	@$(CHECK) --profile small -p prunescope-worker --features webgpu --lib --bin worker_webgpu

audit: ## Check licences, sources and known vulnerabilities of all dependencies; fails where it could not look
	@scripts/audit.sh

audit-registries: ## The same without known vulnerabilities, whose lists no package registry has
	@scripts/audit.sh --registries

licences: ## Write THIRD-PARTY.md, every crate by licence
	@scripts/list-licences.sh

# Seconds per target.
FUZZ_SECONDS ?= 60
fuzz: ## Feed random inputs to every fuzz target, FUZZ_SECONDS each (needs cargo-fuzz and nightly Rust)
	@scripts/fuzz.sh $(FUZZ_SECONDS)

model: ## Fetch and verify the default model into public/models/
	@scripts/fetch-model.py

reference: model ## Compute the numbers that the engine must find, with tests/reference
	@scripts/make-reference.sh

clean: ## Remove what was built; installed tools and the model stay
	rm -rf target dist tests/e2e/results
