// Figures in other people's pages: the example post with four of them, the parts that a link shows, a class's link, and the panel that
// makes both. On the default model's recorded runs; engines with a tiny model.
import test from "node:test";
import assert from "node:assert/strict";
import { finished, open, stage } from "./browser.mjs";

const { server, browser } = await stage();
const tiny = `model=${server.origin}/fixtures/tiny.gguf&tokens=3&drop=a1`;
const close = (page) => page.context().close();
const shownParts = (page) => page.evaluate(() => [...document.querySelectorAll("[data-part]")].filter((part) => !part.hidden).map((part) => part.dataset.part));
const fetched = (what) => server.requests.filter(({ path }) => path.includes(what)).length;

test("the post's figures are alive from recorded runs, as high as they need, and fetch an engine only when one is touched", async () => {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(`${server.site}post/index.html`);
  await page.waitForSelector("prune-scope iframe");
  assert.ok(await page.locator("prune-scope iframe").count() < 4, "figures far below are not fetched");
  const figures = page.locator("prune-scope");
  for (let at = 0; at < 4; at += 1) {
    await figures.nth(at).scrollIntoViewIfNeeded();
    const frame = await (await figures.nth(at).locator("iframe").elementHandle()).contentFrame();
    await frame.waitForSelector("[data-part]", { state: "attached" });
    // Each shows its parts, filled from a recorded run, and no other part.
    const shown = (await figures.nth(at).getAttribute("show")).split(",");
    assert.deepEqual((await shownParts(frame)).sort(), [...shown].sort());
    const filled = { pipeline: "#cos-p[data-value]", texts: "#pruned-text:not(:empty)", grid: "[data-switch=a29]", charts: "#view canvas" };
    for (const part of shown) await frame.waitForSelector(filled[part], { state: "visible" });
    assert.equal(await frame.evaluate(() => [...document.querySelectorAll("main > section, main .panel")].filter((it) => it.offsetHeight && !it.innerText.trim() && !it.querySelector("canvas")).length), 0, "no empty panel");
    // As high as its content: nothing to scroll inside.
    await page.waitForFunction((at) => {
      const frame = document.querySelectorAll("prune-scope iframe")[at];
      return Math.abs(frame.clientHeight - frame.contentDocument.querySelector(".page").offsetHeight) <= 1;
    }, at);
  }
  assert.equal(fetched("/engine-"), 0, "no engine was fetched");
  assert.equal(fetched("/models/"), 0, "no model was fetched");
  const first = await (await figures.nth(0).locator("iframe").elementHandle()).contentFrame();
  const engine = page.waitForRequest(/\/engine-/);
  await first.click("#pruned-text");
  await engine;
  await context.close();
});

test("of several figures the one that was touched last has the engine; the others keep their pictures, and start again when touched", async () => {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(`${server.origin}/fixtures/embed.html`);
  await page.evaluate(({ site, query }) => {
    for (const id of ["one", "two"]) {
      const frame = document.createElement("iframe");
      Object.assign(frame, { id, src: `${site}?embed=1&${query}`, width: 600, height: 600 });
      document.body.append(frame);
    }
  }, { site: server.site, query: tiny });
  const [one, two] = await Promise.all(["one", "two"].map(async (id) => (await page.waitForSelector(`#${id}`)).contentFrame()));
  const done = (frame) => frame.waitForFunction(() => document.querySelector("#device") && document.querySelector("#pruned-text")?.textContent);
  // Before a touch they have the engine in turns, until each has its picture.
  const waits = (frame) => frame.waitForSelector("#resting");
  await Promise.race([waits(one), waits(two)]);
  await Promise.all([one, two].map((frame) => frame.waitForFunction(() => document.querySelector("#pruned-text")?.textContent && !document.querySelector("#resting"))));
  // The first has given its engine back, the second keeps its own, since nobody waits any more.
  const engines = async () => (await one.locator("#device").count()) + (await two.locator("#device").count());
  while ((await engines()) !== 1) await page.waitForTimeout(50);
  const text = await one.textContent("#pruned-text");
  await two.click("#pruned-text");
  await one.waitForSelector("#device", { state: "detached" });
  assert.equal(await one.textContent("#pruned-text"), text);
  assert.equal(await one.locator(".stale").count(), 0, "its picture is not dimmed");
  await two.waitForSelector("#device");
  await one.click("#pruned-text");
  await Promise.all([done(one), two.waitForSelector("#device", { state: "detached" })]);
  // Numbers of two plans never mix, even where an earlier plan comes back in a figure that rests: it computes.
  await one.evaluate(() => window.prunescope.run({ drop: "a0" }));
  await two.click("#pruned-text");
  await one.waitForSelector("#device", { state: "detached" });
  await one.evaluate(() => history.back());
  await one.waitForFunction(() => window.prunescope.settings().drop === "a1" && document.querySelector("#device") && !document.querySelector(".stale"));
  assert.equal(await one.textContent("#pruned-text"), text);
  await context.close();
});

test("a link shows, locks and hides parts, sets a task and the colours, and what it says wrong is named", async () => {
  const page = await open(browser, `${server.site}?${tiny}&show=grid,texts,graphs&lock=grid&task=Find+a+layer+%3Cb%3Ethat+matters&theme=dark`);
  await finished(page);
  assert.deepEqual(await shownParts(page), ["grid", "texts"]);
  assert.equal(await page.textContent("#task"), "Find a layer <b>that matters");
  assert.match(await page.textContent(".notice"), /no part “graphs”/);
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), "rgb(16, 19, 27)");
  // A locked switch cannot be pressed, by hand or by keyboard.
  const before = page.url();
  await page.click('[data-switch="a0"]', { force: true });
  await page.locator('[data-switch="a0"]').focus();
  assert.equal(await page.evaluate(() => document.activeElement?.dataset.switch), undefined);
  assert.equal(page.url(), before);
  // What the visitor does stays under the same task.
  await page.evaluate(() => window.prunescope.run({ tokens: 4 }));
  for (const part of ["show=grid,texts", "lock=grid", "theme=dark", "task=Find"]) assert.ok(page.url().includes(part), page.url());
  assert.deepEqual(page.problems, []);
  await close(page);
});

test("the panel makes a link for a class and a figure, and both do what it says", async () => {
  const page = await open(browser, `${server.site}?${tiny}`);
  await finished(page);
  await page.click("#share");
  await page.selectOption('[data-share="prompt"]', "hidden");
  await page.selectOption('[data-share="compression"]', "hidden");
  await page.selectOption('[data-share="pipeline"]', "locked");
  await page.fill("#share-task", 'Which layer says "no"?');
  await page.locator("#share-task").blur();
  await page.waitForSelector("#task");
  // The figure can be seen before it is copied.
  await page.check("#share-see");
  const preview = await (await page.waitForSelector(".share-preview")).contentFrame();
  await preview.waitForSelector("#task");
  const link = await page.getAttribute("#copy-class", "data-text");
  const figure = await page.getAttribute("#copy-element", "data-text");
  await close(page);
  const pupil = await open(browser, link);
  await finished(pupil);
  assert.deepEqual(await shownParts(pupil), ["pipeline", "grid", "texts", "charts"]);
  assert.equal(await pupil.textContent("#task"), 'Which layer says "no"?');
  assert.equal(await pupil.locator('[data-part="pipeline"]').evaluate((part) => part.inert), true);
  await close(pupil);
  // The figure's HTML as a blogger pastes it.
  const context = await browser.newContext({ serviceWorkers: "block" });
  const blog = await context.newPage();
  await blog.goto(`${server.origin}/fixtures/embed.html`);
  await blog.setContent(`<!doctype html><title>A post</title><body>${figure}</body>`);
  const frame = await (await blog.waitForSelector("prune-scope iframe")).contentFrame();
  await frame.waitForSelector("#task");
  assert.deepEqual(await shownParts(frame), ["pipeline", "grid", "texts", "charts"]);
  await context.close();
});

test("a page around a figure that shows a recorded run can ask it to compute", async () => {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const parent = await context.newPage();
  parent.setDefaultTimeout(120_000);
  await parent.goto(`${server.origin}/fixtures/embed.html`);
  await parent.evaluate((src) => {
    window.heard = [];
    addEventListener("message", ({ data }) => window.heard.push(data));
    document.body.append(Object.assign(document.createElement("iframe"), { src, width: 700, height: 700 }));
  }, `${server.site}?embed=1`);
  const frame = parent.frames()[1];
  await frame.waitForSelector("#recorded");
  await parent.evaluate((model) => document.querySelector("iframe").contentWindow.postMessage({ prunescope: "run", id: 3, settings: { model, drop: "a1", tokens: 3 } }, "*"), `${server.origin}/fixtures/tiny.gguf`);
  await parent.waitForFunction(() => window.heard.some((data) => data.prunescope === "result" && data.id === 3));
  assert.ok((await parent.evaluate(() => window.heard)).some((data) => data.prunescope === "height" && data.height > 100));
  await context.close();
});
