"""Tests recorders/vllm_trace.py on files as vLLM writes them, made from tiny random models. Opt-in, and without vLLM.

    pip install -r recorders/requirements.txt && python3 tests/reference/vllm_recorder.py

A model of transformers reads a prompt; the streams behind its layers are written as vLLM's ExampleHiddenStatesConnector does. The pruned
model really lacks its dropped layers. The trace must fit public/trace.schema.json, and its numbers must be those that
recorders/transformers_trace.py finds for the same plan, and with PRUNESCOPE, the path of the program, those of `prunescope record`. Files that
cannot be recorded must be refused with a sentence. recorders/vllm_export.py runs against a stand-in for vLLM.
"""
import contextlib
import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback
import types

import jsonschema
import safetensors.torch
import torch
import transformers
from huggingface_hub import errors as hub_errors

from recorder import ENVIRONMENT, FAMILIES, PROMPT, ROOT, SCHEMA, TOKENS, differences, record_with_program

sys.path.insert(0, str(ROOT / "recorders"))
import transformers_trace
import vllm_trace

LAYERS = 4
# What both recorders say of a run.
ONE_TOKEN = ("next_token", "weights", "damage", "step", "fixed_trajectory")
COMMON = (*ONE_TOKEN, "quality")
OPTIONS = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "num_key_value_heads": 2,
           "head_dim": 8, "max_position_embeddings": 256, "initializer_range": 0.35, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 399}


def make_model(folder, family="Llama", dtype=torch.float32, **more):
    """A random model of four layers with the tokenizer of the fixtures."""
    torch.manual_seed(20261201)
    config = getattr(transformers, f"{family}Config")(**OPTIONS | {"tie_word_embeddings": False} | more)
    getattr(transformers, f"{family}ForCausalLM")(config).to(dtype).save_pretrained(folder)
    shutil.copy(FAMILIES / "llama" / "tokenizer.json", folder)
    # As it is for every family: by its configuration, transformers would build the tokenizers of some anew.
    described = json.loads((FAMILIES / "llama" / "tokenizer_config.json").read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    pathlib.Path(folder, "tokenizer_config.json").write_text(json.dumps(described))
    return folder


def without(folder, drop):
    """The model of a folder without the sublayers of a plan: whole layers are left out, single attentions and MLPs become zeros."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    layers, dropped = model.model.layers, transformers_trace.parse_drop(drop)
    whole = [layer for layer in range(LAYERS) if {(layer, "attention"), (layer, "mlp")} <= dropped]
    for layer, kind in dropped:
        if layer not in whole:
            end = layers[layer].self_attn.o_proj if kind == "attention" else layers[layer].mlp.down_proj
            torch.nn.init.zeros_(end.weight)
    model.model.layers = torch.nn.ModuleList(layer for at, layer in enumerate(layers) if at not in whole)
    model.config.num_hidden_layers = len(model.model.layers)
    if kinds := getattr(model.config, "layer_types", None):  # Gemma 2's layers alternate
        model.config.layer_types = [kind for at, kind in enumerate(kinds) if at not in whole]
    return model


def greedy(model, ids, tokens):
    """The prompt and the model's text but the last token, which no model reads."""
    for _ in range(tokens - 1):
        with torch.no_grad():
            ids = ids + [model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax().item()]
    return ids


def export(model, ids, path, layer_ids=None):
    """Writes what vLLM's connector writes: the stream at each token behind each layer; layer id 0 is before the first."""
    stream = []
    hooks = [model.model.layers[0].register_forward_pre_hook(lambda _, inputs, named: stream.append((inputs or (named["hidden_states"],))[0]), with_kwargs=True)]
    hooks += [layer.register_forward_hook(lambda _, __, output: stream.append(output[0] if isinstance(output, tuple) else output)) for layer in model.model.layers]
    with torch.no_grad():
        model(torch.tensor([ids]), use_cache=False)
    for hook in hooks:
        hook.remove()
    layer_ids = range(1, len(stream)) if layer_ids is None else layer_ids
    states = torch.stack([stream[id][0] for id in layer_ids], dim=1)
    safetensors.torch.save_file({"hidden_states": states.contiguous(), "token_ids": torch.tensor(ids)}, path)
    return str(path)


def prompt_ids(folder, chat=False):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.AutoConfig.from_pretrained(folder)
    return transformers_trace.Tokens(tokenizer, types.SimpleNamespace(config=config), config).prompt(PROMPT, chat)


def run(program, *arguments):
    """Runs one of the programs in this process. Returns its exit code, its errors' lines and what it prints."""
    said, printed, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["program", *map(str, arguments)]
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
            code = program.main()
    except SystemExit as end:  # how argparse refuses
        code = end.code
    finally:
        sys.argv = before
    return code, said.getvalue().strip().splitlines(), printed.getvalue()


def trace_by(program, folder, *arguments):
    """The trace that one of the programs writes, checked against the schema; and what it prints."""
    out = pathlib.Path(folder).with_name("trace.json")
    code, said, printed = run(program, "--model", folder, *arguments, "--out", out)
    assert code == 0, said
    trace = json.loads(out.read_text())
    jsonschema.validate(trace, SCHEMA)
    assert next(iter(trace)) == "prunescope_trace"
    return trace, printed


def events_of(trace, kinds=COMMON):
    return [event for event in trace["runs"][0]["events"] if event["type"] in kinds]


def check_same(ours, theirs, kinds=COMMON, absolute=1e-4):
    """Fails if two traces differ in their model or in events of some kinds."""
    own = {"notices", "source", "name"}
    models = [{key: value for key, value in trace["model"].items() if key not in own} for trace in (ours, theirs)]
    found = differences(*models, 1e-6, 0.0, "model") + differences(events_of(ours, kinds), events_of(theirs, kinds), 1e-4, absolute, "events")
    assert not found, "\n".join([f"{len(found)} differences:", *found[:12]])


def exported(folder, drop, tokens=1, dtype=None):
    """Files of both models on the prompt and the dense model's text."""
    dense, pruned = without(folder, ""), without(folder, drop)
    ids = greedy(dense, prompt_ids(folder), tokens)
    where = pathlib.Path(folder).parent
    return export(dense, ids, where / "dense.safetensors"), export(pruned, ids, where / "pruned.safetensors")


def exported_pruned_text(folder, drop, tokens):
    """Files of both models on the prompt and the pruned model's text."""
    dense, pruned = without(folder, ""), without(folder, drop)
    ids = greedy(pruned, prompt_ids(folder), tokens)
    where = pathlib.Path(folder).parent
    return export(dense, ids, where / "dense2.safetensors"), export(pruned, ids, where / "pruned2.safetensors")


def test_the_prompt_alone_gives_a_run_of_one_token(folder):
    for drop in ("b1,b2", "b0", "b3", "a1,m2,b3", ""):
        dense, pruned = exported(folder, drop)
        ours, table = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--prompt", PROMPT, "--drop", drop)
        theirs, _ = trace_by(transformers_trace, folder, "--prompt", PROMPT, "--drop", drop, "--tokens", "1")
        check_same(ours, theirs, ONE_TOKEN)
        assert ours["runs"][0]["settings"] == theirs["runs"][0]["settings"]
        # In the same order, without what the states do not tell.
        assert [event["type"] for event in ours["runs"][0]["events"]] == [event["type"] for event in events_of(theirs, ONE_TOKEN)]
        assert "float32" in ours["program"] and len(table.splitlines()) == 1 + LAYERS - (drop == "b0"), table


def test_both_texts_give_all_that_the_transformers_recorder_says_of_them(folder):
    for drop in ("b1", "b0,b2"):
        dense, pruned = exported(folder, drop, TOKENS)
        texts = exported_pruned_text(folder, drop, TOKENS)
        ours, _ = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--pruned-text", *texts, "--prompt", PROMPT, "--drop", drop)
        theirs, _ = trace_by(transformers_trace, folder, "--prompt", PROMPT, "--drop", drop, "--tokens", TOKENS)
        check_same(ours, theirs)
        assert len(events_of(ours, ["step"])) == TOKENS and len(events_of(ours, ["damage"])) == TOKENS
        assert ours["runs"][0]["settings"] == theirs["runs"][0]["settings"]


def test_the_dense_text_alone_gives_the_fixed_trajectory(folder):
    dense, pruned = exported(folder, "b1", TOKENS)
    ours, _ = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--prompt", PROMPT, "--drop", "b1")
    theirs, _ = trace_by(transformers_trace, folder, "--prompt", PROMPT, "--drop", "b1", "--tokens", TOKENS)
    check_same(ours, theirs, ["next_token", "fixed_trajectory"])
    assert len(events_of(ours, ["fixed_trajectory"])[0]["steps"]) == TOKENS
    # Of the pruned text no more is told than is known.
    assert len(events_of(ours, ["step"])) == 1 and ours["runs"][0]["settings"]["tokens"] == 1
    assert any("only the first token is known" in notice for notice in ours["model"]["notices"])


def test_without_a_prompt_all_tokens_are_the_prompt(folder):
    dense, pruned = exported(folder, "b1", TOKENS)
    settings = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--drop", "b1")[0]["runs"][0]["settings"]
    assert PROMPT in settings["prompt"] and settings["prompt"] != PROMPT and settings["tokens"] == 1, settings
    dense, pruned = exported(folder, "b1")
    settings = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--drop", "b1")[0]["runs"][0]["settings"]
    assert settings["prompt"] == PROMPT, settings


def test_a_prompt_through_the_chat_template(folder):
    ids, where = prompt_ids(folder, chat=True), pathlib.Path(folder).parent
    files = export(without(folder, ""), ids, where / "dense.safetensors"), export(without(folder, "b1"), ids, where / "pruned.safetensors")
    ours, _ = trace_by(vllm_trace, folder, "--dense", files[0], "--pruned", files[1], "--prompt", PROMPT, "--chat", "--drop", "b1")
    theirs, _ = trace_by(transformers_trace, folder, "--prompt", PROMPT, "--chat", "--drop", "b1", "--tokens", "1")
    check_same(ours, theirs, ONE_TOKEN)
    assert ours["runs"][0]["settings"] == theirs["runs"][0]["settings"]


def test_some_layers_and_the_embeddings(folder):
    dense, pruned, ids = without(folder, ""), without(folder, "b1"), prompt_ids(folder)
    theirs, _ = trace_by(transformers_trace, folder, "--prompt", PROMPT, "--drop", "b1", "--tokens", "1")
    where = pathlib.Path(folder).parent
    for dense_ids, pruned_ids, options, rows in [
        ([0, 1, 2, 3, 4], [0, 1, 2, 3], [], [0, 1, 2, 3, 4]),
        ([1, 3, 4], [1, 3], ["--dense-layers", "1,3-4", "--pruned-layers", "1,3"], [1, 4]),
        ([4], [3], ["--dense-layers", "4", "--pruned-layers", "3"], [4]),
    ]:
        files = export(dense, ids, where / "d.safetensors", dense_ids), export(pruned, ids, where / "p.safetensors", pruned_ids)
        ours, table = trace_by(vllm_trace, folder, "--dense", files[0], "--pruned", files[1], "--prompt", PROMPT, "--drop", "b1", *options)
        check_same(ours, theirs, ONE_TOKEN)
        lines = [line.split("\t") for line in table.splitlines()[1:]]
        assert [int(line[0]) for line in lines] == rows, table
        # Before the dropped layer 1 nothing differs, behind it something does; dense id 2 is behind the dropped layer.
        assert all((float(line[5]) < 1e-9) == (int(line[0]) <= 1) for line in lines), table
        assert all(int(line[1]) == int(line[0]) - (int(line[0]) > 1) for line in lines), table


def test_families_with_scaled_and_capped_logits(folder):
    for family, more in {"Qwen2": {"tie_word_embeddings": True}, "Gemma2": {"final_logit_softcapping": 5.0, "sliding_window": 8, "tie_word_embeddings": True},
                         "Granite": {"logits_scaling": 4.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.3}, "Cohere": {"logit_scale": 0.3},
                         "Phi": {}}.items():
        other = make_model(pathlib.Path(folder).with_name(family), family, **more)
        if family == "Phi":  # with biases of the norm and of the head
            model = transformers.AutoModelForCausalLM.from_pretrained(other)
            for bias in (model.lm_head.bias, model.model.final_layernorm.bias):
                torch.nn.init.normal_(bias)
            model.save_pretrained(other)
        dense, pruned = exported(other, "b1", TOKENS)
        ours, _ = trace_by(vllm_trace, other, "--dense", dense, "--pruned", pruned, "--prompt", PROMPT, "--drop", "b1")
        theirs, _ = trace_by(transformers_trace, other, "--prompt", PROMPT, "--drop", "b1", "--tokens", TOKENS)
        try:
            check_same(ours, theirs, ["next_token", "fixed_trajectory", "weights"])
        except AssertionError as why:
            raise AssertionError(f"{family}: {why}") from why


def test_a_model_in_several_files(folder):
    split = pathlib.Path(folder).with_name("split")
    shutil.copytree(folder, split)
    (split / "model.safetensors").unlink()
    transformers.AutoModelForCausalLM.from_pretrained(folder).save_pretrained(split, max_shard_size="40KB")
    assert (split / "model.safetensors.index.json").exists()
    dense, pruned = exported(folder, "b1")
    check_same(*(trace_by(vllm_trace, of, "--dense", dense, "--pruned", pruned, "--prompt", PROMPT, "--drop", "b1")[0] for of in (folder, split)), absolute=0)


def test_bfloat16_is_told(folder):
    half = make_model(pathlib.Path(folder).with_name("half"), dtype=torch.bfloat16)
    dense, pruned = exported(half, "b1", TOKENS)
    trace, _ = trace_by(vllm_trace, half, "--dense", dense, "--pruned", pruned, "--prompt", PROMPT, "--drop", "b1")
    notice = next(notice for notice in trace["model"]["notices"] if "bfloat16" in notice)
    assert "8 significant bits" in notice and "1e-3 it is noise" in notice and trace["model"]["stored_as"] == "BF16", notice
    # The same model in 32 bits, within the noise of 16.
    theirs, _ = trace_by(transformers_trace, half, "--prompt", PROMPT, "--drop", "b1", "--tokens", "1", "--dtype", "float32")
    ours, exact = (events_of(of, ["next_token"])[0]["compared"] for of in (trace, theirs))
    assert abs(ours["cos_h"] - exact["cos_h"]) < 0.02 and abs(ours["cos_p"] - exact["cos_p"]) < 0.05, (ours["cos_h"], exact["cos_h"])


def test_numbers_that_are_not_finite_are_told(folder):
    dense, pruned = exported(folder, "b1")
    states = safetensors.torch.load_file(pruned)
    states["hidden_states"][:, 1:] = float("inf")
    safetensors.torch.save_file(states, pruned)
    trace, _ = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--prompt", PROMPT, "--drop", "b1")
    assert any("the model without b1 are not finite from layer id 2 on" in notice for notice in trace["model"]["notices"]), trace["model"]["notices"]
    assert events_of(trace, ["next_token"])[0]["compared"]["cos_h"] == "NaN"


def test_what_cannot_be_recorded_is_refused(folder):
    where = pathlib.Path(folder).parent
    dense_model, pruned_model, ids = without(folder, ""), without(folder, "b1"), prompt_ids(folder)
    dense, pruned = exported(folder, "b1")
    write = lambda name, **tensors: (safetensors.torch.save_file(safetensors.torch.load_file(dense) | tensors, where / name), str(where / name))[1]
    states = safetensors.torch.load_file(dense)["hidden_states"]
    empty, plain = where / "cut.safetensors", where / "plain.safetensors"
    empty.write_bytes(pathlib.Path(dense).read_bytes()[:200])
    safetensors.torch.save_file({"weight": torch.zeros(2)}, plain)
    zeros = states.clone()
    zeros[-1] = 0
    text = greedy(dense_model, ids, TOKENS)
    wrong_text = export(dense_model, ids + [7, 8, 9], where / "wrong.safetensors")
    no_norm, no_head, no_weights, quantized = (where / name for name in ("no-norm", "no-head", "no-weights", "quantized"))
    for copy, lost in ((no_norm, "model.norm.weight"), (no_head, "lm_head.weight"), (quantized, None)):
        shutil.copytree(folder, copy)
        weights = safetensors.torch.load_file(copy / "model.safetensors")
        if lost:
            del weights[lost]
        else:
            weights["lm_head.weight"] = weights["lm_head.weight"][:, :16].contiguous()
        safetensors.torch.save_file(weights, copy / "model.safetensors")
    shutil.copytree(folder, no_weights)
    (no_weights / "model.safetensors").unlink()
    mamba = where / "mamba"
    transformers.MambaForCausalLM(transformers.MambaConfig(vocab_size=400, hidden_size=32, num_hidden_layers=LAYERS, state_size=4)).save_pretrained(mamba)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(folder / name, mamba)
    usual = {"--model": folder, "--dense": dense, "--pruned": pruned, "--prompt": PROMPT, "--drop": "b1"}
    for changed, says in [
        ({"--pruned": export(pruned_model, ids[:-1] + [7], where / "other.safetensors")}, f"are of different texts: token {len(ids) - 1} is"),
        ({"--pruned": export(pruned_model, ids + [7], where / "longer.safetensors")}, "and `"),
        ({"--prompt": "The city"}, "is of another prompt: its token"),
        ({"--prompt": PROMPT + " of"}, "is the end, and that of --prompt"),
        ({"--dense": wrong_text, "--pruned": export(pruned_model, ids + [7, 8, 9], where / "wrong2.safetensors")}, "the dense model's own greedy text"),
        ({"--dense": export(dense_model, ids, where / "early.safetensors", [0, 1, 2, 3])},
         f"no states behind the last layer of the dense model, from which h, z and p follow: their layer id is {LAYERS}"),
        ({"--dense": export(dense_model, ids, where / "some.safetensors", [1, 2]), "--dense-layers": "1,2"}, "no states behind the last layer"),
        ({"--dense": export(dense_model, ids, where / "three.safetensors", [2, 3, 4])}, "has 3 layers' states, and the dense model has 4 layers"),
        # As many states as layer ids from 0 of a model with one layer less.
        ({"--pruned": dense}, "so the first should be the embeddings"),
        ({"--drop": "b1,b2"}, "so the first should be the embeddings"),
        ({"--drop": ""}, "has 3 layers' states, and the pruned model has 4 layers"),
        ({"--drop": "a1"}, "has 3 layers' states, and the pruned model has 4 layers"),
        ({"--drop": "b0,b1,b2"}, "has 3 layers' states, and the model without b0, b1, b2 has 1 layers"),
        ({"--drop": "b2"}, "apart at layer id 2, before layer 2"),
        ({"--drop": "b0"}, "still in the pruned model"),
        ({"--drop": "b9"}, "has 4 layers, 0 to 3"),
        ({"--drop": "x1"}, "`x1` is not a sublayer"),
        ({"--dense-layers": "1,2,4"}, "names 3 layer ids"),
        ({"--dense-layers": "1-3,9"}, "names layer id 9, and the dense model has 4 layers"),
        ({"--dense-layers": "4,1-3"}, "do not rise"),
        ({"--dense-layers": "all"}, "`all` is no layer id"),
        ({"--dense": write("half.safetensors", hidden_states=states.bfloat16())}, "the files are in bfloat16 and float32"),
        ({"--dense": write("eight.safetensors", hidden_states=states.to(torch.float8_e4m3fn))}, "are F8_E4M3, not F32, F16, BF16"),
        ({"--dense": write("turned.safetensors", hidden_states=states.transpose(0, 1).contiguous())}, "and states of"),
        ({"--dense": write("flat.safetensors", hidden_states=states.flatten(1))}, "not [tokens, layer ids, hidden size]"),
        ({"--dense": write("cached.safetensors", hidden_states=states[2:].contiguous())}, "what its prefix cache knows"),
        ({"--dense": write("narrow.safetensors", hidden_states=states[..., :16].contiguous())}, "they are another model's"),
        ({"--dense": write("zeros.safetensors", hidden_states=zeros)}, "states of zeros"),
        ({"--dense": empty}, "cannot be read"),
        ({"--dense": where / "absent.safetensors"}, "cannot be read"),
        ({"--dense": plain}, "has no hidden_states and token_ids but weight"),
        ({"--model": no_norm}, "have no final norm (model.norm.weight"),
        ({"--model": no_head}, "have no head (lm_head.weight"),
        ({"--model": no_weights}, "has neither model.safetensors nor"),
        ({"--model": quantized}, "take a checkpoint that is not quantized"),
        ({"--model": mamba}, "has no 4 layers with an attention"),
        ({"--model": where / "absent"}, "cannot be loaded"),
        ({"--prompt": PROMPT * 1000}, "at most 20000 characters"),
    ]:
        arguments = [word for option in (usual | changed).items() for word in option]
        code, said, _ = run(vllm_trace, *arguments, "--out", os.devnull)
        assert code == 2 and says in said[-1], (changed, said)
    more = ["--pruned-text", export(dense_model, ids[1:], where / "d2.safetensors"), export(pruned_model, ids[1:], where / "p2.safetensors")]
    code, said, _ = run(vllm_trace, *[word for option in usual.items() for word in option], *more, "--out", os.devnull)
    assert code == 2 and "are of different prompts" in said[-1], said
    more = ["--pruned-text", export(dense_model, text, where / "d2.safetensors"), export(pruned_model, text, where / "p2.safetensors")]
    code, said, _ = run(vllm_trace, *[word for option in usual.items() for word in option], *more, "--out", os.devnull)
    assert code == 2 and "the pruned model's own greedy text" in said[-1], said


def test_files_that_cannot_be_asked_for_are_not_files_that_do_not_exist(folder):
    """Without a network the hub's library tells of a file that is not in its cache by a subclass of the error for one that does not exist."""
    absent, unasked, kept = (hub_errors.EntryNotFoundError("404"), hub_errors.LocalEntryNotFoundError("no network"), str(folder / "model.safetensors"))
    download = vllm_trace.hf_hub_download
    try:
        for index, single, says in [(unasked, unasked, "cannot be had (no network)"), (absent, absent, "has neither model.safetensors nor"),
                                    (absent, kept, None), (unasked, kept, None)]:
            def answer(source, name, revision):
                found = index if name.endswith(".index.json") else single
                if isinstance(found, Exception):
                    raise found
                return found

            vllm_trace.hf_hub_download = answer
            try:
                assert "lm_head.weight" in vllm_trace.Weights("owner/name", None).files and says is None, (index, single)
            except transformers_trace.Refused as why:
                assert says and says in str(why), (index, single, why)
    finally:
        vllm_trace.hf_hub_download = download


def test_the_export_asks_vllm_as_documented(folder):
    """The script runs against a stand-in for vLLM, which checks what it is asked for and writes the file of the tiny model."""
    asked, models = [], {}

    class LLM:
        def __init__(self, model, **options):
            self.model, self.options = transformers.AutoModelForCausalLM.from_pretrained(model).eval(), options
            asked.append(options)

        def generate(self, prompts, sampling):
            ids = prompts[0]["prompt_token_ids"]
            written = greedy(self.model, ids, sampling.max_tokens + 1)[len(ids):]
            settings = self.options["speculative_config"]["draft_model_config"]["hf_config"]
            path = pathlib.Path(self.options["kv_transfer_config"]["kv_connector_extra_config"]["shared_storage_path"], "0.safetensors")
            export(self.model, ids, path, settings["eagle_aux_hidden_state_layer_ids"])
            return [types.SimpleNamespace(outputs=[types.SimpleNamespace(token_ids=written)], kv_transfer_params={"hidden_states_path": str(path)})]

    vllm = types.ModuleType("vllm")
    vllm.LLM, vllm.SamplingParams = LLM, types.SimpleNamespace
    names = ["vllm", "vllm.distributed", "vllm.distributed.kv_transfer", "vllm.distributed.kv_transfer.kv_connector", "vllm.distributed.kv_transfer.kv_connector.v1"]
    parts = {name: types.ModuleType(name) for name in names[1:]} | {"vllm": vllm}
    parts[names[-1]].example_hidden_states_connector = types.SimpleNamespace()
    sys.modules.update(parts)
    try:
        spec = importlib.util.spec_from_file_location("vllm_export", ROOT / "recorders" / "vllm_export.py")
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        small, where = pathlib.Path(folder).with_name("small"), pathlib.Path(folder).parent
        without(folder, "b1").save_pretrained(small)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(folder / name, small)
        files = {name: where / f"exported-{name}.safetensors" for name in ("dense", "pruned", "dense2", "pruned2")}
        for arguments in [
            ("--model", folder, "--prompt", PROMPT, "--tokens", TOKENS, "--tensor-parallel", 2, "--out", files["dense"]),
            ("--model", small, "--read", files["dense"], "--out", files["pruned"]),
            ("--model", small, "--prompt", PROMPT, "--tokens", TOKENS, "--out", files["pruned2"]),
            ("--model", folder, "--read", files["pruned2"], "--out", files["dense2"]),
        ]:
            code, said, _ = run(program, *arguments)
            assert code == 0, said
        for wrong in (0, -3, 257):
            code, said, _ = run(program, "--model", folder, "--prompt", PROMPT, "--tokens", wrong, "--out", files["dense"])
            assert code == 2 and "--tokens must be 1 to 256" in said[-1], (wrong, code, said)
    finally:
        for name in names:
            del sys.modules[name]
    assert [options["tensor_parallel_size"] for options in asked] == [2, 1, 1, 1]
    assert all(not options["enable_prefix_caching"] and not options["enable_chunked_prefill"] for options in asked)
    ours, _ = trace_by(vllm_trace, folder, "--dense", files["dense"], "--pruned", files["pruned"], "--pruned-text", files["dense2"], files["pruned2"],
                       "--prompt", PROMPT, "--drop", "b1")
    theirs, _ = trace_by(transformers_trace, folder, "--prompt", PROMPT, "--drop", "b1", "--tokens", TOKENS)
    check_same(ours, theirs)


def test_the_command_runs_on_its_own(folder):
    dense, pruned = exported(folder, "b1")
    command = [sys.executable, ROOT / "recorders" / "vllm_trace.py", "--model", folder, "--dense", dense, "--pruned", pruned, "--drop", "b9", "--out", os.devnull]
    done = subprocess.run(list(map(str, command)), env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr and "0 to 3" in done.stderr, done.stderr


def test_the_program_finds_the_same(folder):
    dense, pruned = exported(folder, "b1,b2", TOKENS)
    texts = exported_pruned_text(folder, "b1,b2", TOKENS)
    ours, _ = trace_by(vllm_trace, folder, "--dense", dense, "--pruned", pruned, "--pruned-text", *texts, "--prompt", PROMPT, "--drop", "b1,b2")
    theirs = record_with_program(folder, "b1,b2")
    found = differences(events_of(ours), events_of(theirs), 1e-3, 1e-4, "events")
    assert not found, "\n".join([f"{len(found)} differences:", *found[:12]])


def main():
    names = [name for name in globals() if name.startswith("test_") and ("program_finds" not in name or os.environ.get("PRUNESCOPE"))]
    chosen = [name for name in names if all(word in name for word in sys.argv[1:])]
    failed = 0
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                globals()[name](make_model(pathlib.Path(folder, "tiny")))
                print(f"ok      {name}", flush=True)
            except Exception:  # Every test runs, whatever the others find.
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    sys.exit(main())
