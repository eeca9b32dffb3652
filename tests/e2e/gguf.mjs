// Makes GGUF files from others, with more layers and another name.

/** Size of a number in bytes, by GGUF value type. */
const NUMBER_BYTES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const [UINT32, STRING, ARRAY] = [4, 8, 9];
const ALIGNMENT = 32;

const u32 = (value) => (Buffer.from(Uint32Array.of(value).buffer));
const u64 = (value) => (Buffer.from(BigUint64Array.of(BigInt(value)).buffer));
const string = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);
const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);

/** Parses a file into metadata (key, type, value bytes) and tensors (name, remaining header, data). */
function read(file) {
  let at = 8;
  const number = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const word = () => file.readUInt32LE((at += 4) - 4);
  const text = () => {
    const length = number();
    return file.toString("utf8", at, (at += length));
  };
  const skip = (type) => {
    if (type === STRING) text();
    else if (type === ARRAY) {
      const of = word();
      for (let left = number(); left > 0; left--) skip(of);
    } else at += NUMBER_BYTES[type];
  };
  const [tensorCount, keyCount] = [number(), number()];
  const metadata = Array.from({ length: keyCount }, () => {
    const [key, type] = [text(), word()];
    const from = at;
    skip(type);
    return { key, type, value: file.subarray(from, at) };
  });
  const directory = Array.from({ length: tensorCount }, () => {
    const name = text();
    const from = at;
    at += 4 + 8 * file.readUInt32LE(at) + 4;
    return { name, shape: file.subarray(from, at), offset: number() };
  });
  const data = file.subarray(Math.ceil(at / ALIGNMENT) * ALIGNMENT);
  const ends = directory.map(({ offset }) => offset).concat(data.length).sort((a, b) => a - b);
  const tensors = directory.map(({ offset, ...rest }) => ({ ...rest, data: data.subarray(offset, ends.find((end) => end > offset)) }));
  return { metadata, tensors };
}

/** A file with `layers` layers, which repeat the original ones, and another name. */
export function stretched(file, layers, name) {
  const { metadata, tensors } = read(file);
  for (const entry of metadata) {
    if (entry.key === "general.name") entry.value = string(name);
    if (entry.key.endsWith(".block_count") && entry.type === UINT32) entry.value = u32(layers);
  }
  const layer = (tensor) => /^blk\.(\d+)\.(.*)$/.exec(tensor.name);
  const had = 1 + Math.max(...tensors.map((tensor) => Number(layer(tensor)?.[1] ?? 0)));
  const blocks = Array.from({ length: layers }, (_, at) =>
    tensors.filter((tensor) => Number(layer(tensor)?.[1] ?? -1) === at % had).map((tensor) => ({ ...tensor, name: `blk.${at}.${layer(tensor)[2]}` })));
  const all = [...tensors.filter((tensor) => !layer(tensor)), ...blocks.flat()];
  let offset = 0;
  const directory = all.map((tensor) => {
    const entry = Buffer.concat([string(tensor.name), tensor.shape, u64(offset)]);
    offset += padded(tensor.data).length;
    return entry;
  });
  const header = [Buffer.from("GGUF"), u32(3), u64(all.length), u64(metadata.length),
    ...metadata.flatMap(({ key, type, value }) => [string(key), u32(type), value]), ...directory];
  return Buffer.concat([padded(Buffer.concat(header)), ...all.map((tensor) => padded(tensor.data))]);
}
