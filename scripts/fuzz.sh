#!/usr/bin/env bash
# Feeds random inputs to every parser for a bounded time: fuzz.sh SECONDS, for each. What is found lies in tests/fuzz/artifacts.
. "$(dirname "$0")/common.sh"
seconds=$1
need cargo "install Rust from https://rustup.rs"
cargo +nightly --version >/dev/null 2>&1 || die "cargo-fuzz needs nightly Rust: rustup toolchain install nightly"
command -v cargo-fuzz >/dev/null || die "cargo-fuzz is missing: cargo install cargo-fuzz"
cd "$ROOT"
corpus=tests/fuzz/corpus
# Seeds that would be large in the repository are made of the fixtures.
seeds=$ROOT/target/fuzz-seeds
rm -rf "$seeds"
mkdir -p "$seeds"/{gguf,safetensors,texts,link,kept}
for folder in tests/fixtures/families/*/; do
    name=$(basename "$folder")
    [ ! -e "$folder/model.gguf" ] || cp "$folder/model.gguf" "$seeds/gguf/$name"
    if [ -e "$folder/model.safetensors" ]; then
        { cat "$folder/config.json"; printf '\0'; cat "$folder/model.safetensors"; } > "$seeds/safetensors/$name"
        cp "$folder/tokenizer.json" "$seeds/texts/$name"
    fi
done
for target in gguf safetensors texts link kept; do
    say "Fuzzing $target for $seconds s…"
    mkdir -p "$corpus/$target"
    cargo +nightly fuzz run --fuzz-dir tests/fuzz "$target" "$corpus/$target" "$seeds/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -max_len=500000 -verbosity=0 -print_final_stats=1
done
