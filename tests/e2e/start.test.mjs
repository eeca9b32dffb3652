// Engines that fail to start: in every case the page shows a sentence within about ten seconds, and a way out. With the tiny model.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { ROOT, sitePath, engineFolder } from "./server.mjs";
import { cores, finished, FORBIDDEN, open, REFUSED, results, stage } from "./browser.mjs";

const { server, browser } = await stage({}, { isolated: true });
const link = `${server.site}?backend=cpu&model=${server.origin}/fixtures/tiny.gguf&drop=a1&tokens=5`;
const failure = async (page) => {
  const began = Date.now();
  const text = await page.textContent(".failure p");
  assert.ok(Date.now() - began < 16_000, "within some ten seconds");
  return text;
};
const send = (status, type, body) => (request, response) => Boolean(response.writeHead(status, { "Content-Type": type }).end(body));
/** Sends the first half of the file, then closes the connection. */
const cut = (request, response, file) => {
  const bytes = fs.readFileSync(file);
  response.writeHead(200, { "Content-Type": file.endsWith(".js") ? "text/javascript" : "application/wasm", "Content-Length": bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2), () => setTimeout(() => response.destroy(), 50));
  return true;
};

for (const file of ["worker.js", "worker_bg.wasm"]) {
  for (const [name, fault, sentence] of [
    ["is missing", send(404, "text/plain", "not found"), new RegExp(`host has no ${file}; try again`)],
    ["is missing, and the host answers with a page", send(200, "text/html", "<!doctype html>"), new RegExp(`host has no ${file}; try again`)],
    ["is refused", send(500, "text/plain", "error"), new RegExp(`host answers 500 for ${file}; try again`)],
    ["comes half", cut, new RegExp(`${file} did not come whole; check the network connection`)],
    ["does not come", (request, response) => Boolean(response.destroy()), new RegExp(`${file} did not come whole; check the network connection`)],
    ["is never answered", () => true, /not been heard of for 10 s.*try again/],
  ]) {
    test(`${file} ${name}: a sentence, and Try again`, async () => {
      server.faults.set(sitePath(file), fault);
      const page = await open(browser, link);
      assert.match(await failure(page), sentence);
      assert.equal(await page.locator("#use-cpu").count(), 0, "it was the CPU's engine");
      server.faults.clear();
      await page.click("#retry");
      await finished(page);
      assert.equal(await page.locator(".failure").count(), 0);
      await page.context().close();
    });
  }
}

/** Puts code in front of the engine's script, and checks the page's sentence; a second attempt without the code works. */
async function broken(code, sentence) {
  server.prepend("worker.js", code);
  const page = await open(browser, link);
  assert.match(await failure(page), sentence);
  server.faults.clear();
  await page.click("#retry");
  await finished(page);
  await page.context().close();
}

test("a script that is no script, and one that fails", async () => {
  await broken("import nothing from nowhere;", /could not start .*SyntaxError/);
  await broken("throw new Error('an old browser');", /could not start .*an old browser/);
});

test("a script and a program that do not belong together", async () => {
  const other = (file) => {
    // Rename one of its imported functions.
    const bytes = fs.readFileSync(file);
    bytes.write("__wbx_", bytes.indexOf("__wbg_"));
    return bytes;
  };
  for (const [program, sentence] of [[other, /LinkError/], [(file) => fs.readFileSync(path.join(path.dirname(file), "worker_webgpu_bg.wasm")), /WebAssembly/]]) {
    server.faults.set(sitePath("worker_bg.wasm"), (request, response, file) => Boolean(response.writeHead(200, { "Content-Type": "application/wasm" }).end(program(file))));
    const page = await open(browser, link);
    const text = await failure(page);
    assert.match(text, /^The engine could not start \(.*reload the page/);
    assert.match(text, sentence);
    server.faults.clear();
    await page.click("#retry");
    await finished(page);
    await page.context().close();
  }
});

test("whatever a browser has against shared memory: one thread, and the same numbers", async () => {
  const before = cores(3);
  const shared = await open(browser, link, { before });
  const numbers = (await results(shared)).next_token;
  assert.equal(await shared.getAttribute("#memory", "data-threads"), "2");
  await shared.context().close();
  const refusing = (error) => `{ const { Memory } = WebAssembly; WebAssembly.Memory = class extends Memory { constructor(limits) { super(limits); if (limits.shared) throw ${error}; } }; }`;
  const refusals = [
    ...["new TypeError('shared')", "new RangeError('memory')", "new WebAssembly.LinkError('memory')", "new DOMException('no', 'NotSupportedError')", "'no'"].map(refusing),
    // Like Firefox with javascript.options.shared_memory=false: memory is created, but not shared, and the program refuses it.
    "{ const { Memory } = WebAssembly; WebAssembly.Memory = class { constructor({ initial, maximum }) { return new Memory({ initial, maximum }); } }; }",
    "WebAssembly.instantiateStreaming = async () => { throw new WebAssembly.CompileError('threads'); };",
  ];
  for (const refusal of refusals) {
    server.prepend("worker.js", refusal);
    const page = await open(browser, link, { before });
    assert.deepEqual((await results(page)).next_token, numbers, refusal);
    assert.equal(await page.getAttribute("#memory", "data-threads"), "1");
    assert.equal(await page.locator(".failure").count(), 0);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
  server.faults.clear();
});

test("a rejection that nobody handles in the worker is heard", async () => {
  await broken("Promise.reject(new Error('lost in the worker'));", /could not start .*lost in the worker/);
});

test("an engine that never says that it listens; and one that does so after all", async () => {
  server.prepend("worker.js", "self.postMessage = () => {};");
  const silent = await open(browser, link);
  assert.match(await failure(silent), /not been heard of for 10 s/);
  await silent.context().close();
  server.prepend("worker.js", `{
    const held = [];
    const { postMessage } = self;
    self.postMessage = (message) => held.push(message);
    new BroadcastChannel("release").onmessage = () => { self.postMessage = postMessage; held.forEach((message) => postMessage(message)); };
  }`);
  const late = await open(browser, link);
  assert.match(await failure(late), /if it starts after all, the page goes on/);
  await late.evaluate(() => new BroadcastChannel("release").postMessage(0));
  await finished(late);
  assert.equal(await late.locator(".failure").count(), 0);
  assert.equal((await late.evaluate(() => window.prunescope.settings())).drop, "a1");
  server.faults.clear();
  await late.context().close();
});

test("a slow network is no failure: the page says how far it is", async () => {
  // Each file takes twelve seconds.
  const slow = (request, response, file) => {
    const bytes = fs.readFileSync(file);
    response.writeHead(200, { "Content-Type": file.endsWith(".js") ? "text/javascript" : "application/wasm", "Content-Length": bytes.length });
    const size = Math.ceil(bytes.length / 24);
    const piece = (at) => (at * size < bytes.length ? (response.write(bytes.subarray(at * size, (at + 1) * size)), setTimeout(piece, 500, at + 1)) : response.end());
    piece(0);
    return true;
  };
  server.faults.set(sitePath("worker.js"), slow);
  server.faults.set(sitePath("worker_bg.wasm"), slow);
  const page = await open(browser, link);
  await page.evaluate(() => {
    window.seen = new Set();
    const look = () => {
      for (const text of document.querySelectorAll(".loading label, .failure p")) window.seen.add(text.textContent);
      requestAnimationFrame(look);
    };
    look();
  });
  await finished(page);
  const seen = await page.evaluate(() => [...window.seen]);
  assert.ok(seen.some((text) => /^Starting the engine, \d+\.\d of \d+\.\d MB$/.test(text)), seen.join("; "));
  assert.ok(!seen.some((text) => /not been heard/.test(text)), seen.join("; "));
  server.faults.clear();
  await page.context().close();
});

test("the WebGPU engine that does not start offers the CPU", async () => {
  server.faults.set(sitePath("worker_webgpu.js"), send(500, "text/plain", "error"));
  const adapter = (page) => page.addInitScript(() => {
    const found = { info: { isFallbackAdapter: false }, limits: {} };
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter: async () => found } });
  });
  const page = await open(browser, link.replace("backend=cpu", "backend=auto"), { before: adapter });
  assert.match(await failure(page), /500 for worker_webgpu\.js/);
  server.faults.clear();
  await page.click("#use-cpu");
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "cpu");
  await page.context().close();
});

test("a browser that never answers when asked for an adapter computes on the CPU", async () => {
  const silent = (page) => page.addInitScript(() => Object.defineProperty(navigator, "gpu", { value: { requestAdapter: () => new Promise(() => {}) } }));
  const page = await open(browser, link.replace("backend=cpu", "backend=auto"), { before: silent });
  await finished(page);
  assert.match(await page.textContent("#device"), /does not answer when asked for a graphics adapter/);
  await page.context().close();
});

test("the workers that read models, and their helpers, have the page's policy", async () => {
  // The policy does not depend on the host: this one sends none.
  server.prepend("worker.js", `{ const Own = Blob; Blob = class extends Own { constructor(parts, options) { super(["(" + ${JSON.stringify(`() => ${FORBIDDEN}.then((what) => new BroadcastChannel("helper").postMessage(what))`)} + ")();\\n", ...parts], options); } }; }`);
  const listens = (page) => page.addInitScript(() => (window.helper = new Promise((done) => (new BroadcastChannel("helper").onmessage = ({ data }) => done(data)))));
  const page = await open(browser, link, { before: async (page) => { await cores(2)(page); await listens(page); } });
  await finished(page);
  assert.equal(await page.getAttribute("#memory", "data-threads"), "2");
  const engine = page.workers()[0];
  assert.match(engine.url(), /^blob:/);
  assert.deepEqual(await engine.evaluate(FORBIDDEN), REFUSED);
  assert.deepEqual(await page.evaluate(() => window.helper), REFUSED);
  server.faults.clear();
  await page.context().close();
});

test("no file of an engine has an address that another version could have", () => {
  const folder = engineFolder();
  const names = fs.readdirSync(path.join(ROOT, "dist"));
  // Other pages name the script of their figures, and the browser that of the service worker: these two keep their addresses.
  assert.deepEqual(names.filter((name) => /\.(js|wasm)$/.test(name) && !/-[0-9a-f]{8,16}[._]/.test(name)).sort(), ["prune-scope.js", "sw.js"]);
  assert.ok(fs.readFileSync(path.join(ROOT, "dist/index.html"), "utf8").includes(`content="${folder}"`));
});
