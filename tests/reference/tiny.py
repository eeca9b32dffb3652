"""Writes the tiny random model that tests use: every storage type, a separate head, its own small vocabulary."""
import sys

import numpy as np

import gguf
from tokenizer import LETTERS, words

LAYERS, HIDDEN, HEADS, KV_HEADS, FEED_FORWARD, CONTEXT, MERGES = 4, 64, 4, 2, 128, 256, 100
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXT = ("What is the capital of France? The river rises in the hills and runs to the sea. Write two sentences about a fox "
        "who learns to swim. You are a helpful assistant. system user assistant ")
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def train_merges():
    """The most frequent pairs, one after the other."""
    pieces, merges = [[LETTERS[b] for b in word.encode()] for word in words(TEXT)], []
    for _ in range(MERGES):
        counts = {}
        for word in pieces:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        best = max(sorted(counts), key=counts.get)
        merges.append(best)
        for word in pieces:
            at = 0
            while at + 1 < len(word):
                if (word[at], word[at + 1]) == best:
                    word[at:at + 2] = ["".join(best)]
                at += 1
    return merges


def main(path):
    merges = train_merges()
    tokens = list(dict.fromkeys([*CONTROL, *LETTERS.values(), *("".join(pair) for pair in merges)]))
    random = np.random.default_rng(20261124)

    def weights(rows, columns, scale):
        return (random.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)

    tensors = {"token_embd.weight": (weights(len(tokens), HIDDEN, 8.0), gguf.Q8_0)}
    for layer in range(LAYERS):
        p, kv = f"blk.{layer}.", HIDDEN // HEADS * KV_HEADS
        norm = lambda: ((1 + 0.1 * random.standard_normal(HIDDEN)).astype(np.float32), gguf.F32)
        tensors |= {
            p + "attn_norm.weight": norm(), p + "attn_q.weight": (weights(HIDDEN, HIDDEN, 1.5), gguf.Q4_1),
            p + "attn_k.weight": (weights(kv, HIDDEN, 1.5), gguf.Q4_0), p + "attn_v.weight": (weights(kv, HIDDEN, 1.0), gguf.BF16),
            p + "attn_output.weight": (weights(HIDDEN, HIDDEN, 1.0), gguf.F16), p + "ffn_norm.weight": norm(),
            p + "ffn_gate.weight": (weights(FEED_FORWARD, HIDDEN, 1.0), gguf.Q4_1),
            p + "ffn_up.weight": (weights(FEED_FORWARD, HIDDEN, 1.0), gguf.Q8_0),
            p + "ffn_down.weight": (weights(HIDDEN, FEED_FORWARD, 1.0), gguf.F32),
        }
    tensors["output_norm.weight"] = ((1 + 0.1 * random.standard_normal(HIDDEN)).astype(np.float32), gguf.F32)
    tensors["output.weight"] = (weights(len(tokens), HIDDEN, 3.0), gguf.F16)
    u32, f32, text = 4, 6, 8
    metadata = {
        "general.architecture": (text, "llama"), "general.name": (text, "Tiny random"), "llama.block_count": (u32, LAYERS),
        "llama.context_length": (u32, CONTEXT), "llama.embedding_length": (u32, HIDDEN), "llama.feed_forward_length": (u32, FEED_FORWARD),
        "llama.attention.head_count": (u32, HEADS), "llama.attention.head_count_kv": (u32, KV_HEADS),
        "llama.attention.layer_norm_rms_epsilon": (f32, 1e-5), "llama.rope.freq_base": (f32, 10000.0),
        "llama.rope.dimension_count": (u32, HIDDEN // HEADS), "llama.vocab_size": (u32, len(tokens)),
        "tokenizer.ggml.model": (text, "gpt2"), "tokenizer.ggml.pre": (text, "smollm"), "tokenizer.ggml.tokens": (9, text, tokens),
        "tokenizer.ggml.token_type": (9, 5, [3 if token in CONTROL else 1 for token in tokens]),
        "tokenizer.ggml.merges": (9, text, [" ".join(pair) for pair in merges]),
        "tokenizer.ggml.bos_token_id": (u32, 1), "tokenizer.ggml.eos_token_id": (u32, 2), "tokenizer.chat_template": (text, TEMPLATE),
    }
    with open(path, "wb") as file:
        file.write(gguf.write(metadata, tensors))


if __name__ == "__main__":
    main(sys.argv[1])
