// The page's appearance and accessibility: sizes, light and dark, axe-core. With the tiny model.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { finished, open, stage } from "./browser.mjs";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const { server, browser } = await stage();

for (const [name, viewport] of [["wide", { width: 1366, height: 768 }], ["phone", { width: 360, height: 740 }]]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${name}, ${colorScheme}: no axe-core violation, no sideways scrolling`, async () => {
      const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&drop=a1,q7&sparse=magnitude-0.5&compare=One*a2&tokens=6`, { context: { viewport, colorScheme } });
      await page.evaluate(axe);
      for (const view of ["layers", "steps", "theorems", "tokens", "choice", "retrieval", "compare", "sweep", "search", "weights"]) {
        await page.click(`#tab-${view}`);
        await finished(page);
        await page.waitForFunction(() => document.querySelector("#stop").disabled);
        await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= viewport.width, `${view}: the page is ${width} pixels wide`);
        const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map(({ id }) => id));
        assert.deepEqual(ids.filter((id, at) => ids.indexOf(id) !== at), [], "every id is there once");
        // What is around the views is the same in each.
        const { violations } = await page.evaluate((around) => window.axe.run(around), view === "layers" ? "body" : "#view");
        assert.deepEqual(violations.map((one) => `${view}: ${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" ")} ${one.nodes[0].failureSummary}`), []);
      }
      assert.deepEqual(page.problems, []);
      await page.context().close();
    });
  }
}

test("charts are sharp on a screen with two pixels for one", async () => {
  const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&drop=a1&tokens=4`, { context: { deviceScaleFactor: 2 } });
  await finished(page);
  // The chart is drawn in a frame after the results are there.
  await page.waitForFunction(() => {
    const canvas = document.querySelector("#chart-mlp canvas");
    return Math.abs(canvas.width / canvas.getBoundingClientRect().width - 2) < 0.02;
  });
  const before = await page.evaluate(() => document.querySelector("#chart-mlp canvas").width);
  await page.setViewportSize({ width: 700, height: 700 });
  await page.waitForFunction((before) => document.querySelector("#chart-mlp canvas").width !== before, before);
  await page.context().close();
});
