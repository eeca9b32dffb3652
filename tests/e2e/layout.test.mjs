// Nothing overflows or overlaps: page and embedded page, every view, at widths from 280 to 1400 pixels (640 is 1280 at a zoom of
// 200 %). On a model of 80 layers with a long name, long words and long numbers.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { open, results, stage } from "./browser.mjs";
import { stretched } from "./gguf.mjs";
import { ROOT } from "./server.mjs";

const { server, browser } = await stage();
const NAME = "Some-Organisation-With-A-Long-Name/An-Extraordinarily-Long-Model-Name-Instruct-Distilled-Merged-v0.3.1-checkpoint-120000";
const DEEP = stretched(fs.readFileSync(path.join(ROOT, "tests/fixtures/tiny.gguf")), 80, NAME);
server.faults.set("/fixtures/deep.gguf", (request, response) => (response.writeHead(200, { "Content-Length": DEEP.length }).end(DEEP), true));
const VIEWS = ["layers", "steps", "theorems", "tokens", "choice", "retrieval", "compare", "sweep", "search", "weights"];
// The page and the embedded page are looked at alternately, each every 40 pixels, at both ends and at 640: the whole page with the first view
// open, each other view at every second of these widths, so that neighbouring views share them.
const widths = (embed, view) => Array.from({ length: 57 }, (_, at) => 280 + 20 * at).filter((width, at) => [280, 640, 1400].includes(width)
  || (at % 2 === Number(embed) && (view === 0 || ((at - Number(embed)) / 2) % 2 === view % 2)));
const link = (rest = "") => `${server.site}?model=${server.origin}/fixtures/deep.gguf&backend=cpu&tokens=4&sample=1&prompt=Donaudampfschifffahrtsgesellschaft+${"x".repeat(60)}`
  + `&drop=a1,m2,b40,a79&sparse=magnitude-0.5&quant=awq4-g64&on=mlp&layers=4-70&compare=${"An+unbroken+name".replaceAll("+", "")}ForAPlan*a1,a2,a3_wanda-0.5_on-mlp_layers-4-20&compare=Two*awq4-g64&compare=Three*m3${rest}`;

/**
 * Lists elements and texts that overflow or overlap: everywhere, or in what is open of the views, for what is around them is the same in
 * each. Runs in the page.
 */
function misplaced(everywhere) {
  const TOLERANCE = 1.5;
  const found = new Set();
  const name = (element) => {
    const own = `${element.localName}${element.id ? `#${element.id}` : ""}${[...element.classList].map((one) => `.${one}`).join("")}`;
    return `${own} “${(element.textContent ?? "").trim().slice(0, 30)}” in ${element.closest("[id]:not(body)")?.id ?? element.parentElement?.className}`;
  };
  const styles = new Map();
  const style = (element) => styles.get(element) ?? (styles.set(element, getComputedStyle(element)), styles.get(element));
  const isInline = (element) => ["inline", "contents"].includes(style(element).display);
  const clips = (element) => style(element).overflowX !== "visible";
  /** The nearest ancestor that scrolls or clips. */
  const clipper = (element) => {
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) if (!isInline(up) && clips(up)) return up;
    return null;
  };
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > window.innerWidth) found.add(`the page is ${document.documentElement.scrollWidth} wide`);
  const around = everywhere ? document.body : document.querySelector("#view").parentElement;
  const all = [...around.querySelectorAll("*")].filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("svg, select, noscript"));
  for (const element of all) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (!clipper(element) && (box.left < -TOLERANCE || box.right > width + TOLERANCE)) found.add(`outside the window by ${Math.round(Math.max(-box.left, box.right - width))}: ${name(element)}`);
    const holds = !isInline(element) && !["input", "textarea", "canvas", "progress", "tr", "tbody", "thead", "table"].includes(element.localName);
    if (holds && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + TOLERANCE) {
      const over = element.scrollWidth - element.clientWidth;
      if (!clips(element)) found.add(`runs over by ${over}: ${name(element)}`);
      else if (style(element).overflowX === "hidden" && style(element).textOverflow !== "ellipsis") found.add(`is cut off by ${over}: ${name(element)}`);
    }
    // Texts, against the box that contains them.
    for (const node of element.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
      let holder = element;
      while (isInline(holder)) holder = holder.parentElement;
      if (clips(holder) || ["input", "textarea"].includes(holder.localName)) continue;
      const around = holder.getBoundingClientRect();
      const range = document.createRange();
      range.selectNodeContents(node);
      // Short words and numbers must not be broken.
      for (const { 0: word, index } of node.data.matchAll(/[\p{L}\p{N}.+%-]+/gu)) {
        // A word may break at a hyphen.
        if (word.length > 13 || (word.includes("-") && Number.isNaN(Number(word)))) continue;
        const letters = document.createRange();
        letters.setStart(node, index);
        letters.setEnd(node, index + word.length);
        const tops = new Set([...letters.getClientRects()].map((rect) => Math.round(rect.top)));
        if (tops.size > 1) found.add(`“${word}” is broken over lines: ${name(holder)}`);
      }
      for (const rect of range.getClientRects()) {
        if (rect.left < around.left - TOLERANCE || rect.right > around.right + TOLERANCE) found.add(`text beside its box: ${name(holder)}`);
        // A line box may be lower than its letters' box.
        const lead = Math.max(0, (rect.height - parseFloat(style(holder).lineHeight || "0")) / 2) + 2;
        if (rect.top < around.top - lead || rect.bottom > around.bottom + lead) found.add(`text above or below its box: ${name(holder)}`);
      }
    }
    // Children, against each other.
    const lays = ["flex", "grid", "inline-flex", "inline-grid"].includes(style(element).display);
    const children = [...element.children].filter((child) => child.checkVisibility({ visibilityProperty: true }) && ["static", "relative"].includes(style(child).position)
      && (lays || !isInline(child)) && !["tr", "td", "th", "tbody", "thead", "option"].includes(child.localName));
    const boxes = children.map((child) => child.getBoundingClientRect());
    for (let a = 0; a < boxes.length; a++) {
      for (let b = a + 1; b < boxes.length; b++) {
        const across = Math.min(boxes[a].right, boxes[b].right) - Math.max(boxes[a].left, boxes[b].left);
        const down = Math.min(boxes[a].bottom, boxes[b].bottom) - Math.max(boxes[a].top, boxes[b].top);
        if (across > TOLERANCE && down > TOLERANCE) found.add(`lies over ${name(children[b])}: ${name(children[a])}`);
      }
    }
  }
  return [...found];
}

/** Sets the window's width and waits until the charts have adapted. */
async function resize(page, width) {
  await page.setViewportSize({ width, height: 720 });
  // The charts that are drawn for another width than their room's.
  await page.evaluate(() => {
    window.late = () => [...document.querySelectorAll(".canvas")].map((holder) => [holder.closest("figure").id, holder.querySelector("canvas").width / devicePixelRatio, holder.clientWidth]).filter(([, drawn, room]) => Math.abs(drawn - room) >= 2);
  });
  // Asked from here: Playwright's own wait asks in the page's frames, of which an idle page under load sometimes draws none.
  const deadline = Date.now() + 240_000;
  for (;;) {
    const [found, charts] = await page.evaluate(() => [innerWidth, window.late()]);
    if (found === width && charts.length === 0) return;
    assert.ok(Date.now() < deadline, `at ${width}: the window is ${found} wide; charts with what they are drawn for and have: ${JSON.stringify(charts)}`);
    await page.waitForTimeout(20);
  }
}

/** Records the faults at each width. */
async function look(page, what, faults, widths, everywhere) {
  for (const width of widths) {
    await resize(page, width);
    for (const fault of await page.evaluate(misplaced, everywhere)) faults.set(fault, [...(faults.get(fault) ?? []), `${what} ${width}`]);
  }
}

/** Fails if there are faults, naming element and width. */
function none(faults) {
  const places = (seen) => (seen.length > 6 ? `${seen.slice(0, 6).join(", ")} and at ${seen.length - 6} more widths` : seen.join(", "));
  const lines = [...faults].map(([fault, seen]) => `${fault} (${places(seen)})`);
  assert.equal(lines.length, 0, `${lines.length} faults:\n${lines.slice(0, 80).join("\n")}`);
}

/** Opens everything that can be opened, and fills texts with the longest words and numbers. */
const crowd = (page) => page.evaluate(() => {
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  const word = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz".repeat(2);
  for (const id of ["dense-text", "pruned-text"]) {
    const token = Object.assign(document.createElement("span"), { className: "token crowd", textContent: word });
    if (!document.querySelector(`#${id} .crowd`)) document.getElementById(id)?.append(token);
  }
  document.querySelectorAll(".space b").forEach((number) => {
    number.firstChild.data = "-1.234e-5";
    number.style.setProperty("--letters", "9");
  });
  document.querySelectorAll(".space small").forEach((number) => (number.firstChild.data = "KL(dense ‖ pruned) 1234.567 nats"));
  document.querySelectorAll("#next-token code").forEach((code) => (code.firstChild.data = word));
});

for (const embed of [false, true]) {
  test(`${embed ? "embedded" : "the page"}: nothing lies outside its box in any view at any width`, async () => {
    const page = await open(browser, link(embed ? "&embed=1" : ""), { timeout: 240_000 });
    await results(page);
    const faults = new Map();
    for (const view of VIEWS) {
      await page.setViewportSize({ width: 1000, height: 720 });
      if (embed) await page.selectOption("#view-menu", view);
      else await page.click(`#tab-${view}`);
      await page.waitForFunction(() => document.querySelector("#stop").disabled);
      if (view === "sweep") {
        await page.click("#judge");
        await page.waitForFunction(() => document.querySelectorAll("#advice li").length === 5);
        await page.waitForFunction(() => document.querySelector("#stop").disabled);
      }
      await crowd(page);
      await look(page, view, faults, widths(embed, VIEWS.indexOf(view)), view === VIEWS[0]);
    }
    none(faults);
    await page.context().close();
  });
}
