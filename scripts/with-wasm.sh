#!/usr/bin/env bash
# Runs a command with the tools of .tools/ and a Rust toolchain that can build for the browser.
. "$(dirname "$0")/common.sh"
toolchain=$("$ROOT/scripts/setup-wasm-target.sh")
[ -z "$toolchain" ] || export RUSTUP_TOOLCHAIN="$toolchain"
# Trunk rejects NO_COLOR=1, a common form, as an invalid option.
unset NO_COLOR
cd "$ROOT"
exec "$@"
