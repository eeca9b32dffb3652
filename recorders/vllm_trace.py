"""Makes a trace that Prunescope's page opens from hidden states that vLLM has exported: of a dense model, and of the same one without layers.

    python recorders/vllm_export.py --model Qwen/Qwen2.5-7B-Instruct --prompt "What is the capital of France?" --chat --out dense.safetensors
    python recorders/vllm_export.py --model qwen-without-3-and-7 --read dense.safetensors --out pruned.safetensors
    python recorders/vllm_trace.py --model Qwen/Qwen2.5-7B-Instruct --prompt "What is the capital of France?" --chat --drop b3,b7 \\
        --dense dense.safetensors --pruned pruned.safetensors --out trace.json

The packages are in recorders/requirements.txt; vLLM is not among them. It needs transformers_trace.py in its folder, whose numbers these
are. The format is in public/trace.schema.json, more in docs/recording-elsewhere.md.

What is read: the two files, and of the dense model its configuration, its tokenizer, and of its weights only the final norm and the head
(or the embedding that is also the head), in slices, in 32 bits on the CPU. The pruned model must have the same norm and head, as one saved
without layers has. Single attentions and MLPs in --drop are those that the pruned model has as zeros.

The files, as vLLM's ExampleHiddenStatesConnector writes them (read in vLLM's repository at commit 015a95c8 and in the documentation of 0.20.2,
0.22.0 and latest):
    hidden_states   [tokens, layer ids, hidden size], in the model's own precision: the residual stream
    token_ids       [tokens], 64-bit integers: the prompt's tokens; with include_output_tokens also those written, but the last
Layer id 0 is the embeddings, id i the stream behind i layers, before any norm; so the id that equals the number of layers is what the final
norm reads (EagleModelMixin, vLLM's pull request 36063; a few models came later, as DeepSeek's with 46973). The file does not say which ids it
has: they are in rising order, since the models collect them on the way. With tensor parallelism the first process writes whole states.

What is recorded: next_token, weights, damage, step, fixed_trajectory, in the order of `prunescope record`. The files say what each model
writes first. If they go on behind the prompt with the dense model's text, fixed_trajectory has all of it. With --pruned-text, two more files
of the same models on the prompt and the pruned model's text, the trace has both texts with all metrics, and quality.

What is left out, since states between layers do not tell it: `layers` and `importance`, which are of single attentions and MLPs, and
`switches` and `not_finite`. How alike the streams of both models are behind each layer is no event of a trace: it is printed.
"""
from __future__ import annotations

import argparse
import importlib.metadata
import json
import pathlib
import re
import sys
from typing import Any, NamedTuple

import torch
import transformers
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from transformers_trace import (
    KINDS, MAX_PROMPT, MAX_TOKENS, Decoder, Refused, Run, Sublayer, Tokens, check_plan, describe, drop_text, events_of_texts, geometry,
    largest, metrics, named, parse_drop, read_plan, save, say, trace_of)

STORED = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}  # safetensors' names
BITS = {torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}  # significant ones
SLICE = 8192  # rows of the head that are held at once
# The streams of both models agree before the first dropped sublayer. vLLM's sums differ a little with the batch and the number of
# processes; what is further apart than this share of the stream's length is another model.
SAME_MODEL = 0.1


# ---- The dense model's norm and head -------------------------------------------------------------------------------------------


class Weights:
    """The tensors of a model's safetensors files: a folder's or a repository's. Only the files that are asked for are downloaded."""

    def __init__(self, source: str, revision: str | None) -> None:
        self.source, self.revision = source, revision
        self.unasked: Refused | None = None  # why nobody can say whether a file exists
        if index := self.path_of("model.safetensors.index.json"):
            self.files = json.loads(pathlib.Path(index).read_text(encoding="utf-8"))["weight_map"]
        elif single := self.path_of("model.safetensors"):
            with safe_open(single, "pt") as file:
                self.files = {key: "model.safetensors" for key in file.keys()}
        else:
            raise self.unasked or Refused(
                f"{source} has neither model.safetensors nor model.safetensors.index.json: give the dense model's folder or repository in that format, "
                "since the final norm and the head are read from there")

    def path_of(self, name: str) -> str | None:
        """Where one of the files is; nothing if there is no such file, or if it is not in the cache and the repository cannot be asked."""
        if pathlib.Path(self.source).is_dir():
            path = pathlib.Path(self.source, name)
            return str(path) if path.is_file() else None
        try:
            return hf_hub_download(self.source, name, revision=self.revision)
        except LocalEntryNotFoundError as why:  # a kind of EntryNotFoundError, but there is no network and the file is not in the cache
            self.unasked = self.not_had(name, why)
            return None
        except EntryNotFoundError:
            return None
        except (HfHubHTTPError, OSError, ValueError) as why:
            raise self.not_had(name, why) from why

    def not_had(self, name: str, why: Exception) -> Refused:
        return Refused(f"{name} of {self.source} cannot be had ({why}): download the model elsewhere, and give its folder as --model")

    def find(self, module: nn.Module, weight: nn.Parameter, base: str, what: str) -> Slices:
        """The stored tensor that is a weight of a model without memory, by its names in transformers' model and in other layouts."""
        names = [name for name, other in module.named_parameters(remove_duplicate=False) if other is weight]
        bare = [name.removeprefix(f"{base}.") for name in names]
        tried = [*names, *bare, *(f"language_model.{name}" for name in names), *(f"model.language_model.{name}" for name in bare)]
        key = next((name for name in tried if name in self.files), None)
        if key is None:
            raise Refused(f"the weights of {self.source} have no {what} ({' or '.join(dict.fromkeys(tried))}): give the folder or repository of the "
                          "dense model that vLLM ran, with all its files")
        path = self.path_of(self.files[key])
        if path is None:
            raise self.unasked or Refused(f"{self.source} has no {self.files[key]}, which holds {key}: copy or download it")
        with safe_open(path, "pt") as file:
            shape = tuple(file.get_slice(key).get_shape())
        if shape != tuple(weight.shape):
            raise Refused(f"{key} in {path} has the shape {shape}, not {tuple(weight.shape)} as config.json says: take a checkpoint that is not "
                          "quantized")
        return Slices(path, key, shape)


class Slices(NamedTuple):
    """A tensor in a file, read a part at a time, in 32 bits."""

    path: str
    key: str
    shape: tuple[int, ...]

    def rows(self, start: int, end: int) -> Tensor:
        with safe_open(self.path, "pt") as file:
            return file.get_slice(self.key)[start:end].float()

    def all(self) -> Tensor:
        return self.rows(0, self.shape[0])

    def dtype(self) -> torch.dtype:
        with safe_open(self.path, "pt") as file:
            return STORED.get(file.get_slice(self.key).get_dtype(), torch.float32)


class Head(nn.Module):
    """The head, of which a slice of the vocabulary is in memory at a time."""

    def __init__(self, weight: Slices, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, rows: Tensor) -> Tensor:
        ends = range(0, self.weight.shape[0], SLICE)
        logits = torch.cat([rows @ self.weight.rows(start, start + SLICE).T for start in ends], -1)
        return logits if self.bias is None else logits + self.bias


def norm_and_head(config: Any, weights: Weights) -> tuple[Decoder, Slices]:
    """The model without memory except for its final norm and its head; and its embedding."""
    try:
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
    except (ValueError, ImportError) as why:
        raise Refused(f"transformers has no model for the configuration of {weights.source}: {why}") from why
    decoder, base = Decoder(model, config), model.base_model_prefix
    find = lambda weight, what: weights.find(model, weight, base, what)
    if decoder.head.weight.dim() != 2:
        raise Refused(f"{type(model).__name__} has a head that is not one matrix: this model is not supported")
    embedding = find(model.get_input_embeddings().weight, "embedding")
    bias = getattr(decoder.head, "bias", None)
    head = Head(find(decoder.head.weight, "head"), None if bias is None else find(bias, "bias of the head").all())
    norm = {name: find(weight, "final norm").all() for name, weight in decoder.norm.named_parameters()}
    decoder.norm.load_state_dict(norm, assign=True)
    decoder.head = head
    return decoder, embedding


# ---- vLLM's files --------------------------------------------------------------------------------------------------------------


def parse_layers(text: str) -> list[int]:
    """Reads layer ids such as 1-28 or 2,14,28."""
    ids: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*", part)
        if not found:
            raise Refused(f"`{part}` is no layer id: write them as vLLM was given them, such as 1-28 or 2,14,28")
        ids += range(int(found[1]), int(found[2] or found[1]) + 1)
    if ids != sorted(set(ids)):
        raise Refused(f"the layer ids {text} do not rise: vLLM's models write them in the order of the layers, whatever order they were asked in")
    return ids


class States:
    """A file of hidden states.

    * `of` - whose they are: dense or pruned.
    * `count` - the number of that model's layers, and `which` the model in words.
    * `layers` - the layer ids in the file, or nothing if they are all.
    """

    def __init__(self, path: str, of: str, which: str, count: int, hidden: int, layers: list[int] | None) -> None:
        self.path = path
        try:
            with safe_open(path, "pt") as file:
                keys = set(file.keys())
                if not {"hidden_states", "token_ids"} <= keys:
                    raise Refused(f"{path} has no hidden_states and token_ids but {', '.join(sorted(keys)) or 'nothing'}: give the file that vLLM's "
                                  "kv_transfer_params[\"hidden_states_path\"] named")
                self.ids: list[int] = file.get_tensor("token_ids").tolist()
                states = file.get_slice("hidden_states")
                shape, stored = states.get_shape(), states.get_dtype()
        except (OSError, SafetensorError) as why:
            raise Refused(f"{path} cannot be read ({why}): give the whole file that vLLM named; it goes on writing for a moment after it has "
                          f"answered, and holds {path}.lock meanwhile") from why
        if stored not in STORED:
            raise Refused(f"the states in {path} are {stored}, not {', '.join(STORED)}: export them without kv_cache_dtype")
        self.dtype = STORED[stored]
        if len(shape) != 3 or not self.ids:
            raise Refused(f"the states in {path} have the shape {shape} for {len(self.ids)} tokens, not [tokens, layer ids, hidden size]: export them "
                          "with vLLM 0.18 or later")
        if shape[0] != len(self.ids):
            raise Refused(f"{path} has {len(self.ids)} tokens and states of {shape[0]}: vLLM leaves out what its prefix cache knows "
                          "(issue 44485 of vLLM); export with enable_prefix_caching=False and enable_chunked_prefill=False")
        if shape[2] != hidden:
            raise Refused(f"the states in {path} have {shape[2]} numbers, and the model of --model has {hidden}: they are another model's")
        self.inferred = layers is None
        if layers is None:
            if shape[1] not in (count, count + 1):
                raise Refused(f"{path} has {shape[1]} layers' states, and {which} has {count} layers, so {count} (layer ids 1 to {count}) or "
                              f"{count + 1} (0 to {count}) were expected: check --drop, or say with --{of}-layers which layer ids vLLM was given")
            layers = list(range(count + 1 - shape[1], count + 1))
        if len(layers) != shape[1]:
            raise Refused(f"--{of}-layers names {len(layers)} layer ids, and {path} has states of {shape[1]}: give vLLM's "
                          "eagle_aux_hidden_state_layer_ids")
        if layers[-1] > count:
            raise Refused(f"--{of}-layers names layer id {layers[-1]}, and {which} has {count} layers: check --drop")
        if layers[-1] != count:
            raise Refused(no_last_layer(path, which, count))
        self.layers = layers

    def at(self, place: int) -> Tensor:
        """The stream at one place in the text, by layer id, in 32 bits."""
        with safe_open(self.path, "pt") as file:
            return self.checked(file.get_slice("hidden_states")[place:place + 1][0], place)

    def last(self, start: int) -> Tensor:
        """The stream behind the last layer from a place in the text on."""
        with safe_open(self.path, "pt") as file:
            return self.checked(file.get_slice("hidden_states")[start:, -1:][:, 0], start)

    def checked(self, rows: Tensor, place: int) -> Tensor:
        if not rows.any(-1).all():
            raise Refused(f"{self.path} has states of zeros from token {place} on: vLLM has not written them; export with "
                          "enable_prefix_caching=False and enable_chunked_prefill=False")
        return rows.float()


def no_last_layer(path: str, which: str, count: int) -> str:
    return (f"{path} has no states behind the last layer of {which}, from which h, z and p follow: their layer id is {count}, the number of its "
            f"layers; export again with {count} among eagle_aux_hidden_state_layer_ids (vLLM 0.18 or later; some models ignored that "
            "id until later)")


def check_first_layer(states: States, embedding: Slices, row: Tensor, place: int, which: str, count: int) -> None:
    """Checks where the layer ids of a file begin: the states of id 0 are the tokens' embeddings, at most times a factor.

    A file of ids 0 to count − 1 has as many states as one of 1 to count.
    """
    token = states.ids[place]
    is_embedding = nn.functional.cosine_similarity(embedding.rows(token, token + 1)[0], row, dim=0) > 0.999
    if is_embedding and states.layers[0] != 0:
        raise Refused(no_last_layer(states.path, which, count))
    if states.inferred and states.layers[0] == 0 and row.isfinite().all() and not is_embedding:
        raise Refused(f"{states.path} has {count + 1} layers' states, and {which} has {count} layers, so the first should be the embeddings (layer id "
                      f"0), and are not: check --drop, or export the layer ids 1 to {count}")


def check_same_tokens(a: States, b: States, tokens: Tokens) -> None:
    """Refuses files of different texts."""
    if a.ids != b.ids:
        at = next((at for at, (x, y) in enumerate(zip(a.ids, b.ids)) if x != y), min(len(a.ids), len(b.ids)))
        told = (f"`{tokens.piece(of.ids[at])}`" if at < len(of.ids) else "the end" for of in (a, b))
        raise Refused(f"{a.path} and {b.path} are of different texts: token {at} is {' and '.join(told)}. Both models must read the same tokens: "
                      "export the second file with --read and the first")


def check_streams(dense: Tensor, pruned: Tensor, of_dense: States, of_pruned: States, dropped: frozenset[Sublayer], count: int) -> None:
    """Refuses files whose streams do not part where the plan says so."""
    first, eps = min((layer for layer, _ in dropped), default=count), torch.finfo(of_dense.dtype).eps
    for at, id in enumerate(of_dense.layers):
        if id not in of_pruned.layers or id > first + 1:
            continue
        x, y = dense[at], pruned[of_pruned.layers.index(id)]
        apart = ((x - y).norm() / x.norm()).item()
        if id <= first and apart > SAME_MODEL:  # false where numbers are not finite
            before = f"before layer {first}, the first that --drop names" if dropped else "though --drop names nothing"
            raise Refused(f"the streams of both files are {apart:.0%} apart at layer id {id}, {before}: check --drop, and that the pruned model has "
                          "the dense one's weights (not quantized, not trained further)")
        if id == first + 1 and apart <= 2 * eps:
            raise Refused(f"the streams of both files are the same at layer id {id}, so layer {first} is still in the pruned model: check --drop, "
                          "which must name the layers as the dense model counts them, from 0")


def check_greedy(run: Run, eps: float, whose: str, path: str, tokens: Tokens) -> None:
    """Refuses a text that is not the model's own: at each place its token must be the likeliest, but for rounding."""
    for step, (logits, id) in enumerate(zip(run.logits, run.ids)):
        best = largest(logits, 1)[0]
        behind = (logits[best] - logits[id]).item()
        if behind > 2 * max(eps, 2.0 ** -10) * logits.abs().max().item():  # a GPU may multiply 32-bit numbers with 11 bits (TF32)
            raise Refused(f"token {step} behind the prompt in {path} is `{tokens.piece(id)}`, and the likeliest there for the {whose} model is "
                          f"`{tokens.piece(best)}`, by {behind:.1f} in its logit. What follows the prompt must be the {whose} model's own greedy text: "
                          "check --prompt and --model; without --prompt all tokens are the prompt")


# ---- The recording -------------------------------------------------------------------------------------------------------------


def prompt_of(args: argparse.Namespace, ids: list[int], tokens: Tokens) -> tuple[str, int]:
    """The prompt's text, and the number of its tokens at the beginning of a file."""
    if args.prompt is None:
        start = next((at for at, id in enumerate(ids) if id not in tokens.control), 0)
        for begin in (start, 0):  # the tokenizer puts tokens before a text by itself
            text = tokens.tokenizer.decode(ids[begin:], skip_special_tokens=False, clean_up_tokenization_spaces=False)
            if tokens.encode(text) == ids:
                break
        return text, len(ids)
    prompt = tokens.prompt(args.prompt, args.chat)
    if ids[:len(prompt)] != prompt:
        at = next((at for at, (x, y) in enumerate(zip(ids, prompt)) if x != y), min(len(ids), len(prompt)))
        told = (f"`{tokens.piece(of[at])}`" if at < len(of) else "the end" for of in (ids, prompt))
        raise Refused(f"{args.dense} is of another prompt: its token {at} is {next(told)}, and that of --prompt is {next(told)}. Give --prompt and "
                      "--chat as at the export; without --prompt all tokens of the file are the prompt")
    return args.prompt, len(prompt)


def read(states: States, start: int, decoder: Decoder) -> Run:
    """A model's run on a file: h and z from the end of the prompt on, and the text behind it with the likeliest token at its end."""
    hidden, logits = decoder.lens(states.last(start), normed=True)
    return Run(list(hidden), list(logits), states.ids[start + 1:] + largest(logits[-1], 1), [])


def rounding(dtype: torch.dtype, row: Tensor, decoder: Decoder) -> str:
    """What is said of the precision, with the KL that rounding the last state once makes."""
    name, eps = str(dtype).removeprefix("torch."), torch.finfo(dtype).eps
    spread = torch.rand(row.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    hidden, logits = decoder.lens(torch.stack([row, row * (1 + eps / 2 * spread)]), normed=True)
    once = metrics(hidden[0], logits[0], hidden[1], logits[1])["kl_dense_pruned"]
    usual = "below about 1e-3 it is noise" if dtype == torch.bfloat16 else "below ten times that it may be noise"
    return (f"vLLM's states are in {name}, with {BITS[dtype]} significant bits. Rounding the last one alone makes a KL of about {once:.0e} at the "
            f"end of this prompt, and every layer rounds: {usual}.")


def similarity(dense: Tensor, pruned: Tensor, of_dense: States, of_pruned: States, kept: list[int], decoder: Decoder) -> str:
    """A table of how alike the streams of both models are behind each layer of the dense one, at the end of the prompt."""
    (h, z), (other_h, other_z) = (decoder.lens(rows, normed=True) for rows in (dense, pruned))
    lines = ["layer_id\tpruned_id\tcos_stream\torthogonal_stream\tcos_normed\tkl"]
    for at, id in enumerate(of_dense.layers):
        same = sum(layer < id for layer in kept)
        if same in of_pruned.layers:
            to = of_pruned.layers.index(same)
            cosine, _, _, orthogonal = geometry(dense[at].double(), pruned[to].double())
            of_lens = metrics(h[at], z[at], other_h[to], other_z[to])
            lines.append(f"{id}\t{same}\t{cosine:.6f}\t{orthogonal:.4g}\t{of_lens['cos_h']:.6f}\t{of_lens['kl_dense_pruned']:.4g}")
    return "\n".join(lines)


def record(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The trace, and the table of the layers."""
    source, revision, name, link = named(args.model, args.link)
    dropped = parse_drop(args.drop) if args.drop is not None else read_plan(args.plan) if args.plan else frozenset()
    if args.prompt is not None and len(args.prompt) > MAX_PROMPT:
        raise Refused(f"--prompt may have at most {MAX_PROMPT} characters, which is what the page shows")
    try:
        config = transformers.AutoConfig.from_pretrained(source, revision=revision).get_text_config()
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, revision=revision)
    except (OSError, ValueError, ImportError) as why:
        raise Refused(f"the configuration or the tokenizer of {args.model} cannot be loaded: {why}") from why
    count = config.num_hidden_layers
    check_plan(dropped, count)
    kept = [layer for layer in range(count) if not all((layer, kind) in dropped for kind in KINDS)]
    removed = ", ".join(f"b{layer}" for layer in range(count) if layer not in kept)
    which = ("the dense model", f"the model without {removed}" if removed else "the pruned model")
    layers = [parse_layers(text) if text else None for text in (args.dense_layers, args.pruned_layers)]
    of_dense = lambda path: States(path, "dense", which[0], count, config.hidden_size, layers[0])
    of_pruned = lambda path: States(path, "pruned", which[1], len(kept), config.hidden_size, layers[1])
    pair = of_dense(args.dense), of_pruned(args.pruned)
    other = (of_dense(args.pruned_text[0]), of_pruned(args.pruned_text[1])) if args.pruned_text else None
    dtypes = {states.dtype for states in (*pair, *(other or ()))}
    if len(dtypes) > 1:
        raise Refused(f"the files are in {' and '.join(sorted(str(dtype).removeprefix('torch.') for dtype in dtypes))}, so they differ by rounding "
                      "as well as by the plan: export all with the same --dtype")
    dtype = pair[0].dtype

    say(f"Reading the norm and the head of {args.model}")
    decoder, embedding = norm_and_head(config, Weights(source, revision))
    tokens = Tokens(tokenizer, decoder.model, config)
    check_same_tokens(*pair, tokens)
    text, length = prompt_of(args, pair[0].ids, tokens)
    if other:
        check_same_tokens(*other, tokens)
        if other[0].ids[:length] != pair[0].ids[:length]:
            raise Refused(f"{args.pruned_text[0]} and {args.dense} are of different prompts: export both with the same --prompt and --chat")
    ends = [states.at(length - 1) for states in pair]
    for states, row, model, layer_count in zip(pair, ends, which, (count, len(kept))):
        check_first_layer(states, embedding, row[0], length - 1, model, layer_count)
    check_streams(*ends, *pair, dropped, count)

    say("Comparing")
    eps = torch.finfo(dtype).eps
    dense, fixed = (read(states, length - 1, decoder) for states in pair)
    check_greedy(dense, eps, "dense", args.dense, tokens)
    stored = getattr(torch, config.dtype) if isinstance(config.dtype, str) else config.dtype or embedding.dtype()
    info, weights = describe(name, link, config, stored, bool(tokenizer.chat_template))
    notices = info.setdefault("notices", [])
    notices.append("This trace is made from vLLM's hidden states between layers: it has no numbers of single attentions and MLPs, and none of switches.")
    if not all(rows.isfinite().all() for rows in ends):
        places = ((model, states.layers[int((~rows.isfinite().all(-1)).nonzero()[0])])
                  for model, states, rows in zip(which, pair, ends) if not rows.isfinite().all())
        notices.extend(f"At the end of the prompt, the numbers of {model} are not finite from layer id {id} on (id 0 is the embeddings)." for model, id in places)
    if other:
        dense_on_pruned, pruned = (read(states, length - 1, decoder) for states in other)
        check_greedy(pruned, eps, "pruned", args.pruned_text[1], tokens)
    else:
        # Of the pruned model's own text its first token is known, so the run is one of one token. The dense text is in fixed_trajectory.
        if len(dense.ids) > 1:
            of_text = tokenizer.decode(dense.ids, skip_special_tokens=True)
            notices.append(f"Both models read the dense model's text, “{of_text}”; of the pruned model's own text only the first token is known.")
        dense, pruned = (run._replace(ids=largest(run.logits[0], 1)) for run in (dense, fixed))
        dense_on_pruned = dense
    if (longest := max(len(run.hidden) for run in (dense, pruned))) > MAX_TOKENS:
        raise Refused(f"the text behind the prompt has {longest} tokens, and the page shows at most {MAX_TOKENS}: export with --tokens {MAX_TOKENS}")
    if dtype != torch.float32:
        notices.append(rounding(dtype, ends[0][-1], decoder))
        say(f"note: {notices[-1]}")
    events, later = events_of_texts(dense, pruned, fixed, dense_on_pruned, weights, dropped, tokens)
    if not other:  # one token says nothing of a text's collapse
        events = [event for event in events if event["type"] != "quality"]
    settings = {"model": link, "prompt": text, "chat": args.chat, "drop": drop_text(dropped), "tokens": max(len(dense.ids), len(pruned.ids))}
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in ("transformers", "torch"))
    program = f"vllm_trace.py (vLLM's hidden states in {str(dtype).removeprefix('torch.')}; {versions})"
    return trace_of(program, info, settings, events + later), similarity(*ends, *pair, kept, decoder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="More: docs/recording-elsewhere.md")
    parser.add_argument("--model", required=True, help="the dense model: a repository of the Hugging Face hub (owner/name or owner/name@revision), or a folder")
    parser.add_argument("--dense", required=True, help="vLLM's file of the dense model: the prompt, or the prompt and the dense model's text")
    parser.add_argument("--pruned", required=True, help="vLLM's file of the pruned model on the same tokens")
    parser.add_argument("--pruned-text", nargs=2, metavar=("DENSE", "PRUNED"), help="two more files of both models: the prompt and the pruned model's text")
    parser.add_argument("--prompt", help="the prompt, with which the files begin (default: all their tokens)")
    parser.add_argument("--chat", action="store_true", help="the prompt was formatted with the model's chat template")
    parser.add_argument("--drop", help="what the pruned model lacks, such as b3,b7: layers 3 and 7 of the dense one, counted from 0; "
                        "a7, m12: an attention or MLP of zeros")
    parser.add_argument("--plan", help="a JSON file with drop_attn_list and drop_mlp_list; --drop replaces it")
    parser.add_argument("--dense-layers", help="the layer ids in the dense model's files, such as 2,14,28 (default: all, from 0 or 1)")
    parser.add_argument("--pruned-layers", help="the layer ids in the pruned model's files, as that model counts them (default: all, from 0 or 1)")
    parser.add_argument("--link", help="what the trace calls the model, as a link of the page does (default: the repository)")
    parser.add_argument("--out", required=True, help="the file to write")
    args = parser.parse_args()
    if args.chat and args.prompt is None:
        parser.error("--chat needs --prompt: without it the prompt is the text of the file's tokens, template and all")
    try:
        trace, table = record(args)
        save(trace, args.out)
        say("The residual stream at the end of the prompt, dense against pruned, behind each layer; the last two columns behind the final norm:")
        print(table)
    except (Refused, OSError) as why:
        say(f"error: {why}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
