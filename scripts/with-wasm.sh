#!/usr/bin/env bash
# Runs a command with the tools of .tools/ and a Rust toolchain that can build for the browser.
. "$(dirname "$0")/common.sh"
toolchain=$("$ROOT/scripts/setup-wasm-target.sh")
[ -z "$toolchain" ] || export RUSTUP_TOOLCHAIN="$toolchain"
cd "$ROOT"
exec "$@"
