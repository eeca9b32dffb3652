"""Computes what the Rust engine must find: python3 make.py MODEL OUT

MODEL is a .gguf file or a manifest with its parts. Writes OUT.json (prompts, plans, token ids, metrics) and OUT.f32: for each
case the residual stream at the last position, then the logits, as little-endian float32.
"""
import json
import pathlib
import sys

import numpy as np

from decoder import Decoder, metrics
from gguf import Reader
from tokenizer import Tokenizer

PROMPTS = [("What is the capital of France?", True), ("The river rises in the hills and 1984 runs,  it's naïve – 日本\n", False),
           ("Write two sentences about a fox who learns to swim.", True)]


def plans(layers):
    """Four plans: nothing, attention, MLP, and blocks beside the first and last layer."""
    if layers == 30:
        return ["", "a7,a26,a28,a29", "m17,m16", "b3,m15,a0,m29"]
    return ["", "a1,a3", "m2", "b0,m3"]


def indices(plan):
    out = set()
    for part in filter(None, plan.split(",")):
        layer = int(part[1:])
        out |= {"a": {2 * layer}, "m": {2 * layer + 1}, "b": {2 * layer, 2 * layer + 1}}[part[0]]
    return out


def top(z, z2, count=5):
    """The dense model's likeliest tokens, each with its logit z and its entries of the parallel and the orthogonal part of z2 - z."""
    z, z2 = z.astype(np.float64), z2.astype(np.float64)
    along = ((z2 - z) @ z) / (z @ z) * z
    return [{"id": int(i), "z": z[i], "parallel": along[i], "orthogonal": (z2 - z - along)[i]} for i in np.argsort(-z, kind="stable")[:count]]


def read(path):
    path = pathlib.Path(path)
    if path.suffix == ".json":
        return b"".join((path.parent / part["file"]).read_bytes() for part in json.loads(path.read_text())["parts"])
    return path.read_bytes()


def main(model, out):
    file = Reader(read(model))
    decoder, tokenizer = Decoder(file.metadata, file.tensors), Tokenizer(file.metadata)
    cases, blob = [], b""
    for prompt, chat in PROMPTS:
        ids = tokenizer.encode(tokenizer.chat(prompt), True) if chat else tokenizer.encode(prompt, False)
        dense = decoder.stream(ids, set())
        h = decoder.hidden(dense[-1])
        z = decoder.logits(h)
        transitions = []
        # One prompt is enough for the layers: each takes four language-model heads.
        for index in range(2 * decoder.layers) if not cases else []:
            before, after = dense[index], dense[index + 1]
            raw = metrics(after, decoder.logits(after), before, decoder.logits(before))
            normed = [decoder.hidden(x) for x in (after, before)]
            lens = metrics(normed[0], decoder.logits(normed[0]), normed[1], decoder.logits(normed[1]))
            transitions.append({"raw": raw, "with_final_norm": lens})
        for plan in plans(decoder.layers):
            stream = decoder.stream(ids, indices(plan))
            h2 = decoder.hidden(stream[-1])
            z2 = decoder.logits(h2)
            cases.append({"prompt": prompt, "chat": chat, "drop": plan, "ids": ids, "offset": len(blob) // 4, "rows": len(stream),
                          "hidden": stream.shape[1], "vocabulary": len(z2), "metrics": metrics(h, z, h2, z2), "top": top(z, z2),
                          "transitions": transitions if not plan else []})
            blob += stream.astype("<f4").tobytes() + z2.astype("<f4").tobytes()
    importance = {name: decoder.importance(cases[0]["ids"], name == "normed") for name in ("residual", "normed")}
    pathlib.Path(out + ".json").write_text(json.dumps({"cases": cases, "importance": importance}, indent=1) + "\n")
    pathlib.Path(out + ".f32").write_bytes(blob)


if __name__ == "__main__":
    main(*sys.argv[1:3])
