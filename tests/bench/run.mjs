// `make bench`: the page and its peer, wllama, on the same file in the same Chromium, taking turns. Prints a table of medians
// and writes every number to target/bench/report.json. Options: --runs N (default 3), --quick (no 512-token prompts, no slider),
// --alone (the peer does not run), --long (also the first use of each pruning method, the sweep, and the verdict), --threads (also both with
// all cores), --webgpu (also both on a real WebGPU adapter).
import fs from "node:fs";
import path from "node:path";
import os from "node:os";
import zlib from "node:zlib";
import { launchMeasured } from "./browser.mjs";
import { serve, ROOT } from "../e2e/server.mjs";
import { cores, open } from "../e2e/browser.mjs";

const options = process.argv.slice(2);
const RUNS = Number(options[options.indexOf("--runs") + 1]) || 3;
const QUICK = options.includes("--quick");
const LONG = options.includes("--long");
const PROMPTS = QUICK ? [32, 128] : [32, 128, 512];
const DECODE = 64;
/** Settings of a method for the first time, and with another ratio or width. */
const METHODS = {
  Wanda: [{ sparse: "wanda-0.5" }, { sparse: "wanda-0.4" }],
  "Wanda 2:4": [{ sparse: "wanda-2:4" }, { sparse: "wanda-4:8" }],
  AWQ: [{ quant: "awq4-g64" }, { quant: "awq3-g64" }],
  SparseGPT: [{ sparse: "sparsegpt-0.5" }, { sparse: "sparsegpt-0.4" }],
};
const TOGGLES = { first: "a0", middle: "m15", last: "m29" };
/** Words that are about one token each. */
const WORDS = "the river rises in the hills north of the town and runs for many miles before it meets the sea in spring when the snow melts it floods the low fields and farmers move their animals to higher ground".split(" ");
/** A text of about `tokens` tokens; `salt` varies it, so that no prompt cache helps. */
const text = (tokens, salt) => Array.from({ length: tokens }, (_, i) => WORDS[(i * 7 + salt * 13 + ((i * i) >> 3)) % WORDS.length]).join(" ");

/** The model as one file, for the peer. */
function wholeModel() {
  const folder = path.join(ROOT, "target/bench");
  fs.mkdirSync(folder, { recursive: true });
  const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, "public/models/SmolLM2-135M-Instruct.Q4_1.json")));
  const parts = manifest.parts.map((part) => fs.readFileSync(path.join(ROOT, "public/models", part.file)));
  fs.writeFileSync(path.join(folder, "model.gguf"), Buffer.concat(parts));
  return folder;
}

/** Bytes of everything that is served, by kind. */
function sizes() {
  const rows = {};
  const add = (name, bytes) => {
    const brotli = zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: QUICK ? 5 : 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 24 } });
    rows[name] = { raw: bytes.length, gzip: zlib.gzipSync(bytes, { level: 9 }).length, brotli: brotli.length };
  };
  const dist = path.join(ROOT, "dist");
  for (const file of fs.readdirSync(dist, { recursive: true })) {
    if (/\.(wasm|js|css|html)$/.test(file)) add(file.replace(/-[0-9a-f]{8,16}/, ""), fs.readFileSync(path.join(dist, file)));
  }
  const peer = path.join(ROOT, "tests/bench/node_modules/@wllama/wllama/esm");
  add("peer: wllama.wasm", fs.readFileSync(path.join(peer, "wasm/wllama.wasm")));
  add("peer: index.js", fs.readFileSync(path.join(peer, "index.js")));
  return rows;
}

/** Generation speed in tokens per second, from the times between steps. */
const written = (page, settings) => page.evaluate((settings) => new Promise((done, failed) => {
  const times = [];
  const off = window.prunescope.on("step", () => times.push(performance.now()));
  window.prunescope.run(settings).then((report) => {
    off();
    done({ rate: (1000 * (times.length - 1)) / (times.at(-1) - times[0]), steps: times.length, text: report.generation.dense.text });
  }, failed);
}), settings);

/** Time from a change of settings to new next-token numbers, in milliseconds. */
const change = (page, settings) => page.evaluate((settings) => new Promise((done) => {
  const began = performance.now();
  const off = window.prunescope.on("next_token", () => { off(); done(performance.now() - began); });
  window.prunescope.run(settings).catch(() => {});
}), settings);

/**
 * Time from a hand's press on a switch to the paint of the new number, in milliseconds: the median of five, each pressed twice, so that
 * every press starts from the same plan. `known`: once the page knows what the switch does; else as soon as the run before is done.
 */
async function touch(page, name, { known = false } = {}) {
  const times = [];
  const at = page.locator(`[data-switch="${name}"]`);
  const settled = () => page.waitForSelector("#export:enabled", { state: "attached" });
  for (let press = 0; press < 6; press++) {
    await settled();
    // Pointing at it has it measured first.
    if (known) await at.hover();
    if (known) await page.waitForFunction((name) => /KL/.test(document.querySelector(`[data-switch="${name}"]`).getAttribute("aria-label")), name);
    const painted = page.evaluate(() => new Promise((done) => {
      const value = () => document.querySelector("#cos-p")?.dataset.value;
      const before = value();
      let pressed;
      addEventListener("pointerdown", ({ timeStamp }) => (pressed = timeStamp), { once: true, capture: true });
      const watch = new MutationObserver(() => {
        if (pressed === undefined || value() === before) return;
        watch.disconnect();
        // A message is handled after the frame with the new number.
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => done(performance.now() - pressed);
          port2.postMessage(0);
        });
      });
      watch.observe(document.querySelector("#pipeline"), { subtree: true, attributes: true, childList: true, characterData: true });
    }));
    // Without a pause between pointing and pressing.
    await at.click();
    times.push(await painted);
    await settled();
    await page.mouse.move(0, 0);
    await at.click();
  }
  await settled();
  // The first is a warm-up.
  return median(times.slice(1));
}

/** Milliseconds for which the page's main thread was busy from the beginning until `done`, the time from one paint to the next included. */
async function mainThread(page, done) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const busy = async () => 1000 * (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
  const before = await busy();
  const result = await done();
  const took = (await busy()) - before;
  await session.detach();
  return { took, result };
}

/** Rows that take minutes: the first use of each method in a fresh page, a sweep of layers until all points are shown and until it is finished,
 * and the verdict on a plan. */
async function long(page, address) {
  const out = {};
  const fresh = async () => {
    await page.goto(address);
    await page.waitForFunction(() => window.prunescope);
    await results(page, { drop: "", sparse: "", quant: "" });
  };
  for (const [name, [first, other]] of Object.entries(METHODS)) {
    await fresh();
    out[`${name}, first time, s`] = (await change(page, first)) / 1000;
    await page.waitForSelector("#export:enabled", { state: "attached" });
    out[`${name}, another ratio or width, s`] = (await change(page, other)) / 1000;
  }
  await fresh();
  await results(page, { drop: "m16,m17", view: "sweep" });
  let began = performance.now();
  await page.click("#judge");
  await page.waitForSelector("#advice li");
  out["verdict, 20 items a set, s"] = (performance.now() - began) / 1000;
  await page.waitForSelector("#sweep-start:enabled");
  began = performance.now();
  await page.click("#sweep-start");
  const shown = (pattern) => page.waitForFunction((pattern) => new RegExp(pattern).test(document.querySelector("#sweep-progress").textContent), pattern, { timeout: 1_800_000 });
  await shown("[1-9]\\d* of \\d");
  out["sweep, all points with a few items, s"] = (performance.now() - began) / 1000;
  await shown("(\\d+) of \\1\\b");
  out["sweep, finished, s"] = (performance.now() - began) / 1000;
  return out;
}

/** With more than two cores, the page leaves one free. */
const withThreads = (threads) => cores(threads > 2 ? threads + 1 : threads);

/** Time to the first paint of a fresh visit on a CPU slowed down four times, in milliseconds. */
async function firstPaint(browser, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await withThreads(1)(page);
  const session = await context.newCDPSession(page);
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.goto(address);
  await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  await context.close();
  return paint;
}

const results = (page, settings) => page.evaluate((settings) => window.prunescope.run(settings), settings);

async function ours(server, { threads, webgpu, salt }) {
  const browser = await launchMeasured({ webgpu });
  const out = {};
  try {
    const address = `${server.site}?tokens=1&chat=0&drop=&prompt=Hello&backend=${webgpu ? "webgpu" : "cpu"}`;
    let began = performance.now();
    const page = await open(browser, address, { timeout: 600_000, before: withThreads(threads), context: { serviceWorkers: "allow" } });
    await page.evaluate(() => window.prunescope.ready);
    out["load, ms"] = performance.now() - began;
    await results(page);
    const took = Number(await page.getAttribute("#memory", "data-threads"));
    if (took !== threads) throw new Error(`the page runs ${took} threads in place of ${threads}`);
    out["first paint, CPU 4 times slower, ms"] = await firstPaint(browser, address);
    began = performance.now();
    await page.reload();
    await page.waitForFunction(() => window.prunescope);
    await page.evaluate(() => window.prunescope.ready);
    out["load again, ms"] = performance.now() - began;
    await results(page);
    for (const tokens of PROMPTS) {
      const report = await results(page, { chat: false, prompt: text(tokens, salt), tokens: 1, drop: "" });
      out[`prefill ${tokens}, tokens/s`] = (1000 * report.prompt_ids.length) / report.timings_ms.dense_prompt;
    }
    const told = { chat: true, prompt: "Tell me a long story about the sea and a ship.", tokens: DECODE, drop: "" };
    const { took: busy, result } = await mainThread(page, () => written(page, told));
    out["decode, tokens/s"] = result.rate;
    out["page's main thread for a written token, ms"] = busy / result.steps;
    out["memory, MB"] = browser.peakMemory() / 1e6;
    out["pair, tokens/s"] = (await written(page, { prompt: "Tell me a long story about the moon and a cow.", drop: "a12,m17" })).rate;
    await results(page, { chat: false, prompt: text(40, salt), tokens: 1, drop: "m20" });
    for (const [name, drop] of Object.entries(TOGGLES)) out[`toggle ${name}, ms`] = await change(page, { drop });
    await page.evaluate(() => scrollTo(0, 0));
    await results(page, { drop: "m20" });
    for (const [name, drop] of Object.entries(TOGGLES)) out[`touch to paint ${name}, ms`] = await touch(page, drop);
    for (const [name, drop] of Object.entries(TOGGLES)) out[`touch to paint ${name}, known, ms`] = await touch(page, drop, { known: true });
    if (!QUICK) {
      out["memory before Wanda, MB"] = browser.peakMemory() / 1e6;
      await results(page, { drop: "", sparse: "wanda-0.4" });
      out["slider, ms"] = await change(page, { sparse: "wanda-0.5" });
      out["memory with Wanda, MB"] = browser.peakMemory() / 1e6;
      out["decode with Wanda, tokens/s"] = (await written(page, { chat: true, prompt: "Tell me a long story about the sun.", tokens: 16 })).rate;
    }
    if (LONG) Object.assign(out, await long(page, address));
    if (page.problems.length > 0) throw new Error(page.problems.join("\n"));
  } finally {
    await browser.close();
  }
  return out;
}

async function peer(server, { threads, webgpu, salt }) {
  const browser = await launchMeasured({ webgpu });
  const out = {};
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.setDefaultTimeout(600_000);
    const visit = async () => {
      await page.goto(`${server.origin}/bench/peer.html`);
      await page.waitForFunction(() => window.peer);
      return page.evaluate(([address, threads, gpu]) => window.peer.load(address, threads, gpu), [`${server.origin}/model/model.gguf`, threads, Boolean(webgpu)]);
    };
    let began = performance.now();
    const loaded = await visit();
    out["load, ms"] = performance.now() - began;
    if (loaded.threads !== threads) throw new Error(`the peer runs ${loaded.threads} threads in place of ${threads}`);
    began = performance.now();
    await visit();
    out["load again, ms"] = performance.now() - began;
    const complete = (prompt, tokens) => page.evaluate(([prompt, tokens]) => window.peer.complete(prompt, tokens), [prompt, tokens]);
    await complete("Hello", 2);
    for (const tokens of PROMPTS) {
      out[`prefill ${tokens}, tokens/s`] = (await complete(text(tokens, salt), 1)).timings.prompt_per_second;
    }
    const story = await complete("Tell me a long story about the sea and a ship.", DECODE);
    out["decode, tokens/s"] = story.timings.predicted_per_second;
    out["memory, MB"] = browser.peakMemory() / 1e6;
  } finally {
    await browser.close();
  }
  return out;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const spread = (numbers) => `${Math.min(...numbers).toPrecision(3)} to ${Math.max(...numbers).toPrecision(3)}`;

function table(title, mine, theirs) {
  console.log(`\n## ${title}\n\n| row | Prunescope | spread | wllama | spread | ratio |\n| --- | --- | --- | --- | --- | --- |`);
  for (const name of Object.keys(mine[0])) {
    const [a, b] = [mine, theirs].map((runs) => runs.map((run) => run[name]).filter((value) => value !== undefined));
    const number = (values) => (values.length > 0 ? median(values).toPrecision(3) : "–");
    const ratio = b.length > 0 ? `${(median(a) / median(b)).toFixed(2)}` : "–";
    console.log(`| ${name} | ${number(a)} | ${spread(a)} | ${number(b)} | ${b.length > 0 ? spread(b) : "–"} | ${ratio} |`);
  }
}

const mounts = { "/bench/": path.join(ROOT, "tests/bench"), "/model/": wholeModel() };
const report = { machine: `${os.cpus()[0].model}, ${os.cpus().length} cores`, date: new Date().toISOString(), peer: "wllama 3.13.0", sizes: sizes(), configurations: {} };
console.log(`# ${report.machine}, ${report.date}\n\n| file | raw, MB | gzip | brotli |\n| --- | --- | --- | --- |`);
for (const [name, size] of Object.entries(report.sizes)) {
  console.log(`| ${name} | ${[size.raw, size.gzip, size.brotli].map((bytes) => (bytes / 1e6).toFixed(3)).join(" | ")} |`);
}
const configurations = [{ title: "CPU, one thread", isolated: false, threads: 1 }];
// The page uses at most 8.
const CORES = Math.min(os.cpus().length, 8);
if (options.includes("--threads")) configurations.push({ title: `CPU, ${CORES} threads`, isolated: true, threads: CORES });
if (options.includes("--webgpu")) configurations.push({ title: "WebGPU", isolated: true, threads: 1, webgpu: "real" });
for (const { title, isolated, threads, webgpu = false } of configurations) {
  const server = await serve({ mounts, isolated });
  const runs = { ours: [], peer: [] };
  for (let run = 0; run < RUNS; run++) {
    runs.ours.push(await ours(server, { threads, webgpu, salt: run }));
    if (!options.includes("--alone")) runs.peer.push(await peer(server, { threads, webgpu, salt: run }));
    console.error(`${title}: run ${run + 1} of ${RUNS}`, JSON.stringify({ ours: runs.ours.at(-1), peer: runs.peer.at(-1) }));
  }
  server.close();
  report.configurations[title] = runs;
  table(title, runs.ours, runs.peer);
}
fs.writeFileSync(path.join(ROOT, "target/bench/report.json"), JSON.stringify(report, null, 1));
