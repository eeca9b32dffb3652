// Starts the CPU's engine: on memory that its helpers can share, or, where a browser has none such, on its own.
importScripts("./worker.js");

const PROGRAM = "./worker_bg.wasm";

// The engine has its own memory filled with random numbers, which browsers refuse where it is shared.
const fill = crypto.getRandomValues.bind(crypto);
crypto.getRandomValues = (view) => {
  view.set(fill(new view.constructor(view.length)));
  return view;
};

/** The program as one whose memory is not shared, and that memory: one byte of the program says it. */
async function unshared() {
  const bytes = new Uint8Array(await (await fetch(PROGRAM)).arrayBuffer());
  // An import's name, its kind (memory), its limits: shared with a maximum. Source: WebAssembly threads, "Binary format, limits".
  const sought = [..."memory"].map((letter) => letter.charCodeAt(0)).concat(2, 3);
  let at = bytes.findIndex((_, start) => sought.every((byte, i) => bytes[start + i] === byte)) + sought.length;
  bytes[at - 1] = 1;
  const number = () => {
    let [value, shift, byte] = [0, 1, 128];
    for (; byte >= 128; shift *= 128) {
      byte = bytes[at++];
      value += (byte % 128) * shift;
    }
    return value;
  };
  return { module_or_path: bytes, memory: new WebAssembly.Memory({ initial: number(), maximum: number() }) };
}

wasm_bindgen({ module_or_path: PROGRAM }).catch(async (error) => {
  if (!(error instanceof RangeError || error instanceof TypeError || error instanceof ReferenceError)) throw error;
  await wasm_bindgen(await unshared());
});
