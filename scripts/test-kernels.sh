#!/usr/bin/env bash
# Holds the GPU's path to the CPU's and to the reference programs, natively on a GPU in software: each kernel, the decoder, the paper's
# table and the pruning methods. With Mesa's lavapipe on the default model too; without it only on the tiny one.
. "$(dirname "$0")/common.sh"
# Plain burn is in no shipped program: on the tiny model only.
tests=(on_a_gpu --skip the_default_model_by_plain_burn)
if [ -z "$(find_lavapipe)" ]; then
    say "SKIPPED: the default model on a GPU, which takes Mesa's software driver (Debian package mesa-vulkan-drivers)."
    tests+=(--skip default_model)
fi
exec "$ROOT/scripts/with-software-gpu.sh" cargo test --release --workspace $WITH_GPU --lib --test engine -- "${tests[@]}"
