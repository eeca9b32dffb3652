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
const hidden = (page, selector) => page.evaluate((selector) => getComputedStyle(document.querySelector(selector)).visibility === "hidden", selector);

/** Answers a chapter's question and does what it asks for. */
async function act(page, { ask, veils = [] }) {
  for (const veil of veils) if (await page.locator(veil).count()) assert.ok(await hidden(page, veil), `${veil} would give the answer away`);
  assert.ok(await page.locator("#story-act").isDisabled(), "first the prediction");
  if (ask.options) await page.click("#story-options button >> nth=0");
  else await page.locator("#story-number").fill(String(ask.to));
  await page.click("#story-act");
  for (const veil of veils) if (await page.locator(veil).count()) assert.ok(!(await hidden(page, veil)), veil);
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
    if (chapter.ask) {
      await act(page, chapter);
      said.push(await told(page));
    }
    // What the chapter is about is on the screen, above the story.
    const [lit] = chapter.lights;
    assert.notEqual(await page.evaluate((lit) => getComputedStyle(document.querySelector(lit)).outlineStyle, lit), "none");
    if (at + 1 < STORY.chapters.length) await page.click("#story-next");
  }
  assert.match(said[0], /^You said “cold”: no\. It says “hot”/);
  assert.match(said[1], /^You said 1: far off\. Only 0\.17/);
  assert.match(said[6], /right\. Yes, the answer is back/);
  assert.ok(await page.locator("#story-next").isDisabled());
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
  const page = await open(browser, `${server.site}?chapter=7`);
  await reads(page, 6);
  await finished(page);
  await page.focus("#story-options button");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "story-act");
  await page.keyboard.press("Enter");
  assert.match(await told(page), /You said “yes”: (right|no)\. (Yes|No), the answer is/);
  assert.equal(await page.locator("#recorded").count(), 0, "computed now");
  await page.click("#story-leave");
  // Leaving keeps what is shown.
  assert.equal(new URL(page.url()).searchParams.get("repair"), "full");
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
