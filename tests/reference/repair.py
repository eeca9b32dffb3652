"""Repair of pruned models in numpy: bias, scale, low rank and full for dropped sublayers, offset and temperature for the head; fitted in float64 on a
float32 forward pass.

python3 repair.py MODEL OUT CASES…: writes OUT.json. CASES are JSON lists of {"plan", "repair", "head", "tokens"}: the dropped sublayers or a rounding
to nearest (rtn3-g64), the form (or nothing), the parts of the head (or nothing), and the number of calibration tokens to fit on. Each case gets the
divergences on the calibration tokens that were kept out, and the fidelity on the passages of the retrieval set, of the pruned and the repaired model.
Written from the formulas, not from the Rust code.
"""
import copy
import json
import pathlib
import sys

import numpy as np

from decoder import Decoder
from gguf import Reader
from make import read
from methods import SITES, round_groups
from tokenizer import Tokenizer

SETS = pathlib.Path(__file__).resolve().parents[2] / "public/sets"
LONGEST_SEQUENCE, FIDELITY_TOKENS, RIDGE = 512, 400, 0.01
# The head: most tokens and logits of a fit, rows read at once, and the ranges of the steps along both lines.
HEAD_TOKENS, LOGITS, ROWS = 256, 1 << 24, 8
RANGES = {"temperature": (-0.8, 4.0), "bias": (0.0, 2.0)}
NO_HEAD = (0.0, 1.0)


def index_of(sublayer):
    return 2 * int(sublayer[1:]) + (sublayer[0] == "m")


def normed(decoder, x, index):
    return decoder.norm(x, f"blk.{index // 2}.{'ffn' if index % 2 else 'attn'}_norm.weight")


def step(decoder, x, index):
    return x + (decoder.mlp if index % 2 else decoder.attention)(x, index // 2)


def fit(form, u, t):
    """The map that is added in place of the sublayer, as a function of its normed input."""
    u, t = u.astype(np.float64), t.astype(np.float64)
    u_mean, t_mean = u.mean(0), t.mean(0)
    if form == "bias":
        return lambda x: np.broadcast_to(t_mean, x.shape)
    uc, tc = u - u_mean, t - t_mean
    if form == "scale":
        a = (uc * tc).mean(0) / ((uc * uc).mean(0) * (1 + RIDGE))
        return lambda x: a * (x - u_mean) + t_mean
    covariance = uc.T @ uc / len(u)
    ridge = covariance + RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    cross = uc.T @ tc / len(u)
    a = np.linalg.solve(ridge, cross)
    if form.startswith("rank"):
        _, vectors = np.linalg.eigh(cross.T @ a)
        v = vectors[:, -int(form[4:]):]
        a = a @ v @ v.T
    return lambda x: (x - u_mean) @ a + t_mean


def run(decoder, ids, dropped, maps, head=NO_HEAD):
    x = decoder.w["token_embd.weight"][ids]
    for index in range(2 * decoder.layers):
        if index not in dropped:
            x = step(decoder, x, index)
        elif index in maps:
            x = (x + maps[index](normed(decoder, x, index))).astype(np.float32)
    return outputs(decoder, decoder.hidden(x), head)


def outputs(decoder, h, head=NO_HEAD):
    bias, temperature = head
    return decoder.logits((h + bias).astype(np.float32)).astype(np.float64) / temperature


def edited(decoder, plan):
    """The decoder with all matrices rounded to nearest, as in rtn3-g64."""
    out = copy.copy(decoder)
    bits, group = plan[3:].split("-g")
    names = [name for site in SITES.values() for name in site]
    rounded = {key: round_groups(decoder.w[key], int(bits), int(group)) for at in range(decoder.layers) for key in (f"blk.{at}.{name}.weight" for name in names)}
    out.w = decoder.w | rounded
    return out


def golden(f, low, high, precision=1e-4):
    """The minimum of a convex function."""
    ratio = (np.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    fa, fb = f(a), f(b)
    while high - low > precision:
        if fa < fb:
            high, b, fb = b, a, fa
            a = high - ratio * (high - low)
            fa = f(a)
        else:
            low, a, fa = a, b, fb
            b = low + ratio * (high - low)
            fb = f(b)
    return (low + high) / 2


def fit_head(part, decoder, h, pruned_h, head):
    """The head with one more part, and the part's value: the temperature, or the length of the offset relative to the mean h."""
    most = max(min(HEAD_TOKENS, LOGITS // len(decoder.w[decoder.head])), ROWS)
    if len(h) > most:
        count = most // ROWS
        rows = np.concatenate([np.arange(at * len(h) // count, at * len(h) // count + ROWS) for at in range(count)])
    else:
        rows = np.arange(len(h))
    p = np.exp(log_softmax(decoder.logits(h[rows])))
    z = outputs(decoder, pruned_h[rows], head).astype(np.float32)
    offset = (h - pruned_h - head[0]).mean(0)
    v = z if part == "temperature" else (decoder.logits(offset) / head[1])[None]

    def divergence(t):
        """Up to a constant."""
        return -(p * log_softmax(z + np.float32(t) * v)).sum(-1).mean()

    t = golden(divergence, *RANGES[part])
    if part == "temperature":
        return (head[0], head[1] / (1 + t)), 1 / (1 + t)
    length = np.linalg.norm(t * offset) / np.linalg.norm((pruned_h + head[0]).mean(0))
    return (head[0] + t * offset, head[1]), length


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def divergences(dense, other):
    p, q = log_softmax(dense), log_softmax(other)
    return (np.exp(p) * (p - q)).sum(-1)


def fidelity(dense, other, ids):
    kl = divergences(dense, other)
    loss = -log_softmax(other)[np.arange(len(ids) - 1), ids[1:]].mean()
    return {"kl_mean": kl.mean(), "kl_median": float(np.median(kl)), "same_top": float((dense.argmax(-1) == other.argmax(-1)).mean()), "loss": loss}


def walk(decoder, pruned, dropped, form, pieces):
    """Both streams of each piece behind the last sublayer, and the maps."""
    xs = [decoder.w["token_embd.weight"][ids] for ids in pieces]
    ys, maps = list(xs), {}
    for index in range(2 * decoder.layers):
        xs = [step(decoder, x, index) for x in xs]
        if index not in dropped:
            ys = [step(pruned, y, index) for y in ys]
        elif form:
            us = [normed(decoder, y, index) for y in ys]
            u = np.concatenate([u[1:] for u in us])
            t = np.concatenate([(x - y)[1:] for x, y in zip(xs, ys)])
            maps[index] = fit(form, u, t)
            ys = [(y + maps[index](u)).astype(np.float32) for y, u in zip(ys, us)]
    return xs, ys, maps


def main(model, out, *cases):
    file = Reader(read(model))
    decoder, tokenizer = Decoder(file.metadata, file.tensors), Tokenizer(file.metadata)
    longest = min(LONGEST_SEQUENCE, file.metadata["llama.context_length"])
    calibration = tokenizer.encode((SETS / "calibration.txt").read_text().strip(), False)
    passages = [json.loads(line) for line in (SETS / "retrieval.jsonl").read_text().splitlines() if line.strip()]
    text = " ".join(entry["passage"] for entry in passages if "passage" in entry)
    held_out = np.array(tokenizer.encode(text, False)[:min(FIDELITY_TOKENS, longest)])
    dense_held_out = run(decoder, held_out, (), {})
    results, pruned_known = [], {}
    for case in (case for some in cases for case in json.loads(some)):
        plan, form, tokens = case["plan"], case["repair"], case["tokens"]
        edits = plan.startswith("rtn")
        dropped = set() if edits else {index_of(sublayer) for sublayer in plan.split(",")}
        pruned = edited(decoder, plan) if edits else decoder
        pieces = [calibration[at:min(at + longest, tokens)] for at in range(0, tokens, longest)]
        kept_out = calibration[tokens:tokens + tokens // 3]
        xs, ys, maps = walk(decoder, pruned, dropped, form, pieces)
        dense = run(decoder, kept_out, (), {})
        if plan not in pruned_known:
            pruned_known[plan] = fidelity(dense_held_out, run(pruned, held_out, dropped, {}), held_out)
        kl_pruned = kl_repaired = divergences(dense, run(pruned, kept_out, dropped, {})).mean()
        if form:
            kl_repaired = divergences(dense, run(pruned, kept_out, dropped, maps)).mean()
        kl, steps, head = min(kl_pruned, kl_repaired), [], NO_HEAD
        if kl_repaired > kl_pruned:
            # The maps are not applied: the head is fitted without them.
            xs, ys, maps = walk(decoder, pruned, dropped, "", pieces)
        h, pruned_h = (np.concatenate([decoder.hidden(x[1:]) for x in streams]) for streams in (xs, ys))
        for part in {"": [], "both": ["bias", "temperature"]}.get(case.get("head", ""), [case.get("head")]):
            candidate, value = fit_head(part, decoder, h, pruned_h, head)
            after = divergences(dense, run(pruned, kept_out, dropped, maps, candidate)).mean()
            steps.append({"part": part, "value": value, "kl_before": kl, "kl_after": after})
            if after < kl:
                kl, head = after, candidate
        results.append(case | {
            "kl_pruned": kl_pruned, "kl_repaired": kl_repaired, "steps": steps, "pruned": pruned_known[plan],
            "repaired": fidelity(dense_held_out, run(pruned, held_out, dropped, maps, head), held_out),
        })
    dense_loss = fidelity(dense_held_out, dense_held_out, held_out)["loss"]
    pathlib.Path(out + ".json").write_text(json.dumps({"ids": held_out.tolist(), "dense_loss": dense_loss, "cases": results}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
