import { serve } from "./server.mjs";
import { chromium } from "playwright-core";
const flags = process.argv.slice(2);
const server = await serve();
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...flags] });
const page = await browser.newPage();
page.setDefaultTimeout(600000);
await page.goto(`${server.site}?tokens=1&chat=0&drop=&prompt=Hello&backend=cpu`);
await page.waitForFunction(() => window.prunescope);
const results = (s) => page.evaluate((s) => window.prunescope.run(s), s);
await results({});
const change = (s) => page.evaluate((settings) => new Promise((done) => {
  const began = performance.now();
  const off = window.prunescope.on("next_token", () => { off(); done(performance.now() - began); });
  window.prunescope.run(settings).catch(() => {});
}), s);
const text = "the river rises in the hills north of the town and runs for many miles before it meets the sea in spring when the snow melts it floods the low fields and farmers move their animals to".split(" ");
for (let i = 0; i < 4; i++) {
  const r = await results({ chat: false, prompt: i + " " + text.concat(text, text).slice(0, 120).join(" "), tokens: 1, drop: "" });
  console.log("prefill", r.prompt_ids.length, (1000 * r.prompt_ids.length / r.timings_ms.dense_prompt).toFixed(1), JSON.stringify(r.timings_ms));
}
const p40 = text.concat(text).slice(0, 40).join(" ");
await results({ prompt: p40, drop: "m20" });
for (let i = 0; i < 4; i++) {
  const out = [];
  for (const drop of ["a0", "m15", "m29"]) { out.push((await change({ drop })).toFixed(0)); if (i > 1) await results({}); }
  console.log("toggles", out.join(" "));
}
const written = (settings) => page.evaluate((settings) => new Promise((done, failed) => {
  const times = [];
  const off = window.prunescope.on("step", () => times.push(performance.now()));
  window.prunescope.run(settings).then((report) => { off(); done([(1000 * (times.length - 1)) / (times.at(-1) - times[0]), times.length]); }, failed);
}), settings);
console.log("decode", await written({ chat: true, prompt: "Tell me a long story about the sea and a ship.", tokens: 48, drop: "" }));
console.log("decode", await written({ chat: true, prompt: "Tell me a long story about the wind and a ship.", tokens: 48, drop: "" }));
console.log("pair", await written({ chat: true, prompt: "Tell me a long story about the moon and a cow.", tokens: 48, drop: "a12,m17" }));
console.log("pruned alone", await written({ drop: "a12,m16" }));
const r = await results({}); console.log(JSON.stringify(r.timings_ms));
await browser.close(); server.close();
