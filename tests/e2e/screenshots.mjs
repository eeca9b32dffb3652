// Takes the README's pictures of the built page with the real model, but the sweep's, which shows the recorded sweep (`make traces`).
import fs from "node:fs";
import path from "node:path";
import { serve, sitePath, ROOT } from "./server.mjs";
import { finished, launch, open } from "./browser.mjs";

const server = await serve();
const browser = await launch();
if (process.argv[2] === "gallery") {
  // One small picture of each experiment (`make gallery`): the view, or the texts and the grid where the view is the first one.
  const experiments = JSON.parse(fs.readFileSync(path.join(ROOT, "public/texts/en/experiments.json"), "utf8"));
  const context = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 0.3 };
  // From the experiment that the next argument names: those that ask task sets take minutes.
  const from = Number(process.argv[3] ?? 0);
  for (const [number, { view, link }] of [...experiments.entries()].slice(from)) {
    const page = await open(browser, `${server.site}?${link}`, { timeout: 600_000, context });
    await finished(page);
    await page.waitForFunction(() => document.querySelector("#stop").disabled);
    if (view !== "layers") await page.evaluate(() => document.querySelector(".explore").scrollIntoView());
    const file = path.join(ROOT, `public/gallery/${String(number).padStart(2, "0")}.jpg`);
    await page.screenshot({ path: file, type: "jpeg", quality: 70, clip: { x: 0, y: 0, width: 1280, height: 800 } });
    await page.context().close();
  }
  // Chapters show what is recorded: no engine comes.
  server.faults.set(sitePath("worker.js"), () => true);
  const { chapters } = JSON.parse(fs.readFileSync(path.join(ROOT, "public/texts/en/story.json"), "utf8"));
  for (const number of chapters.keys()) {
    const page = await open(browser, `${server.site}?chapter=${number + 1}`, { context });
    await page.waitForFunction(() => document.querySelector("#story h2") && document.querySelector("#cos-p")?.dataset.value);
    await page.screenshot({ path: path.join(ROOT, `public/gallery/chapter-${number + 1}.jpg`), type: "jpeg", quality: 70 });
    await page.context().close();
  }
  await browser.close();
  server.close();
  process.exit();
}
// Fig. 9: eight attention sublayers dropped, 4-bit, half of the weights removed without a pattern and by 4:8, on one prompt.
const FIG9 = ["Drop-8A*a7,a26,a25,a28,a29,a8,a6,a20", "AWQ 4-bit*awq4-g64", "Wanda 50 %*wanda-0.5", "Wanda 4:8*wanda-4:8"];
const shots = [
  ["wide", { viewport: { width: 1366, height: 768 } }, "", false],
  ["dark", { viewport: { width: 1366, height: 768 }, colorScheme: "dark" }, "?drop=a7,a26,a28,a29", true],
  ["phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }, "", true],
];
for (const [name, context, query, fullPage] of shots) {
  const page = await open(browser, server.site + query, { context });
  await finished(page);
  // The chart's band is complete shortly after the run.
  await page.waitForFunction(() => /mean over [5-9]/.test(document.body.textContent));
  await page.screenshot({ path: path.join(ROOT, `tests/e2e/screenshots/${name}.png`), fullPage });
  await page.context().close();
}
const page = await open(browser, `${server.site}?drop=&view=compare&${FIG9.map((plan) => `compare=${encodeURIComponent(plan)}`).join("&")}`, { timeout: 600_000, context: { viewport: { width: 1366, height: 768 } } });
await page.waitForFunction(() => document.querySelectorAll("#answers tbody tr").length === 5);
await page.locator("#view").screenshot({ path: path.join(ROOT, "tests/e2e/screenshots/compare.png") });
// Recorded, for no engine comes.
server.faults.set(sitePath("worker.js"), () => true);
const sweep = await open(browser, `${server.site}?prompt=What+is+the+opposite+of+hot%3F&drop=b13,b14,b17,b25&view=sweep`, { context: { viewport: { width: 1366, height: 900 } } });
await sweep.waitForFunction(() => /^(\d+) of \1 points/.test(document.querySelector("#sweep-progress")?.textContent));
await sweep.locator(".charts").screenshot({ path: path.join(ROOT, "tests/e2e/screenshots/sweep.png") });
await browser.close();
server.close();
