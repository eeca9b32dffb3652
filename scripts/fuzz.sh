#!/usr/bin/env bash
# Runs every fuzz target on random inputs for a limited time: fuzz.sh SECONDS [TARGET…]. Findings are written to
# tests/fuzz/artifacts, inputs that reach new code to tests/fuzz/corpus; `cargo +nightly fuzz cmin` reduces the corpus.
. "$(dirname "$0")/common.sh"
seconds=$1
shift
need cargo "install Rust from https://rustup.rs"
cargo +nightly --version >/dev/null 2>&1 || die "cargo-fuzz needs nightly Rust: rustup toolchain install nightly"
command -v cargo-fuzz >/dev/null || die "cargo-fuzz is missing: cargo install cargo-fuzz"
cd "$ROOT/tests/fuzz"
[ $# -gt 0 ] || set -- header structured tokenizer dequantize forward messages kept
for target; do
    say "Fuzzing $target for $seconds s…"
    dictionary=()
    [ ! -e "$target.dict" ] || dictionary=(-dict="$target.dict")
    # Without AddressSanitizer: the code is safe Rust, and speed matters more.
    cargo +nightly fuzz run --fuzz-dir . -s none "$target" -- "${dictionary[@]}" \
        -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -max_len=4096 -verbosity=0 -print_final_stats=1
done
