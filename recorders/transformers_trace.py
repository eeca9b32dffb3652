"""Records a dense and a pruned run of a causal language model of Hugging Face transformers as a trace that Prunescope's page opens.

    python recorders/transformers_trace.py --model Qwen/Qwen2.5-7B-Instruct --prompt "What is the capital of France?" --chat \\
        --drop a7,m12,b3 --device-map auto --out trace.json
    torchrun --nproc-per-node 4 recorders/transformers_trace.py --tensor-parallel --model ... --out trace.json

For models that are too large for a browser tab. The packages are in recorders/requirements.txt, the format in
public/trace.schema.json, more in docs/recording-elsewhere.md.

What is recorded, in the order of `prunescope record`: next_token, not_finite (if a number is not), weights, damage, step,
fixed_trajectory, quality, layers, importance, damage of the later steps; with --switches also switches. Decoding is greedy and
the temperature of the analysis is 1, as in `prunescope record` without further options.

What is left out: repairs, sparsity, quantization and the runs of neighbouring plans, since plans here only drop sublayers; choice,
retrieval, judged, sweeps and searches; and in quality whether the built-in question was answered (`answered`).

Which models: those whose decoder layers have an attention and an MLP module and add their outputs to the residual stream, one after the
other (Llama, Mistral, Mixtral, Qwen2, Qwen3, Phi-3, GPT-2) or both at once (GPT-NeoX, Phi, Cohere, Falcon), also behind a norm of the output (Gemma 2 and
3, OLMo 2, GLM 4) or times one factor (Granite). The sum is checked in every layer at the end of the prompt, and a model that adds
up otherwise is refused. So are models with layers of other kinds, such as Mamba's.

How a sublayer is dropped: a forward hook puts zeros in place of what it adds. The module itself still runs, so a dropped attention still
fills its KV cache, and all layers agree on the positions.

How its numbers differ from `prunescope record`: the model computes in its own precision (--dtype), while Prunescope computes in 32
bits. In bfloat16, logits have 8 significant bits: likeliest tokens can tie (the lower id is taken) and KL below about 1e-3 is noise.
"""
from __future__ import annotations

import argparse
import codecs
import datetime
import importlib.metadata
import inspect
import json
import math
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
import transformers
from torch import Tensor, nn

VERSION = 1  # of the format
ATTENTION, MLP = "attention", "mlp"
KINDS = (ATTENTION, MLP)
Sublayer = tuple[int, str]  # layer and kind
# Names of the parts of a decoder layer in transformers' models.
NAMES = {ATTENTION: ("self_attn", "self_attention", "attention", "attn"), MLP: ("mlp", "feed_forward", "block_sparse_moe")}
# Norms of the sublayers' outputs. A first name alone is the norm before the MLP, as in Llama.
OUTPUT_NORMS = (("post_attention_layernorm", "post_feedforward_layernorm"), ("post_self_attn_layernorm", "post_mlp_layernorm"))
FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "final_norm")
# The format's families by `model_type`, and the activations by their name in transformers.
FAMILIES = {"llama": "llama", "mistral": "mistral", "qwen2": "qwen2", "qwen3": "qwen3", "gemma3_text": "gemma3", "gpt2": "gpt2",
            "gpt_neox": "gpt_neo_x", "phi": "phi", "phi3": "phi3"}
ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_python": "gelu", "gelu_new": "gelu_tanh", "gelu_fast": "gelu_tanh",
               "gelu_pytorch_tanh": "gelu_tanh", "gelu_python_tanh": "gelu_tanh", "gelu_accurate": "gelu_tanh"}
STORED = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
TOP, DAMAGE_TOKENS, MAX_TOKENS, MAX_PROMPT, MAX_IMPORTANCE_TOKENS = 10, 12, 256, 20_000, 256
TINY = 1e-30  # added to denominators, as the program does
# As in crates/protocol/src/prune/importance.rs.
IMPORTANCE_TEXT = (
    "The river rises in the hills north of the town and runs for ninety miles before it meets the sea. "
    "In spring, when the snow melts, it floods the low fields, and farmers move their animals to higher ground. "
    "A cell divides by copying its chromosomes and pulling the two copies apart. "
    "To make the bread, mix flour, water, salt and yeast, knead the dough for ten minutes, and let it rest until it doubles in size. "
    "\"I did not expect you so early,\" said Anna, and she put the letter back into the drawer. "
    "def area(width, height): return width * height")


class Refused(Exception):
    """Something that cannot be recorded; the message says what is wrong and what to do."""


# ---- The plan ------------------------------------------------------------------------------------------------------------------


def parse_drop(text: str) -> frozenset[Sublayer]:
    """Reads a plan such as a7,m12,b3: attention, MLP, or both of a layer, counted from 0."""
    dropped = set()
    for part in filter(None, map(str.strip, text.split(","))):
        if not re.fullmatch(r"[amb][0-9]{1,4}", part):
            raise Refused(f"`{part}` is not a sublayer: write a7 for attention 7, m17 for MLP 17, b3 for block 3")
        kinds = {"a": [ATTENTION], "m": [MLP], "b": KINDS}[part[0]]
        dropped.update((int(part[1:]), kind) for kind in kinds)
    return frozenset(dropped)


def read_plan(path: str) -> frozenset[Sublayer]:
    """Reads a plan file: JSON with drop_attn_list and drop_mlp_list, each a list of layers, or true or false for each layer, or null."""
    try:
        plan = json.loads(pathlib.Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as why:
        raise Refused(f"the plan file {path} cannot be read ({why})") from why
    lists = {"drop_attn_list": ATTENTION, "drop_mlp_list": MLP}
    if not isinstance(plan, dict) or not any(key in plan for key in lists):
        raise Refused(f"{path} has neither drop_attn_list nor drop_mlp_list: it names no dropped layers")
    if plan.get("prunescope", "") not in ("", "dense"):
        raise Refused(f"{path} also asks for {plan['prunescope']}: this program only drops sublayers, so take that out, or use `prunescope record`")
    dropped = set()
    for key, kind in lists.items():
        layers = plan.get(key) or []
        if isinstance(layers, list) and all(isinstance(layer, bool) for layer in layers):
            layers = [at for at, drops in enumerate(layers) if drops]
        if not isinstance(layers, list) or not all(type(layer) is int and layer >= 0 for layer in layers):
            raise Refused(f"{key} in {path} is neither a list of layers from 0, such as [7, 26], nor a list of true and false, one for each layer")
        dropped.update((layer, kind) for layer in layers)
    return frozenset(dropped)


def drop_text(dropped: frozenset[Sublayer]) -> str:
    """The plan's text form, in the order of the layers."""
    of_layer = lambda layer: "b" if all((layer, kind) in dropped for kind in KINDS) else "a" if (layer, ATTENTION) in dropped else "m"
    return ",".join(f"{of_layer(layer)}{layer}" for layer in sorted({layer for layer, _ in dropped}))


def check_plan(dropped: frozenset[Sublayer], count: int) -> None:
    """Refuses a plan for layers that a model does not have."""
    if beyond := drop_text(frozenset(sublayer for sublayer in dropped if sublayer[0] >= count)):
        raise Refused(f"the plan drops {beyond}, and the model has {count} layers, 0 to {count - 1}")


# ---- The model -----------------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """A model's run on a prompt: h and z before each token of the text behind it, on the CPU in 32 bits; and the residual stream at the
    end of the prompt, before each sublayer and behind the last."""

    hidden: list[Tensor]
    logits: list[Tensor]
    ids: list[int]
    stream: list[Tensor]


def whole(x: Tensor) -> Tensor:
    """A tensor of this process; one that tensor parallelism has spread is gathered."""
    return x.full_tensor() if hasattr(x, "full_tensor") else x


def first_of(output: Any) -> Tensor:
    """The tensor that a module gives, alone or first of several."""
    first = output[0] if isinstance(output, tuple) else output
    if not isinstance(first, Tensor):
        raise Refused(f"a module of the model gives a {type(first).__name__} where a tensor is expected: this model is not supported")
    return first


def part(module: nn.Module, names: Iterable[str]) -> nn.Module | None:
    """The module's first part that has one of these names."""
    return next((found for name in names if isinstance(found := getattr(module, name, None), nn.Module)), None)


def find_layers(model: nn.Module, count: int) -> tuple[nn.Module, nn.ModuleList]:
    """The decoder's layers, and the module that has them."""
    lists = [(owner, layers) for owner in model.modules() for layers in owner.children() if isinstance(layers, nn.ModuleList) and len(layers) == count]
    for owner, layers in lists:
        if all(part(layer, NAMES[kind]) for layer in layers for kind in KINDS):
            return owner, layers
    seen = ", ".join(sorted({type(layer).__name__ for _, layers in lists for layer in layers})) or "none"
    raise Refused(f"{type(model).__name__} has no {count} layers with an attention ({', '.join(NAMES[ATTENTION])}) and an MLP "
                  f"({', '.join(NAMES[MLP])}) each; its layers: {seen}. Choose a decoder with such layers, as Llama's or GPT-2's")


class Decoder:
    """A causal language model whose sublayers can be dropped, and whose residual stream can be seen."""

    def __init__(self, model: nn.Module, text_config: Any) -> None:
        self.model, self.config = model.eval(), text_config
        owner, self.layers = find_layers(model, text_config.num_hidden_layers)
        self.norm, self.head = part(owner, FINAL_NORMS), model.get_output_embeddings()
        if self.norm is None or self.head is None:
            raise Refused(f"{type(model).__name__} has no final norm ({', '.join(FINAL_NORMS)}) beside its layers, or no head: it is not supported")
        self.dropped: frozenset[Sublayer] = frozenset()
        self.visit: Callable[[int, Tensor, Tensor, Tensor], None] | None = None
        self.seen: dict[str, Tensor] = {}
        # Granite multiplies what a sublayer adds.
        self.factor = getattr(text_config, "residual_multiplier", None) or 1.0
        self.norm.register_forward_hook(lambda _, __, output: self.seen.update(hidden=first_of(output)))
        for at, layer in enumerate(self.layers):
            layer.register_forward_pre_hook(self.before, with_kwargs=True)
            layer.register_forward_hook(lambda _, __, output, at=at: self.behind(at, output))
            for kind in KINDS:
                adds = part(layer, NAMES[kind])
                for norms in OUTPUT_NORMS:
                    if all(hasattr(layer, norm) for norm in norms):
                        adds = getattr(layer, norms[KINDS.index(kind)])
                adds.register_forward_hook(lambda _, __, output, of=(at, kind): self.added(of, output))
        names = inspect.signature(model.forward).parameters
        self.cache_name = "cache" if "cache" in names else "past_key_values"
        self.last_only = {"logits_to_keep": 1} if "logits_to_keep" in names else {}

    def before(self, _: nn.Module, inputs: tuple, named: dict[str, Any]) -> None:
        """Called before each layer."""
        if self.visit:
            self.seen["before"] = inputs[0] if inputs else named["hidden_states"]

    def added(self, of: Sublayer, output: Any) -> Any:
        """Called with what a sublayer adds to the residual stream; returns what it adds under the plan."""
        first = first_of(output)
        if of in self.dropped:
            first = torch.zeros_like(first)
            output = (first, *output[1:]) if isinstance(output, tuple) else first
        if self.visit:
            self.seen[of[1]] = first.clone()  # Falcon adds to it in place
        return output

    def behind(self, at: int, output: Any) -> None:
        """Called behind each layer: checks that it is the sum of its parts."""
        if not self.visit:
            return
        after = whole(first_of(output))
        before, attention, mlp = (whole(self.seen.pop(name)).to(after.device).view_as(after) for name in ("before", *KINDS))
        middle = before + self.factor * attention
        sum_of, last = middle + self.factor * mlp, (slice(None), -1)
        scale = sum(x[last].float().norm() for x in (before, attention, mlp))
        apart = (after[last].float() - sum_of[last].float()).norm()
        if apart > 4 * torch.finfo(after.dtype).eps * scale:  # false where numbers are not finite
            raise Refused(f"layer {at} of {type(self.model).__name__} is not the residual stream plus its attention plus its MLP (off by "
                          f"{apart / scale:.0%}), so dropping one of them would mean something else: this model is not supported")
        self.visit(at, before[0], middle[0], after[0])

    @torch.inference_mode()
    def forward(self, ids: list[int], cache: Any = None) -> tuple[Tensor, Tensor, Any]:
        """Reads tokens behind those of the cache. Returns h and z of the last one, and the cache with all of them."""
        device = self.model.device if self.model.device.type != "meta" else "cpu"
        known = {} if cache is None else {self.cache_name: cache}
        out = self.model(input_ids=torch.tensor([ids], device=device), use_cache=True, **self.last_only, **known)
        hidden = whole(self.seen.pop("hidden"))
        return hidden[0, -1].float().cpu(), whole(out.logits)[0, -1].float().cpu(), out[self.cache_name]

    def run(self, prompt: list[int], dropped: frozenset[Sublayer], tokens: int, stop: set[int], text: list[int] | None = None) -> Run:
        """Reads the prompt and writes the likeliest tokens until one ends the text; or reads a given text behind the prompt."""
        out, ids, cache = Run([], [], [], []), prompt, None
        self.dropped = dropped
        try:
            for step in range(tokens if text is None else len(text)):
                self.visit = (lambda at, *rows: out.stream.extend(x[-1] for x in rows[at > 0:])) if step == 0 else None
                hidden, logits, cache = self.forward(ids, cache)
                token = agreed(largest(logits, 1)[0], self.model.device) if text is None else text[step]
                out.hidden.append(hidden), out.logits.append(logits), out.ids.append(token)
                if text is None and token in stop:
                    break
                ids = [token]
        finally:
            self.dropped, self.visit = frozenset(), None
        return out

    def importance(self, ids: list[int]) -> dict[str, list[float]]:
        """1 − cos of the residual stream before and behind each attention, MLP and layer, averaged over all tokens but the first."""
        out: dict[str, list[float]] = {ATTENTION: [], MLP: [], "block": []}

        def visit(_: int, *rows: Tensor) -> None:
            start, middle, end = (x[min(1, len(x) - 1):].float() for x in rows)
            for name, x, y in ((ATTENTION, start, middle), (MLP, middle, end), ("block", start, end)):
                out[name].append(1.0 - nn.functional.cosine_similarity(x, y, eps=TINY).mean().item())

        self.visit = visit
        try:
            self.forward(ids)
        finally:
            self.visit = None
        return out

    def on(self, module: nn.Module, rows: Tensor) -> Tensor:
        """The module's output for some rows, wherever it is."""
        weight = next(module.parameters(), rows)  # OLMo's norms have none
        return whole(module(rows.to(weight.dtype).to("cpu" if weight.device.type == "meta" else weight.device)[None]))[0]

    @torch.inference_mode()
    def lens(self, rows: Tensor, normed: bool) -> tuple[Tensor, Tensor]:
        """h and z of rows of the residual stream, without or with the final norm before the head."""
        hidden = self.on(self.norm, rows) if normed else rows
        logits = self.on(self.head, hidden).float() * (getattr(self.config, "logit_scale", None) or 1.0)
        logits = logits / (getattr(self.config, "logits_scaling", None) or 1.0)
        if cap := getattr(self.config, "final_logit_softcapping", None):
            logits = cap * torch.tanh(logits / cap)
        return hidden.float().cpu(), logits.cpu()


def agreed(token: int, device: torch.device) -> int:
    """The first process's token, so that all read the same text."""
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        one = torch.tensor([token], device=device)
        dist.broadcast(one, 0)
        token = int(one.item())
    return token


# ---- Tokens --------------------------------------------------------------------------------------------------------------------


class Tokens:
    """The tokenizer, with each token's text as the program shows it."""

    def __init__(self, tokenizer: Any, model: nn.Module, config: Any) -> None:
        self.tokenizer = tokenizer
        self.control = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        ends = (getattr(model, "generation_config", None), model.config, config, tokenizer)
        ends = (getattr(of, "eos_token_id", None) for of in ends)
        end = next((end for end in ends if end is not None and end != []), [])
        self.stop = set(end if isinstance(end, list) else [end])

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The text's token ids, with the tokens that the tokenizer puts before a text, without those that it puts behind."""
        plain, full = (self.tokenizer(text, add_special_tokens=adds)["input_ids"] for adds in (False, special))
        places = (at for at in range(len(full) - len(plain) + 1) if full[at:at + len(plain)] == plain)
        return full[:at + len(plain)] if (at := next(places, None)) is not None else full

    def prompt(self, text: str, chat: bool) -> list[int]:
        """The prompt's token ids."""
        if chat and not self.tokenizer.chat_template:
            raise Refused("the model's tokenizer has no chat template: leave out --chat")
        if chat:
            text = self.tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
        ids = self.encode(text, special=not chat)
        return ids if ids else refuse("the prompt has no tokens: give a longer --prompt")

    def piece(self, id: int) -> str:
        """A token's text; control tokens by name, and a part of a character as its bytes, such as <0xE2>."""
        name = self.tokenizer.convert_ids_to_tokens(id) or ""
        if id in self.control:
            return name
        if "\u2581" in name:  # SentencePiece's space; decoding a single token would drop a leading one
            return name.replace("\u2581", " ")
        text = self.tokenizer.decode([id], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if "\ufffd" not in text or re.fullmatch("<0x[0-9A-F]{2}>", name):
            return name if "\ufffd" in text else text
        read = [BYTES.get(letter) for letter in name]
        return text if None in read else bytes(read).decode("utf-8", "prunescope_bytes")

    def text(self, id: int) -> dict[str, Any]:
        """A token with its text."""
        return {"id": id, "text": self.piece(id)}


def byte_letters() -> dict[str, int]:
    """The byte of each letter of byte-level BPE: printable ones are themselves, the others the letters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


BYTES = byte_letters()
codecs.register_error("prunescope_bytes", lambda error: ("".join(f"<0x{byte:02X}>" for byte in error.object[error.start:error.end]), error.end))


# ---- The numbers ---------------------------------------------------------------------------------------------------------------


def number(x: float) -> float | str:
    """A number as the format writes it: the shortest that reads back as the same 32-bit one; those that are not finite as texts."""
    x = np.float32(x)
    return float(str(x)) if np.isfinite(x) else "NaN" if np.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def numbers(values: dict[str, float]) -> dict[str, float | str]:
    return {name: number(x) for name, x in values.items()}


def largest(z: Tensor, count: int) -> list[int]:
    """The places of the largest entries, largest first; of equal ones the lower place first."""
    return torch.sort(z, descending=True, stable=True).indices[:count].tolist()


def geometry(x: Tensor, y: Tensor) -> tuple[float, float, float, float]:
    """cos(x, y); of Δ = y − x: α of Δ∥ = α x, ‖Δ∥‖/‖x‖ and ‖Δ⊥‖/‖x‖."""
    delta, square = y - x, x.dot(x)
    alpha = delta.dot(x) / (square + TINY)
    length = (square + TINY).sqrt()
    cosine = x.dot(y) / ((square * y.dot(y)).sqrt() + TINY)
    return cosine.item(), alpha.item(), (alpha.abs() * square.sqrt() / length).item(), ((delta - alpha * x).norm() / length).item()


def variance(weights: Tensor, delta: Tensor) -> float:
    """Σ w (Δ − Σ w Δ)², for weights that sum to 1."""
    return (weights * (delta - weights.dot(delta)) ** 2).sum().item()


def metrics(h: Tensor, z: Tensor, h_pruned: Tensor, z_pruned: Tensor) -> dict[str, float]:
    """Every metric at one position, in the format's order. Definitions: crates/engine/src/metrics/definitions.rs, here with T = 1."""
    h, z, h_pruned, z_pruned = (x.double() for x in (h, z, h_pruned, z_pruned))
    log_p, log_q = z.log_softmax(0), z_pruned.log_softmax(0)
    p, q, delta = log_p.exp(), log_q.exp(), z_pruned - z
    (cos_h, alpha_h, parallel_h, orthogonal_h), (cos_z, alpha_z, parallel_z, orthogonal_z) = geometry(h, h_pruned), geometry(z, z_pruned)
    cos_p, _, _, orthogonal_p = geometry(p, q)
    top = largest(z, TOP)
    of_top = lambda count: variance(z[top[:count]].softmax(0), delta[top[:count]])
    variance_p, variance_r, five = variance(p, delta), variance(p * p / p.dot(p), delta), delta[top[:5]]
    return {
        "cos_h": cos_h, "cos_z": cos_z, "cos_p": cos_p,
        "kl_dense_pruned": divergence(p, log_p, log_q), "kl_pruned_dense": divergence(q, log_q, log_p),
        "theorem1_h": orthogonal_h ** 2 / 2, "theorem1_z": orthogonal_z ** 2 / 2, "theorem1_p": orthogonal_p ** 2 / 2,
        "theorem2": variance_r / 2, "theorem3": variance_p / 2,
        "alpha_h": alpha_h, "parallel_h": parallel_h, "orthogonal_h": orthogonal_h, "ratio_h": orthogonal_h / (parallel_h + TINY),
        "alpha_z": alpha_z, "parallel_z": parallel_z, "orthogonal_z": orthogonal_z, "ratio_z": orthogonal_z / (parallel_z + TINY),
        "variance_uniform": delta.var(correction=0).item(), "variance_p": variance_p, "variance_r": variance_r,
        "variance_top5": of_top(5), "variance_top10": of_top(10),
        "delta_l1": delta.abs().mean().item(), "delta_l2": delta.square().mean().sqrt().item(),
        "delta_l1_top5": five.abs().mean().item(), "delta_l2_top5": five.square().mean().sqrt().item(),
    }


def divergence(p: Tensor, log_p: Tensor, log_q: Tensor) -> float:
    """KL(p ‖ q) in nats; NaN stays NaN."""
    sum_of = torch.where(p > 0, p * (log_p - log_q), p).sum().item()
    return sum_of if math.isnan(sum_of) else max(0.0, sum_of)


def compared(h: Tensor, z: Tensor, h_pruned: Tensor, z_pruned: Tensor, tokens: Tokens) -> dict[str, Any]:
    """The metrics and both models' likeliest tokens."""
    values = metrics(h, z, h_pruned, z_pruned)
    p, q = z.double().softmax(0), z_pruned.double().softmax(0)

    def token(id: int) -> dict[str, Any]:
        parallel = values["alpha_z"] * z[id].item()
        orthogonal = z_pruned[id].item() - z[id].item() - parallel
        return tokens.text(id) | numbers({"dense": p[id].item(), "pruned": q[id].item(), "z": z[id].item(),
                                          "delta_z_parallel": parallel, "delta_z_orthogonal": orthogonal})

    return numbers(values) | {"top": {"dense": [token(id) for id in largest(z, TOP)], "pruned": [token(id) for id in largest(z_pruned, TOP)]}}


def damage(z: Tensor, z_pruned: Tensor, tokens: Tokens) -> list[dict[str, Any]]:
    """The tokens with the largest share in the variances of Δz by the weights of Theorems 2 and 3."""
    p, delta = z.double().softmax(0), z_pruned.double() - z.double()
    r = p * p / p.dot(p)
    share_p, share_r = (w * (delta - w.dot(delta)) ** 2 / max(variance(w, delta), sys.float_info.min) for w in (p, r))
    values = {"p": p, "r": r, "delta_z": delta - p.dot(delta), "share_p": share_p, "share_r": share_r}
    places = largest(torch.maximum(share_p, share_r), DAMAGE_TOKENS)
    return [tokens.text(at) | numbers({name: of[at].item() for name, of in values.items()}) for at in places]


def quality(ids: list[int], logits: list[Tensor]) -> dict[str, Any]:
    """Measures of collapse of a text. `logits`: the dense model's before each of its tokens."""

    def distinct(n: int) -> float:
        grams = [tuple(ids[at:at + n]) for at in range(len(ids) - n + 1)]
        return len(set(grams)) / len(grams) if grams else 1.0

    losses = [-z.double().log_softmax(0)[id].item() for z, id in zip(logits, ids)]
    values = {"distinct_1": distinct(1), "distinct_2": distinct(2), "repeated_3": 1.0 - distinct(3), "dense_loss": sum(losses) / len(losses)}
    return numbers(values) | {"dense_losses": [number(loss) for loss in losses]}


def ranked(values: list[float]) -> list[dict[str, Any]]:
    """Importance by layer, with ranks from the least important."""
    order = sorted(range(len(values)), key=values.__getitem__)
    return [{"importance": number(x), "rank": order.index(at)} for at, x in enumerate(values)]


def first_not_finite(run: Run) -> Any:
    """The first place at which the numbers of the prompt's last position are not finite."""
    for at, row in enumerate(run.stream):
        if not row.isfinite().all():
            return {"sublayer": {"layer": (at - 1) // 2, "kind": KINDS[(at - 1) % 2]}} if at else "embedding"
    places = (("final_norm", run.hidden[0]), ("head", run.logits[0]))
    return next((place for place, row in places if not row.isfinite().all()), None)


# ---- The model's description ---------------------------------------------------------------------------------------------------


def context_of(config: Any) -> int:
    """The longest context in tokens; 2048 where the configuration names none, as with ALiBi."""
    names = ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len")
    return next((length for name in names if (length := getattr(config, name, None))), 2048)


def rotary(config: Any, head_dim: int) -> dict[str, Any] | None:
    """Rotary positions, from `rope_parameters` or, before transformers 5, `rope_theta` and `rope_scaling`."""
    given = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    windowed = given.get("sliding_attention") or {}
    given = given.get("full_attention") or given
    base = given.get("rope_theta") or getattr(config, "rope_theta", None)
    if base is None:
        return None
    number_of = lambda key, default: float(given.get(key) or default)
    trained = context_of(config)
    original = number_of("original_max_position_embeddings", getattr(config, "original_max_position_embeddings", None) or trained)
    factor = number_of("factor", trained / original)
    kind, factors, scaling = given.get("rope_type") or given.get("type") or "default", [], "none"
    if kind == "linear":
        scaling = {"linear": {"factor": factor}}
    elif kind == "llama3":
        scaling = {"llama3": {"factor": factor, "low": number_of("low_freq_factor", 1), "high": number_of("high_freq_factor", 4), "original": original}}
    elif kind == "yarn":
        magnitude = number_of("attention_factor", 0.1 * math.log(factor) + 1.0 if factor > 1.0 else 1.0)
        scaling = {"yarn": {"factor": factor, "original": original, "fast": number_of("beta_fast", 32), "slow": number_of("beta_slow", 1),
                            "truncate": bool(given.get("truncate", True)), "magnitude": magnitude}}
    elif kind == "longrope":
        factors = [float(x) for x in given.get("short_factor") or []]
        magnitude = math.sqrt(1.0 + math.log(factor) / math.log(original)) if factor > 1.0 else 1.0
        scaling = {"factors": {"magnitude": number_of("attention_factor", magnitude)}}
    turned = given.get("partial_rotary_factor") or getattr(config, "partial_rotary_factor", None) or getattr(config, "rotary_pct", None) or 1.0
    window_base = windowed.get("rope_theta") if windowed.get("rope_theta") != base else None
    return {"base": float(base), "window_base": window_base, "dimensions": int(head_dim * turned), "scaling": scaling, "factors": factors}


def describe(name: str, link: str, config: Any, stored: torch.dtype, has_chat_template: bool) -> tuple[dict[str, Any], list[int]]:
    """The model's description, and the number of weights in the matrices of each sublayer: attention of layer 0, MLP of layer 0, and so on.

    They are counted in a model without memory, since the real one may be spread over several devices.
    """
    of = lambda *keys, default=None: next((value for key in keys if (value := getattr(config, key, None)) is not None), default)
    with torch.device("meta"):
        empty = transformers.AutoModelForCausalLM.from_config(config)
    _, layers = find_layers(empty, config.num_hidden_layers)
    parts = [part(layer, NAMES[kind]) for layer in layers for kind in KINDS]
    weights = [sum(weight.numel() for weight in of_part.parameters() if weight.dim() > 1) for of_part in parts]
    notices, turned = [], rotary(config, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    # The description's factors of LongRoPE hold within the original context.
    context = min(context_of(config), of("original_max_position_embeddings", default=math.inf) if turned and turned["factors"] else math.inf)
    kind, act = config.model_type, of("hidden_act", "hidden_activation", "activation_function", default="silu")
    hidden, heads, layer_count = config.hidden_size, config.num_attention_heads, config.num_hidden_layers
    head_dim = of("head_dim", default=hidden // heads)
    is_neox, is_gemma = kind == "gpt_neox", kind.startswith("gemma")
    parallel = bool(of("use_parallel_residual", default=True)) if is_neox else kind in ("phi", "cohere", "cohere2", "falcon", "gptj", "codegen")
    if (family := FAMILIES.get(kind)) is None:
        output_norms = any(all(hasattr(layers[0], norm) for norm in norms) for norms in OUTPUT_NORMS)
        family = "gpt_neo_x" if parallel else "gemma3" if output_norms else "llama"
        notices.append(f"The trace's format has no family {kind}: {family} is the nearest one. The numbers are those of the model itself.")
    if act not in ACTIVATIONS:
        notices.append(f"The trace's format has no activation {act}: silu stands for it. The numbers are those of the model itself.")
    inputs = ("q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value", "c_attn")
    biases = [name.split(".")[-2] for name, _ in parts[0].named_parameters() if name.endswith("bias") and "norm" not in name]
    presence = lambda flag: "needed" if flag else "absent"
    kinds = of("layer_types", default=[])
    windowed = [kind == "sliding_attention" for kind in kinds] if kinds else [bool(of("sliding_window"))] * layer_count
    window = of("sliding_window") if any(windowed) else None
    return {
        "source": link, "name": name, "family": family, "layers": layer_count, "hidden": hidden,
        "feed_forward": of("intermediate_size", "n_inner", "ffn_hidden_size", default=4 * hidden),
        "heads": heads, "key_value_heads": of("num_key_value_heads", default=heads), "head_dim": head_dim,
        "vocabulary": config.vocab_size, "context": context,
        "norm_epsilon": float(of("rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps", default=1e-5)),
        "activation": ACTIVATIONS.get(act, "silu"), "rotary": turned, "window": window, "windowed": windowed,
        "attention_scale": float(of("attention_multiplier", default=of("query_pre_attn_scalar", default=head_dim) ** -0.5)),
        "embedding_scale": float(of("embedding_multiplier", default=hidden ** 0.5 if is_gemma else 1.0)), "parallel": parallel,
        "parts": {"attention_bias": presence(set(biases) & set(inputs)), "output_bias": presence(set(biases) - set(inputs)),
                  "mlp_bias": presence(any(name.endswith("bias") for name, _ in parts[1].named_parameters())),
                  "head": presence(not of("tie_word_embeddings", default=False))},
        "stored_as": STORED.get(stored, str(stored)), "stored_bytes": [count * stored.itemsize for count in weights],
        "has_chat_template": has_chat_template, **({"notices": notices} if notices else {}),
    }, weights


# ---- The recording -------------------------------------------------------------------------------------------------------------


def refuse(why: str) -> Any:
    raise Refused(why)


def say(what: str) -> None:
    if int(os.environ.get("RANK", 0)) == 0:
        print(what, file=sys.stderr, flush=True)


def named(model: str, link: str | None) -> tuple[str, str | None, str, str]:
    """Of --model and --link: where the files are, their revision if one is named, the model's name, and what the trace calls it."""
    is_folder = os.path.isdir(model)
    source, _, revision = (model, "", "") if is_folder else model.partition("@")
    name = pathlib.Path(model).resolve().name if is_folder else source.split("/")[-1]
    return source, revision or None, name, link if link is not None else f"file:{name}" if is_folder else model


def load(args: argparse.Namespace, source: str, revision: str | None) -> tuple[nn.Module, Any, torch.dtype]:
    """The model, its tokenizer, and the precision of its files."""
    options: dict[str, Any] = {"dtype": "auto" if args.dtype == "auto" else getattr(torch, args.dtype), "revision": revision}
    if args.tensor_parallel:
        if "WORLD_SIZE" not in os.environ:
            raise Refused("--tensor-parallel needs several processes: start it as torchrun --nproc-per-node N recorders/transformers_trace.py ...")
        try:
            from transformers.distributed.configuration_utils import DistributedConfig
            options["distributed_config"] = DistributedConfig(tp_plan="auto")
        except (ImportError, TypeError):  # before transformers 5.18
            options["tp_plan"] = "auto"
    elif args.device_map:
        options["device_map"] = args.device_map
    try:
        stored = transformers.AutoConfig.from_pretrained(source, revision=revision).get_text_config().dtype
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, revision=revision)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, **options)
    except (OSError, ValueError, ImportError, RuntimeError) as why:
        raise Refused(f"{args.model} cannot be loaded: {why}") from why
    if not args.tensor_parallel and not args.device_map and torch.cuda.is_available():
        model = model.to("cuda")
    stored = getattr(torch, stored) if isinstance(stored, str) else stored
    return model, tokenizer, stored or model.dtype


def events_of_texts(dense: Run, pruned: Run, fixed: Run, dense_on_pruned: Run, weights: list[int], dropped: frozenset[Sublayer],
                    tokens: Tokens) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The events of the end of the prompt and of both texts, and those that come last.

    * `fixed`, `dense_on_pruned` - the pruned model reading the dense text, and the dense model reading the pruned one.
    * `weights` - the number of weights in the matrices of each sublayer, as `describe` counts them.
    """
    at_step = lambda step: (dense.hidden[step], dense.logits[step], pruned.hidden[step], pruned.logits[step])
    both = min(len(dense.ids), len(pruned.ids))
    events: list[dict[str, Any]] = [{"type": "next_token", "compared": compared(*at_step(0), tokens)}]
    kept = [n for at, n in enumerate(weights) if (at // 2, KINDS[at % 2]) not in dropped]
    footprint = {"dense_bytes": 2 * sum(weights), "plan_bytes": 2 * sum(kept)}
    events.append({"type": "weights", "weights": {"matrices": [], "footprint": footprint, "calibration_tokens": 0}})
    damages = [{"type": "damage", "step": step, "tokens": damage(dense.logits[step], pruned.logits[step], tokens)} for step in range(both)]
    events.append(damages[0])
    for step in range(max(len(dense.ids), len(pruned.ids))):
        chosen = {of: tokens.text(run.ids[step]) if step < len(run.ids) else None for of, run in (("dense", dense), ("pruned", pruned))}
        events.append({"type": "step", "step": {"step": step} | chosen | (compared(*at_step(step), tokens) if step < both else {})})
    of_dense = zip(dense.hidden, dense.logits, fixed.hidden, fixed.logits)
    events.append({"type": "fixed_trajectory", "steps": [numbers(metrics(*spaces)) for spaces in of_dense]})
    texts = {"dense": quality(dense.ids, dense.logits), "pruned": quality(pruned.ids, dense_on_pruned.logits)}
    return [*events, {"type": "quality", "quality": texts}], damages[1:]


def trace_of(program: str, info: dict[str, Any], settings: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """A trace of one run, recorded today."""
    return {"prunescope_trace": VERSION, "program": program, "recorded": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            "model": info, "runs": [{"settings": settings, "events": events}]}


def save(trace: dict[str, Any], path: str) -> None:
    """Writes a trace to a file."""
    text = json.dumps(trace, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    pathlib.Path(path).write_text(text, encoding="utf-8")
    say(f"Wrote {path}: {len(text) / 1e6:.1f} MB. Drop it on the page, or open the page with ?trace= and its address")


def record(args: argparse.Namespace) -> dict[str, Any] | None:
    """Records a run. Returns the trace, or nothing in processes but the first."""
    source, revision, name, link = named(args.model, args.link)
    dropped = parse_drop(args.drop) if args.drop is not None else read_plan(args.plan) if args.plan else frozenset()
    if not 1 <= args.tokens <= MAX_TOKENS or len(args.prompt) > MAX_PROMPT:
        raise Refused(f"--tokens must be 1 to {MAX_TOKENS}, and --prompt at most {MAX_PROMPT} characters, which is what the page shows")
    say(f"Loading {args.model}")
    model, tokenizer, stored = load(args, source, revision)
    config = model.config.get_text_config()
    decoder, tokens, count = Decoder(model, config), Tokens(tokenizer, model, config), config.num_hidden_layers
    check_plan(dropped, count)
    prompt = tokens.prompt(args.prompt, args.chat)
    if len(prompt) + args.tokens > context_of(config):
        raise Refused(f"the prompt has {len(prompt)} tokens and --tokens is {args.tokens}, more than the model's context of "
                      f"{context_of(config)} together: shorten one of them")

    # What the model computes, in every process.
    say("Writing both texts")
    dense, pruned = (decoder.run(prompt, plan, args.tokens, tokens.stop) for plan in (frozenset(), dropped))
    reads = lambda plan, known, text: known if known.ids[:len(text)] == text else decoder.run(prompt, plan, 0, set(), text)
    say("Reading each other's texts")
    fixed, dense_on_pruned = reads(dropped, pruned, dense.ids), reads(frozenset(), dense, pruned.ids)
    rows = torch.stack([row.cpu() for row in dense.stream])
    (raw_h, raw_z), (normed_h, normed_z) = (decoder.lens(rows, normed) for normed in (False, True))
    say("Measuring importance")
    text = tokens.encode(IMPORTANCE_TEXT)[:min(MAX_IMPORTANCE_TOKENS, context_of(config))]
    importance = decoder.importance(text)
    effects = []
    for at in ((layer, kind) for layer in reversed(range(count)) for kind in reversed(KINDS)) if args.switches else ():
        say(f"Flipping a switch of layer {at[0]}")
        flipped = decoder.run(prompt, dropped ^ {at}, 0, set(), [0])
        values = metrics(dense.hidden[0], dense.logits[0], flipped.hidden[0], flipped.logits[0])
        effects.append({"layer": at[0], "sublayer": at[1], "drops": at not in dropped} | numbers({key: values[key] for key in ("cos_p", "kl_dense_pruned")}))
    if int(os.environ.get("RANK", 0)) != 0:
        return None

    # The events, in the first process alone.
    say("Comparing")
    info, weights = describe(name, link, config, stored, bool(tokenizer.chat_template))
    events, later = events_of_texts(dense, pruned, fixed, dense_on_pruned, weights, dropped, tokens)
    if any(isinstance(value, str) for value in events[0]["compared"].values()):
        places = ((of, first_not_finite(run)) for of, run in (("dense", dense), ("pruned", pruned)))
        events[1:1] = [{"type": "not_finite", "found": {"model": of, "place": place}} for of, place in places if place][:1]
    z = dense.logits[0]
    if (normed_z[-1] - z).norm() > 8 * torch.finfo(model.dtype).eps * z.norm():
        info.setdefault("notices", []).append("The trace has no numbers layer by layer, since the model does something unknown between its final norm and its logits.")
    else:
        # With the sublayer is dense, without it is pruned.
        alone = lambda h, z, at: numbers(metrics(h[at + 1], z[at + 1], h[at], z[at]))
        layers = [{"layer": at // 2, "sublayer": KINDS[at % 2]} | alone(raw_h, raw_z, at) | {"with_final_norm": alone(normed_h, normed_z, at)}
                  for at in range(2 * count)]
        events.append({"type": "layers", "step": 0, "edited": False, "layers": layers})
    by_kind = {name: ranked(values) for name, values in importance.items()}
    events.append({"type": "importance", "importance": {"input": "residual"} | by_kind | {"tokens": len(text) - 1}})
    events += later + ([{"type": "switches", "effects": effects}] if effects else [])
    settings = {"model": link, "prompt": args.prompt, "chat": args.chat, "drop": drop_text(dropped), "tokens": args.tokens}
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in ("transformers", "torch"))
    return trace_of(f"transformers_trace.py ({versions}, {str(model.dtype).removeprefix('torch.')})", info, settings, events)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="More: docs/recording-elsewhere.md")
    parser.add_argument("--model", required=True, help="a repository of the Hugging Face hub (owner/name or owner/name@revision), or a folder with its files")
    parser.add_argument("--prompt", required=True, help="the prompt for both models")
    parser.add_argument("--chat", action="store_true", help="format the prompt with the model's chat template")
    parser.add_argument("--drop", help="sublayers to drop, such as a7,m12,b3: attention 7, MLP 12, both of layer 3; layers count from 0")
    parser.add_argument("--plan", help="a JSON file with drop_attn_list and drop_mlp_list; --drop replaces it")
    parser.add_argument("--tokens", type=int, default=32, help="tokens that each model writes, 1 to 256 (default: 32)")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto", help="the precision; auto is the files' own")
    parser.add_argument("--device-map", help="accelerate's device map, such as auto: layers are spread over the GPUs of one process")
    parser.add_argument("--tensor-parallel", action="store_true", help="spread each matrix over the processes of torchrun")
    parser.add_argument("--switches", action="store_true", help="also measure what flipping each switch would do: two passes of the prompt a layer")
    parser.add_argument("--link", help="what the trace calls the model, as a link of the page does (default: the repository)")
    parser.add_argument("--out", required=True, help="the file to write")
    args = parser.parse_args()
    if args.tensor_parallel and args.device_map:
        parser.error("--device-map and --tensor-parallel are two ways to spread a model: choose one")
    try:
        trace = record(args)
        if trace:
            save(trace, args.out)
    except (Refused, OSError) as why:
        say(f"error: {why}")
        return 2
    finally:
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
