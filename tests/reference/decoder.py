"""A llama-family forward pass in numpy, float32, and the paper's metrics in float64."""
import numpy as np


class Decoder:
    def __init__(self, metadata, tensors):
        get = lambda key: metadata[f"llama.{key}"]
        self.layers, self.heads, self.kv_heads = get("block_count"), get("attention.head_count"), get("attention.head_count_kv")
        self.epsilon, self.base = get("attention.layer_norm_rms_epsilon"), metadata.get("llama.rope.freq_base", 10000.0)
        self.w = tensors
        self.head = "output.weight" if "output.weight" in tensors else "token_embd.weight"
        self.wide = {}

    def times(self, x, name):
        """x Wᵀ in double precision, in which everything is from the first attention on: W is converted once, not for every product."""
        known = self.wide.get(name)
        if known is None or known[0] is not self.w[name]:
            known = self.wide[name] = self.w[name], self.w[name].T.astype(np.float64)
        return x @ known[1]

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * self.w[name]

    def rope(self, x):
        """Interleaved pairs, as GGUF stores the llama family. x: [tokens, heads, head_dim]."""
        tokens, _, width = x.shape
        angle = np.arange(tokens)[:, None] * self.base ** (-np.arange(0, width, 2) / width)
        cos, sin = np.cos(angle)[:, None].astype(np.float32), np.sin(angle)[:, None].astype(np.float32)
        out = np.empty_like(x)
        out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return out

    def attention(self, x, layer):
        return self.times(self.mix(self.norm(x, f"blk.{layer}.attn_norm.weight"), layer), f"blk.{layer}.attn_output.weight")

    def mix(self, n, layer):
        """What all heads see of the normed stream n."""
        p, x = f"blk.{layer}.", n
        split = lambda name, heads: self.times(n, p + name).reshape(len(x), heads, -1)
        q, k = self.rope(split("attn_q.weight", self.heads)), self.rope(split("attn_k.weight", self.kv_heads))
        v = split("attn_v.weight", self.kv_heads)
        group = self.heads // self.kv_heads
        k, v = np.repeat(k, group, 1), np.repeat(v, group, 1)
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1])
        scores[:, np.triu(np.ones((len(x), len(x)), bool), 1)] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("hqk,khd->qhd", scores / scores.sum(-1, keepdims=True), v)
        return mixed.reshape(len(x), -1)

    def mlp(self, x, layer):
        return self.times(self.inner(self.norm(x, f"blk.{layer}.ffn_norm.weight"), layer), f"blk.{layer}.ffn_down.weight")

    def inner(self, n, layer):
        """The MLP's inner layer for the normed stream n."""
        p = f"blk.{layer}."
        gate = self.times(n, p + "ffn_gate.weight")
        return gate / (1 + np.exp(-gate)) * self.times(n, p + "ffn_up.weight")

    def stream(self, ids, dropped):
        """The residual stream at the last position before, between and after the sublayers: [2 * layers + 1, hidden].
        `dropped`: indices of sublayers, 2 * layer for attention and 2 * layer + 1 for the MLP."""
        x = self.w["token_embd.weight"][ids]
        out = [x[-1]]
        for index in range(2 * self.layers):
            if index not in dropped:
                x = x + (self.mlp if index % 2 else self.attention)(x, index // 2)
            out.append(x[-1])
        return np.stack(out)

    def importance(self, ids, normed):
        """1 - cos, averaged over all tokens but the first: of x and x + f for each attention, MLP and block; `normed`: of the
        sublayer's normed input and its output f instead (blocks as before)."""
        x, out = self.w["token_embd.weight"][ids], {"attention": [], "mlp": [], "block": []}
        change = lambda a, b: float(1 - np.mean([cosine(*(np.asarray(v, np.float64) for v in pair)) for pair in zip(a[1:], b[1:])]))
        for layer in range(self.layers):
            start = x
            for kind, function, norm in (("attention", self.attention, "attn_norm"), ("mlp", self.mlp, "ffn_norm")):
                f = function(x, layer)
                out[kind].append(change(self.norm(x, f"blk.{layer}.{norm}.weight"), f) if normed else change(x, x + f))
                x = x + f
            out["block"].append(change(start, x))
        return out

    def hidden(self, x):
        return self.norm(x, "output_norm.weight")

    def logits(self, hidden):
        return self.times(hidden, self.head)


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def variance(w, x):
    w = w / w.sum()
    return w @ (x - w @ x) ** 2


def metrics(h, z, h2, z2, temperature=1.0):
    """Every quantity of the paper's table at one position; dense (h, z) against pruned (h2, z2)."""
    h, z, h2, z2 = (np.asarray(v, np.float64) for v in (h, z, h2, z2))

    def log_softmax(x):
        x = x / temperature - (x / temperature).max()
        return x - np.log(np.exp(x).sum())

    lp, lp2 = log_softmax(z), log_softmax(z2)
    p, p2, dz = np.exp(lp), np.exp(lp2), z2 - z
    top = np.argsort(-p, kind="stable")

    def parts(x, x2):
        d = x2 - x
        along = (d @ x) / (x @ x) * x
        size = np.linalg.norm
        return (d @ x) / (x @ x), size(along) / size(x), size(d - along) / size(x)

    out = {"cos_h": cosine(h, h2), "cos_z": cosine(z, z2), "cos_p": cosine(p, p2),
           "kl_dense_pruned": p @ (lp - lp2), "kl_pruned_dense": p2 @ (lp2 - lp)}
    for name, (a, b) in {"h": (h, h2), "z": (z, z2), "p": (p, p2)}.items():
        alpha, parallel, orthogonal = parts(a, b)
        out[f"theorem1_{name}"] = orthogonal ** 2 / 2
        if name != "p":
            out[f"alpha_{name}"], out[f"parallel_{name}"], out[f"orthogonal_{name}"] = alpha, parallel, orthogonal
            out[f"ratio_{name}"] = orthogonal / parallel if parallel > 0 else 0.0
    var = {"uniform": variance(np.ones_like(p), dz), "p": variance(p, dz), "r": variance(p ** 2, dz)}
    for k in (5, 10):
        var[f"top{k}"] = variance(p[top[:k]], dz[top[:k]])
    out |= {f"variance_{name}": value for name, value in var.items()}
    out |= {"theorem2": var["r"] / (2 * temperature ** 2), "theorem3": var["p"] / (2 * temperature ** 2)}
    for name, d in {"": dz, "_top5": dz[top[:5]]}.items():
        out[f"delta_l1{name}"], out[f"delta_l2{name}"] = np.abs(d).mean(), np.sqrt((d * d).mean())
    return {name: float(value) for name, value in out.items()}
