// Threads: on hosts that isolate the page, on hosts that do not, and in browsers that lack a requirement.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { cores, launch, open, results } from "./browser.mjs";
import { ROOT, serve, SITE, sitePath } from "./server.mjs";

const [plain, isolated] = [await serve(), await serve({ isolated: true })];
const browser = await launch();
after(async () => {
  await browser.close();
  [plain, isolated].forEach((server) => server.close());
});

const tiny = (server) => `${server.origin}/fixtures/tiny.gguf`;
const link = (server, model = tiny(server)) => `${server.site}?backend=cpu&drop=a3,m1&tokens=6&prompt=The+river+rises+in+the+hills+and+runs+north&model=${encodeURIComponent(model)}`;
/** Code for the engine's worker that puts code in front of the helpers' script. */
const inHelpers = (code) => `{ const Own = Blob; Blob = class extends Own { constructor(parts, options) { super([${JSON.stringify(code)}, "\\n", ...parts], options); } }; }`;
const threads = async (page) => Number(await page.getAttribute("#memory", "data-threads"));
/** Opens a link; returns its results without times. */
async function found(address, options) {
  const page = await open(browser, address, options);
  const { next_token, generation } = await results(page);
  return { page, numbers: { next_token, generation } };
}

test("several threads find the very numbers of one", async () => {
  const one = await found(link(isolated, ""), { before: cores(1) });
  assert.equal(await threads(one.page), 1);
  const several = await found(link(isolated, ""), { before: cores(4) });
  assert.equal(await several.page.evaluate(() => crossOriginIsolated), true);
  assert.equal(await threads(several.page), 3, "a core is left to the page");
  assert.match(await several.page.textContent("#memory"), /3 threads/);
  assert.deepEqual(several.numbers, one.numbers);
  for (const { page } of [one, several]) {
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
});

test("a first visit to a host without the headers is loaded anew before anything is there, once, and then has threads", async () => {
  let loads = 0;
  // The first load's program comes once the page is loaded anew, however long the service worker takes.
  const program = SITE + fs.readdirSync(path.join(ROOT, "dist")).find((name) => /^page-.*_bg\.wasm$/.test(name));
  plain.faults.set(program, (request, response, file) => {
    const answer = () => response.writeHead(200, { "Content-Type": "application/wasm" }).end(fs.readFileSync(file));
    if (loads > 1) answer();
    else held.push(answer);
    return true;
  });
  const held = [];
  const before = async (page) => {
    await cores(2)(page);
    page.on("request", (request) => {
      if (request.isNavigationRequest() && ++loads > 1) held.splice(0).forEach((answer) => answer());
    });
    await page.addInitScript(() => new MutationObserver(() => {
      if (!crossOriginIsolated && document.querySelector(".page")) sessionStorage.setItem("flash", "1");
    }).observe(document, { childList: true, subtree: true }));
  };
  const page = await open(browser, link(plain), { before, context: { serviceWorkers: "allow" } });
  await page.waitForFunction(() => crossOriginIsolated && window.prunescope);
  await results(page);
  assert.equal(await threads(page), 2);
  plain.faults.clear();
  assert.equal(loads, 2);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("flash")), null, "the page was there, and went");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a host without the headers and a browser without service workers: one thread, the same numbers", async () => {
  const alone = await found(link(plain), { before: cores(4) });
  assert.equal(await threads(alone.page), 1);
  const none = "WebAssembly.Memory = class { constructor(limits) { if (limits.shared) throw new TypeError('no shared memory'); return new Memory(limits); } };";
  plain.prepend("worker.js", `const { Memory } = WebAssembly; ${none}`);
  const unshared = await found(link(plain), { before: cores(4) });
  plain.faults.delete(sitePath("worker.js"));
  assert.deepEqual(unshared.numbers, alone.numbers);
  for (const { page } of [alone, unshared]) {
    assert.deepEqual(page.problems, []);
    await page.context().close();
  }
});

test("helpers that do not start are missed by nobody, and leave nothing behind", async () => {
  const refuses = () => { throw new DOMException("refused", "DataCloneError"); };
  const faults = [
    ["", 0, () => {
      const Own = Worker;
      let made = 0;
      Worker = function (...how) {
        if (made++) throw new DOMException("refused", "SecurityError");
        return new Own(...how);
      };
    }],
    [inHelpers("WebAssembly.Instance = class { constructor() { throw new RangeError('out of memory'); } };"), 0],
    [inHelpers("throw new Error('a browser without such workers');"), 0],
    // As if WebKit refused to send shared memory: from the engine to the page, and from the page to a helper.
    [`{ const post = self.postMessage; self.postMessage = (message) => typeof message === "string" ? post.call(self, message) : (${refuses})(); }`, 0],
    ["", 2, () => {
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message) {
        if (typeof message !== "string") throw new DOMException("refused", "DataCloneError");
        postMessage.call(this, message);
      };
    }],
  ];
  const counts = () => {
    window.ended = 0;
    const { terminate } = Worker.prototype;
    Worker.prototype.terminate = function () {
      window.ended++;
      terminate.call(this);
    };
  };
  for (const [fault, terminated, inPage] of faults) {
    isolated.prepend("worker.js", fault);
    const before = async (page) => {
      await cores(4)(page);
      await page.addInitScript(counts);
      if (inPage) await page.addInitScript(inPage);
    };
    const page = await open(browser, link(isolated), { before });
    await results(page);
    assert.equal(await threads(page), 1);
    assert.equal(await page.locator(".failure").count(), 0);
    assert.equal(await page.evaluate(() => window.ended), terminated);
    await page.context().close();
  }
  isolated.faults.delete(sitePath("worker.js"));
});

test("a helper that fails at its work: a sentence, and Try again", async () => {
  // Its function table has functions of another type in place of those that compute products.
  isolated.prepend("worker.js", inHelpers(`const { Instance } = WebAssembly;
    let engine;
    WebAssembly.Instance = class { constructor(module, imports) {
      const instance = new Instance(module, imports);
      if (instance.exports.engine_help) return (engine = instance);
      const other = engine.exports.__wbindgen_malloc;
      return { exports: { gemm: other, gemv: other } };
    } };`));
  const page = await open(browser, link(isolated, ""), { before: cores(3) });
  assert.match(await page.textContent(".failure p"), /engine stopped, since a thread that helps it failed/);
  isolated.faults.delete(sitePath("worker.js"));
  await page.click("#retry");
  await results(page);
  assert.equal(await threads(page), 2);
  assert.equal((await page.evaluate(() => window.prunescope.settings())).drop, "m1,a3");
  await page.context().close();
});
