// WebGPU with the real model in Firefox, whose WebGPU implementation differs from Chromium's, on Mesa's software driver lavapipe.
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import * as firefox from "./drivers/firefox.mjs";
import { Page } from "./drivers/page.mjs";
import { holdsToReference, holdsToRow, paperTable, reference } from "./reference.mjs";
import { serve } from "./server.mjs";
import { missing } from "./skips.mjs";

/** Folder of the descriptions of Mesa's drivers. */
const ICD = "/usr/share/vulkan/icd.d";
const driver = fs.existsSync(ICD) && fs.readdirSync(ICD).find((name) => /^lvp_icd.*\.json$/.test(name));
const skip = missing(firefox.find() && driver, "Firefox with Mesa's software driver for Vulkan");

/** The results for some settings, once complete. */
const results = (page, settings) => page.evaluate((settings) => window.prunescope.run(settings), settings);

test("Firefox's WebGPU finds the paper's numbers on the default model, and the CPU's on the tiny one", { skip }, async (t) => {
  const server = await serve({ isolated: true });
  const variable = `${ICD}/${driver}`;
  const browser = await firefox.start({ webgpu: true, environment: { VK_DRIVER_FILES: variable, VK_ICD_FILENAMES: variable } });
  t.after(async () => {
    await browser.close();
    server.close();
  });
  const open = async (query) => {
    const page = new Page(await browser.open());
    await page.goto(`${server.site}?${query}`);
    await page.until(() => window.prunescope);
    return page;
  };
  // As many tokens as the paper's text has: each takes seconds.
  const page = await open("backend=webgpu&drop=m17,m16&tokens=10");
  const row = paperTable().find(({ drop }) => drop === "m17,m16");
  const found = await results(page, {});
  assert.equal(found.backend, "webgpu");
  assert.equal(await page.attribute("#device", "data-backend"), "webgpu");
  holdsToRow(found, row);
  holdsToReference(found, reference("smollm2", "m17,m16"));
  assert.deepEqual(await page.problems(), []);
  await page.close();

  const model = server.loadable("tiny.gguf");
  const [gpu, cpu] = [await open(`backend=webgpu&tokens=4&model=${model}`), await open(`backend=cpu&tokens=4&model=${model}`)];
  for (const drop of ["", "a1,a3", "m2", "b0,m3"]) {
    const [on, off] = [await results(gpu, { drop }), await results(cpu, { drop })];
    assert.deepEqual([on.backend, off.backend], ["webgpu", "cpu"]);
    for (const report of [on, off]) holdsToReference(report, reference("tiny", drop));
    assert.deepEqual([on.generation.dense.ids, on.generation.pruned.ids], [off.generation.dense.ids, off.generation.pruned.ids]);
  }
  for (const one of [gpu, cpu]) assert.deepEqual(await one.problems(), []);
});
