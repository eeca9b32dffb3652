"""Tests recorders/transformers_trace.py on tiny random models. Opt-in: no other test needs transformers or PyTorch.

    pip install -r recorders/requirements.txt && python3 tests/reference/recorder.py
    PRUNESCOPE=target/release/prunescope python3 tests/reference/recorder.py

A random Llama of three layers is recorded in one process, through accelerate's device map, and in two processes with tensor parallelism
(torchrun with gloo, on the CPU). Each trace must fit public/trace.schema.json, and all must hold the same numbers. With PRUNESCOPE, the
path of the program, `prunescope record` records the same model, and each family of tests/fixtures/families, with the same prompt and plan,
and the numbers must agree. Plans and models that cannot be recorded must be refused with a sentence.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

import jsonschema
import torch
import transformers

ROOT = pathlib.Path(__file__).parents[2]
FAMILIES = ROOT / "tests" / "fixtures" / "families"
RECORDER = str(ROOT / "recorders" / "transformers_trace.py")
PROMPT, TOKENS = "The river rises in the hills", 8
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
SCHEMA = json.loads((ROOT / "public" / "trace.schema.json").read_text())
# Families with the plan to record; of gemma3 a windowed and the full layer.
PLANS = {"llama": "a0,m1", "tinyllama": "m0", "mistral": "a1", "qwen2": "b1", "qwen3": "a0,m1", "gemma3": "a2,m3,b5", "gpt2": "a0,m1",
         "gpt_neox": "a0,m1", "phi": "a1,m0", "phi3": "m1"}
# Where descriptions may differ.
OWN_WORDS = {"source", "name", "notices"}


def record(folder, drop, *more, processes=1, prompt=PROMPT):
    """The trace of a model in a folder, checked against the schema."""
    start = [sys.executable] if processes == 1 else [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out, "trace.json")
        command = [*start, RECORDER, "--model", str(folder), "--prompt", prompt, "--drop", drop, "--tokens", str(TOKENS), *more, "--out", str(path)]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        trace = json.loads(path.read_text())
    jsonschema.validate(trace, SCHEMA)
    assert next(iter(trace)) == "prunescope_trace"
    return trace


def record_with_program(folder, drop, *more):
    """The trace that `prunescope record` writes of it."""
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out, "trace.json")
        command = [os.environ["PRUNESCOPE"], "record", "--model", str(folder), "--prompt", PROMPT, "--drop", drop, "--tokens", str(TOKENS), *more,
                   "--out", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return json.loads(path.read_text())


def refusal(*arguments):
    """What the recorder says about something that it cannot record."""
    command = [sys.executable, RECORDER, "--prompt", PROMPT, "--out", os.devnull, *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-3000:]
    return done.stderr.strip().splitlines()[-1]


def differences(a, b, relative, absolute, path=""):
    """Where two values differ: numbers by more than both errors together; everything else at all."""
    if isinstance(a, dict) and isinstance(b, dict):
        # A ratio's error is unbounded where its denominator is small; numerator and denominator are compared.
        keys = [key for key in a.keys() | b.keys() if not key.startswith("ratio_")]
        return [found for key in keys for found in differences(a.get(key), b.get(key), relative, absolute, f"{path}.{key}")]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return [found for at, (x, y) in enumerate(zip(a, b)) for found in differences(x, y, relative, absolute, f"{path}[{at}]")]
    is_number = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
    same = abs(a - b) <= relative * abs(b) + absolute if is_number else a == b
    return [] if same else [f"{path}: {a!r} and {b!r}"]


def check_same(a, b, relative, absolute):
    """Fails if two traces differ in their events or in their model's description."""
    events = [[dict(event) for event in trace["runs"][0]["events"]] for trace in (a, b)]
    kinds = [[(event["type"], event.get("step") if event["type"] == "damage" else None) for event in of] for of in events]
    assert kinds[0] == kinds[1], kinds
    models = [{key: value for key, value in trace["model"].items() if key not in OWN_WORDS} for trace in (a, b)]
    found = differences(models[0], models[1], 1e-6, 0.0, "model") + differences(events[0], events[1], relative, absolute, "events")
    assert not found, "\n".join([f"{len(found)} differences:", *found[:12]])


def tiny_llama(folder):
    """A random Llama of three layers with the tokenizer of the fixtures."""
    torch.manual_seed(20261130)
    config = transformers.LlamaConfig(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        max_position_embeddings=256, initializer_range=0.35, tie_word_embeddings=False, bos_token_id=0, eos_token_id=0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(FAMILIES / "llama" / name, folder)


def test_all_ways_to_spread_a_model_give_the_same_numbers(folder):
    alone = record(folder, "a0,m1", "--switches")
    events = [event["type"] for event in alone["runs"][0]["events"]]
    assert set(events) == {"next_token", "weights", "damage", "step", "fixed_trajectory", "quality", "layers", "importance", "switches"}, events
    check_same(record(folder, "a0,m1", "--switches", "--device-map", "auto"), alone, 1e-6, 1e-7)
    check_same(record(folder, "a0,m1", "--switches", "--tensor-parallel", processes=2), alone, 1e-3, 2e-5)


def test_a_plan_without_drops_changes_nothing(folder):
    events = record(folder, "")["runs"][0]["events"]
    for event in events:
        steps = {"fixed_trajectory": event.get("steps"), "step": [event.get("step")], "next_token": [event.get("compared")]}
        for step in steps.get(event["type"], []):
            assert step["kl_dense_pruned"] == 0 and step["orthogonal_h"] == 0 and abs(step["cos_p"] - 1) < 1e-6, step


def test_bfloat16_is_recorded(folder):
    trace = record(folder, "b1", "--dtype", "bfloat16")
    assert "bfloat16" in trace["program"] and trace["model"]["stored_as"] == "F32", trace["model"]


def test_a_prompt_through_the_chat_template(folder):
    assert record(folder, "b1", "--chat")["model"]["has_chat_template"]


def test_numbers_that_are_not_finite_are_told(folder):
    broken = pathlib.Path(folder).with_name("broken")
    shutil.copytree(folder, broken)
    model = transformers.AutoModelForCausalLM.from_pretrained(broken)
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight[0, 0] = float("inf")
    model.save_pretrained(broken)
    found = [event["found"] for event in record(broken, "m2")["runs"][0]["events"] if event["type"] == "not_finite"]
    assert found == [{"model": "dense", "place": {"sublayer": {"layer": 1, "kind": "mlp"}}}], found


def test_plan_files_are_read(folder):
    plan = pathlib.Path(folder).with_name("plan.json")
    plan.write_text('{"drop_attn_list": [0, 2], "drop_mlp_list": [false, true, true]}')
    with tempfile.TemporaryDirectory() as out:
        path = pathlib.Path(out, "trace.json")
        command = [sys.executable, RECORDER, "--model", folder, "--prompt", PROMPT, "--plan", plan, "--tokens", "2", "--out", path]
        subprocess.run(list(map(str, command)), env=ENVIRONMENT, check=True, capture_output=True)
        assert json.loads(path.read_text())["runs"][0]["settings"]["drop"] == "a0,m1,b2"


def test_what_cannot_be_recorded_is_refused(folder):
    other = pathlib.Path(folder).with_name("mamba")
    config = transformers.MambaConfig(vocab_size=400, hidden_size=32, num_hidden_layers=2, state_size=4)
    transformers.MambaForCausalLM(config).save_pretrained(other)
    bloom = pathlib.Path(folder).with_name("bloom")
    config = transformers.BloomConfig(vocab_size=400, hidden_size=32, n_layer=2, n_head=4)
    transformers.BloomForCausalLM(config).save_pretrained(bloom)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pathlib.Path(folder, name), other)
        shutil.copy(pathlib.Path(folder, name), bloom)
    plan = pathlib.Path(folder).with_name("wrong.json")
    plan.write_text('{"drop_attn_list": [1], "prunescope": "wanda-0.5"}')
    for arguments, says in [
        (("--model", folder, "--drop", "x3"), "`x3` is not a sublayer"),
        (("--model", folder, "--drop", "a7"), "has 3 layers, 0 to 2"),
        (("--model", folder, "--plan", plan), "only drops sublayers"),
        (("--model", folder, "--drop", "a1", "--tokens", "300"), "1 to 256"),
        (("--model", folder, "--drop", "a1", "--tensor-parallel"), "torchrun"),
        (("--model", other, "--drop", "a1"), "has no 2 layers with an attention"),
        (("--model", bloom, "--drop", "a1"), "is not the residual stream plus"),
        (("--model", pathlib.Path(folder, "absent"), "--drop", "a1"), "cannot be loaded"),
    ]:
        assert says in refusal(*arguments), refusal(*arguments)


def test_dropping_is_zeroing_the_last_matrices(_):
    """Of every layout: the pruned model is the dense one with zeros in the matrices (and biases) that a dropped sublayer ends with."""
    sys.path.insert(0, str(ROOT / "recorders"))
    import transformers_trace as recorder
    common = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
              "max_position_embeddings": 256, "initializer_range": 0.35, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
    layouts = {
        "Llama": {}, "Gemma2": {"head_dim": 8, "sliding_window": 8, "final_logit_softcapping": 5.0}, "Olmo": {}, "Olmo2": {}, "Glm4": {"head_dim": 8},
        "Granite": {"residual_multiplier": 0.3, "logits_scaling": 4.0, "embedding_multiplier": 3.0}, "Cohere": {"logit_scale": 0.3},
        "Falcon": {}, "GPTJ": {"n_embd": 32, "n_layer": 3, "n_head": 4, "rotary_dim": 8}, "Phi": {}, "Mixtral": {"num_local_experts": 4}}
    last = ("o_proj", "down_proj", "out_proj", "fc_out", "fc2", "self_attn.dense", "self_attention.dense", "dense_4h_to_h")
    for name, more in layouts.items():
        torch.manual_seed(20261130)
        model = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**common, **more)).eval()
        decoder, prompt, plan = recorder.Decoder(model, model.config), list(range(5, 15)), recorder.parse_drop("a0,m1,b2")
        dense, pruned = (decoder.run(prompt, dropped, 6, set()) for dropped in (frozenset(), plan))
        _, logits = decoder.lens(torch.stack(dense.stream), normed=True)
        assert torch.allclose(logits[-1], dense.logits[0], atol=1e-5), f"{name}: the head behind the stream"
        for at, kind in plan:
            layer = f".{at}."
            for path, weight in model.named_parameters():
                ends = any(end in path for end in last)
                is_attention = any(f".{part}." in path for part in recorder.NAMES[recorder.ATTENTION])
                if layer in path and ends and is_attention == (kind == recorder.ATTENTION):
                    weight.data.zero_()
        zeroed = decoder.run(prompt, frozenset(), 6, set())
        assert zeroed.ids == pruned.ids and torch.allclose(torch.stack(zeroed.logits), torch.stack(pruned.logits), atol=1e-5), name
        assert not torch.allclose(dense.logits[0], pruned.logits[0], atol=0.1), name
        # The KV cache changes nothing: one pass over the whole text without it gives the same.
        with torch.no_grad():
            whole = model(torch.tensor([prompt + zeroed.ids[:-1]]), use_cache=False).logits[0, -len(zeroed.ids):]
        assert torch.allclose(whole, torch.stack(zeroed.logits), atol=1e-4), f"{name}: without a cache"


def test_the_program_finds_the_same(folder):
    check_same(record(folder, "a0,m1"), record_with_program(folder, "a0,m1"), 1e-3, 2e-5)
    check_same(record(folder, "b1,m2", "--chat"), record_with_program(folder, "b1,m2", "--chat"), 1e-3, 2e-5)


def test_the_program_finds_the_same_for(folder, family):
    ours, theirs = record(FAMILIES / family, PLANS[family], "--dtype", "float32"), record_with_program(FAMILIES / family, PLANS[family])
    check_same(ours, theirs, 1e-3, 2e-5)


def main():
    names = [name for name in globals() if name.startswith("test_")]
    tests = [(name, (globals()[name],)) for name in names if "program" not in name]
    if os.environ.get("PRUNESCOPE"):
        tests.append(("test_the_program_finds_the_same", (test_the_program_finds_the_same,)))
        tests += [(f"test_the_program_finds_the_same_for {family}", (test_the_program_finds_the_same_for, family)) for family in PLANS]
    chosen = [test for test in tests if all(word in test[0] for word in sys.argv[1:])]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder, "tiny")
        tiny_llama(model)
        for name, (test, *more) in chosen:
            try:
                test(model, *more)
                print(f"ok      {name}", flush=True)
            except Exception:  # Every test runs, whatever the others find.
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
