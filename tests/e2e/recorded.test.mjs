// Recorded runs: what the first visit shows before a model is loaded, and traces that are opened by link or file. On the default model.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import Ajv from "ajv/dist/2020.js";
import { ROOT, serve, sitePath } from "./server.mjs";
import { finished, open, stage } from "./browser.mjs";

const { server, browser } = await stage({}, { isolated: true });
const TRACE = JSON.parse(fs.readFileSync(path.join(ROOT, "public/traces/example.json"), "utf8"));
const AROUND = JSON.parse(fs.readFileSync(path.join(ROOT, "public/traces/neighbours.json"), "utf8"));
const ours = "traces/example.json.gz";
/** What a recorded run's events say of the deciding token and of the pruned text. */
function told({ events }) {
  const { compared: first } = events.find(({ type }) => type === "next_token");
  const parting = events.find(({ type, step }) => type === "step" && step.dense?.id !== step.pruned?.id)?.step;
  const compared = parting?.step ? parting : first;
  const tokens = events.filter(({ type, step }) => type === "step" && step.pruned).map(({ step }) => step.pruned.text);
  return { compared, text: tokens.join("") };
}
const run = (drop) => AROUND.runs.find(({ settings }) => settings.drop === drop && !settings.repair);
const engine = () => server.requests.filter(({ path }) => path.includes("/engine-"));
const close = (page) => page.context().close();
/** Waits until the page shows a recorded run's similarity and text. */
async function shows(page, recorded) {
  const { compared, text } = told(recorded);
  await page.waitForFunction(([p, text]) => Number(document.querySelector("#cos-p")?.dataset.value).toFixed(5) === p && document.querySelector("#pruned-text").textContent === text, [compared.cos_p.toFixed(5), text]);
}

test("before anything is loaded the example is alive, and a flipped switch answers from its recorded neighbour", async () => {
  // An engine that never comes.
  server.faults.set(sitePath("worker.js"), () => true);
  const page = await open(browser, server.site);
  await shows(page, TRACE.runs[0]);
  assert.match(await page.textContent("#recorded"), new RegExp(TRACE.recorded));
  await page.click('[data-switch="a7"]');
  await shows(page, run("a7,b13,b14,b17,b25"));
  assert.equal(await page.locator("#recorded-only").count(), 0);
  // Two steps away nothing is recorded, and the page says so; what was shown stays, dimmed.
  await page.click('[data-switch="a8"]');
  await page.waitForSelector("#recorded-only");
  assert.match(await page.textContent("#recorded-only"), /not recorded.*as soon as the model is loaded/);
  assert.ok(await page.locator(".pipeline.stale").count());
  await page.goBack();
  await shows(page, run("a7,b13,b14,b17,b25"));
  // A slider, step by step as a hand moves it: every step is recorded, whatever was shown before.
  await page.goBack();
  for (const count of [1, 2, 3, 4]) {
    await page.locator("#drop-attention").fill(String(count));
    const drop = await page.waitForFunction((count) => {
      const drop = new URL(location).searchParams.get("drop");
      return drop.match(/[ab]\d+/g)?.length === count && drop;
    }, count);
    await shows(page, run(await drop.jsonValue()));
  }
  // Repair, too: the full map, for it is recorded that it is better.
  await page.evaluate(() => history.go(-4));
  await shows(page, TRACE.runs[0]);
  await page.click("#repair");
  await page.waitForFunction(() => /Repaired: /.test(document.querySelector("#headline").textContent));
  assert.equal(new URL(page.url()).searchParams.get("repair"), "full");
  assert.match(await page.textContent("#repaired-text"), /^The opposite of hot is cold/);
  assert.deepEqual(page.problems, []);
  server.faults.clear();
  await close(page);
});

test("an engine's numbers take the place of the recorded ones, which they equal", async () => {
  const page = await open(browser, server.site);
  await shows(page, TRACE.runs[0]);
  await finished(page);
  assert.equal(await page.locator("#recorded").count(), 0);
  const { compared, text } = told(TRACE.runs[0]);
  for (const space of ["h", "z", "p"]) {
    const live = Number(await page.getAttribute(`#cos-${space}`, "data-value"));
    assert.ok(Math.abs(live - compared[`cos_${space}`]) < 1e-4, `${space}: ${live}`);
  }
  assert.equal(await page.textContent("#pruned-text"), text);
  // The view of retrieval measures, instead of showing what was recorded.
  await page.click("#tab-retrieval");
  await page.waitForFunction(() => /\d/.test(document.querySelector("#view").textContent) && document.querySelector("#stop").disabled);
  await close(page);
});

test("a trace in the link is shown without an engine, until the visitor loads one", async () => {
  const before = engine().length;
  const page = await open(browser, `${server.site}?trace=${ours}`);
  await shows(page, TRACE.runs[0]);
  assert.match(await page.textContent("#recorded-only"), /recorded run/);
  await page.click("#tab-choice");
  await page.waitForFunction(() => /\d+ of \d+/.test(document.querySelector("#view").textContent));
  assert.equal(engine().length, before, "no engine was fetched");
  await page.click("#load-live");
  await finished(page);
  assert.equal(await page.locator("#recorded, #recorded-only").count(), 0);
  assert.deepEqual(page.problems, []);
  await close(page);
});

test("what is no trace, damaged, missing or elsewhere is named, and the page goes on", async () => {
  const text = JSON.stringify(TRACE);
  const files = { "cut.json": text.slice(0, 1000), "other.json": "[1, 2]", "later.json": text.replace('"prunescope_trace":1', '"prunescope_trace":9') };
  for (const [name, content] of Object.entries(files)) server.faults.set(`${new URL(server.site).pathname}${name}`, (request, response) => Boolean(response.writeHead(200).end(content)));
  server.faults.set(`${new URL(server.site).pathname}led.json`, (request, response) => Boolean(response.writeHead(302, { Location: `${server.site}${ours}` }).end()));
  for (const [address, sentence] of [
    ["cut.json", /cut\.json is not shown: the trace is damaged/],
    ["other.json", /no trace of Prunescope's/],
    ["later.json", /version 9, and this page reads version 1/],
    ["missing.json", /answered with the status 404/],
    ["ftp://example.org/trace.json", /begins with ftp: cannot be loaded/],
    ["led.json", /could not be fetched/],
  ]) {
    const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=3&drop=a1&trace=${encodeURIComponent(address)}`);
    assert.match(await page.textContent(".notice"), sentence);
    await finished(page);
    await close(page);
  }
  server.faults.clear();
});

test("a trace of another host is fetched only if the visitor agrees; the page goes on without it otherwise", async () => {
  const elsewhere = await serve();
  const address = `${elsewhere.site}${ours}`;
  elsewhere.faults.set(new URL(address).pathname, (request, response, file) => Boolean(response.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end(fs.readFileSync(file))));
  const link = `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=3&drop=a1&trace=${encodeURIComponent(address)}`;
  const page = await open(browser, link);
  await page.waitForSelector("#trace-question");
  assert.match(await page.textContent("#trace-question"), new RegExp(`from 127.0.0.1:${new URL(elsewhere.origin).port}`));
  await finished(page);
  assert.equal(elsewhere.requests.length, 0, "nothing was fetched before the answer");
  await page.click("#trace-decline");
  await page.waitForSelector("#trace-question", { state: "detached" });
  assert.equal(elsewhere.requests.length, 0);
  await close(page);
  const agreed = await open(browser, link);
  await agreed.click("#trace-agree");
  await shows(agreed, TRACE.runs[0]);
  assert.equal(elsewhere.requests.length, 1);
  await close(agreed);
  // A host that lets no other page read.
  elsewhere.faults.clear();
  const refused = await open(browser, link);
  await refused.click("#trace-agree");
  assert.match(await refused.textContent(".notice"), /could not be fetched.*Access-Control-Allow-Origin/);
  await finished(refused);
  await close(refused);
  elsewhere.close();
});

test("the traces of the site and a saved one are what the published schema says, and a damaged one is not", async () => {
  const schema = JSON.parse(fs.readFileSync(path.join(ROOT, "dist/trace.schema.json"), "utf8"));
  // It names the numbers' formats as Rust does, and keeps words of the sources.
  const isTrace = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  const says = (trace) => isTrace(trace) || JSON.stringify(isTrace.errors.slice(0, 3));
  for (const name of ["example", "neighbours", "story"]) {
    assert.equal(says(JSON.parse(fs.readFileSync(path.join(ROOT, `public/traces/${name}.json`), "utf8"))), true, name);
  }
  // Retrieval and weights that are not finite, whose numbers are texts.
  const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=3&drop=m1&sparse=wanda-0.5&repair=scale&view=retrieval`);
  await finished(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-trace")]);
  const saved = JSON.parse(fs.readFileSync(await download.path(), "utf8"));
  assert.equal(says(saved), true);
  const compared = saved.runs[0].events.find(({ type }) => type === "next_token").compared;
  compared.cos_h = "NaN";
  assert.equal(says(saved), true, "a number that is not finite is a text");
  for (const damage of [() => (compared.cos_h = "many"), () => delete saved.model, () => (saved.prunescope_trace = 2)]) {
    const before = structuredClone(saved);
    damage();
    assert.equal(isTrace(saved), false);
    Object.assign(saved, before);
  }
  await close(page);
});

test("a saved page needs nothing else, shows every view that has something, and is opened again", async () => {
  const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=4&drop=a1&sparse=wanda-0.5&view=retrieval&prompt=%3C/script%3E%3Cimg+src=x+onerror=alert(1)%3E`);
  await finished(page);
  // Until retrieval is measured, too.
  await page.waitForSelector("#stop:disabled");
  const [cosine, text] = [await page.textContent("#cos-p"), await page.textContent("#pruned-text")];
  await page.click("#share");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-session")]);
  const html = fs.readFileSync(await download.path(), "utf8");
  const alone = await (await browser.newContext({ offline: true, acceptDownloads: false })).newPage();
  const requests = [];
  alone.on("request", ({ url }) => requests.push(url()));
  await alone.setContent(html);
  assert.deepEqual(requests, []);
  assert.equal(await alone.textContent("#cos-p"), cosine);
  assert.equal(await alone.textContent("#pruned-text"), text);
  assert.match(await alone.textContent(".facts"), /<\/script><img src=x/);
  const charts = await alone.locator("figure.chart").evaluateAll((charts) => charts.map(({ id }) => id));
  for (const id of ["chart-attention", "chart-probabilities", "chart-theorem3", "chart-tokens", "chart-mean"]) assert.ok(charts.includes(id), id);
  assert.match((await alone.locator("#matrices td").allTextContents()).join(" "), /50\.\d %/, "numbers that are buttons on the page");
  assert.notEqual(await alone.evaluate(() => getComputedStyle(document.querySelector(".panel")).borderTopWidth), "0px", "it has its style");
  // What was not measured leaves no place, and nothing is left to press.
  assert.ok(!charts.includes("sweep-choice") && !charts.includes("chart-vocabulary"), charts.join());
  assert.equal(await alone.locator("figure.chart svg text").count() > 50, true);
  assert.equal(await alone.locator("button, input, select, textarea, canvas, img, script:not([type='application/json'])").count(), 0);
  // A number under its chart is the number of the page.
  const kl = await alone.locator("#chart-kl tbody tr").first().locator("td").allTextContents();
  assert.ok(kl.length >= 2 && kl.every((cell) => cell.trim()), kl.join());
  assert.ok(await alone.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth));
  await alone.context().close();
  await page.setInputFiles("#model-file", { name: "saved.html", mimeType: "text/html", buffer: Buffer.from(html) });
  await page.waitForSelector("#recorded");
  assert.deepEqual([await page.textContent("#cos-p"), await page.textContent("#pruned-text")], [cosine, text]);
  // What is recorded can be saved again.
  await page.waitForSelector("#save-trace:enabled");
  assert.deepEqual(page.problems, []);
  await close(page);
});

test("a view stays as it is through further runs", async () => {
  const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=4&drop=a1&view=steps`);
  await finished(page);
  await page.click("#chart-kl summary");
  await page.evaluate(() => (document.querySelector("#chart-kl").isTheSame = true));
  await page.click('[data-switch="m2"]');
  await finished(page);
  assert.equal(await page.evaluate(() => document.querySelector("#chart-kl").isTheSame), true);
  assert.ok((await page.locator("#chart-kl tbody tr").count()) > 0, "its table is still open");
  await close(page);
});

test("a saved trace is opened again as a file, plain or compressed", async () => {
  const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=4&drop=a1&view=retrieval`);
  await finished(page);
  const shown = async () => [await page.getAttribute("#cos-p", "data-value"), await page.textContent("#pruned-text")];
  const live = await shown();
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-trace")]);
  const saved = JSON.parse(fs.readFileSync(await download.path()));
  saved.model.notices = ["Its logits have eight bits.", ...Array(9).fill("And so on.")];
  await page.setInputFiles("#model-file", { name: "trace.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(saved)) });
  await page.waitForSelector("#recorded");
  assert.deepEqual(await shown(), live);
  assert.match(await page.textContent(".notices"), /Its logits have eight bits\./, "what its program said of the model");
  await page.click("#load-live");
  await finished(page);
  assert.deepEqual(await shown(), live);
  await page.setInputFiles("#model-file", path.join(ROOT, "dist", ours));
  await shows(page, TRACE.runs[0]);
  // The grid is that of the trace's model.
  await page.waitForSelector('[data-switch="a29"]');
  assert.deepEqual(page.problems, []);
  await close(page);
});
