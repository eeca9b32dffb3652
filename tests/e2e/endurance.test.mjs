// Long-running trouble: a worker that dies, memory that runs out, a tab in the background, many switches, many models, long sweeps.
import assert from "node:assert/strict";
import test from "node:test";
import { expected, family, hub } from "./hub.mjs";
import { finished, launch, open, results, stage } from "./browser.mjs";

const { server, browser } = await stage();
const TINY = `${server.origin}/fixtures/tiny.gguf`;
const link = `${server.site}?model=${TINY}&backend=cpu&drop=a1&tokens=6`;
const memory = async (page) => Number(/([\d.]+) MB/.exec(await page.textContent("#memory"))[1]);

test("a worker that the browser ends is noticed, and Try again starts another", async () => {
  const page = await open(browser, link, { before: (page) => page.clock.install() });
  const before = await results(page);
  await page.workers()[0].evaluate(() => self.close());
  // The page pings every few seconds; let two minutes pass.
  await page.clock.runFor(130_000);
  assert.match(await page.textContent(".failure p"), /does not answer.*smaller model/s);
  await page.clock.resume();
  await page.click("#retry");
  await finished(page);
  const after = await results(page);
  assert.deepEqual(after.next_token, before.next_token);
  assert.equal((await page.evaluate(() => window.prunescope.settings())).drop, "a1");
  await page.context().close();
});

test("a worker that answers is not taken for dead, however long it works", async () => {
  const page = await open(browser, link, { before: (page) => page.clock.install() });
  await finished(page);
  for (let minute = 0; minute < 5; minute++) {
    await page.clock.runFor(60_000);
    // Runs take real time, not the test's clock.
    await page.evaluate(() => window.prunescope.run({ seed: Math.floor(performance.now()) }));
  }
  assert.equal(await page.locator(".failure").count(), 0);
  await page.context().close();
});

test("memory that runs out: a sentence, and a smaller model works", async () => {
  // 2,000 pages are 131 MB, too little for the default model.
  const small = await launch({ flags: ["--js-flags=--wasm-max-mem-pages=2000"] });
  try {
    const page = await open(small, `${server.site}?backend=cpu&drop=a1&tokens=4`);
    assert.match(await page.textContent(".failure p"), /memory/);
    await page.click(".more summary");
    await page.fill("#model-address", TINY);
    await page.press("#model-address", "Enter");
    await finished(page);
    assert.equal((await page.evaluate(() => window.prunescope.settings())).drop, "a1");
  } finally {
    await small.close();
  }
});

test("two hundred rapid switches end with the numbers of the last", async () => {
  const page = await open(browser, link);
  await finished(page);
  await page.evaluate(async () => {
    const switches = [...document.querySelectorAll("[data-switch]")];
    for (let flip = 0; flip < 200; flip++) {
      switches[flip % 7].click();
      if (flip % 9 === 0) await new Promise((go) => setTimeout(go));
    }
  });
  await finished(page);
  const found = await results(page);
  const fresh = await open(browser, page.url());
  const wanted = await results(fresh);
  assert.equal(found.settings.drop, wanted.settings.drop);
  assert.deepEqual(found.next_token, wanted.next_token);
  assert.deepEqual(found.generation, wanted.generation);
  assert.deepEqual(page.problems, []);
  await page.context().close();
  await fresh.context().close();
});

test("ten models in a row: one worker at a time, and memory returns", async () => {
  const models = await hub({ "tiny/llama": family("llama"), "tiny/gpt2": family("gpt2") });
  const page = await open(browser, link);
  await finished(page);
  const first = await memory(page);
  const names = ["llama", "gpt2"];
  for (let time = 0; time < 10; time++) {
    const name = names[time % 2];
    const report = await results(page, { model: `tiny/${name}`, hub: models.origin, prompt: expected(name).prompt, chat: false, drop: "m0" });
    assert.equal(report.model.family, name);
    assert.equal(page.workers().length, 1);
  }
  await results(page, { model: TINY, hub: "", prompt: "Hello" });
  const last = await memory(page);
  assert.ok(last <= first, `${last} MB at the end, ${first} MB at first`);
  models.close();
  await page.context().close();
});

test("a tab that the browser halts goes on when it is back", async () => {
  const page = await open(browser, link);
  await finished(page);
  const session = await page.context().newCDPSession(page);
  await page.evaluate(() => (window.later = window.prunescope.run({ drop: "m2", tokens: 24 })));
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await session.send("Page.setWebLifecycleState", { state: "active" });
  const report = await page.evaluate(() => window.later);
  assert.equal(report.settings.drop, "m2");
  assert.equal(await page.locator(".failure").count(), 0);
  await page.context().close();
});

test("sweeps one after the other take no more memory", async () => {
  const page = await open(browser, `${link}&view=sweep&sample=2`);
  await finished(page);
  const sizes = [];
  for (const sample of ["2", "4", "6"]) {
    await page.fill("#sample", sample);
    await page.press("#sample", "Enter");
    for (const axis of ["layers", "sparsity", "bits"]) {
      await page.selectOption("#sweep-axis", axis);
      await page.click("#sweep-start");
      await page.waitForFunction(() => /(\d+) of \1/.test(document.querySelector("#sweep-progress").textContent), null, { timeout: 300_000 });
      await page.waitForSelector("#sweep-start:enabled");
    }
    sizes.push(await memory(page));
  }
  assert.ok(sizes[2] <= sizes[1] + 4, `${sizes} MB`);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
