"""Fills tests/fixtures/foreign.json with what the references find: transformers 5 for safetensors folders, llama.cpp for GGUF files.

    pip install torch transformers gguf llama-cpp-python jinja2 && python3 tests/reference/foreign/make.py [NAME…]

Each case is a fixture of tests/fixtures/families with a few edits, after a public report against another engine (`report`):

- `files`: JSON files of a folder: `set` and `remove` by JSON pointer, or the whole `text`.
- `metadata`: entries of a GGUF file by key, `[type, value]`, or null where it is taken out; an array is `[9, [type, values]]`.
- `elements`: single elements of arrays of metadata, by key and index.
- `tensors`: by name; null takes one out, `{"shape", "fill"}` puts one in, all numbers the same, F32.
- `prefix`: what is put before every tensor's name; `rename`: the beginning of names and what takes its place.

What is right: `ids` and `top`, the likeliest next tokens with their probabilities, written by this program; or a part of the `error`;
or `like`: another case; or `same`: the fixture's own numbers, where the reference differs on purpose (README.md) or the edit must change nothing.
Kept in the repository, so that tests need none of this: tests/engine/foreign_models.rs applies the same edits.
"""
import json
import pathlib
import shutil
import struct
import sys
import tempfile

import numpy as np

TESTS = pathlib.Path(__file__).parents[2]
FAMILIES = TESTS / "fixtures" / "families"
CASES = TESTS / "fixtures" / "foreign.json"
PROMPT = "What is the capital of France?"
TOP = 5
FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


def read_gguf(data):
    """Metadata {key: [type, value]} and tensors {name: [dimensions, type, bytes]} of a file of version 3."""
    at = 4

    def take(form):
        nonlocal at
        value = struct.unpack_from(form, data, at)[0]
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        length = take("<Q")
        at += length
        return data[at - length:at].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            element, count = take("<I"), take("<Q")
            return [element, [value(element) for _ in range(count)]]
        return take(FORMATS[kind])

    take("<I")
    tensors, entries = take("<Q"), take("<Q")
    metadata = {}
    for _ in range(entries):
        key, kind = text(), take("<I")
        metadata[key] = [kind, value(kind)]
    directory = []
    for _ in range(tensors):
        name = text()
        dimensions = [take("<Q") for _ in range(take("<I"))]
        directory.append((name, dimensions, take("<I"), take("<Q")))
    start = (at + 31) // 32 * 32
    ends = sorted(offset for *_, offset in directory)[1:] + [len(data) - start]
    ordered = sorted(directory, key=lambda entry: entry[3])
    return metadata, {name: [dimensions, kind, data[start + offset:start + end]] for (name, dimensions, kind, offset), end in zip(ordered, ends)}


def write_gguf(path, metadata, tensors):
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))

    def value(kind, content):
        if kind == 8:
            raw = content.encode()
            out.extend(struct.pack("<Q", len(raw)) + raw)
        elif kind == 9:
            out.extend(struct.pack("<IQ", content[0], len(content[1])))
            for one in content[1]:
                value(content[0], one)
        else:
            out.extend(struct.pack(FORMATS[kind], content))

    for key, (kind, content) in metadata.items():
        value(8, key)
        out.extend(struct.pack("<I", kind))
        value(kind, content)
    offset = 0
    for name, (dimensions, kind, data) in tensors.items():
        value(8, name)
        out.extend(struct.pack("<I", len(dimensions)) + b"".join(struct.pack("<Q", n) for n in dimensions) + struct.pack("<IQ", kind, offset))
        offset += (len(data) + 31) // 32 * 32
    out.extend(bytes(-len(out) % 32))
    for *_, data in tensors.values():
        out.extend(data)
        out.extend(bytes(-len(out) % 32))
    path.write_bytes(out)


def as_f32(kind, dimensions, data):
    """llama.cpp rounds activations to the weights' type; with F32 weights it finds what they stand for."""
    import gguf

    kind = gguf.GGMLQuantizationType(kind)
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rows = np.frombuffer(data, np.uint8)[:int(np.prod(dimensions)) // block * size].reshape(int(np.prod(dimensions[1:])), -1)
    return np.ascontiguousarray(gguf.quants.dequantize(rows, kind), np.float32).tobytes()


def edit_json(root, edits):
    for pointer, value in edits.get("set", {}).items():
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        place = root
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    for pointer in edits.get("remove", []):
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        place = root
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        del place[int(last) if isinstance(place, list) else last]


def new_tensor(entry):
    return np.full(entry["shape"], entry["fill"], np.float32).tobytes()


def make_hub(case, folder):
    base = FAMILIES / case["base"]
    for file in base.iterdir():
        if file.name not in ("expected.json", "model.gguf"):
            shutil.copy(file, folder)
    for name, edits in case.get("files", {}).items():
        if "text" in edits:
            (folder / name).write_text(edits["text"])
            continue
        root = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
        edit_json(root, edits)
        (folder / name).write_text(json.dumps(root, ensure_ascii=False))
    data = (folder / "model.safetensors").read_bytes()
    start = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:start])
    tensors = {name: (entry["dtype"], entry["shape"], data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]])
               for name, entry in header.items() if name != "__metadata__"}
    for name, entry in case.get("tensors", {}).items():
        tensors.pop(name, None)
        if entry:
            tensors[name] = ("F32", entry["shape"], new_tensor(entry))
    out, header = b"", {"__metadata__": {"format": "pt"}}
    for name, (dtype, shape, raw) in tensors.items():
        old, new = case.get("rename", ["", ""])
        name = new + name[len(old):] if name.startswith(old) else name
        header[case.get("prefix", "") + name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(out), len(out) + len(raw)]}
        out += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + out)


def make_gguf(case, path):
    metadata, tensors = read_gguf((FAMILIES / case["base"] / "model.gguf").read_bytes())
    for key, entry in case.get("metadata", {}).items():
        metadata.pop(key, None)
        if entry:
            metadata[key] = entry
    for key, elements in case.get("elements", {}).items():
        for index, element in elements.items():
            metadata[key][1][1][int(index)] = element
    for name, entry in case.get("tensors", {}).items():
        tensors.pop(name, None)
        if entry:
            tensors[name] = [entry["shape"][::-1], 0, new_tensor(entry)]
    write_gguf(path, metadata, {name: [dimensions, 0, as_f32(kind, dimensions, data)] for name, (dimensions, kind, data) in tensors.items()})


def likeliest(logits):
    logits = np.asarray(logits, np.float64)
    p = np.exp(logits - logits.max())
    p /= p.sum()
    return [[int(i), round(float(p[i]), 6)] for i in np.argsort(-logits)[:TOP]]


def by_transformers(case, folder):
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    prompt = case.get("prompt", PROMPT)
    if case.get("chat"):
        messages = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    else:
        ids = tokenizer(prompt)["input_ids"]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return ids, likeliest(model(torch.tensor([ids])).logits[0, -1].double().numpy())


def by_llama_cpp(case, path):
    import jinja2.sandbox
    import llama_cpp

    # Beyond the original context it would take the long factors of LongRoPE.
    llama = llama_cpp.Llama(str(path), n_ctx=256, n_threads=2, verbose=False, flash_attn=False, n_gpu_layers=0, type_k=0, type_v=0)
    prompt = case.get("prompt", PROMPT)
    if case.get("chat"):
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string(llama.metadata["tokenizer.chat_template"])
        prompt = template.render(messages=[{"role": "user", "content": prompt}], add_generation_prompt=True,
                                 bos_token=llama._model.token_get_text(llama.token_bos()))
    ids = llama.tokenize(prompt.encode(), add_bos=True, special=True)
    llama.eval(ids)
    return ids, likeliest(llama_cpp.llama_get_logits_ith(llama.ctx, -1)[:llama.n_vocab()])


def main():
    cases = json.loads(CASES.read_text())
    for case in cases:
        if any(key in case for key in ("error", "same", "like")) or (sys.argv[1:] and case["name"] not in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            if case["format"] == "gguf":
                make_gguf(case, folder / "model.gguf")
                case["ids"], case["top"] = by_llama_cpp(case, folder / "model.gguf")
            else:
                make_hub(case, folder)
                case["ids"], case["top"] = by_transformers(case, folder)
        print(case["name"], case["ids"][:4], case["top"][0])
    rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    CASES.write_text(f"[\n{rows}\n]\n")


if __name__ == "__main__":
    main()
