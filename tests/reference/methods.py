"""Sparsity and quantization of one layer in numpy, float64: magnitude, Wanda, SparseGPT, OWL, round to nearest, AWQ, GPTQ.

python3 methods.py MODEL OUT LAYER: writes OUT.json (token ids, plans, matrices, offsets; the ratio that OWL gives each layer up to this
one) and OUT.bin (for each plan and matrix the weights as little-endian float32). Written from the papers, not from the Rust code.
"""
import functools
import json
import pathlib
import sys

import numpy as np

from decoder import Decoder
from gguf import Reader
from make import read
from tokenizer import Tokenizer

TEXT = pathlib.Path(__file__).resolve().parents[2] / "public/sets/calibration.txt"
MOST_TOKENS, LONGEST_SEQUENCE, SAMPLE, LEAST_DAMPING = 4096, 2048, 64, 0.01
SITES = {"attention": ["attn_q", "attn_k", "attn_v"], "mix": ["attn_output"], "mlp": ["ffn_gate", "ffn_up"], "inner": ["ffn_down"]}
PLANS = ["magnitude-0.5", "magnitude-2:4", "wanda-0", "wanda-0.37", "wanda-0.5", "wanda-2:4", "wanda-4:8", "sparsegpt-0.5", "sparsegpt-2:4",
         "sparsegpt-4:8", "rtn4-g64", "rtn2-g32", "rtn8-g128", "awq4-g64", "awq3-g128", "awq2-g32", "wanda-0.5_awq4-g64",
         "gptq4-g64", "gptq3-g128", "gptq2-g32", "sparsegpt-2:4_gptq3-g64"]
# Over the layers up to the one whose weights are compared.
UNEVEN = ["magnitude-0.5-owl", "wanda-0.6-owl", "wanda-0.04-owl", "wanda-0.5-owl_on-mlp", "sparsegpt-0.5-owl"]


def inputs(decoder, ids, last, context):
    """The inputs of the matrices of every layer up to the last one on the dense model, by site: [tokens, columns]."""
    longest = min(context, LONGEST_SEQUENCE)
    streams = [decoder.w["token_embd.weight"][ids[begin:begin + longest]] for begin in range(0, len(ids), longest)]
    for layer in range(last + 1):
        out = {site: [] for site in SITES}
        p = f"blk.{layer}."
        for at, x in enumerate(streams):
            n = decoder.norm(x, p + "attn_norm.weight")
            mixed = decoder.mix(n, layer)
            x = x + mixed @ decoder.w[p + "attn_output.weight"].T
            m = decoder.norm(x, p + "ffn_norm.weight")
            inner = decoder.inner(m, layer)
            streams[at] = x + inner @ decoder.w[p + "ffn_down.weight"].T
            for site, value in zip(SITES, (n, mixed, m, inner)):
                out[site].append(value)
        yield {site: np.concatenate(values) for site, values in out.items()}


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


def outlier_share(matrices, norms, multiple=5):
    """OWL's D of a layer: the share of its scores above a multiple of their mean. float32 scores, as the engine compares them."""
    scores = np.concatenate([(np.abs(w) * norm).ravel() for w, norm in zip(matrices, norms)])
    return (scores > np.float64(multiple) * scores.mean(dtype=np.float64)).mean()


def layer_ratios(shares, target, width=0.16):
    """The ratio to remove of each layer: the share that is kept rises with D over a width of 2λ, around the mean; narrower at 0 and 1."""
    shares = np.array(shares)
    kept = (shares - shares.min()) / (shares.max() - shares.min()) * width
    removed = kept.mean() - kept
    narrowed = min(1, target / -removed.min(), (1 - target) / removed.max())
    return target + narrowed * removed


def sparsify(weights, seen, method, pattern):
    """pattern: N:M, or the ratio in millionths."""
    # float32 scores where the engine compares float32 scores, so that both see the same ties.
    if method == "sparsegpt":
        return sparse_gpt(weights, seen, pattern)
    scores = np.abs(weights)
    if method == "wanda":
        scores = scores * seen.norms
    if isinstance(pattern, str):
        gone = n_of_m(scores, *map(int, pattern.split(":")))
    else:
        compared = scores if method == "wanda" else scores.reshape(1, -1)
        gone = lowest(compared, compared.shape[1] * pattern // 10 ** 6).reshape(scores.shape)
    return np.where(gone, 0, weights)


class Inputs:
    """The inputs X of one site's matrices."""

    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def norms(self):
        return np.sqrt((self.x.astype(np.float64) ** 2).sum(0)).astype(np.float32)

    @functools.cache
    def factor(self, damping):
        """The upper triangular U with U' U = (H + λI)^-1, and which inputs are always zero."""
        x = self.x.astype(np.float64)
        h = x.T @ x
        dead = np.diag(h) == 0
        h[dead, dead] = 1
        h += damping * np.diag(h).mean() * np.eye(len(h))
        return np.linalg.cholesky(np.linalg.inv(h)).T, dead


def sparse_gpt(weights, seen, pattern, block=128):
    w = weights.astype(np.float64)
    u, dead = seen.factor(LEAST_DAMPING)
    w[:, dead] = 0
    n, m = map(int, pattern.split(":")) if isinstance(pattern, str) else (0, 0)
    for begin in range(0, w.shape[1], block):
        end = min(begin + block, w.shape[1])
        width = end - begin
        d = np.diag(u)[begin:end]
        error = np.zeros((len(w), width))
        if n:
            gone = np.zeros((len(w), width), bool)
        else:
            scores = (w[:, begin:end] / d) ** 2
            gone = lowest(scores.reshape(1, -1), scores.size * pattern // 10 ** 6).reshape(scores.shape)
        for i in range(width):
            if n and i % m == 0 and i + m <= width:
                gone[:, i:i + m] = lowest((w[:, begin + i:begin + i + m] / d[i:i + m]) ** 2, n)
            error[:, i] = np.where(gone[:, i], w[:, begin + i] / d[i], 0)
            w[:, begin + i + 1:end] -= np.outer(error[:, i], u[begin + i, begin + i + 1:end])
            w[gone[:, i], begin + i] = 0
        w[:, end:] -= error @ u[begin:end, end:]
    return w


def gptq(weights, seen, bits, group):
    """One column after the other, without blocks. What is 0 before is set to 0 again, whatever updates have made of it."""
    w = weights.astype(np.float64)
    u, dead = seen.factor(max(LEAST_DAMPING, weights.shape[1] / len(seen.x)))
    w[:, dead] = 0
    gone = w == 0
    for i in range(w.shape[1]):
        if i % group == 0:
            step, zero, top = grid(np.where(gone, 0, w)[:, i:i + group], bits)
        rounded = (np.clip(np.round(w[:, i:i + 1] / step) + zero, 0, top) - zero) * step
        rounded = np.where(gone[:, i], 0, rounded[:, 0])
        error = (w[:, i] - rounded) / u[i, i]
        w[:, i] = rounded
        w[:, i + 1:] -= np.outer(error, u[i, i + 1:])
    return w


def grid(part, bits):
    """Step, zero point and largest code of each row's group, in the precision of the weights."""
    top = 2 ** bits - 1
    low, high = np.minimum(part.min(1, keepdims=True), 0), np.maximum(part.max(1, keepdims=True), 0)
    step = np.maximum(high - low, part.dtype.type(1e-5)) / part.dtype.type(top)
    return step, np.clip(-np.round(low / step), 0, top), top


def round_groups(w, bits, group):
    out = np.empty_like(w)
    for begin in range(0, w.shape[1], group):
        part = w[:, begin:begin + group]
        step, zero, top = grid(part, bits)
        out[:, begin:begin + group] = (np.clip(np.round(part / step) + zero, 0, top) - zero) * step
    return out


def quantize(group_of_matrices, seen, method, bits, group):
    """Matrices of one site share AWQ's scale."""
    if method == "gptq":
        return [gptq(w, seen, bits, group) for w in group_of_matrices]
    x = seen.x
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


def edited(plan, matrices, seen, ratio):
    """One site's matrices under a plan; `ratio` in millionths takes the place of an uneven one."""
    for part in plan.split("_"):
        head, *rest = part.split("-")
        if head == "on":
            continue
        if head[-1].isdigit():
            matrices = quantize(matrices, seen, head[:-1], int(head[-1]), int(rest[0][1:]))
        else:
            whole = rest[0] if ":" in rest[0] else round(float(rest[0]) * 100) * 10 ** 4
            matrices = [sparsify(w, seen, head, ratio if rest[1:] == ["owl"] else whole) for w in matrices]
    return matrices


def main(model, out, layer):
    file = Reader(read(model))
    decoder, tokenizer = Decoder(file.metadata, file.tensors), Tokenizer(file.metadata)
    ids = tokenizer.encode(TEXT.read_text().strip(), False)[:MOST_TOKENS]
    of_site = lambda at, site: [decoder.w[f"blk.{at}.{name}.weight"] for name in SITES[site]]
    groups = {"all": list(SITES), "mlp": ["mlp", "inner"]}
    shares = {group: [] for group in groups}
    for at, x in enumerate(inputs(decoder, ids, layer, file.metadata["llama.context_length"])):
        seen = {site: Inputs(value) for site, value in x.items()}
        for group, sites in groups.items():
            matrices = [(w, seen[site].norms) for site in sites for w in of_site(at, site)]
            shares[group].append(outlier_share(*zip(*matrices)))
    cases, blob, ratios = [], b"", {}
    for plan in PLANS + UNEVEN:
        group = "mlp" if "_on-mlp" in plan else "all"
        if plan in UNEVEN:
            ratios[plan] = layer_ratios(shares[group], float(plan.split("-")[1])).tolist()
        for site, names in SITES.items():
            matrices = of_site(layer, site)
            if site in groups[group]:
                matrices = edited(plan, matrices, seen[site], round(ratios[plan][-1] * 10 ** 6) if plan in UNEVEN else None)
            for name, w in zip(names, matrices):
                cases.append({"plan": plan, "matrix": name, "offset": len(blob) // 4, "count": w.size})
                blob += w.astype("<f4").tobytes()
    pathlib.Path(out + ".json").write_text(json.dumps({"ids": ids, "layer": layer, "ratios": ratios, "cases": cases}) + "\n")
    pathlib.Path(out + ".bin").write_bytes(blob)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
