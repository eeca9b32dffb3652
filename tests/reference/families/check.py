"""Holds tests/fixtures/families to llama.cpp: the GGUF files are read as meant.

    pip install llama-cpp-python numpy && python3 tests/reference/families/check.py

Prints for each file how far llama.cpp's logits are from transformers' (it rounds activations to 8 or 16 bits, so by 1e-2 to 1e-4),
and texts that it splits into other tokens (none).
"""
import json
import pathlib

import llama_cpp
import numpy as np

for folder in sorted((pathlib.Path(__file__).parents[2] / "fixtures" / "families").iterdir()):
    if not (folder / "model.gguf").exists():
        continue
    expected = json.loads((folder / "expected.json").read_text())
    model = llama_cpp.Llama(str(folder / "model.gguf"), n_ctx=256, logits_all=True, verbose=False, flash_attn=False, type_k=0, type_v=0)
    model.eval(expected["ids"])
    found, wanted = np.array(model.scores[expected["rows"]], np.float64), np.array(expected["logits"])
    others = [text["text"] for text in expected["texts"]
              if "</s>" not in text["text"] and "<|end|>" not in text["text"] and model.tokenize(text["text"].encode(), add_bos=False, special=False) != text["ids"]]
    print(folder.name, np.linalg.norm(found - wanted) / np.linalg.norm(wanted), others)
