#!/usr/bin/env bash
# Installs the build tools into .tools/bin: Trunk, the wasm-bindgen CLI in the version of Cargo.lock, and wasm-opt. Trunk and the CLI are
# taken from the machine if it has just these versions: to compile them takes minutes.
. "$(dirname "$0")/common.sh"
TRUNK=0.21.14
BINARYEN=$(sed -n 's/.*"binaryen": "\(.*\)".*/\1/p' "$(dirname "$0")/binaryen/package.json")
need cargo "install Rust from https://rustup.rs"
need npm "install Node.js 20 or newer from https://nodejs.org"
network="check the network connection to the package registries and run make again"

# Build fast: optimising a tool that runs for a second would cost minutes.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
# The tools are others' programs, which are not linted here (.ci/run).
unset CARGO_TARGET_DIR RUSTFLAGS RUSTC_WORKSPACE_WRAPPER CLIPPY_ARGS

bindgen=$(locked_version wasm-bindgen)
[ -n "$bindgen" ] || die "Cargo.lock names no wasm-bindgen: restore it with «git checkout Cargo.lock»."
if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $bindgen" ]; then
    say "Installing the wasm-bindgen CLI $bindgen…"
    grep -q "^wasm-bindgen-cli = \"=$bindgen\"" "$ROOT/scripts/wasm-bindgen/Cargo.toml" \
        || die "scripts/wasm-bindgen/Cargo.toml names another wasm-bindgen-cli than Cargo.lock, $bindgen: make both the same and run «cargo generate-lockfile» there."
    # With this project's lock file: the tool's own may name versions that a registry mirror lacks.
    (cd / && quietly wasm-bindgen cargo install --force --locked --root "$TOOLS" --path "$ROOT/scripts/wasm-bindgen") \
        || die "the wasm-bindgen CLI $bindgen could not be installed: $network."
    ln -sf wasm-bindgen-tool "$TOOLS/bin/wasm-bindgen"
fi
if [ "$(trunk --version 2>/dev/null)" != "trunk $TRUNK" ]; then
    say "Installing Trunk $TRUNK…"
    # Without what it would fetch tools with, which are installed here; it only waits for other programs, so nothing of it is optimised.
    (cd / && CARGO_PROFILE_RELEASE_OPT_LEVEL=0 quietly trunk cargo install --force --locked --root "$TOOLS" --version "=$TRUNK" --no-default-features trunk) \
        || die "Trunk $TRUNK could not be installed: $network."
fi
if ! "$TOOLS/bin/wasm-opt" --version 2>/dev/null | grep -q "version ${BINARYEN%%.*}"; then
    say "Installing wasm-opt (binaryen $BINARYEN)…"
    mkdir -p "$TOOLS/binaryen"
    cp "$ROOT"/scripts/binaryen/package*.json "$TOOLS/binaryen"
    (cd "$TOOLS/binaryen" && quietly binaryen npm ci --no-audit --no-fund --ignore-scripts) \
        || die "wasm-opt (npm package binaryen $BINARYEN) could not be installed: $network."
    mkdir -p "$TOOLS/bin"
    ln -sf "$TOOLS/binaryen/node_modules/binaryen/bin/wasm-opt" "$TOOLS/bin/wasm-opt"
    chmod +x "$TOOLS/binaryen/node_modules/binaryen/bin/wasm-opt"
fi
