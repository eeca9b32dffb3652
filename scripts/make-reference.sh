#!/usr/bin/env bash
# Runs the independent Python program tests/reference, if its results are missing or older than its sources.
. "$(dirname "$0")/common.sh"
need python3 "install Python 3.11 or newer from https://python.org"
packages=$TOOLS/python
if ! [ "$packages/.installed" -nt "$ROOT/tests/reference/requirements.txt" ]; then
    say "Installing numpy and others for the reference program…"
    rm -rf "$packages"
    quietly pip python3 -m pip install --quiet --disable-pip-version-check --target "$packages" --only-binary :all: --require-hashes -r "$ROOT/tests/reference/requirements.txt" \
        || die "numpy could not be installed with pip: check the network connection and run make again."
    touch "$packages/.installed"
fi
export PYTHONPATH=$packages PYTHONDONTWRITEBYTECODE=1
out=$ROOT/target/reference
mkdir -p "$out"
# make_one PROGRAM MODEL RESULT…: computes $out/RESULT.json and its binary files.
make_one() {
    local program=$1 model=$2 result=$3
    shift 3
    if [ -z "$(find "$ROOT/tests/reference" "$ROOT/public/sets" "$model" -type f -newer "$out/$result.json" 2>/dev/null | head -n 1)" ] && [ -e "$out/$result.json" ]; then
        return
    fi
    say "Computing the reference numbers $result…"
    python3 "$ROOT/tests/reference/$program.py" "$model" "$out/$result" "$@"
}
# cases TOKENS FORMS PLAN…: every form of repair on every plan, as a JSON list.
cases() {
    local tokens=$1 forms=$2 plan form separator=
    shift 2
    printf '['
    for plan in "$@"; do
        for form in $forms; do
            printf '%s{"plan": "%s", "repair": "%s", "tokens": %d}' "$separator" "$plan" "$form" "$tokens"
            separator=', '
        done
    done
    printf ']'
}
tiny=$ROOT/tests/fixtures/tiny.gguf
smollm2=$ROOT/public/models/SmolLM2-135M-Instruct.Q4_1.json
make_one make "$tiny" tiny
make_one make "$smollm2" smollm2
# Pruning methods on one layer of each model: in the real model, an early layer has every shape.
make_one methods "$tiny" tiny-methods 2
make_one methods "$smollm2" smollm2-methods 3
# Repair: every form on the tiny model and the head after each kind of pruning, and the rows of a few hundred tokens on the real one.
make_one repair "$tiny" tiny-repair "$(cases 96 "bias scale rank4 full" a1,a3 m2 a0,m3)" \
    '[{"plan": "a1,a3", "repair": "", "head": "temperature", "tokens": 96}, {"plan": "m2", "repair": "bias", "head": "both", "tokens": 96},
      {"plan": "a0,m3", "repair": "scale", "head": "both", "tokens": 96}, {"plan": "rtn2-g32", "repair": "", "head": "both", "tokens": 96}]'
make_one repair "$smollm2" smollm2-repair "$(cases 256 "scale full" m17,m16,m15,m13)" \
    '[{"plan": "m17,m16,m15,m13", "repair": "", "head": "both", "tokens": 256}]'
# Searches: every method on the tiny model, and one round among the attentions, with a few tokens, on the real one.
make_one search "$tiny" tiny-search '[{"search": "all", "budget": 4, "judged": 48, "held_out": 64, "fit": 96}, {"search": "attn", "budget": 3, "judged": 48, "held_out": 64, "fit": 96}]'
make_one search "$smollm2" smollm2-search '[{"search": "attn", "budget": 2, "judged": 12, "held_out": 24, "fit": 32}]'
