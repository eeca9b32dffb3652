// The story: chapters that lead through the page, on recorded runs alone and beside an engine. On the default model.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { ROOT, sitePath } from "./server.mjs";
import { finished, open, stage } from "./browser.mjs";

const { server, browser } = await stage({}, { isolated: true });
const STORY = JSON.parse(fs.readFileSync(path.join(ROOT, "public/texts/en/story.json"), "utf8"));
const heading = (at) => `${at + 1} of ${STORY.chapters.length}: ${STORY.chapters[at].title}`;
const reads = (page, at) => page.waitForFunction((heading) => document.querySelector("#story h2")?.textContent === heading, heading(at));
const told = (page) => page.waitForFunction(() => {
  const told = document.querySelector("#story-told").textContent;
  return told.length > 10 && !told.includes("…") && told;
}).then((told) => told.jsonValue());
const hidden = (page, selector) => page.evaluate((selector) => {
  const found = document.querySelector(selector);
  if (!found) throw new Error(`nothing is ${selector}`);
  return getComputedStyle(found).visibility === "hidden";
}, selector);

/** Answers a chapter's question and does what it asks for. */
async function act(page, { ask, veils = [] }) {
  for (const veil of veils) assert.ok(await hidden(page, veil), `${veil} would give the answer away`);
  assert.ok(await page.locator("#story-act").isDisabled(), "first the prediction");
  if (ask.options) await page.click("#story-options button >> nth=0");
  else await page.locator("#story-number").fill(String(ask.to));
  await page.click("#story-act");
  for (const veil of veils) assert.ok(!(await hidden(page, veil)), veil);
}

test("every chapter is read to its end without an engine, forward and back", async () => {
  server.faults.set(sitePath("worker.js"), () => true);
  const page = await open(browser, server.site);
  await page.waitForSelector("#recorded");
  await page.click("#story-open");
  const said = [];
  for (const [at, chapter] of STORY.chapters.entries()) {
    await reads(page, at);
    assert.equal(new URL(page.url()).searchParams.get("chapter"), String(at + 1));
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "H2", "it is read aloud");
    assert.ok((await page.textContent("#story")).includes(chapter.text[0].slice(0, 40)));
    // What the chapter is about is marked and on the screen, above the story.
    const [lit] = chapter.lights;
    assert.equal(await page.evaluate((lit) => getComputedStyle(document.querySelector(lit)).outlineStyle, lit), "solid");
    const [top, story] = [await page.locator(lit).boundingBox(), await page.locator("#story").boundingBox()];
    // The window is low and wide, so that the story stands beside the page.
    assert.ok(top.y >= 0 && top.y + 40 < page.viewportSize().height && top.x + top.width <= story.x + 1, `${lit} at ${JSON.stringify(top)}, the story at ${story.x}`);
    if (chapter.ask) {
      await act(page, chapter);
      said.push(await told(page));
      // What was found stays said, whatever is switched then.
      if (at === 0) {
        await page.click('[data-switch="a7"]');
        await page.waitForFunction(() => /,a7|a7,/.test(new URL(location).searchParams.get("drop")));
        assert.equal(await told(page), said[0]);
      }
    }
    if (at + 1 < STORY.chapters.length) await page.click("#story-next");
  }
  assert.match(said[0], /^You said “cold”: no\. It says “hot”/);
  assert.match(said[1], /^You said 1: far off\. Only 0\.17/);
  assert.match(said[6], /right\. Yes, the answer is back/);
  assert.equal(await page.textContent("#story-next"), "Finish");
  await page.click("#story-back");
  await reads(page, STORY.chapters.length - 2);
  await page.goBack();
  await reads(page, STORY.chapters.length - 1);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !document.querySelector("#story"));
  assert.equal(new URL(page.url()).searchParams.get("chapter"), null);
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("#view")).outlineStyle), "none");
  assert.equal(await page.locator("#recorded-only").count(), 0, "every state was recorded");
  assert.deepEqual(page.problems, []);
  server.faults.clear();
  await page.context().close();
});

test("a link opens a chapter, an engine computes it, and the keyboard alone reads it", async () => {
  const page = await open(browser, `${server.site}?chapter=5`);
  await reads(page, 4);
  await finished(page);
  await page.focus("#story-options button");
  await page.keyboard.press("Enter");
  // Along the other answers and Back.
  for (let at = 0; at <= STORY.chapters[4].ask.options.length; at++) await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "story-act");
  await page.keyboard.press("Enter");
  assert.match(await told(page), /^You said “it gets back to Paris”: (right|no)\. /);
  assert.equal(await page.locator("#recorded").count(), 0, "computed now");
  // A link into a chapter with settings keeps them.
  await page.click('[data-switch="a7"]');
  const drop = () => new URL(page.url()).searchParams.get("drop");
  await page.waitForFunction(() => /a7/.test(new URL(location).searchParams.get("drop")));
  await page.reload();
  await reads(page, 4);
  assert.match(drop(), /a7/);
  await page.click("#story-leave");
  // Leaving keeps what is shown, and no mark.
  assert.match(drop(), /a7/);
  assert.equal(await page.evaluate(() => document.adoptedStyleSheets.length), 0);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a story whose text does not come says so, and can be left", async () => {
  server.faults.set(`${new URL(server.site).pathname}texts/en/story.json`, (request, response) => Boolean(response.writeHead(404).end()));
  const page = await open(browser, `${server.site}?chapter=2`);
  await page.waitForFunction(() => /could not be read/.test(document.querySelector("#story")?.textContent));
  await page.click("#story-leave");
  assert.equal(await page.locator("#story").count(), 0);
  server.faults.clear();
  await page.context().close();
});

test("a word is explained where it stands: by pointer, keyboard and touch, with a way into the story", async () => {
  server.faults.set(sitePath("worker.js"), () => true);
  const page = await open(browser, server.site);
  await page.waitForSelector("#recorded");
  await page.hover('[data-term="kl"]');
  await page.waitForFunction(() => /nats/.test(document.querySelector("#term b")?.textContent));
  assert.ok(await page.locator("#term math").count(), "its formula");
  // The pointer can go to the explanation without losing it.
  await page.hover("#term p >> nth=0");
  assert.equal(await page.locator("#term").count(), 1);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#term").count(), 0);
  await page.focus('[data-term="softmax"]');
  await page.waitForFunction(() => /Softmax/.test(document.querySelector("#term b")?.textContent));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await reads(page, 2);
  await page.click("#story-leave");
  // Experiments of the open view, each with its own link.
  await page.click("#tab-steps");
  await page.waitForFunction(() => /butterfly/i.test(document.querySelector("#experiments")?.textContent));
  await page.click("#experiments a >> nth=0");
  assert.equal(new URL(page.url()).searchParams.get("drop"), "m16,m17");
  await page.context().close();
  const phone = await open(browser, server.site, { context: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true } });
  await phone.waitForSelector("#recorded");
  await phone.locator('[data-term="logits"]').tap();
  await phone.waitForSelector("#term");
  const box = await phone.locator("#term").boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 360, "inside the screen");
  // While a switch is used, its effect stays in view.
  await phone.locator('[data-switch="a7"]').scrollIntoViewIfNeeded();
  const strip = await phone.locator(".strip").boundingBox();
  assert.ok(strip.y >= 0 && strip.y < 10 && strip.height < 60, JSON.stringify(strip));
  assert.match(await phone.textContent(".strip"), /h 0\.8\dz 0\.92p 0\.17…of hot is hot/);
  assert.deepEqual([...page.problems, ...phone.problems], []);
  server.faults.clear();
  await phone.context().close();
});

test("the gallery shows every experiment, and opens it", async () => {
  const page = await open(browser, server.site);
  await page.goto(`${server.site}gallery/`);
  assert.equal(await page.locator("li a").count(), JSON.parse(fs.readFileSync(path.join(ROOT, "public/texts/en/experiments.json"), "utf8")).length);
  await page.waitForFunction(() => document.images[0].naturalWidth === 384);
  await page.click("li a >> nth=0");
  await page.waitForSelector("#layer-grid");
  assert.equal(new URL(page.url()).searchParams.get("drop"), "m0");
  await page.context().close();
});
