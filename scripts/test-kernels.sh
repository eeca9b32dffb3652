#!/usr/bin/env bash
# Checks the GPU backend against the CPU's and the reference programs, natively on a software GPU: each kernel, the decoder, the paper's
# table and the pruning methods. With Mesa's lavapipe also on the default model, otherwise only on the tiny one.
. "$(dirname "$0")/common.sh"
# Plain burn is in no shipped program, so it is tested on the tiny model only.
# A software GPU takes minutes for the default model, so what other tests hold on it is left to `make test-webgpu`: the paper's table is
# checked by Firefox on the same driver (tests/e2e/lavapipe.test.mjs), and the pruning methods compute on the CPU.
tests=(on_a_gpu --skip the_default_model_by_plain_burn --skip paper_table::on_a_gpu --skip methods::on_a_gpu::a_layer_of_the_default_model)
if [ -z "$(find_lavapipe)" ]; then
    say "SKIPPED: the default model on a GPU, which takes Mesa's software driver (Debian package mesa-vulkan-drivers)."
    tests+=(--skip default_model)
fi
exec "$ROOT/scripts/with-software-gpu.sh" cargo test --release --workspace $WITH_GPU --lib --test engine -- "${tests[@]}"
