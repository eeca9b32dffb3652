// public/opening.js without a browser: what it says when the page does not arrive.
import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import vm from "node:vm";
import zlib from "node:zlib";

const SOURCE = fs.readFileSync(new URL("../../public/opening.js", import.meta.url), "utf8");

/** Runs the script in a page whose program has not arrived; returns what it does and shows. */
function open({ origin = "https://host.example", protocol = "https:", search = "?embed=1", wasm = WebAssembly, fetch, self = {}, navigator } = {}) {
  const listeners = {};
  const place = {
    attributes: {}, textContent: "Opening…", children: [],
    setAttribute(name, value) { this.attributes[name] = value; },
    getAttribute(name) { return this.attributes[name] ?? null; },
    appendChild(child) { this.children.push(child); },
  };
  let isThere = true;
  const timers = [];
  const written = [];
  const storage = {};
  let reloads = 0;
  const context = vm.createContext({
    location: { origin: "https://host.example", protocol, search, href: `https://host.example/${search}`, reload: () => reloads++ },
    document: {
      write: (text) => written.push(text),
      querySelector: (selector) => {
        assert.ok(["#starting p", ".page"].includes(selector), selector);
        return (selector === ".page") === isThere ? null : place;
      },
      createElement: () => ({ addEventListener(kind, listener) { this[kind] = listener; } }),
    },
    addEventListener: (kind, listener) => (listeners[kind] = listener),
    setTimeout: (then, after) => timers.push([then, after]),
    WebAssembly: wasm, Uint8Array, fetch, navigator, Response, DecompressionStream,
    sessionStorage: { getItem: (key) => storage[key] ?? null, setItem: (key, value) => (storage[key] = value) },
  });
  context.self = { origin, ...self };
  context.top = context.self;
  vm.runInContext(SOURCE, context);
  return {
    listeners, place, timers, written, storage,
    isolating: () => context.self.isolating,
    example: () => context.self.example,
    reloads: () => reloads,
    text: () => place.textContent.trim(),
    /** The page's program arrives and removes the placeholder. */
    arrive: () => (isThere = false),
  };
}
const scriptFails = (page) => page.listeners.error({ target: { tagName: "SCRIPT" } });

test("a script that does not load: a sentence, and a way on", () => {
  const page = open();
  scriptFails(page);
  assert.equal(page.text(), "Prunescope did not load whole: check the network connection, then reload the page.");
  assert.equal(page.place.attributes.role, "alert");
  page.place.children[0].click();
  assert.equal(page.reloads(), 1);
});

test("a program that fails: what the browser says of it", () => {
  for (const event of [{ error: new Error("failed to fetch Wasm: 404") }, { reason: new Error("failed to fetch Wasm: 404") }, { reason: "failed to fetch Wasm: 404" }]) {
    const page = open();
    page.listeners[event.error ? "error" : "unhandledrejection"](event);
    assert.match(page.text(), /\(failed to fetch Wasm: 404\): check the network/);
  }
});

test("pictures and style sheets are missed by nobody, and a page that is there tells of itself", () => {
  const page = open();
  for (const tagName of ["LINK", "IMG"]) page.listeners.error({ target: { tagName } });
  assert.equal(page.text(), "Opening…");
  page.arrive();
  scriptFails(page);
  page.timers.forEach(([then]) => then());
  assert.equal(page.text(), "Opening…");
});

test("a browser without SIMD, without WebAssembly, and a page that no server has sent", () => {
  for (const wasm of [null, { validate: () => false }, {}]) {
    const page = open({ wasm });
    scriptFails(page);
    assert.match(page.text(), /lacks WebAssembly with SIMD.*current Chrome, Edge, Firefox or Safari/);
  }
  const page = open({ origin: "null", protocol: "file:" });
  scriptFails(page);
  assert.match(page.text(), /must come from a web server/);
});

test("a sandboxed frame: what its host must send, where that is what is missing", async () => {
  const refused = open({ origin: "null", fetch: async () => { throw new TypeError("CORS"); } });
  scriptFails(refused);
  await new Promise((done) => setImmediate(done));
  assert.match(refused.text(), /sandboxed frame.*must send the header “Access-Control-Allow-Origin: \*”/);
  const allowed = open({ origin: "null", fetch: async () => ({}) });
  scriptFails(allowed);
  await new Promise((done) => setImmediate(done));
  assert.match(allowed.text(), /check the network connection/);
});

test("a sandboxed frame gets a policy that names the site, in place of index.html's own", () => {
  assert.deepEqual(open().written, []);
  const policy = "default-src 'none'; script-src 'self' 'sha256-x'; worker-src 'self' blob:";
  assert.equal(SOURCE.split('"POLICY"').length, 2, "the build has one place to fill");
  const context = vm.createContext({ self: { origin: "null" }, location: { origin: "https://host.example", search: "?trace=x" }, document: { write: (text) => (context.written = text) }, addEventListener() {}, setTimeout() {} });
  vm.runInContext(SOURCE.replace('"POLICY"', JSON.stringify(policy)), context);
  assert.equal(context.written, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src https://host.example 'sha256-x'; worker-src blob: data:\"><!--");
});

test("“Opening…” does not stand alone for long, and a failure stays", () => {
  const page = open();
  const [[then, after]] = page.timers;
  assert.equal(after, 10_000);
  then();
  assert.match(page.text(), /slow/);
  scriptFails(page);
  then();
  assert.match(page.text(), /did not load whole/);
});

test("the recorded example is asked for ahead, unless the link is about something else, and missed by nobody", async () => {
  const asked = [];
  const text = "the run";
  const open_ = (search, answer) => open({ search, self: { DecompressionStream }, fetch: async (address) => (asked.push(address), answer()) });
  const compressed = () => new Response(new Blob([zlib.gzipSync(text)]).stream());
  for (const search of ["", "?drop=a7", "?view=choice&lang=de"]) assert.equal(await open_(search, compressed).example(), text, search);
  assert.deepEqual(asked, Array(3).fill("traces/example.json.gz"));
  for (const search of ["?model=other.gguf", "?drop=a7&trace=run.json", "?other=x"]) assert.equal(open_(search, compressed).example(), undefined, search);
  assert.equal(asked.length, 3);
  const failures = [() => new Response("", { status: 404 }), () => new Response("no gzip"), () => { throw new TypeError("no network"); }];
  for (const failure of failures) assert.equal(await open_("", failure).example(), undefined);
  assert.equal(open({ search: "" }).example(), undefined, "an old browser");
});

test("a page that its host does not isolate is loaded anew as soon as the service worker can, once, and never when it is there", async () => {
  const browser = () => {
    const workers = { controller: null, register: async (script) => ({ script: (workers.script = script) }), addEventListener: (kind, then) => (workers[kind] = then) };
    return { self: { crossOriginIsolated: false }, navigator: { hardwareConcurrency: 4, serviceWorker: workers } };
  };
  const turn = () => new Promise((done) => setImmediate(done));
  for (const isThere of [false, true]) {
    const options = browser();
    const page = open(options);
    await turn();
    assert.equal(options.navigator.serviceWorker.script, "sw.js");
    assert.equal(page.reloads(), 0, "not before it controls the page");
    if (isThere) page.arrive();
    options.navigator.serviceWorker.controller = {};
    options.navigator.serviceWorker.controllerchange();
    await turn();
    assert.equal(page.reloads(), isThere ? 0 : 1);
    if (isThere) await page.isolating();
    scriptFails(page);
    assert.equal(page.text(), "Opening…", "a load that ends is no failure");
    assert.deepEqual(page.storage, isThere ? {} : { "prunescope-isolated": "1" });
  }
  const refusals = [
    (options) => (options.self.crossOriginIsolated = true),
    (options) => (options.self.crossOriginIsolated = undefined),
    (options) => (options.navigator.hardwareConcurrency = 1),
    (options) => (options.navigator.serviceWorker.controller = {}),
    (options) => (options.navigator.serviceWorker = undefined),
    (options) => Object.defineProperty(options.navigator, "serviceWorker", { get() { throw new Error("a sandboxed frame"); } }),
  ];
  for (const refuse of refusals) {
    const options = browser();
    refuse(options);
    assert.equal(open(options).isolating(), undefined);
  }
  for (const register of [async () => { throw new Error("a private window"); }, async () => undefined]) {
    const forbidden = browser();
    forbidden.navigator.serviceWorker.register = register;
    const page = open(forbidden);
    await page.isolating();
    assert.equal(page.text(), "Opening…");
    assert.equal(page.reloads(), 0);
  }
});
