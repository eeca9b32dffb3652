#!/usr/bin/env bash
# Checks a real GPU on a machine without network and compiler, from files that were packed elsewhere.
#
#   scripts/gpu-check.sh pack      here: compiles and packs everything into target/gpu-check (some 60 MB)
#   scripts/gpu-check.sh run OUT   there, in a copy of the repository with target/gpu-check in it: writes its findings to the folder OUT
#
# What it finds, in about ten minutes: each kernel, the decoder and all measurements on the GPU against the CPU and the reference's numbers (the
# tiny model and the families); then, for each model file in target/gpu-check/models, the speed of the dense and a pruned model on the CPU and on the
# GPU. The default model's parts are packed if they fit into PACK_MB (0: as many megabytes as they take).
. "$(dirname "$0")/common.sh"
cd "$ROOT"
packed=$ROOT/target/gpu-check
: "${WITH_GPU:=--features prunescope-engine/webgpu}"

pack() {
    need cargo "install Rust from https://rustup.rs"
    rm -rf "$packed"
    mkdir -p "$packed/models"
    # The places of the compiled tests, from cargo's own messages.
    local programs
    programs=$(cargo test --profile tests --workspace $WITH_GPU --lib --test engine --no-run --message-format json 2>/dev/null \
        | python3 -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and message["target"]["name"] in ("prunescope_gpu", "prunescope_engine", "engine"):
        print(message["target"]["name"], message["executable"])') || programs=
    [ -n "$programs" ] || die "the tests do not compile: make build-tests says why."
    while read -r name program; do
        strip -o "$packed/$name" "$program"
    done <<< "$programs"
    cargo build --profile tests --workspace --bin prunescope --features prunescope-cli/webgpu
    strip -o "$packed/prunescope" target/tests/prunescope
    # The tests know their fixtures by the path of the repository they were compiled in.
    printf '%s\n' "$ROOT" >"$packed/root"
    cp -r target/reference "$packed/reference"
    local bytes
    bytes=$(cat public/models/*.part* 2>/dev/null | wc -c)
    if [ "${PACK_MB:-0}" = 0 ] || [ "$bytes" -le "$((PACK_MB * 1000000))" ]; then
        cp public/models/SmolLM2-135M-Instruct.Q4_1.* "$packed/models"
    fi
    say "$(du -sh "$packed" | cut -f1) in $packed: carry it with the repository, and run there: scripts/gpu-check.sh run FOLDER"
}

# step NAME COMMAND…: runs a command; what it says goes to a file of its own, and how it ended to the summary.
step() {
    local name=$1 start=$SECONDS
    shift
    if timeout 240 "$@" >"$out/$name.txt" 2>&1; then ended=ok; else ended="failed ($?)"; fi
    printf '%s: %s, %s s\n' "$name" "$ended" "$((SECONDS - start))" | tee -a "$out/summary.txt"
}

run() {
    [ -x "$packed/engine" ] || die "target/gpu-check is missing: pack it on a machine with a compiler (scripts/gpu-check.sh pack)."
    mkdir -p "$out" target
    local root
    root=$(cat "$packed/root")
    if [ "$root" != "$ROOT" ]; then
        mkdir -p "$(dirname "$root")"
        ln -sfn "$ROOT" "$root"
    fi
    [ -d target/reference ] || cp -r "$packed/reference" target/reference
    (nvidia-smi || vulkaninfo --summary || true) >"$out/machine.txt" 2>&1
    grep -m1 'model name' /proc/cpuinfo >>"$out/machine.txt" || true
    # Software drivers are not what is to be checked.
    export VK_LOADER_DRIVERS_DISABLE="${VK_LOADER_DRIVERS_DISABLE-*lvp*}"
    step kernels "$packed/prunescope_gpu"
    step engine-units "$packed/prunescope_engine" on_a_gpu
    step engine "$packed/engine" on_a_gpu --skip default_model --skip paper_table
    local model
    for model in "$packed"/models/*.json "$packed"/models/*.gguf tests/fixtures/tiny.gguf; do
        [ -e "$model" ] || continue
        for backend in cpu gpu; do
            step "bench-$(basename "$model")-$backend" "$packed/prunescope" bench --model "$model" --backend "$backend" --drop b1,a2
        done
    done
    if [ -e "$packed/models/SmolLM2-135M-Instruct.Q4_1.json" ]; then
        mkdir -p public/models
        cp -n "$packed"/models/* public/models
        step default-model "$packed/engine" on_a_gpu default_model
    fi
    say "Everything is in $out; summary.txt says how each part ended."
}

case "${1:-}" in
    pack) pack ;;
    run) out=${2:?name a folder for the findings}; out=$(mkdir -p "$out" && cd "$out" && pwd); run ;;
    *) die "say pack, or run and a folder: $0 pack" ;;
esac
