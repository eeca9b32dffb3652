// Takes the README's pictures of the built page with the real model.
import path from "node:path";
import { serve, ROOT } from "./server.mjs";
import { finished, launch, open } from "./browser.mjs";

const server = await serve();
const browser = await launch();
const shots = [
  ["wide", { viewport: { width: 1366, height: 768 } }, "", false],
  ["dark", { viewport: { width: 1366, height: 768 }, colorScheme: "dark" }, "?drop=a7,a26,a28,a29", true],
  ["phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }, "", true],
];
for (const [name, context, query, fullPage] of shots) {
  const page = await open(browser, server.site + query, { context });
  await finished(page);
  // The band of the chart is complete a moment after the run.
  await page.waitForFunction(() => /mean over [5-9]/.test(document.body.textContent));
  await page.screenshot({ path: path.join(ROOT, `tests/e2e/screenshots/${name}.png`), fullPage });
  await page.context().close();
}
await browser.close();
server.close();
