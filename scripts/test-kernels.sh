#!/usr/bin/env bash
# Checks the GPU backend against the CPU's and the reference programs, natively on a software GPU: each kernel, the decoder and what is
# measured with it, on the tiny model and the families'.
. "$(dirname "$0")/common.sh"
# A software GPU takes minutes for the default model, so that is left to `make test-webgpu`: here Firefox checks its numbers on the same driver
# (tests/e2e/lavapipe.test.mjs).
tests=(on_a_gpu --skip default_model --skip paper_table)
exec "$ROOT/scripts/with-software-gpu.sh" cargo test --profile tests --workspace $WITH_GPU --lib --test engine -- "${tests[@]}"
