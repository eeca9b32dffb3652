// Measures the built page in Chromium: real model on the CPU, tiny model on the software WebGPU adapter. Prints a table.
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { serve, ROOT } from "./server.mjs";
import { finished, launch, open, results } from "./browser.mjs";

const REPEATS = 5;
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const server = await serve();

for (const file of fs.readdirSync(path.join(ROOT, "dist")).filter((name) => name.endsWith(".wasm"))) {
  const bytes = fs.readFileSync(path.join(ROOT, "dist", file));
  const brotli = zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 9, [zlib.constants.BROTLI_PARAM_LGWIN]: 24 } });
  console.log(`${file}: ${(bytes.length / 1e6).toFixed(2)} MB raw, ${(brotli.length / 1e6).toFixed(2)} MB brotli`);
}

/** From a change of plan to new numbers, and the speed of generation; 32 tokens each. */
async function measure(name, webgpu, query) {
  const browser = await launch({ webgpu });
  const began = performance.now();
  const page = await open(browser, `${server.site}?tokens=32&prompt=Tell+me+about+the+sea.&drop=a26${query}`, { timeout: 600_000 });
  await page.waitForFunction(() => document.querySelector("#cos-h[data-value]"));
  const first = performance.now() - began;
  await finished(page);
  const toggles = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const drop of ["a1", "a1,m2"]) {
      toggles.push(await page.evaluate((drop) => new Promise((done) => {
        const began = performance.now();
        const off = window.prunescope.on("next_token", () => { off(); done(performance.now() - began); });
        window.prunescope.run({ drop }).catch(() => {});
      }), drop));
    }
  }
  const speed = async (drop) => {
    const { generation, timings_ms } = await results(page, { drop });
    return (1000 * generation.pruned.ids.length) / timings_ms.generation;
  };
  const slides = [];
  if (!query.includes("tiny")) {
    await results(page, { drop: "", sparse: "wanda-0.4" });
    for (const sparse of ["wanda-0.5", "wanda-0.6", "wanda-0.5"]) {
      slides.push(await page.evaluate((sparse) => new Promise((done) => {
        const began = performance.now();
        const off = window.prunescope.on("next_token", () => { off(); done(performance.now() - began); });
        window.prunescope.run({ sparse }).catch(() => {});
      }), sparse));
    }
    await results(page, { sparse: "", drop: "a1" });
    console.log(`${name}: sparsity slider (Wanda, all matrices) to new numbers ${median(slides).toFixed(0)} ms (median of ${slides.length})`);
  }
  // The dense text is known by now: only the pruned model writes.
  const pruned = await speed(query.includes("tiny") ? "m2" : "m17,m16");
  const both = await page.evaluate(() => window.prunescope.run({ drop: "a1", prompt: "Tell me about the moon." }));
  console.log(`${name} (${both.backend}): first numbers ${first.toFixed(0)} ms after opening; toggle to new numbers ${median(toggles).toFixed(0)} ms (median of ${toggles.length});`);
  console.log(`  pruned model alone ${pruned.toFixed(1)} tokens/s; dense and pruned together ${(1000 * both.generation.steps.length / both.timings_ms.generation).toFixed(1)} pairs/s, their timings ${JSON.stringify(both.timings_ms)}`);
  await browser.close();
}

await measure("real model, CPU", false, "&backend=cpu");
// The software adapter takes minutes; `node tests/e2e/bench.mjs cpu` leaves it out.
if (process.argv[2] !== "cpu") await measure("tiny model, software WebGPU", "software", `&backend=webgpu&model=${server.origin}/fixtures/tiny.gguf`);
server.close();
