#!/usr/bin/env bash
# Checks that no crate depends, even indirectly, on what it must not know in the browser build (ARCHITECTURE.md, "The crates").
. "$(dirname "$0")/common.sh"
cd "$ROOT"
# walls CRATE CARGO-TREE-OPTION… -- FORBIDDEN…, each the beginning of a crate's name.
walls() {
    local crate=$1 options=() name
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    local tree
    tree=$(cargo tree --locked --target wasm32-unknown-unknown --edges normal,no-proc-macro --prefix none --package "$crate" "${options[@]}") \
        || die "cargo tree fails for $crate."
    for name; do
        if found=$(grep -m 1 -E "^$name( |-|_)" <<< "$tree"); then
            die "$crate depends on $found, which it must not know: cargo tree -p $crate -i ${found%% *} shows how."
        fi
    done
}
walls prunescope -- burn tokenizers minijinja getrandom prunescope-engine prunescope-formats prunescope-kernels prunescope-quant prunescope-worker
walls prunescope-worker --features webgpu -- leptos plotters prunescope-figures
walls prunescope-engine --features webgpu -- leptos plotters gloo prunescope-downloads prunescope-figures
walls prunescope-engine -- web-sys burn-wgpu
walls prunescope-kernels -- burn prunescope-protocol prunescope-formats
walls prunescope-gpu -- prunescope-protocol prunescope-formats prunescope-engine
walls prunescope-formats -- burn wide prunescope-kernels web-sys
walls prunescope-figures -- burn leptos tokenizers prunescope-formats prunescope-engine
walls prunescope-protocol -- burn web-sys tokenizers plotters prunescope-quant
say "Every crate keeps to its walls."
