// crates/worker/src/start.js without a browser: the page hears of every failure of the engine's program.
import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import vm from "node:vm";

const SOURCE = fs.readFileSync(new URL("../../crates/worker/src/start.js", import.meta.url), "utf8");
const until = async (holds) => {
  while (!holds()) await new Promise((done) => setImmediate(done));
};

/** An integer in WebAssembly's LEB128 encoding. */
const leb = (number) => (number < 128 ? [number] : [(number % 128) | 128, ...leb(Math.floor(number / 128))]);
const name = (text) => [text.length, ...Buffer.from(text)];
/** A program with an imported memory, shared or not, which it exports. */
const program = (initial, maximum, shared = true) => {
  const limits = [...name("env"), ...name("memory"), 2, shared ? 3 : 1, ...leb(initial), ...leb(maximum)];
  const exported = [1, ...name("memory"), 2, 0];
  return new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 2, limits.length + 1, 1, ...limits, 7, exported.length, ...exported]);
};
const SHARED = program(17, 65536);
const ALONE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);

/** Runs the script to its end, unless it `stays`; returns what it told the page, and the fakes. */
async function run({ answer, start, bytes = SHARED.length, stays = false }) {
  const told = [];
  const listeners = {};
  const ticks = [];
  const context = vm.createContext({
    PROGRAM: "https://host.example/engine-0123456789abcdef/worker_bg.wasm",
    PROGRAM_BYTES: bytes,
    wasm_bindgen: start,
    fetch: async (address) => answer(address),
    postMessage: (text) => told.push(JSON.parse(text)),
    addEventListener: (kind, listener) => (listeners[kind] = listener),
    removeEventListener: (kind) => delete listeners[kind],
    setInterval: (tick) => ticks.push(tick),
    clearInterval: () => ticks.pop(),
    performance, WebAssembly, Uint8Array,
  });
  vm.runInContext(SOURCE, context);
  await until(() => stays || !listeners.unhandledrejection);
  const failures = () => told.filter((event) => event.type === "not_started").map(({ type, ...failure }) => failure);
  return { told, failures, listeners, ticks, context };
}

const wasm = (bytes) => () => new Response(bytes, { headers: { "Content-Type": "application/wasm" } });
/** Starts a program like wasm-bindgen's script. */
const starts = async ({ module_or_path, memory }) => {
  const bytes = module_or_path instanceof Response ? new Uint8Array(await module_or_path.arrayBuffer()) : module_or_path;
  const imports = { env: { memory: memory ?? new WebAssembly.Memory({ initial: 17, maximum: 65536, shared: true }) } };
  return (await WebAssembly.instantiate(bytes, imports)).instance.exports;
};

test("a program that starts: nothing but signs of life", async () => {
  const { told, failures, listeners, ticks } = await run({ answer: wasm(SHARED), start: starts });
  assert.deepEqual(failures(), []);
  assert.deepEqual(told[0], { type: "starting", received: 0, total: SHARED.length });
  assert.deepEqual([listeners, ticks], [{}, []]);
});

test("a program that does not come: which file, and how", async () => {
  const text = (status, type) => () => new Response("x", { status, headers: { "Content-Type": type } });
  const breaks = (after) => () => new Response(new ReadableStream({
    start(stream) {
      stream.enqueue(SHARED.slice(0, after));
      stream.error(new TypeError("network error"));
    },
  }), { headers: { "Content-Type": "application/wasm" } });
  const cases = [
    ...[400, 401, 403, 404, 410, 429, 500, 502, 503, 504].map((status) => [text(status, "text/html"), status]),
    [text(200, "text/html; charset=utf-8"), 404],
    [() => { throw new TypeError("Failed to fetch"); }, 0],
    ...[1, 8, SHARED.length - 1].map((after) => [breaks(after), 0]),
    // A connection that closes early without the browser's noticing.
    ...[4, 12, 20].map((length) => [wasm(SHARED.slice(0, length)), 0]),
  ];
  for (const [answer, status] of cases) {
    const { failures, ticks, listeners } = await run({ answer, start: starts });
    assert.deepEqual(failures(), [{ file: "worker_bg.wasm", status, why: "" }], String(answer));
    assert.deepEqual([listeners, ticks], [{}, []]);
  }
});

test("whatever a browser says against shared memory, the program starts once more without", async () => {
  const errors = [new RangeError("out of memory"), new TypeError("shared"), new ReferenceError("SharedArrayBuffer"), new WebAssembly.LinkError("memory"), new WebAssembly.CompileError("threads"), new DOMException("no", "DataCloneError"), new Error(""), "text", undefined];
  for (const error of errors) {
    for (const reads of [true, false]) {
      const tries = [];
      let asked = 0;
      const start = async (given) => {
        tries.push(given.memory);
        if (given.memory) return starts(given);
        if (reads) await given.module_or_path.arrayBuffer();
        throw error;
      };
      const { failures } = await run({ answer: () => (asked++, wasm(SHARED)()), start });
      assert.deepEqual(failures(), [], String(error));
      assert.equal(tries.length, 2);
      assert.equal(Object.prototype.toString.call(tries[1].buffer), "[object ArrayBuffer]");
      assert.equal(asked, reads ? 2 : 1, "it is asked for again only where it was read");
    }
  }
});

test("the memory of any size is made as the program asks for it", async () => {
  for (const [initial, maximum] of [[0, 0], [1, 127], [127, 128], [128, 16383], [17, 65535], [300, 65536]]) {
    let memory;
    const start = async (given) => {
      if (!given.memory) throw new RangeError("no shared memory");
      memory = given.memory;
      assert.ok(WebAssembly.validate(given.module_or_path));
      assert.deepEqual(given.module_or_path, program(initial, maximum, false));
      return { memory };
    };
    const { failures } = await run({ answer: wasm(program(initial, maximum)), start, bytes: program(initial, maximum).length });
    assert.deepEqual(failures(), []);
    assert.equal(memory.buffer.byteLength, initial * 65536);
  }
});

test("a program that fails: what the browser says", async () => {
  const fails = async ({ module_or_path }) => {
    if (module_or_path instanceof Response) await module_or_path.arrayBuffer();
    throw new WebAssembly.LinkError("import wbg.x is no function");
  };
  const broken = [{ file: "worker_bg.wasm", status: 0, why: "LinkError: import wbg.x is no function" }];
  // With imported shared memory and with memory of its own: a second attempt that fails, too.
  for (const bytes of [SHARED, ALONE]) assert.deepEqual((await run({ answer: wasm(bytes), start: fails, bytes: bytes.length })).failures(), broken);
  // It ran and failed at once; wasm-bindgen's script then returns the existing exports, and starts nothing.
  const ran = { memory: new WebAssembly.Memory({ initial: 1 }) };
  const start = async ({ memory }) => {
    if (memory) return ran;
    throw new WebAssembly.RuntimeError("unreachable");
  };
  assert.deepEqual((await run({ answer: wasm(SHARED), start })).failures(), [{ file: "worker_bg.wasm", status: 0, why: "RuntimeError: unreachable" }]);
});

test("a rejection that nobody handles is told, until the program has started", async () => {
  let start;
  const { failures, listeners, told } = await run({ answer: wasm(SHARED), start: () => new Promise((done) => (start = done)), stays: true });
  await until(() => start);
  const reasons = [[new Error("lost"), "Error: lost"], ["", "no reason is given"], [undefined, "undefined"], [{ status: "x" }, "[object Object]"]];
  for (const [reason] of reasons) listeners.unhandledrejection({ reason });
  assert.deepEqual(failures(), reasons.map(([, why]) => ({ file: "worker_bg.wasm", status: 0, why })));
  start({});
  await until(() => !listeners.unhandledrejection);
  assert.equal(told.length, 1 + reasons.length);
});

test("signs of life: bytes that come, then a while of compiling, never a connection that is silent", async () => {
  let stream;
  const answer = () => new Response(new ReadableStream({ start: (made) => (stream = made) }), { headers: { "Content-Type": "application/wasm" } });
  const { told, ticks } = await run({ answer, start: () => new Promise(() => {}), stays: true });
  await until(() => stream);
  const second = () => ticks.forEach((tick) => tick());
  for (let silent = 0; silent < 30; silent++) second();
  assert.equal(told.length, 1);
  stream.enqueue(SHARED.slice(0, 10));
  await new Promise((done) => setTimeout(done, 250));
  stream.enqueue(SHARED.slice(10, 12));
  await until(() => told.length > 1);
  assert.deepEqual(told.at(-1), { type: "starting", received: 12, total: SHARED.length });
  const before = told.length;
  second();
  assert.equal(told.length, before);
  stream.enqueue(SHARED.slice(12));
  stream.close();
  await until(() => (second(), told.length > before));
  for (let compiling = 0; compiling < 300; compiling++) second();
  assert.equal(told.length, before + 120);
});
