"""Repair of dropped sublayers in numpy: bias, scale, low rank and full, fitted in float64 on a float32 forward pass.

python3 repair.py MODEL OUT CASES: writes OUT.json. CASES is a JSON list of {"plan", "repair", "tokens"}: the dropped sublayers, the form, and the
number of calibration tokens to fit on. Each case gets the divergences on the calibration tokens that were kept out, and the
fidelity on the passages of the retrieval set, of the pruned and the repaired model. Written from the formulas, not from the Rust code.
"""
import json
import pathlib
import sys

import numpy as np

from decoder import Decoder
from gguf import Reader
from make import read
from tokenizer import Tokenizer

SETS = pathlib.Path(__file__).resolve().parents[2] / "public/sets"
LONGEST_SEQUENCE, FIDELITY_TOKENS, RIDGE = 512, 400, 0.01


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


def run(decoder, ids, dropped, maps):
    x = decoder.w["token_embd.weight"][ids]
    for index in range(2 * decoder.layers):
        if index not in dropped:
            x = step(decoder, x, index)
        elif index in maps:
            x = (x + maps[index](normed(decoder, x, index))).astype(np.float32)
    return decoder.logits(decoder.hidden(x)).astype(np.float64)


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


def main(model, out, cases):
    file = Reader(read(model))
    decoder, tokenizer = Decoder(file.metadata, file.tensors), Tokenizer(file.metadata)
    longest = min(LONGEST_SEQUENCE, file.metadata["llama.context_length"])
    calibration = tokenizer.encode((SETS / "calibration.txt").read_text().strip(), False)
    passages = [json.loads(line) for line in (SETS / "retrieval.jsonl").read_text().splitlines() if line.strip()]
    text = " ".join(entry["passage"] for entry in passages if "passage" in entry)
    held_out = np.array(tokenizer.encode(text, False)[:min(FIDELITY_TOKENS, longest)])
    dense_held_out = run(decoder, held_out, (), {})
    results, pruned_known = [], {}
    for case in json.loads(cases):
        dropped = {index_of(sublayer) for sublayer in case["plan"].split(",")}
        tokens = case["tokens"]
        pieces = [calibration[at:min(at + longest, tokens)] for at in range(0, tokens, longest)]
        kept_out = calibration[tokens:tokens + tokens // 3]
        xs = [decoder.w["token_embd.weight"][ids] for ids in pieces]
        ys, maps = list(xs), {}
        for index in range(2 * decoder.layers):
            xs = [step(decoder, x, index) for x in xs]
            if index in dropped:
                us = [normed(decoder, y, index) for y in ys]
                u = np.concatenate([u[1:] for u in us])
                t = np.concatenate([(x - y)[1:] for x, y in zip(xs, ys)])
                maps[index] = fit(case["repair"], u, t)
                ys = [(y + maps[index](u)).astype(np.float32) for y, u in zip(ys, us)]
            else:
                ys = [step(decoder, y, index) for y in ys]
        dense = run(decoder, kept_out, (), {})
        if case["plan"] not in pruned_known:
            pruned_known[case["plan"]] = fidelity(dense_held_out, run(decoder, held_out, dropped, {}), held_out)
        results.append(case | {
            "kl_pruned": divergences(dense, run(decoder, kept_out, dropped, {})).mean(),
            "kl_repaired": divergences(dense, run(decoder, kept_out, dropped, maps)).mean(),
            "pruned": pruned_known[case["plan"]],
            "repaired": fidelity(dense_held_out, run(decoder, held_out, dropped, maps), held_out),
        })
    dense_loss = fidelity(dense_held_out, dense_held_out, held_out)["loss"]
    pathlib.Path(out + ".json").write_text(json.dumps({"ids": held_out.tolist(), "dense_loss": dense_loss, "cases": results}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
