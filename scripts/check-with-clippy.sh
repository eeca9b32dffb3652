#!/usr/bin/env bash
# Stands for the compiler of this workspace's crates (RUSTC_WORKSPACE_WRAPPER): lints them with Clippy and makes no code, so that what a
# build has compiled of their dependencies serves (`cargo clippy` would read all of those anew).
set -euo pipefail
shift
arguments=()
previous=
for argument in "$@"; do
    [ "$previous" != --crate-name ] || crate=$argument
    previous=$argument
    case $argument in
        --emit=*link*) arguments+=("--emit=dep-info,metadata") ;;
        # Of this workspace's crates there are only descriptions.
        prunescope*=*.rlib) arguments+=("${argument%.rlib}.rmeta") ;;
        *) arguments+=("$argument") ;;
    esac
done
# A build script is run, so it is compiled.
case ${crate:-} in build_script_*) exec clippy-driver rustc "$@" ;; esac
CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__ exec clippy-driver rustc "${arguments[@]}"
