"""Writes a GGUF file of random weights in a real model's shape, to see what a model of that size costs: its numbers mean nothing.

    python tests/bench/synthetic_gguf.py 7b out.gguf
    python tests/bench/synthetic_gguf.py 30,576,1536,9,3 out.gguf    (layers, width, MLP's width, heads, heads of keys and values)

Weights are Q4_0, norms f32; the tokenizer is the default model's, from public/models.
"""
import json
import pathlib
import struct
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/reference"))
import gguf  # noqa: E402

# Layers, width, MLP's width, heads, heads of keys and values: those of SmolLM2-135M, 360M, Qwen2.5-1.5B and Mistral-7B.
SHAPES = {
    "135m": (30, 576, 1536, 9, 3),
    "360m": (32, 960, 2560, 15, 5),
    "1.5b": (28, 1536, 8960, 12, 2),
    "7b": (32, 4096, 14336, 32, 8),
}
# Standard deviation of a uniformly random number of 4 bits.
DEVIATION = 4.61


def default_header():
    """The metadata of the default model, as the writer takes it: values with their types."""
    manifest = ROOT / "public/models/SmolLM2-135M-Instruct.Q4_1.json"
    data = b"".join((manifest.parent / part["file"]).read_bytes() for part in json.loads(manifest.read_text())["parts"])
    reader = gguf.Reader.__new__(gguf.Reader)
    reader.data, reader.at = data, 4
    _, _, keys = reader.unpack("IQQ")
    metadata = {}
    for _ in range(keys):
        key = reader.string()
        (kind,) = reader.unpack("I")
        inner = struct.unpack_from("<I", data, reader.at)[0]
        value = reader.value(kind)
        metadata[key] = (9, inner, value) if kind == 9 else (kind, value)
    return metadata


def random_blocks(numbers, shape):
    """The bytes of random Q4_0 weights which keep a vector's length: their standard deviation is 1 / sqrt(columns)."""
    rows, columns = shape
    blocks = rows * columns // 32
    out = np.empty((blocks, 18), np.uint8)
    out[:, :2] = np.frombuffer(np.float16(1 / (DEVIATION * columns**0.5)).tobytes(), np.uint8)
    out[:, 2:] = numbers.integers(0, 256, (blocks, 16), np.uint8)
    return out.tobytes()


def tensors(shape, vocabulary):
    """Names and shapes of all tensors, `[rows, columns]`."""
    layers, width, middle, heads, of_keys = shape
    keys = width // heads * of_keys
    yield "token_embd.weight", (vocabulary, width)
    for layer in range(layers):
        yield f"blk.{layer}.attn_norm.weight", (width,)
        for name, rows, columns in [("attn_q", width, width), ("attn_k", keys, width), ("attn_v", keys, width), ("attn_output", width, width)]:
            yield f"blk.{layer}.{name}.weight", (rows, columns)
        yield f"blk.{layer}.ffn_norm.weight", (width,)
        for name, rows, columns in [("ffn_gate", middle, width), ("ffn_up", middle, width), ("ffn_down", width, middle)]:
            yield f"blk.{layer}.{name}.weight", (rows, columns)
    yield "output_norm.weight", (width,)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    named, out = sys.argv[1:]
    shape = SHAPES.get(named) or tuple(int(part) for part in named.split(","))
    layers, width, middle, heads, of_keys = shape
    metadata = default_header()
    vocabulary = len(metadata["tokenizer.ggml.tokens"][2])
    for key, value in {
        "block_count": layers,
        "embedding_length": width,
        "feed_forward_length": middle,
        "attention.head_count": heads,
        "attention.head_count_kv": of_keys,
        "rope.dimension_count": width // heads,
    }.items():
        metadata[f"llama.{key}"] = (4, value)
    metadata["general.name"] = (8, f"Random {named}")
    metadata["general.file_type"] = (4, 2)
    entries = list(tensors(shape, vocabulary))
    size = lambda dims: dims[0] * 4 if len(dims) == 1 else dims[0] * dims[1] // 32 * 18
    padded = lambda count: -(-count // gguf.ALIGNMENT) * gguf.ALIGNMENT
    head = bytearray(header(metadata, len(entries)))
    at = 0
    for name, dims in entries:
        raw = name.encode()
        head += struct.pack("<Q", len(raw)) + raw + struct.pack(f"<I{len(dims)}Q", len(dims), *dims[::-1])
        head += struct.pack("<IQ", gguf.F32 if len(dims) == 1 else gguf.Q4_0, at)
        at += padded(size(dims))
    head += bytes(padded(len(head)) - len(head))
    numbers = np.random.default_rng(1)
    with open(out, "wb") as file:
        file.write(head)
        for _, dims in entries:
            data = np.ones(dims, "<f4").tobytes() if len(dims) == 1 else random_blocks(numbers, dims)
            file.write(data + bytes(padded(len(data)) - len(data)))


def header(metadata, count):
    """What stands before the list of tensors."""
    empty = gguf.write(metadata, {"x": (np.zeros(1, np.float32), gguf.F32)})
    # The one tensor's entry: its name, rank, dimension, type and offset; then padding and four bytes of data.
    entry = struct.pack("<Q", 1) + b"x" + struct.pack("<IQIQ", 1, 1, gguf.F32, 0)
    before = empty[: empty.rindex(entry)]
    return before[:8] + struct.pack("<Q", count) + before[16:]


if __name__ == "__main__":
    main()
