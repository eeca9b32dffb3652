// The languages of the page: which is chosen, that every word a visitor sees can be translated, and what happens if a translation is missing.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { finished, open, stage } from "./browser.mjs";
import { ROOT, SITE, sitePath } from "./server.mjs";

const { server, browser } = await stage();
const close = (page) => page.context().close();
const TINY = `model=${server.origin}/fixtures/tiny.gguf&tokens=3&drop=m1&repair=scale`;

/** The English messages with marks around every text, as a translation. */
function marked() {
  const folder = path.join(ROOT, "public/texts/en");
  const files = fs.readdirSync(folder).filter((name) => name.endsWith(".ftl"));
  const text = files.map((name) => fs.readFileSync(path.join(folder, name), "utf8")).join("\n");
  // A message goes on in lines that begin with a blank or with the end of a choice.
  return text.replace(/^([a-z][\w-]* = )(.*(?:\n[ }].*)*)$/gm, "$1⟦$2⟧");
}

/** What is shown outside the marks, and names that only assistive technology reads; without what is data: tokens, names of models, numbers. */
const unmarked = () => {
  const data = "script, style, textarea, code, .tokens, .text-line, #language, #own-answers dl, #choice-question, #choice-text, #choice-answers td, #choice-scores th, .experiments, #story, h1";
  const words = (text) => text.match(/\p{L}{3,}/gu) ?? [];
  const found = [];
  let depth = 0;
  const walk = document.createTreeWalker(document.querySelector(".page"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (node.parentElement.closest(data)) continue;
    let outside = "";
    for (const letter of node.data) {
      if (letter === "⟧") depth -= 1;
      if (!depth) outside += letter;
      if (letter === "⟦") depth += 1;
    }
    outside = outside.replace(/[⟦⟧]/g, " ");
    if (words(outside).length) found.push(`${node.parentElement.tagName.toLowerCase()}#${node.parentElement.closest("[id]")?.id}: ${outside.trim()}`);
  }
  if (depth) found.push(`page#marks: ${depth} marks are open`);
  for (const name of ["aria-label", "title", "placeholder", "alt"]) {
    for (const element of document.querySelectorAll(`.page [${name}]`)) {
      if (element.closest(data)) continue;
      const value = element.getAttribute(name);
      if (words(value).length && !value.includes("⟦")) found.push(`${name} of ${element.tagName.toLowerCase()}#${element.closest("[id]")?.id}: ${value}`);
    }
  }
  return found;
};
/** Names and abbreviations that no language translates, and what the examples' prompts ask. */
const NAMES = /\b(What is the .*\?|What is 12 plus 30\? .*|Write two sentences about .*|Which of these is a fruit\? .*|https:\/\/huggingface.co|SmolLM2[ -]\w+[ -]Instruct|Qwen\S* \S+( Instruct)?|Gemma 3 270M Instruct|Pythia 160M|GPT-2|Prunescope|MLP|KL|JSON|SVG|PNG|CSV|CPU|WebGPU|GPU|Wanda|SparseGPT|AWQ|GPTQ|RTN|OWL|Var|cos|exp|tiny|Tiny|BibTeX|Markdown|HTML|MathML|nats|softmax|gguf|GGUF)(\b|$)/g;

for (const view of ["layers", "steps", "theorems", "tokens", "choice", "retrieval", "compare", "sweep", "search", "weights"]) {
  test(`every word of the page with the view ${view} can be translated`, async () => {
    server.faults.set(sitePath("texts/de.ftl"), (request, response) => Boolean(response.writeHead(200).end(marked())));
    const sparse = view === "weights" ? "&sparse=wanda-0.5" : "";
    const page = await open(browser, `${server.site}?lang=de&${TINY}${sparse}&view=${view}`);
    await finished(page);
    assert.match(await page.textContent("#stop"), /^⟦.*⟧$/);
    if (view === "layers") await page.click("#share");
    const left = (await page.evaluate(unmarked)).filter((text) => /\p{L}{3,}/u.test(text.replace(/^[^:]*: /, "").replace(NAMES, "")));
    assert.deepEqual(left, []);
    server.faults.clear();
    await close(page);
  });
}

test("a browser's first language that is translated is the page's, and a link's language comes before", async () => {
  for (const [locale, query, language, stop] of [["de-AT", "", "de", "Anhalten"], ["de-AT", "lang=en&", "en", "Stop"], ["fr-FR", "", "en", "Stop"], ["en-GB", "lang=de&", "de", "Anhalten"]]) {
    const page = await open(browser, `${server.site}?${query}${TINY}`, { context: { locale } });
    assert.equal(await page.getAttribute("html", "lang"), language, `${locale} ${query}`);
    assert.equal(await page.textContent("#stop"), stop);
    await close(page);
  }
  // What was chosen stays in the address, also after other changes.
  const page = await open(browser, `${server.site}?${TINY}`);
  await Promise.all([page.waitForEvent("load"), page.click("#language a[lang=de]")]);
  await page.waitForFunction(() => document.querySelector("#stop")?.textContent === "Anhalten");
  await finished(page);
  await page.click('[data-switch="a2"]');
  await page.waitForFunction(() => /lang=de/.test(location.search) && /a2/.test(location.search));
  assert.deepEqual(page.problems, []);
  await close(page);
});

test("a translation that is missing or damaged: the page says so and is in English", async () => {
  for (const [status, text] of [[404, ""], [200, "= damaged"]]) {
    server.faults.set(`${SITE}texts/de.ftl`, (request, response) => Boolean(response.writeHead(status).end(text)));
    const page = await open(browser, `${server.site}?lang=de&${TINY}`);
    await finished(page);
    assert.match(await page.textContent(".notices"), /cannot be shown in Deutsch/);
    assert.equal(await page.textContent("#stop"), "Stop");
    server.faults.clear();
    await close(page);
  }
  const page = await open(browser, `${server.site}?lang=xx&${TINY}`);
  assert.match(await page.textContent(".notices"), /no language “xx”.*en, de, ar/);
  await close(page);
});

test("Arabic is written from right to left, the models' texts and charts are not, and nothing is wider than the window", async () => {
  for (const width of [360, 1280]) {
    const page = await open(browser, `${server.site}?lang=ar&${TINY}&chapter=1`, { context: { viewport: { width, height: 800 } } });
    await page.waitForSelector("#story h2");
    assert.equal(await page.getAttribute("html", "dir"), "rtl");
    assert.match(await page.textContent("#story h2"), /\p{Script=Arabic}/u);
    const [text, canvas, room] = await page.evaluate(() => [
      getComputedStyle(document.querySelector("#dense-text")).direction,
      getComputedStyle(document.querySelector("canvas")).direction,
      document.documentElement.scrollWidth - document.documentElement.clientWidth,
    ]);
    assert.deepEqual([text, canvas, room], ["ltr", "ltr", 0]);
    await close(page);
  }
});
