"""Sparsity and quantization of one layer in numpy, float64: magnitude, Wanda, SparseGPT, round to nearest, AWQ.

python3 methods.py MODEL OUT LAYER: writes OUT.json (token ids, plans, matrices, offsets) and OUT.bin (for each plan and matrix the
weights as little-endian float32). Written from the papers, not from the Rust code.
"""
import json
import pathlib
import sys

import numpy as np

from decoder import Decoder
from gguf import Reader
from make import read
from tokenizer import Tokenizer

TEXT = pathlib.Path(__file__).resolve().parents[2] / "public/sets/calibration.txt"
MOST_TOKENS, LONGEST_SEQUENCE, SAMPLE = 4096, 2048, 64
SITES = {"attention": ["attn_q", "attn_k", "attn_v"], "mix": ["attn_output"], "mlp": ["ffn_gate", "ffn_up"], "inner": ["ffn_down"]}
PLANS = ["magnitude-0.5", "magnitude-2:4", "wanda-0", "wanda-0.37", "wanda-0.5", "wanda-2:4", "wanda-4:8", "sparsegpt-0.5", "sparsegpt-2:4",
         "sparsegpt-4:8", "rtn4-g64", "rtn2-g32", "rtn8-g128", "awq4-g64", "awq3-g128", "awq2-g32", "wanda-0.5_awq4-g64"]


def inputs(decoder, ids, layer, context):
    """The inputs of the layer's matrices on the dense model, by site: [tokens, columns]."""
    out = {site: [] for site in SITES}
    longest = min(context, LONGEST_SEQUENCE)
    for begin in range(0, len(ids), longest):
        x = decoder.w["token_embd.weight"][ids[begin:begin + longest]]
        for at in range(layer):
            x = x + decoder.attention(x, at)
            x = x + decoder.mlp(x, at)
        p = f"blk.{layer}."
        n = decoder.norm(x, p + "attn_norm.weight")
        mixed = decoder.mix(n, layer)
        x = x + mixed @ decoder.w[p + "attn_output.weight"].T
        m = decoder.norm(x, p + "ffn_norm.weight")
        for site, value in zip(SITES, (n, mixed, m, decoder.inner(m, layer))):
            out[site].append(value)
    return {site: np.concatenate(values) for site, values in out.items()}


def lowest(scores, count):
    """True at the `count` lowest of the last axis; of equal ones the first."""
    gone = np.zeros(scores.shape, bool)
    np.put_along_axis(gone, np.argsort(scores, axis=-1, kind="stable")[..., :count], True, axis=-1)
    return gone


def n_of_m(scores, n, m):
    rows, columns = scores.shape
    whole = columns // m * m
    gone = np.zeros(scores.shape, bool)
    gone[:, :whole] = lowest(scores[:, :whole].reshape(rows, -1, m), n).reshape(rows, whole)
    return gone


def sparsify(weights, x, method, pattern):
    # float32 scores where the engine compares float32 scores, so that both see the same ties.
    if method == "sparsegpt":
        return sparse_gpt(weights, x, pattern)
    scores = np.abs(weights)
    if method == "wanda":
        scores = scores * np.sqrt((x.astype(np.float64) ** 2).sum(0)).astype(np.float32)
    if ":" in pattern:
        gone = n_of_m(scores, *map(int, pattern.split(":")))
    else:
        percent = round(float(pattern) * 100)
        compared = scores if method == "wanda" else scores.reshape(1, -1)
        gone = lowest(compared, compared.shape[1] * percent // 100).reshape(scores.shape)
    return np.where(gone, 0, weights)


def sparse_gpt(weights, x, pattern, block=128, damping=0.01):
    w, x = weights.astype(np.float64), x.astype(np.float64)
    h = x.T @ x
    dead = np.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    h += damping * np.diag(h).mean() * np.eye(len(h))
    u = np.linalg.cholesky(np.linalg.inv(h)).T
    n, m = map(int, pattern.split(":")) if ":" in pattern else (0, 0)
    for begin in range(0, w.shape[1], block):
        end = min(begin + block, w.shape[1])
        width = end - begin
        d = np.diag(u)[begin:end]
        error = np.zeros((len(w), width))
        if n:
            gone = np.zeros((len(w), width), bool)
        else:
            scores = (w[:, begin:end] / d) ** 2
            gone = lowest(scores.reshape(1, -1), scores.size * round(float(pattern) * 100) // 100).reshape(scores.shape)
        for i in range(width):
            if n and i % m == 0 and i + m <= width:
                gone[:, i:i + m] = lowest((w[:, begin + i:begin + i + m] / d[i:i + m]) ** 2, n)
            error[:, i] = np.where(gone[:, i], w[:, begin + i] / d[i], 0)
            w[:, begin + i + 1:end] -= np.outer(error[:, i], u[begin + i, begin + i + 1:end])
            w[gone[:, i], begin + i] = 0
        w[:, end:] -= error @ u[begin:end, end:]
    return w


def round_groups(w, bits, group):
    out = np.empty_like(w)
    top = 2 ** bits - 1
    for begin in range(0, w.shape[1], group):
        part = w[:, begin:begin + group]
        low, high = np.minimum(part.min(1, keepdims=True), 0), np.maximum(part.max(1, keepdims=True), 0)
        step = np.maximum(high - low, np.float32(1e-5)) / np.float32(top)
        zero = np.clip(-np.round(low / step), 0, top)
        out[:, begin:begin + group] = (np.clip(np.round(part / step) + zero, 0, top) - zero) * step
    return out


def quantize(group_of_matrices, x, method, bits, group):
    """Matrices of one site share the scale."""
    keep = lambda after, before: np.where(before == 0, 0, after)
    scaled = lambda w, s: keep(round_groups(w * s, bits, group) / s, w)
    w32 = [w.astype(np.float32) for w in group_of_matrices]
    if method == "rtn":
        return [scaled(w, np.ones(w.shape[1], np.float32)) for w in w32]
    mean = np.abs(x).mean(0, dtype=np.float64)
    count = min(SAMPLE, len(x))
    sample = x[[(2 * i + 1) * len(x) // (2 * count) for i in range(count)]].astype(np.float64)
    best = None
    for step in range(20):
        s = np.maximum(mean ** (step / 20), 1e-4)
        s = (s / np.sqrt(s.max() * s.min())).astype(np.float32)
        rounded = [scaled(w, s) for w in w32]
        loss = sum(((sample @ (after.astype(np.float64) - w).T) ** 2).sum() for after, w in zip(rounded, group_of_matrices))
        if best is None or loss < best[0]:
            best = loss, rounded
    return best[1]


def main(model, out, layer):
    file = Reader(read(model))
    decoder, tokenizer = Decoder(file.metadata, file.tensors), Tokenizer(file.metadata)
    ids = tokenizer.encode(TEXT.read_text().strip(), False)[:MOST_TOKENS]
    x = inputs(decoder, ids, layer, file.metadata["llama.context_length"])
    cases, blob = [], b""
    for plan in PLANS:
        for site, names in SITES.items():
            matrices = [decoder.w[f"blk.{layer}.{name}.weight"] for name in names]
            for part in plan.split("_"):
                head, rest = part.split("-")
                if head[-1].isdigit():
                    matrices = quantize(matrices, x[site], head[:-1], int(head[-1]), int(rest[1:]))
                else:
                    matrices = [sparsify(w, x[site], head, rest) for w in matrices]
            for name, w in zip(names, matrices):
                cases.append({"plan": plan, "matrix": name, "offset": len(blob) // 4, "count": w.size})
                blob += w.astype("<f4").tobytes()
    pathlib.Path(out + ".json").write_text(json.dumps({"ids": ids, "layer": layer, "cases": cases}) + "\n")
    pathlib.Path(out + ".bin").write_bytes(blob)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
