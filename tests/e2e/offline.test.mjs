// A second visit without a network, and the bytes that the first visit downloads.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import zlib from "node:zlib";
import { cores, eventually, launch, open, results } from "./browser.mjs";
import { engineFolder, ROOT, serve } from "./server.mjs";

/** Greatest number of bytes of WebAssembly that a visit may download, by engine, compressed as static hosts do. */
const WASM_BUDGET = { worker: 2_350_000, worker_webgpu: 3_650_000 };

test("a visit's WebAssembly stays within its budget", () => {
  const dist = path.join(ROOT, "dist");
  const files = fs.readdirSync(dist, { recursive: true }).filter((name) => name.endsWith(".wasm"));
  assert.equal(files.length, 3, `a page and two engines: ${files}`);
  const compressed = (file) => zlib.brotliCompressSync(fs.readFileSync(path.join(dist, file)), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 9, [zlib.constants.BROTLI_PARAM_LGWIN]: 24 } }).length;
  const page = compressed(files.find((file) => file.startsWith("page-")));
  for (const [engine, budget] of Object.entries(WASM_BUDGET)) {
    const total = page + compressed(`${engineFolder()}/${engine}_bg.wasm`);
    assert.ok(total <= budget, `page and ${engine}: ${total} bytes, the budget is ${budget}`);
  }
});

test("a second visit answers without network", async () => {
  const server = await serve();
  const browser = await launch();
  try {
    const address = `${server.site}?backend=cpu&tokens=2&drop=a3&prompt=Hello`;
    const page = await open(browser, address, { before: cores(2), context: { serviceWorkers: "allow" } });
    // The page reloaded itself once, to have threads.
    await page.waitForFunction(() => crossOriginIsolated && window.prunescope);
    const first = await results(page);
    const wanted = ["worker.js", "worker_bg.wasm", "SmolLM2-135M-Instruct.Q4_1.json", "index.html", "style-", "page-"];
    await eventually(page, async (wanted) => {
      const keys = (await (await caches.open("prunescope")).keys()).map((request) => request.url.replace(/[/]$/, "/index.html"));
      return wanted.every((name) => keys.some((key) => key.includes(name)));
    }, wanted);
    // The model is stored only once, by the engine.
    assert.equal(await page.evaluate(async () => (await (await caches.open("prunescope")).keys()).some(({ url }) => url.includes("part"))), false);
    await page.click(".more summary");
    assert.match(await page.textContent("#kept"), /SmolLM2-135M-Instruct\s*98 MB/);
    server.close();
    await page.reload();
    await page.waitForFunction(() => window.prunescope);
    const again = await results(page);
    assert.deepEqual(again.next_token, first.next_token);
    // Another link to the same page works, too.
    await page.goto(address.replace("drop=a3", "drop=m5"));
    await page.waitForFunction(() => window.prunescope);
    assert.equal((await results(page)).settings.drop, "m5");
    assert.deepEqual(page.problems.filter((problem) => !problem.includes("Failed to load resource")), []);
  } finally {
    await browser.close();
    server.close();
  }
});
