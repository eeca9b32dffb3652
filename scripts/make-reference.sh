#!/usr/bin/env bash
# Runs tests/reference, the independent Python program, where its results are missing or older than its sources.
. "$(dirname "$0")/common.sh"
need python3 "install Python 3.10 or newer from https://python.org"
packages=$TOOLS/python
if ! [ "$packages/.installed" -nt "$ROOT/tests/reference/requirements.txt" ]; then
    say "Installing numpy and others for the reference program…"
    rm -rf "$packages"
    quietly pip python3 -m pip install --quiet --disable-pip-version-check --target "$packages" -r "$ROOT/tests/reference/requirements.txt" \
        || die "numpy could not be installed with pip: check the network connection and run make again."
    touch "$packages/.installed"
fi
export PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1
out=$ROOT/target/reference
mkdir -p "$out"
make_one() {
    if [ -z "$(find "$ROOT/tests/reference" "$1" -name '*' -type f -newer "$out/$2.f32" 2>/dev/null | head -n 1)" ] && [ -e "$out/$2.f32" ]; then
        return
    fi
    say "Computing the reference numbers for $2…"
    python3 "$ROOT/tests/reference/make.py" "$1" "$out/$2"
}
make_one "$ROOT/tests/fixtures/tiny.gguf" tiny
make_one "$ROOT/public/models/SmolLM2-135M-Instruct.Q4_1.json" smollm2
