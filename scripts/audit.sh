#!/usr/bin/env bash
# Checks all dependencies, those of fuzzing and of build tools included: licences, sources, and known vulnerabilities.
# `audit.sh --registries` skips the vulnerability database, which is not on a package registry. Without it the check fails if the
# database cannot be reached.
. "$(dirname "$0")/common.sh"
DENY=0.20.2
need cargo "install Rust from https://rustup.rs"
need npm "install Node.js 20 or newer from https://nodejs.org"
if [ "$(cargo-deny --version 2>/dev/null)" != "cargo-deny $DENY" ]; then
    say "Installing cargo-deny $DENY…"
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
    (cd / && quietly cargo-deny cargo install --force --locked --root "$TOOLS" --version "=$DENY" cargo-deny) \
        || die "cargo-deny $DENY could not be installed: check the network connection to the package registries and run make again."
fi
cd "$ROOT"
# Licences are not checked for programs that are not shipped.
MANIFESTS=(Cargo.toml tests/fuzz/Cargo.toml scripts/wasm-bindgen/Cargo.toml)
deny() {
    local manifest=$1
    shift
    cargo deny --locked --workspace --manifest-path "$manifest" --all-features --config "$ROOT/deny.toml" --log-level error check "$@"
}
deny Cargo.toml licenses
for manifest in "${MANIFESTS[@]}"; do
    deny "$manifest" bans sources
done
if [ "${1:-}" = --registries ]; then
    say "Known vulnerabilities were not looked for: make audit does, where the network is open."
    exit
fi
unseen=()
if output=$(timeout 120 cargo deny fetch db 2>&1); then
    for manifest in "${MANIFESTS[@]}"; do
        deny "$manifest" advisories
    done
else
    say "$(tail -n 1 <<< "$output" | cut -c1-160)"
    unseen+=("the RustSec list of vulnerable crates")
fi
for folder in tests/e2e tests/bench scripts/binaryen; do
    output=$(cd "$folder" && npm audit 2>&1) && say "npm audit: $folder is clean." && continue
    case $output in
        *"audit endpoint returned an error"* | *ENOTFOUND* | *ETIMEDOUT* | *ECONNREFUSED*) unseen+=("npm's list for $folder") ;;
        *) printf '%s\n' "$output" >&2; die "npm audit finds something in $folder." ;;
    esac
done
[ "${#unseen[@]}" = 0 ] || die "the audit could not look at $(printf '%s, ' "${unseen[@]}")so it says nothing: run it where the network is open."
