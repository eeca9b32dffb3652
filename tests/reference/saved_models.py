"""Holds the files of `prunescope save` to llama.cpp and transformers: the default model under some plans.

Opt-in, since it needs two environments: one with llama-cpp-python==0.3.36 and numpy, which runs this script, and one with torch, transformers
and safetensors, whose Python it is told:

    python tests/reference/saved_models.py target/release/prunescope /path/to/python [NAME…]

NAME is a name of PLANS, all of them by default.

Each plan's model is saved as GGUF and as safetensors. Logits of the tokens after a few prompts are compared: of the likeliest tokens, with
those of the pruned (repaired) model in `prunescope report`; of all tokens, the two programs' with each other. llama.cpp rounds activations to 8
bits where it multiplies with quantized weights, and to F16 with those: what it is off on the dense model shows how much that is.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "public/models/SmolLM2-135M-Instruct.Q4_1.json"
# A random model in 16-bit floats, to which llama.cpp rounds activations, too: less than to 8 bits.
TINY = ROOT / "tests/fixtures/families/tinyllama/model.gguf"
PROMPTS = ["The capital of France is", "def fibonacci(n):\n    ", "In 1969, the first people landed on"]
# Small fits: what is compared is whether they are saved, not whether they are good.
FIT = ["--fit-tokens", "192", "--fit-answers", "0"]
PLANS = {
    "dense": [],
    "drops": ["--drop", "b13,b14,b17,b25,a7"],
    "wanda": ["--sparse", "wanda-0.5"],
    "4 bits": ["--quant", "rtn4-g64"],
    "bias": ["--drop", "m17,a7", "--repair", "bias", *FIT],
    "scale": ["--drop", "m17,m16,a7", "--repair", "scale", *FIT],
    # Larger maps help on text that they have not seen only if they are fitted on more of it.
    "rank": ["--drop", "m17,a7", "--repair", "rank32", "--fit-tokens", "1024", "--fit-answers", "0"],
    "full": ["--drop", "m17,a7", "--repair", "full", "--fit-tokens", "1024", "--fit-answers", "0"],
    "temperature": ["--sparse", "wanda-0.5", "--head", "temperature", *FIT],
    "tiny drops": ["--drop", "a0"],
    "tiny 4 bits": ["--quant", "rtn4-g32"],
    "tiny bias": ["--drop", "a0,m1", "--repair", "bias", *FIT],
    "tiny scale": ["--drop", "a1,m0", "--repair", "scale", *FIT],
    "tiny rank": ["--drop", "b0", "--repair", "rank8", "--sparse", "wanda-0.3", *FIT],
    "tiny full": ["--drop", "a0,m1", "--repair", "full", "--head", "temperature", *FIT],
}
# Largest difference of a logit; logits of this model have a standard deviation of some 3.
TRANSFORMERS_TOLERANCE, LLAMA_TOLERANCE, LLAMA_TOLERANCE_OF_FLOATS = {"f32": 2e-3, "f16": 5e-2}, 0.8, 5e-2


def model_of(name: str) -> pathlib.Path:
    """The model of a plan."""
    return TINY if name.startswith("tiny") else MODEL


def report(program: str, model: pathlib.Path, plan: list[str], prompt: str) -> dict[int, float]:
    """The logits of the likeliest tokens after a prompt."""
    command = [program, "report", "--model", str(model), *plan, "--prompt", prompt, "--tokens", "1"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    repaired = found.get("repaired")
    top = (repaired or found)["next_token"]["top"]["pruned"]
    return {token["id"]: token["z"] + token["delta_z_parallel"] + token["delta_z_orthogonal"] for token in top}


def save(program: str, model: pathlib.Path, plan: list[str], weights: str, out: pathlib.Path) -> str:
    command = [program, "save", "--model", str(model), *plan, "--weights", weights, "--out", str(out)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr.replace(f"{out}: ", "")


def with_llama(path: pathlib.Path) -> tuple[np.ndarray, list[list[int]]]:
    """llama.cpp's logits after each prompt, and its token ids."""
    import llama_cpp

    model = llama_cpp.Llama(str(path), n_ctx=64, n_batch=64, logits_all=True, verbose=False)
    rows, ids = [], []
    for prompt in PROMPTS:
        ids.append(model.tokenize(prompt.encode(), add_bos=True, special=True))
        model.reset()
        model.eval(ids[-1])
        rows.append(np.array(model.scores[len(ids[-1]) - 1]))
    return np.stack(rows), ids


def with_transformers(folder: str, out: str) -> None:
    """Writes transformers' logits after each prompt, and its token ids."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    wrong = {key: sorted(value) for key, value in loading.items() if value}
    assert not wrong, wrong
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
    with torch.no_grad():
        rows = [model(torch.tensor([of_prompt])).logits[0, -1].numpy() for of_prompt in ids]
    np.save(out, np.stack(rows))
    pathlib.Path(out).with_suffix(".json").write_text(json.dumps(ids))


def largest(logits: np.ndarray, tops: list[dict[int, float]]) -> float:
    """Largest difference from the likeliest tokens' logits."""
    return max(abs(row[token] - z) for row, top in zip(logits, tops) for token, z in top.items())


def compare(program: str, python: str, name: str, folder: pathlib.Path) -> bool:
    """Compares a plan's files with each other and with the program that saved them; prints what they are off."""
    model, plan, out = model_of(name), PLANS[name], folder / "logits.npy"
    tops = [report(program, model, plan, prompt) for prompt in PROMPTS]
    right = True
    for weights in ["f32", "f16"]:
        gguf, safetensors = folder / f"{weights}.gguf", folder / weights
        said = save(program, model, plan, weights, gguf)
        save(program, model, plan, weights, safetensors)
        llama, ids = with_llama(gguf)
        subprocess.run([python, __file__, "--transformers", str(safetensors), str(out)], check=True)
        transformers = np.load(out)
        assert ids == json.loads(out.with_suffix(".json").read_text()), "the tokenizers differ"
        errors = largest(transformers, tops), largest(llama, tops)
        is_near = errors[0] <= TRANSFORMERS_TOLERANCE[weights] and errors[1] <= (LLAMA_TOLERANCE if model == MODEL else LLAMA_TOLERANCE_OF_FLOATS)
        right &= is_near
        sizes = gguf.stat().st_size / 1e6, (safetensors / "model.safetensors").stat().st_size / 1e6
        print(
            f"{name:11} {weights}  transformers off by {errors[0]:.5f}, llama.cpp by {errors[1]:.4f}, of each other by"
            f" {np.abs(llama - transformers).max():.4f}; {sizes[0]:.1f} and {sizes[1]:.1f} MB{'' if is_near else '  !'}"
        )
        lines = [line for line in said.splitlines() if line.strip() and not re.search(r": \d+ of \d+", line)]
        print("".join(f"    {line}\n" for line in lines), end="", flush=True)
    return right


def main() -> None:
    if sys.argv[1] == "--transformers":
        return with_transformers(*sys.argv[2:4])
    program, python, *names = sys.argv[1:]
    right = True
    for name in names or PLANS:
        with tempfile.TemporaryDirectory() as folder:
            right &= compare(program, python, name, pathlib.Path(folder))
    sys.exit(0 if right else "saved models differ")


if __name__ == "__main__":
    main()
