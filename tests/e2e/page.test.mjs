// The page with the real model on the CPU: what a visitor sees and does.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { frameOn } from "./framing.mjs";
import { ROOT } from "./server.mjs";
import { finished, open, results, stage } from "./browser.mjs";

const { server, browser } = await stage();
let page;


const number = (page, id) => page.getAttribute(`#${id}`, "data-value").then(Number);
const drop = (page) => new URL(page.url()).searchParams.get("drop");
/** Waits until the numbers on the screen belong to the current settings. */
const answered = (page) => page.waitForFunction(() => !document.querySelector(".stale") && document.querySelector("#cos-h[data-value]"));

/** Two MLPs dropped, with the numbers of the first token. */
const EXAMPLE = "?drop=m16,m17&token=1";
/** Runs it and waits for its results. */
const example = (page) => page.evaluate((link) => window.prunescope.run(link), EXAMPLE);
/** Whether a similarity is what it was when the example was chosen. */
const near = async (id, wanted) => assert.ok(Math.abs((await number(page, id)) - wanted) < 0.01, `${id}: ${await number(page, id)}`);

test("a first visit loads the model and runs an example", async () => {
  page = await open(browser, server.site);
  await page.waitForSelector("#model-progress");
  await finished(page);
  assert.match(await page.textContent("#dense-text"), /^The opposite of hot is cold\. This is/);
  assert.equal(await page.textContent("#pruned-text"), "The opposite of hot is hot.<|im_end|>");
  assert.equal((await page.textContent("#headline")).trim(), "Wrong: at token 6 “hot” instead of “cold”, and the answer is lost.");
  assert.equal(await page.getAttribute("#device", "data-backend"), "cpu");
  assert.match(await page.textContent("#device"), /No WebGPU/);
  assert.match(await page.textContent("#memory"), /\d+ MB/);
  assert.match(await page.textContent("footer"), /Apache-2\.0/);
  assert.equal(await page.locator(".token.diverges").count(), 2, "the first difference is marked in both texts");
});

test("the numbers are those of the deciding token, until another is chosen along the text", async () => {
  const shows = async (token, [h, z, p], sentence) => {
    assert.equal(await page.textContent("#token-number"), String(token));
    await near("cos-h", h);
    await near("cos-z", z);
    await near("cos-p", p);
    assert.match(await page.textContent("#verdict"), sentence);
  };
  await shows(6, [0.835, 0.918, 0.173], /^At token 6 the logits still look similar, but the probabilities have come apart/);
  assert.equal(await page.textContent("#token-context"), "after “The opposite of hot is”, where the texts part");
  assert.match(await page.textContent("#next-token"), /dense .*cold.*pruned .*hot/s);
  await page.click("#tab-tokens");
  assert.match(await page.textContent("#chart-tokens .sentence"), /“ cold” goes from 51\.\d to 8\.\d %/);
  await page.fill("#chosen-token", "1");
  await shows(1, [0.935, 0.995, 0.82], /^At the first token hidden state and logits stay close/);
  assert.equal(new URL(page.url()).searchParams.get("token"), "1");
  assert.match(await page.textContent("#chart-tokens .sentence"), /“The” goes from/);
  await page.click("#pruned-text .token >> nth=6");
  assert.equal(await page.textContent("#token-context"), "where each model has read its own text");
  await page.click("#deciding-token");
  assert.equal(await page.textContent("#token-number"), "6");
  assert.equal(new URL(page.url()).searchParams.get("token"), null);
  await page.click("#tab-layers");
});

test("everything of the first screen is on a laptop's first screen", async () => {
  for (const id of ["prompt", "pipeline", "layer-grid", "dense-text", "pruned-text"]) {
    const box = await page.locator(`#${id}`).boundingBox();
    assert.ok(box.y >= 0 && box.y + box.height <= 768, `#${id} ends at ${box.y + box.height}`);
  }
});

test("a switch is answered, and the address follows", async () => {
  await example(page);
  assert.equal(await page.textContent("#dense-text"), "The capital of France is Paris.<|im_end|>");
  assert.match(await page.textContent("#pruned-text"), /^La France, la France, la France,/);
  assert.match(await page.textContent("#headline"), /^Babble: at token 1 “La” instead of “The”/);
  await near("cos-h", 0.962);
  await near("cos-p", 0.858);
  await page.click('[data-switch="m16"]');
  await answered(page);
  assert.equal(drop(page), "m17");
  const one = await number(page, "cos-p");
  await page.click('[data-switch="m17"]');
  await answered(page);
  assert.equal(drop(page), "");
  assert.ok((await number(page, "cos-h")) > 0.999999);
  assert.match(await page.textContent("#headline"), /Nothing is switched off/);
  assert.ok(one < 0.99, `a dropped sublayer turns p: cos p is ${one}`);
});

test("dragging across switches sets them all; a layer's number sets both", async () => {
  const at = async (key) => {
    const box = await page.locator(`[data-switch="${key}"]`).boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  await page.mouse.move(...(await at("a20")));
  await page.mouse.down();
  await page.mouse.move(...(await at("a22")), { steps: 8 });
  await page.mouse.up();
  assert.equal(drop(page), "a20,a21,a22");
  await page.click('[data-switch="b21"]');
  assert.equal(drop(page), "a20,b21,a22");
  await page.goBack();
  assert.equal(drop(page), "a20,a21,a22");
  await page.goBack();
  assert.equal(drop(page), "", "a drag is one step back");
  await page.goForward();
  await answered(page);
  assert.equal(await page.getAttribute('[data-switch="a21"]', "aria-pressed"), "false");
});

test("the keyboard alone switches layers", async () => {
  await example(page);
  await page.focus('[data-switch="a0"]');
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Space");
  await answered(page);
  assert.equal(drop(page), "m16,m17,m28");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.switch), "m28");
});

test("“drop the least important” takes those the engine measured", async () => {
  await example(page);
  await page.fill("#drop-mlp", "0");
  await page.fill("#drop-attention", "2");
  await answered(page);
  assert.equal(drop(page), "a7,a26");
  assert.match(await page.getAttribute('[data-switch="a7"]', "aria-label"), /importance .* the least important/);
  await page.fill("#drop-attention", "0");
  await page.fill("#drop-block", "3");
  assert.equal(drop(page).match(/b\d+/g).length, 3);
});

test("a token tells its alternatives in both models", async () => {
  await example(page);
  await page.hover("#pruned-text .token >> nth=0");
  const details = await page.textContent("#token-details");
  assert.match(details, /KL 0\.3/);
  assert.match(details, /Dense.*The.*Pruned.*La/s);
});

test("Repair brings the answer back in a third text, says what it gains, and goes away again", async () => {
  assert.match(await page.textContent("#collapse"), /^The text has collapsed: .*(repeat|surprises the dense model)/);
  await page.click("#repair");
  await page.waitForSelector("#repaired-text .token");
  await finished(page);
  assert.equal(new URL(page.url()).searchParams.get("repair"), "scale");
  assert.match(await page.textContent("#pruned-text"), /^La France/, "the pruned text stays");
  assert.equal(await page.textContent("#repaired-text"), "The capital of France is Paris.<|im_end|>");
  const summary = await page.textContent("#repair-summary");
  const [, without, repaired] = /([\d.]+) nats without it and ([\d.]+) with it/.exec(summary);
  assert.ok(Number(repaired) < 0.7 * Number(without), summary);
  assert.match(summary, /fitted on 256 tokens.*85 tokens that the fit had not seen.*2,304 numbers/);
  assert.ok((await number(page, "repaired-cos-h")) > (await number(page, "cos-h")));
  assert.equal(await page.locator("#collapse").count(), 0, "the offer is taken");
  // From here on the form is chosen, so no full map takes its place.
  await page.selectOption("#repair-form", "scale");
  await finished(page);
  await page.click("#tab-steps");
  await page.waitForFunction(() => /Repaired: [\d.]+ nats on its own text, [\d.]+ on the dense text/.test(document.querySelector("#chart-kl .sentence").textContent));
  assert.match(await page.textContent("#chart-hidden-logits .legend"), /h, repaired.*z, repaired/);
  await page.waitForFunction(() => /repaired text/.test(document.querySelector("#chart-collapse .legend").textContent));
  await page.click("#tab-tokens");
  await page.waitForFunction(() => /^dense *pruned *repaired$/.test(document.querySelector("#chart-tokens .legend").textContent));
  assert.match(await page.textContent("#chart-tokens .sentence"), /Repaired, \d are, “The” has [\d.]+ %/);
  assert.equal(await page.locator("#token-parts thead th").count(), 6);
  await page.click("#tab-layers");
  await page.selectOption("#repair-form", "bias");
  await page.waitForFunction(() => /1,152 numbers/.test(document.querySelector("#repair-summary").textContent));
  // Off and on again keeps the form.
  await page.click("#no-repair");
  await finished(page);
  await page.click("#repair");
  await page.waitForFunction(() => /1,152 numbers/.test(document.querySelector("#repair-summary")?.textContent));
  assert.equal(new URL(page.url()).searchParams.get("repair"), "bias");
  for (let back = 0; back < 3; back++) await page.goBack();
  await page.waitForFunction(() => /2,304 numbers/.test(document.querySelector("#repair-summary")?.textContent));
  await page.click("#no-repair");
  await finished(page);
  assert.equal(await page.locator("#repaired-text, #repaired-cos-p").count(), 0);
  assert.equal(new URL(page.url()).searchParams.has("repair"), false);
});

test("before it is flipped, a switch tells what it would do", async () => {
  await example(page);
  await page.waitForFunction(() => /60 of 60 measured/.test(document.querySelector("main").textContent));
  await page.hover('[data-switch="m17"]');
  const [, told] = /Switched on here: cos p ([\d.]+)/.exec(await page.textContent("#layer-hint"));
  await page.click('[data-switch="m17"]');
  await answered(page);
  assert.equal((await number(page, "cos-p")).toFixed(3), told);
  await page.check("#shade-here");
  assert.equal(await page.getAttribute('[data-switch="m17"]', "aria-pressed"), "true");
  await page.uncheck("#shade-here");
  await example(page);
});

test("a click on a known switch shows its numbers at once, marked, until the run confirms them", async () => {
  await example(page);
  await page.waitForFunction(() => /60 of 60 measured/.test(document.querySelector("main").textContent));
  const seen = await page.evaluate(() => new Promise((seen) => {
    const at = (id) => document.querySelector(id);
    const opacity = (id) => getComputedStyle(at(id).closest(".space")).opacity;
    const before = at("#cos-p").dataset.value;
    const observer = new MutationObserver(() => {
      if (!at("#preview-cos-p") || at("#cos-p").dataset.value === before) return;
      observer.disconnect();
      seen({ cos: Number(at("#cos-p").dataset.value), text: at("#cos-p").closest(".space").textContent, stale: Boolean(at(".pipeline.stale")), p: opacity("#cos-p"), h: opacity("#cos-h") });
    });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true });
    at('[data-switch="m17"]').click();
  }));
  assert.ok(seen.stale, "the run has not answered yet");
  assert.deepEqual([Number(seen.p), Number(seen.h)], [1, 0.45], "what is known is not dimmed");
  assert.match(seen.text, /KL [\d.]+ nats.*as previewed/);
  await answered(page);
  assert.equal(await page.locator("#preview-cos-p").count(), 0);
  assert.ok(Math.abs((await number(page, "cos-p")) - seen.cos) < 1e-4, `${seen.cos} was said before`);
  await example(page);
});

test("the charts show what was computed, as picture, tooltip and table", async () => {
  await finished(page);
  const colours = (id) => page.evaluate((id) => {
    const canvas = document.querySelector(`#${id} canvas`);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] * 65536 + data[4 * i + 1] * 256 + data[4 * i + 2])).size;
  }, id);
  for (const [view, ids] of [["layers", ["chart-attention", "chart-mlp"]], ["steps", ["chart-hidden-logits", "chart-probabilities", "chart-kl", "chart-collapse"]], ["tokens", ["chart-tokens"]]]) {
    await page.click(`#tab-${view}`);
    assert.equal(new URL(page.url()).searchParams.get("view") ?? "layers", view);
    for (const id of ids) {
      await page.waitForFunction((id) => !document.querySelector(`#${id} .waiting`), id);
      await page.locator(`#${id} canvas`).scrollIntoViewIfNeeded();
      assert.ok((await colours(id)) > 5, `${id} is drawn`);
      await page.locator(`#${id} canvas`).focus();
      await page.keyboard.press("ArrowRight");
      assert.ok((await page.textContent(`#${id} .tooltip`)).length > 3);
      await page.click(`#${id} summary`);
      // The table is built when it is opened.
      await page.locator(`#${id} tbody tr`).nth(1).waitFor();
    }
  }
  const report = await page.evaluate(() => window.prunescope.run({ view: "layers" }));
  assert.equal(report.layers.length, 60);
  assert.equal(report.layers[11].layer, 5);
  const sixth = page.locator("#chart-mlp tbody tr").nth(5);
  await page.locator("#chart-mlp summary").click();
  await sixth.waitFor();
  assert.equal((await sixth.locator("td, th").allTextContents())[0], "5");
});

test("numbers of two plans never mix, however fast switches are flipped", async () => {
  const heard = await page.evaluate(async () => {
    const heard = [];
    const off = ["next_token", "step", "done"].map((name) => window.prunescope.on(name, (event) => heard.push([name, event.run])));
    const clicks = ["a3", "a4", "a5", "a3", "a4"];
    for (const key of clicks) {
      document.querySelector(`[data-switch="${key}"]`).click();
      await new Promise((done) => setTimeout(done, 0));
    }
    const report = await window.prunescope.run();
    off.forEach((end) => end());
    return { heard, drop: report.settings.drop };
  });
  const last = heard.heard.at(-1);
  assert.equal(last[0], "done");
  assert.equal(heard.drop, "a5,m16,m17");
  let newest = 0;
  for (const [, run] of heard.heard) {
    assert.ok(run >= newest, "an older run spoke after a newer one");
    newest = run;
  }
  assert.equal(heard.heard.filter(([name, run]) => name === "done" && run === newest).length, 1);
});

test("Stop stops, keeps what is there, and the next switch runs", async () => {
  await page.evaluate(() => {
    window.stopped = window.prunescope.run({ tokens: 200, prompt: "Write a long story about a fox." }).then(() => "ran through", (error) => error.message);
  });
  await page.waitForFunction(() => document.querySelectorAll("#pruned-text .token").length > 3);
  await page.click("#stop");
  assert.match(await page.evaluate(() => window.stopped), /stopped/);
  assert.ok(await page.isDisabled("#stop"));
  const count = await page.locator("#pruned-text .token").count();
  assert.ok(count > 3 && count < 200);
  assert.match(await page.textContent("#stopped"), /not complete/);
  await page.click("#go-on");
  await page.waitForFunction(() => !document.querySelector("#stopped"));
  await page.waitForFunction((count) => document.querySelectorAll("#pruned-text .token").length > count + 3, count);
  await page.click('[data-switch="a9"]');
  await page.waitForFunction(() => !document.querySelector(".stale") && document.querySelectorAll("#pruned-text .token").length > 3);
  await example(page);
  assert.equal(await page.inputValue("#prompt"), "What is the capital of France?");
});

test("typing a prompt runs it; Enter at once", async () => {
  await page.fill("#prompt", "Name three colours.");
  await page.waitForFunction(() => new URL(location).searchParams.get("prompt") === "Name three colours.");
  await finished(page);
  const colours = await page.textContent("#dense-text");
  await page.fill("#prompt", "What is the capital of Italy?");
  await page.press("#prompt", "Enter");
  assert.equal(new URL(page.url()).searchParams.get("prompt"), "What is the capital of Italy?");
  await finished(page);
  assert.match(await page.textContent("#dense-text"), /Italy/);
  assert.notEqual(await page.textContent("#dense-text"), colours);
});

test("the main thread has no task over 50 ms while the engine works", async () => {
  const longest = await page.evaluate(async () => {
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)));
    observer.observe({ type: "longtask" });
    await window.prunescope.run({ prompt: "Name three colours.", tokens: 24, drop: "a7" });
    await window.prunescope.run({ drop: "a7,m17" });
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    tasks.push(...observer.takeRecords().map((entry) => entry.duration));
    return Math.max(0, ...tasks);
  });
  assert.ok(longest <= 50, `a task took ${longest} ms`);
});

test("the exported JSON has the documented keys", async () => {
  await finished(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
  const report = JSON.parse(fs.readFileSync(await download.path(), "utf8"));
  for (const key of ["model", "backend", "settings", "prompt_ids", "next_token", "layers", "edited_layers", "damage", "weights", "generation", "importance", "timings_ms"]) assert.ok(key in report, key);
  for (const key of ["cos_h", "cos_z", "cos_p", "kl_dense_pruned", "kl_pruned_dense", "theorem1_h", "theorem2", "theorem3", "alpha_h", "parallel_h", "orthogonal_h", "top"]) assert.ok(key in report.next_token, key);
  for (const key of ["layer", "sublayer", "cos_p", "with_final_norm"]) assert.ok(key in report.layers[0], key);
  for (const key of ["dense", "pruned", "first_divergence", "steps", "fixed_trajectory"]) assert.ok(key in report.generation, key);
  const documented = fs.readFileSync(path.join(ROOT, "README.md"), "utf8");
  for (const key of [...Object.keys(report), ...Object.keys(report.generation), ...Object.keys(report.settings), ...Object.keys(report.generation.quality.dense), ...Object.keys(report.damage[0])]) {
    assert.ok(documented.includes(`\`${key}\``) || documented.includes(`\`${key}[]\``), `the README says nothing of ${key}`);
  }
  for (const key of [...Object.keys(report.next_token), ...Object.keys(report.next_token.top.dense[0])]) assert.ok(documented.includes(`\`${key}\``), `the README says nothing of ${key}`);
});

test("a link restores everything, and says what it ignores", async () => {
  const query = "prompt=Name+a+fruit.&chat=0&drop=a7,b12,m17&tokens=5&temp=0.7&top_k=40&top_p=0.9&seed=9&backend=cpu&view=tokens&token=2";
  const first = await open(browser, `${server.site}?${query}`);
  await finished(first);
  const settings = await first.evaluate(() => window.prunescope.settings());
  assert.deepEqual(settings, { model: "", other: "", hub: "", precision: "stored", prompt: "Name a fruit.", chat: false, drop: "a7,b12,m17", repair: "", head: "", tokens: 5, temp: 0.7, top_k: 40, top_p: 0.9, seed: 9, backend: "cpu", view: "tokens", token: 2, sparse: "", quant: "", on: "all", layers: "", analysis: 0, importance: "residual", compare: [], sweep: "layers", sample: 20, search: "all", budget: 8 });
  assert.equal(await first.getAttribute("#tab-tokens", "aria-selected"), "true");
  const text = await first.textContent("#pruned-text");
  await first.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await first.click("#copy-link");
  await first.waitForFunction(() => document.querySelector("#copy-link").textContent === "Link copied");
  const link = await first.evaluate(() => navigator.clipboard.readText());
  const second = await open(browser, link);
  await finished(second);
  assert.deepEqual(await second.evaluate(() => window.prunescope.settings()), settings);
  assert.equal(await second.textContent("#pruned-text"), text, "the same seed writes the same text");
  assert.deepEqual([...first.problems, ...second.problems], []);
  await first.context().close();
  await second.context().close();

  const bad = await open(browser, `${server.site}?drop=a7,q9&tokens=many&colour=red&temp=0`);
  const notices = await bad.locator(".notice span").allTextContents();
  for (const part of ["q9", "many", "colour"]) assert.ok(notices.some((notice) => notice.includes(part)), `${part} is named in ${notices}`);
  await finished(bad);
  assert.equal((await bad.evaluate(() => window.prunescope.settings())).drop, "a7");
  await bad.click('.notice button >> nth=0');
  assert.equal(await bad.locator(".notice").count(), notices.length - 1);
  await bad.context().close();
});

test("the paper's table, in this browser on the CPU", async () => {
  const rows = JSON.parse(fs.readFileSync(path.join(ROOT, "tests/fixtures/paper_table.json"), "utf8"));
  await example(page);
  for (const row of rows) {
    const report = await results(page, { drop: row.drop, tokens: 16 });
    assert.equal(report.backend, "cpu");
    assert.deepEqual([report.prompt_ids.length, ...report.prompt_ids.slice(0, 5)], [37, 1, 9690, 198, 2683, 359]);
    const found = report.next_token;
    for (const key of ["cos_h", "cos_z", "cos_p"]) assert.ok(Math.abs(found[key] - row[key]) <= 0.01, `without ${row.drop}: ${key} is ${found[key]}`);
    assert.ok(Math.abs(found.kl_dense_pruned - row.kl) <= Math.max(0.02 * row.kl, 0.01), `without ${row.drop}: KL is ${found.kl_dense_pruned}`);
    assert.ok(report.generation.pruned.text.startsWith(row.text), `without ${row.drop}: ${report.generation.pruned.text}`);
  }
});

test("with and without relaxed SIMD: the same numbers", async () => {
  const count = "WebAssembly.Instance = new Proxy(WebAssembly.Instance, { construct: (of, values) => { new BroadcastChannel('instances').postMessage(0); return Reflect.construct(of, values); } });";
  const found = [];
  for (const [refuses, programs] of [["", 1], ["WebAssembly.validate = () => false;", 0]]) {
    server.prepend("worker.js", count + refuses);
    const listens = (page) => page.addInitScript(() => {
      window.instances = 0;
      new BroadcastChannel("instances").onmessage = () => window.instances++;
    });
    const other = await open(browser, `${server.site}?tokens=8&drop=a1`, { before: listens });
    await finished(other);
    found.push([await results(other, { drop: "a1,m20", tokens: 8 }), await results(other, { drop: "", sparse: "magnitude-0.3" })]);
    assert.equal(await other.evaluate(() => window.instances), programs);
    await other.context().close();
  }
  server.faults.clear();
  for (const [relaxed, plain] of found[0].map((report, plan) => [report, found[1][plan]])) {
    assert.ok(relaxed.generation.pruned.ids.length > 1);
    assert.deepEqual(relaxed.generation.pruned.ids, plain.generation.pruned.ids);
    for (const key of ["cos_h", "cos_z", "cos_p", "kl_dense_pruned"]) {
      // The next token after the prompt (gemm), and the last generated one (gemv).
      for (const place of [(report) => report.next_token, (report) => report.generation.steps.findLast((step) => "cos_h" in step)]) {
        const [a, b] = [place(relaxed)[key], place(plain)[key]];
        assert.ok(Math.abs(a - b) <= 1e-4 * Math.abs(b) + 2e-5, `${key} is ${a} and ${b}`);
      }
    }
  }
});

test("window.prunescope refuses what it cannot use, in words", async () => {
  const message = (code) => page.evaluate(code).then(() => "", (error) => error.message);
  assert.match(await message(() => window.prunescope.run({ drop: "x1" })), /x1/);
  assert.match(await message(() => window.prunescope.run({ colour: 1 })), /colour/);
  assert.match(await message(() => window.prunescope.on("nothing", () => {})), /next_token/);
});

test("another page embeds it and talks to it", async () => {
  const context = await browser.newContext();
  const parent = await context.newPage();
  const host = new URL(server.origin);
  await parent.goto(`${server.origin}/fixtures/embed.html`);
  await parent.evaluate(frameOn, `${server.site}?embed=1&drop=a7&tokens=4`);
  const heard = (name) => parent.waitForFunction((name) => window.heard.find((data) => data.prunescope === name), name, { timeout: 120_000 }).then((handle) => handle.jsonValue());
  assert.equal((await heard("ready")).detail.layers, 30);
  await parent.evaluate(() => {
    const frame = document.querySelector("iframe").contentWindow;
    frame.postMessage({ prunescope: "on", name: "next_token" }, "*");
    frame.postMessage({ prunescope: "run", id: 5, settings: { drop: "m17,m16" } }, "*");
  });
  const answer = await heard("result");
  assert.equal(answer.id, 5);
  assert.ok(Math.abs(answer.detail.next_token.cos_p - 0.858) < 0.01);
  assert.equal((await heard("event")).name, "next_token");
  await parent.evaluate(() => document.querySelector("iframe").contentWindow.postMessage({ prunescope: "run", id: 6, settings: { tokens: 0 } }, "*"));
  assert.match((await heard("error")).message, /tokens/);
  const frame = parent.frames()[1];
  // The link's view is shown; the others are in a menu of one line.
  assert.equal(await frame.locator("[role=tab]").count(), 0);
  assert.equal(await frame.inputValue("#view-menu"), "layers");
  await context.close();
});

test("nothing was sent anywhere else, and the console stayed clean", async () => {
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
