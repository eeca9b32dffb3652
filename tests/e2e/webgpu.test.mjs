// WebGPU on Chromium's software adapter, with the tiny model: the same results as on the CPU; a lost device, wrong kernels.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { ROOT } from "./server.mjs";
import { holdsToMetrics } from "./reference.mjs";
import { finished, open, results, stage } from "./browser.mjs";

const { server, browser } = await stage({ webgpu: "software" });
/** Code in front of the engine's script that gives a way to lose its device. */
const LOSABLE = `{
  const request = GPUAdapter.prototype.requestDevice;
  let device;
  GPUAdapter.prototype.requestDevice = async function (...options) { return (device = await request.apply(this, options)); };
  new BroadcastChannel("lose-device").onmessage = () => device?.destroy();
}`;
/** Code that stops the clock until the model is loaded, so that a software adapter seems no slower than the CPU. */
const QUICK = `{
  const [now, post] = [performance.now.bind(performance), postMessage.bind(self)];
  let isLoading = true;
  performance.now = () => isLoading ? 0 : now();
  self.postMessage = (message) => {
    if (JSON.parse(message).type === "ready") isLoading = false;
    post(message);
  };
}`;
/** Code that makes kernels compute something else. */
const WRONG = `{
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (options) {
    return create.call(this, { ...options, code: options.code.replaceAll("exp(", "exp2(") });
  };
}`;
/** Makes the page take a software adapter for a real one. */
const pretendReal = (page) => page.addInitScript(() => {
  Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });
  Object.defineProperty(GPUAdapter.prototype, "isFallbackAdapter", { get: () => false });
});

const link = (rest) => `${server.site}?model=${server.origin}/fixtures/tiny.gguf&drop=a1,m2&tokens=4${rest}`;
const losable = (rest = QUICK) => server.prepend("worker_webgpu.js", LOSABLE + rest);
const lose = (page) => page.evaluate(() => new BroadcastChannel("lose-device").postMessage(0));

/** Asserts that both pages, each on its device, give the same results for some settings. */
async function agree(page, cpuPage, settings) {
  const gpu = await results(page, { ...settings, backend: "webgpu" });
  const cpu = await results(cpuPage, { ...settings, backend: "cpu" });
  assert.equal(gpu.backend, "webgpu");
  assert.equal(cpu.backend, "cpu");
  assert.deepEqual(gpu.prompt_ids, cpu.prompt_ids);
  const { top: _, ...metrics } = cpu.next_token;
  holdsToMetrics(gpu.next_token, metrics, `the GPU beside the CPU, ${JSON.stringify(settings)}`);
  assert.deepEqual(gpu.generation.dense.ids, cpu.generation.dense.ids);
  assert.deepEqual(gpu.generation.pruned.ids, cpu.generation.pruned.ids);
  assert.deepEqual(gpu.weights, cpu.weights);
  cpu.layers.forEach((layer, at) => assert.ok(Math.abs(gpu.layers[at].cos_p - layer.cos_p) < 5e-3));
}

test("a software adapter is passed over, and the page says why", async () => {
  const page = await open(browser, link(""));
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "cpu");
  assert.match(await page.textContent("#device"), /only software/);
  assert.ok(!server.requests.some(({ path }) => path.includes("worker_webgpu")), "the CPU's engine is all that is fetched");
  await page.context().close();
});

test("WebGPU finds what the CPU finds", async () => {
  const page = await open(browser, link("&backend=webgpu"), { timeout: 300_000 });
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "webgpu");
  const cpuPage = await open(browser, link("&backend=cpu"));
  for (const settings of [{ drop: "a1,m2" }, { drop: "b0,m3" }, { drop: "" }, { drop: "a1", sparse: "magnitude-2:4", quant: "rtn4-g32" }]) {
    await agree(page, cpuPage, settings);
  }
  assert.deepEqual(page.problems, []);
  await page.context().close();
  await cpuPage.context().close();
});

test("a lost device that was asked for: a sentence, and Try again opens it anew", async () => {
  losable();
  const page = await open(browser, link("&backend=webgpu"), { timeout: 300_000 });
  await finished(page);
  await lose(page);
  assert.match(await page.textContent(".failure p"), /lost.*(try again|CPU)/is);
  assert.equal((await page.evaluate(() => window.prunescope.settings())).drop, "a1,m2");
  await page.click("#retry");
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "webgpu");
  await page.context().close();
});

test("a lost device that nobody asked for: the page goes on with the CPU", async () => {
  losable();
  const page = await open(browser, link(""), { timeout: 300_000, before: pretendReal });
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "webgpu");
  await lose(page);
  await page.waitForSelector("#device[data-backend=cpu]");
  await finished(page);
  assert.match(await page.textContent(".notice"), /lost.*went on with the CPU/s);
  server.faults.clear();
  await page.context().close();
});

/** Serves only a part of the tiny model until the test releases the rest. */
function slowly() {
  const bytes = fs.readFileSync(path.join(ROOT, "tests/fixtures/tiny.gguf"));
  let held = true;
  const waiting = [];
  server.faults.set("/fixtures/slow.gguf", (request, response) => {
    response.writeHead(200, { "Content-Length": bytes.length });
    if (!held) return response.end(bytes), true;
    response.write(bytes.subarray(0, 200_000));
    waiting.push(() => response.end(bytes.subarray(200_000)));
    return true;
  });
  return () => ((held = false), waiting.forEach((go) => go()));
}

for (const [when, rest, begun] of [
  ["while the model loads", "", async (page) => {
    // The device is ready, and a part of the model has arrived.
    await page.waitForSelector("#device[data-backend=webgpu]");
    await page.waitForSelector("#model-progress[value]");
  }],
  ["while it writes", "&tokens=200", (page) => page.waitForSelector("#dense-text [data-step='2']")],
  ["in a sweep", "&view=sweep&sample=2", async (page) => {
    await finished(page);
    await page.click("#sweep-start");
    await page.waitForSelector("#measure-progress");
  }],
]) {
  test(`a device lost ${when}: the page goes on with the CPU, and nothing that was set is lost`, async () => {
    // While the clock stands still, no progress is reported either.
    losable(when === "while the model loads" ? "" : QUICK);
    const release = slowly();
    if (when !== "while the model loads") release();
    const page = await open(browser, link(rest).replace("tiny.gguf", "slow.gguf"), { timeout: 300_000, before: pretendReal });
    await begun(page);
    await lose(page);
    await page.waitForSelector(".notice:has-text('went on with the CPU')");
    release();
    await page.waitForSelector("#device[data-backend=cpu]");
    await finished(page);
    assert.equal((await page.evaluate(() => window.prunescope.settings())).drop, "a1,m2");
    assert.equal(await page.locator(".failure").count(), 0);
    server.faults.clear();
    await page.context().close();
  });
}

test("an adapter that binds little: matrices are split, and the numbers are the CPU's", async () => {
  // Every matrix of the tiny model is larger than this limit.
  const narrow = (page) => page.addInitScript(() => Object.defineProperty(GPUSupportedLimits.prototype, "maxStorageBufferBindingSize", { get: () => 4_000 }));
  const page = await open(browser, link("&backend=webgpu"), { timeout: 300_000, before: narrow });
  const cpuPage = await open(browser, link("&backend=cpu"));
  for (const settings of [{ drop: "a1,m2" }, { drop: "a1", sparse: "magnitude-0.3", quant: "rtn4-g32" }]) {
    await agree(page, cpuPage, settings);
  }
  assert.deepEqual(page.problems, []);
  await page.context().close();
  await cpuPage.context().close();
});

for (const [who, rest, before] of [["that was chosen by itself", "", pretendReal], ["that was asked for", "&backend=webgpu", undefined]]) {
  test(`a GPU ${who} and computes wrong numbers: the CPU computes, the page says so, and nothing wrong was shown`, async () => {
    server.prepend("worker_webgpu.js", WRONG + QUICK);
    const page = await open(browser, link(rest), { timeout: 300_000, before });
    await page.waitForSelector("#device[data-backend=cpu]");
    await finished(page);
    assert.match(await page.textContent(".notice"), /CPU computes.*this GPU computes wrong numbers: what is added by the \w+ of layer \d+ differs/);
    assert.match(await page.textContent("#device"), /wrong numbers/);
    const cpuPage = await open(browser, link("&backend=cpu"));
    const [found, wanted] = [await results(page), await results(cpuPage)];
    assert.deepEqual(found.next_token, wanted.next_token);
    assert.deepEqual(page.problems, []);
    server.faults.clear();
    await page.context().close();
    await cpuPage.context().close();
  });
}

test("the agreement with the CPU stands in the status line and in the results", async () => {
  const page = await open(browser, link("&backend=webgpu"), { timeout: 300_000 });
  await finished(page);
  assert.match(await page.textContent("#device"), /agrees with the CPU on 16 tokens \(largest relative error \de-\d, KL \S+\)\. One token takes it about [\d.]+ ms, one thread of the CPU about [\d.]+ ms/);
  const { device_check: check } = (await results(page)).model;
  assert.deepEqual([check.tokens, check.layers], [16, [0, 2, 3]]);
  assert.ok(check.largest_error < 1e-4 && Math.abs(check.kl) < 1e-6, JSON.stringify(check));
  await page.context().close();
});

test("a GPU that is slower than the CPU: the CPU computes, both figures are told, and the next visit knows it", async () => {
  const page = await open(browser, link(""), { timeout: 300_000, before: pretendReal });
  await page.waitForSelector("#device[data-backend=cpu]");
  await finished(page);
  const figures = /one token takes it about [\d.]+ ms, this device's GPU about [\d.]+ ms/;
  assert.match(await page.textContent("#device"), figures);
  assert.equal(await page.locator(".notice").count(), 0);
  server.requests.length = 0;
  await page.reload();
  await page.waitForSelector("#device[data-backend=cpu]");
  await finished(page);
  assert.match(await page.textContent("#device"), figures);
  assert.match(await page.textContent("#device"), /earlier visit/);
  assert.ok(!server.requests.some(({ path }) => path.includes("worker_webgpu")), "it is not tried again");
  await page.context().close();
});

test("an adapter that gives no device: a sentence and the CPU, or the CPU at once", async () => {
  server.prepend("worker_webgpu.js", "GPUAdapter.prototype.requestDevice = async () => { throw new DOMException('a limit is too low', 'OperationError'); };");
  const asked = await open(browser, link("&backend=webgpu"), { timeout: 300_000 });
  assert.match(await asked.textContent(".failure p"), /WebGPU could not be opened.*CPU/s);
  await asked.click("#use-cpu");
  await finished(asked);
  assert.equal(await asked.getAttribute("#device", "data-backend"), "cpu");
  assert.equal((await asked.evaluate(() => window.prunescope.settings())).drop, "a1,m2");
  await asked.context().close();
  const page = await open(browser, link(""), { timeout: 300_000, before: pretendReal });
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "cpu");
  assert.match(await page.textContent("#device"), /WebGPU could not be opened/);
  await page.context().close();
  server.faults.clear();
});
