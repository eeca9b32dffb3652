#!/usr/bin/env bash
# Checks what this project builds on: licences, where crates come from, and known vulnerabilities where their lists can be reached.
. "$(dirname "$0")/common.sh"
DENY=0.20.2
need cargo "install Rust from https://rustup.rs"
need npm "install Node.js 20 or newer from https://nodejs.org"
if [ "$("$TOOLS/bin/cargo-deny" --version 2>/dev/null)" != "cargo-deny $DENY" ]; then
    say "Installing cargo-deny $DENY…"
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
    (cd / && quietly cargo-deny cargo install --force --locked --root "$TOOLS" --version "=$DENY" cargo-deny) \
        || die "cargo-deny $DENY could not be installed: check the network connection to the package registries and run make again."
fi
cd "$ROOT"
cargo deny --all-features --log-level error check licenses bans sources
if output=$(timeout 60 cargo deny fetch db 2>&1); then
    cargo deny --all-features --log-level error check advisories
else
    say "The list of vulnerable crates cannot be reached, so crates are not held to it: $(tail -n 1 <<< "$output" | cut -c1-160)"
fi
for folder in tests/e2e tests/bench; do
    output=$(cd "$folder" && npm audit 2>&1) && say "npm audit: $folder is clean." && continue
    case $output in
        *"audit endpoint returned an error"*) say "The registry does not answer npm audit, so $folder is not held to it." ;;
        *) printf '%s\n' "$output" >&2; die "npm audit finds something in $folder." ;;
    esac
done
