"""Searches for the sublayers to drop, in numpy: importance, angular distance, and greedily by KL, without and with repair by scale.

python3 search.py MODEL OUT CASES: writes OUT.json. CASES is a JSON list of {"search", "budget", "judged", "held_out", "fit"}: what may be
dropped (attn, mlp, all), how many at most, and the tokens that candidates are judged, plans evaluated and repairs fitted on. Each case gets
the plans of every method. Written from the methods' descriptions, not from the Rust code.
"""
import json
import pathlib
import re
import sys

import numpy as np

from decoder import Decoder
from gguf import Reader
from make import read
from repair import SETS, divergences, fit, normed, step
from tokenizer import Tokenizer

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "crates/protocol/src/prune/importance.rs"
SHORT_LIST = 4
# Candidates of a greedy search from its second round on.
TRIED = 16


def importance_text():
    """The text that importance is measured on, from the Rust string literal that holds it."""
    literal = re.search(r'IMPORTANCE_TEXT: &str = "((?:[^"\\]|\\.)*)"', SOURCE.read_text(), re.S)[1]
    return re.sub(r"\\\n\s*", "", literal).replace('\\"', '"')


def plan(dropped):
    return ",".join(f"{'am'[index % 2]}{index // 2}" for index in sorted(dropped))


def cosines(a, b):
    a, b = a[1:].astype(np.float64), b[1:].astype(np.float64)
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


class Search:
    def __init__(self, decoder, calibration, passages, important, case):
        self.decoder, self.sublayers = decoder, 2 * decoder.layers
        allowed = {"attn": [0], "mlp": [1], "all": [0, 1]}[case["search"]]
        self.allowed = [index for index in range(self.sublayers) if index % 2 in allowed]
        self.kind, self.budget = case["search"], case["budget"]
        tokens = case["fit"]
        self.fitted = self.stream(self.embed(calibration[:tokens]))
        self.kept_out = self.read(calibration[tokens:tokens + tokens // 3])
        self.judged = self.read(calibration[:case["judged"]])
        self.held_out = self.read(passages[:case["held_out"]])
        self.important = self.embed(important[:256])
        self.repairs = {(): ({}, 0.0)}

    def embed(self, ids):
        return self.decoder.w["token_embd.weight"][ids]

    def stream(self, x, first=0, dropped=(), maps={}):
        """The residual stream before sublayer `first` and after each from there on."""
        out = [x]
        for index in range(first, self.sublayers):
            if index not in dropped:
                x = step(self.decoder, x, index)
            elif index in maps:
                x = (x + maps[index](normed(self.decoder, x, index))).astype(np.float32)
            out.append(x)
        return out

    def logits(self, x):
        return self.decoder.logits(self.decoder.hidden(x)).astype(np.float64)

    def read(self, ids):
        """A text's embeddings and the dense model's logits."""
        x = self.embed(ids)
        return x, self.logits(self.stream(x)[-1])

    def divergence(self, text, x):
        """Mean KL on a text of the model whose stream ends in x from the dense one."""
        return divergences(text[1], self.logits(x)).mean()

    def importance(self, dropped):
        x = self.stream(self.important, 0, dropped)
        return [1 - cosines(before, after).mean() for before, after in zip(x, x[1:])]

    def stretch(self, length):
        """The first block of the stretch of this length whose two ends are at the smallest angle."""
        x = self.stream(self.important)[::2]
        distance = [(np.arccos(np.clip(cosines(a, b), -1, 1)) / np.pi).mean() for a, b in zip(x, x[length:])]
        return int(np.argmin(distance))

    def repair(self, dropped):
        """The maps of a plan, none if they do not help, and the KL with them on the tokens kept out of the fit."""
        key = tuple(sorted(dropped))
        if key not in self.repairs:
            y, kept, maps = self.fitted[0], self.kept_out[0], {}
            for index in range(self.sublayers):
                if index in dropped:
                    u = normed(self.decoder, y, index)
                    maps[index] = fit("scale", u[1:], (self.fitted[index + 1] - y)[1:])
                    y = (y + maps[index](u)).astype(np.float32)
                    kept = (kept + maps[index](normed(self.decoder, kept, index))).astype(np.float32)
                else:
                    y, kept = step(self.decoder, y, index), step(self.decoder, kept, index)
            before = self.divergence(self.kept_out, self.stream(self.kept_out[0], 0, dropped)[-1])
            after = self.divergence(self.kept_out, kept)
            self.repairs[key] = (maps, after) if after < before else ({}, before)
        return self.repairs[key]

    def candidates(self, dropped, maps, before):
        """What may be dropped next, the smallest KL first: all in the first round, then the best of the round before, the others last."""
        kept = self.stream(self.judged[0], 0, dropped, maps)
        before = [index for index in before if index not in dropped]
        kl = {}
        for index in before[:TRIED] or self.allowed:
            if index not in dropped:
                kl[index] = self.divergence(self.judged, self.stream(kept[index], index, dropped | {index}, maps)[-1])
        return sorted(kl, key=kl.get) + [index for index in before if index not in kl]

    def plans(self):
        """Each method's dropped sublayers by number."""
        importance = self.importance(())
        ranked = sorted(self.allowed, key=importance.__getitem__)
        counts = range(1, self.budget + 1)
        out = {}
        if self.kind == "all":
            x = self.stream(self.important)[::2]
            block = [1 - cosines(before, after).mean() for before, after in zip(x, x[1:])]
            blocks = sorted(range(self.decoder.layers), key=block.__getitem__)
            both = lambda layers: {2 * layer + part for layer in layers for part in (0, 1)}
            out["one_shot"] = {n: both(blocks[:n // 2]) for n in counts if n % 2 == 0}
            out["contiguous"] = {n: both(range(first, first + n // 2)) for n in counts if n % 2 == 0 for first in [self.stretch(n // 2)]}
            out["joint"] = {n: set(ranked[:n]) for n in counts}
        else:
            out["one_shot"] = {n: set(ranked[:n]) for n in counts}
        iterative, greedy, repaired = set(), set(), set()
        order, repaired_order = [], []
        for n in counts:
            now = self.importance(iterative)
            iterative = iterative | {min((index for index in self.allowed if index not in iterative), key=now.__getitem__)}
            order = self.candidates(greedy, {}, order)
            greedy = greedy | {order[0]}
            repaired_order = self.candidates(repaired, self.repair(repaired)[0], repaired_order)
            repaired = repaired | {min(repaired_order[:SHORT_LIST], key=lambda index: self.repair(repaired | {index})[1])}
            for name, dropped in {"iterative": iterative, "greedy": greedy, "greedy_repaired": repaired}.items():
                out.setdefault(name, {})[n] = dropped
        return out

    def points(self):
        out = []
        for method, plans in self.plans().items():
            for count, dropped in plans.items():
                end = lambda maps: self.stream(self.held_out[0], 0, dropped, maps)[-1]
                kl, repaired = (self.divergence(self.held_out, end(maps)) for maps in ({}, self.repair(dropped)[0]))
                out.append({"method": method, "dropped": count, "plan": plan(dropped), "kl": kl, "kl_repaired": repaired})
        return out


def main(model, out, cases):
    file = Reader(read(model))
    decoder, tokenizer = Decoder(file.metadata, file.tensors), Tokenizer(file.metadata)
    passages = [json.loads(line) for line in (SETS / "retrieval.jsonl").read_text().splitlines() if line.strip()]
    passages = " ".join(entry["passage"] for entry in passages if "passage" in entry)
    texts = [(SETS / "calibration.txt").read_text().strip(), passages, importance_text()]
    texts = [tokenizer.encode(text, False) for text in texts]
    results = [case | {"points": Search(decoder, *texts, case).points()} for case in json.loads(cases)]
    pathlib.Path(out + ".json").write_text(json.dumps({"cases": results}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
