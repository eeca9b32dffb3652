"""GGUF v3, read and written with numpy alone. Written from the format's specification, not from the Rust code."""
import struct

import numpy as np

MAGIC = b"GGUF"
ALIGNMENT = 32
# Value types of metadata: struct format by number; 8 is a string, 9 an array.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
F32, F16, Q4_0, Q4_1, Q8_0, BF16 = 0, 1, 2, 3, 8, 30
# Bytes of a block of 32 weights.
BLOCK_BYTES = {Q4_0: 18, Q4_1: 20, Q8_0: 34}


class Reader:
    """Metadata and dequantized float32 tensors of a file."""

    def __init__(self, data):
        self.data = data
        self.at = 4
        assert data[:4] == MAGIC
        version, tensors, keys = self.unpack("IQQ")
        assert version == 3
        self.metadata = {}
        for _ in range(keys):
            key = self.string()
            self.metadata[key] = self.value(self.unpack("I")[0])
        infos = []
        for _ in range(tensors):
            name = self.string()
            (rank,) = self.unpack("I")
            shape = self.unpack(f"{rank}Q")
            kind, offset = self.unpack("IQ")
            infos.append((name, shape, kind, offset))
        start = -(-self.at // ALIGNMENT) * ALIGNMENT
        self.tensors = {name: dequantize(data, start + offset, shape, kind) for name, shape, kind, offset in infos}

    def unpack(self, form):
        form = "<" + form
        out = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return out

    def string(self):
        (length,) = self.unpack("Q")
        self.at += length
        return bytes(self.data[self.at - length:self.at]).decode()

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, count = self.unpack("IQ")
            return [self.value(inner) for _ in range(count)]
        return self.unpack(SCALARS[kind])[0]


def dequantize(data, start, shape, kind):
    """A tensor as float32, its dimensions in row-major order (the file lists the fastest first)."""
    count = int(np.prod(shape))
    if kind == F32:
        flat = np.frombuffer(data, "<f4", count, start)
    elif kind == F16:
        flat = np.frombuffer(data, "<f2", count, start).astype(np.float32)
    elif kind == BF16:
        flat = (np.frombuffer(data, "<u2", count, start).astype(np.uint32) << 16).view(np.float32)
    else:
        blocks = np.frombuffer(data, np.uint8, count // 32 * BLOCK_BYTES[kind], start).reshape(-1, BLOCK_BYTES[kind])
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        if kind == Q8_0:
            flat = scale * blocks[:, 2:].copy().view(np.int8).astype(np.float32)
        else:
            first = 4 if kind == Q4_1 else 2
            nibbles = blocks[:, first:]
            values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32)
            flat = scale * values + blocks[:, 2:4].copy().view("<f2").astype(np.float32) if kind == Q4_1 else scale * (values - 8)
    return np.ascontiguousarray(flat.reshape(shape[::-1]), dtype=np.float32)


def quantize(values, kind):
    """The bytes of a float32 tensor in a storage type."""
    if kind == F32:
        return values.astype("<f4").tobytes()
    if kind == F16:
        return values.astype("<f2").tobytes()
    if kind == BF16:
        return (values.astype("<f4").view(np.uint32) >> 16).astype("<u2").tobytes()
    blocks = values.reshape(-1, 32)
    if kind == Q8_0:
        scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype("<f2")
        whole = np.round(blocks / np.maximum(scale.astype(np.float32), 1e-8)).clip(-127, 127).astype(np.int8)
        return np.concatenate([scale.view(np.uint8), whole.view(np.uint8)], 1).tobytes()
    if kind == Q4_0:
        scale = (np.abs(blocks).max(1, keepdims=True) / 7).astype("<f2")
        whole = (np.round(blocks / np.maximum(scale.astype(np.float32), 1e-8)) + 8).clip(0, 15).astype(np.uint8)
        head = [scale.view(np.uint8)]
    else:
        low, high = blocks.min(1, keepdims=True), blocks.max(1, keepdims=True)
        scale, low = ((high - low) / 15).astype("<f2"), low.astype("<f2")
        whole = np.round((blocks - low) / np.maximum(scale.astype(np.float32), 1e-8)).clip(0, 15).astype(np.uint8)
        head = [scale.view(np.uint8), low.view(np.uint8)]
    return np.concatenate([*head, whole[:, :16] | whole[:, 16:] << 4], 1).tobytes()


def write(metadata, tensors):
    """A file's bytes. `metadata`: key to (type number, value), arrays as (9, inner type, values);
    `tensors`: name to (float32 values, storage type)."""
    def string(text):
        raw = text.encode()
        return struct.pack("<Q", len(raw)) + raw

    def value(kind, content):
        return string(content) if kind == 8 else struct.pack("<" + SCALARS[kind], content)

    out = MAGIC + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, entry in metadata.items():
        out += string(key) + struct.pack("<I", entry[0])
        if entry[0] == 9:
            _, inner, values = entry
            out += struct.pack("<IQ", inner, len(values)) + b"".join(value(inner, one) for one in values)
        else:
            out += value(*entry)
    body = b""
    for name, (values, kind) in tensors.items():
        body += bytes(-len(body) % ALIGNMENT)
        shape = values.shape[::-1]
        out += string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, len(body))
        body += quantize(values, kind)
    return out + bytes(-len(out) % ALIGNMENT) + body
