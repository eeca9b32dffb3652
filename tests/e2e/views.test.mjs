// Every view, with the tiny model: its figures, explanations, measurements, files and links.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { finished, open, results, stage } from "./browser.mjs";

const { server, browser } = await stage();
const link = (rest) => `${server.site}?model=${server.origin}/fixtures/tiny.gguf&tokens=6&${rest}`;
const view = async (rest) => {
  const page = await open(browser, link(rest));
  await finished(page);
  return page;
};
const close = async (page) => {
  assert.deepEqual(page.problems, []);
  await page.context().close();
};
/** Waits until a figure is drawn; returns its explanation. */
const drawn = async (page, id) => {
  await page.waitForFunction((id) => document.querySelector(`#${id} .sentence`)?.textContent.length > 10, id);
  assert.equal(await page.locator(`#${id} .waiting`).count(), 0);
  return page.textContent(`#${id} .sentence`);
};
/** A text file for a file input. */
const file = (name, text) => {
  const at = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "prunescope-")), name);
  fs.writeFileSync(at, text);
  return at;
};
const query = (page) => new URL(page.url()).searchParams;
/** Waits until no measurement is running. */
const measured = (page) => page.waitForFunction(() => document.querySelector("#stop").disabled);

test("sparsity and quantization from the controls, in the link and in the results", async () => {
  const page = await view("drop=");
  const done = async () => {
    await page.waitForFunction(() => !document.querySelector(".stale"));
    await finished(page);
  };
  assert.ok(await page.isDisabled("#sparse-ratio"));
  await page.selectOption("#sparse-method", "wanda");
  await done();
  assert.equal(query(page).get("sparse"), "wanda-0.5");
  await page.fill("#sparse-ratio", "30");
  await done();
  assert.equal(query(page).get("sparse"), "wanda-0.3");
  await page.check("#sparse-uneven");
  await done();
  assert.equal(query(page).get("sparse"), "wanda-0.3-owl");
  await page.selectOption("#sparse-pattern", "2:4");
  await done();
  assert.match(page.url(), /sparse=wanda-2:4$|sparse=wanda-2:4&/, "an N:M pattern is the same in every layer");
  assert.ok(await page.isDisabled("#sparse-uneven"));
  await page.selectOption("#quant-method", "awq");
  await page.selectOption("#quant-bits", "3");
  await page.selectOption("#quant-group", "32");
  await page.selectOption("#plan-on", "mlp");
  await page.fill("#layers-first", "1");
  await page.dispatchEvent("#layers-first", "change");
  await page.fill("#layers-last", "2");
  await page.dispatchEvent("#layers-last", "change");
  await done();
  const settings = await page.evaluate(() => window.prunescope.settings());
  assert.deepEqual([settings.sparse, settings.quant, settings.on, settings.layers], ["wanda-2:4", "awq3-g32", "mlp", "1-2"]);
  assert.match(await page.textContent("#plan-memory"), /\d+ % saved/);
  const report = await results(page);
  assert.equal(report.weights.matrices.length, 6);
  assert.ok(report.weights.matrices.every((matrix) => matrix.layer >= 1 && matrix.layer <= 2 && matrix.sparsity >= 0.5));
  assert.equal(report.edited_layers.length, 2);
  const again = await open(browser, page.url());
  await finished(again);
  assert.deepEqual(await again.evaluate(() => window.prunescope.settings()), settings);
  assert.equal(await again.textContent("#pruned-text"), await page.textContent("#pruned-text"));
  assert.equal(await again.inputValue("#sparse-method"), "wanda");
  assert.equal(await again.inputValue("#quant-bits"), "3");
  await close(again);
  await page.goBack();
  await done();
  assert.equal(query(page).get("layers"), "1-3", "each control is one step back");
  await close(page);
});

test("the visitor's own calibration text is used", async () => {
  const page = await view("drop=&sparse=wanda-0.5");
  const before = await results(page);
  assert.ok(before.weights.calibration_tokens >= 2000);
  await page.click(".thinning .more summary");
  await page.fill("#calibration", "My own text, about rivers and foxes and the sea, long enough to be read.");
  await page.click(".thinning .more button");
  await page.waitForFunction(() => /your own/.test(document.querySelector(".thinning .more summary").textContent));
  const after = await results(page);
  assert.ok(after.weights.calibration_tokens < 200);
  await close(page);
});

test("layer by layer: dropped, and pruned in place", async () => {
  const page = await view("drop=&sparse=magnitude-0.6&view=layers");
  assert.match(await drawn(page, "chart-mlp"), /Pruning the weights of one MLP sublayer/);
  await page.check("#layers-drop");
  await page.waitForFunction(() => /Dropping/.test(document.querySelector("#chart-mlp .sentence").textContent));
  await page.check("#with-norm");
  await drawn(page, "chart-attention");
  const before = (await results(page)).importance;
  await page.selectOption("#importance", "normed");
  const after = (await results(page)).importance;
  assert.deepEqual([before.input, after.input, query(page).get("importance")], ["residual", "normed", "normed"]);
  assert.notEqual(after.mlp[0].importance, before.mlp[0].importance);
  assert.deepEqual(after.block, before.block);
  await close(page);
});

test("token by token: four figures with live numbers", async () => {
  const page = await view("drop=m1,m2&view=steps");
  for (const [id, text] of [["chart-hidden-logits", /hidden states keep a cosine of/], ["chart-probabilities", /on average/], ["chart-kl", /Mean KL is/], ["chart-collapse", /surprised by/]]) {
    assert.match(await drawn(page, id), text);
  }
  const report = await results(page);
  const losses = report.generation.quality.pruned;
  assert.match(await page.textContent("#chart-collapse .sentence"), new RegExp(`${losses.dense_loss.toFixed(2)} of the pruned text`));
  await close(page);
});

test("theorems: truth and estimate over steps and over layers, and the tokens behind them", async () => {
  const page = await view("drop=a1,m2&view=theorems&token=1");
  for (const id of ["chart-theorem3", "chart-theorem2", "chart-theorem1-z", "chart-theorem1-h"]) assert.match(await drawn(page, id), /estimate/);
  assert.match(await drawn(page, "chart-parts"), /orthogonal part/);
  const report = await results(page);
  assert.match(await drawn(page, "chart-damage"), new RegExp(`^At token 1 .*p = ${report.damage[0].p.toFixed(3)}`));
  // It is that of the token chosen along the text.
  await page.locator("#chosen-token").fill("2");
  await page.waitForFunction(() => document.querySelector("#chart-damage .sentence")?.textContent.startsWith("At token 2 "));
  await page.selectOption("#theorems-along", "mlp");
  await page.locator("#chart-theorem3 canvas").focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.textContent("#chart-theorem3 .tooltip"), /layer/);
  await close(page);
});

test("the temperature of the analysis redraws probabilities without touching texts", async () => {
  const page = await view("drop=m1&view=tokens");
  const cold = await results(page);
  await page.fill("#analysis", "2.5");
  await page.waitForFunction(() => !document.querySelector(".stale"));
  await finished(page);
  assert.equal(query(page).get("analysis"), "2.5");
  const hot = await results(page);
  assert.equal(hot.next_token.cos_z, cold.next_token.cos_z);
  assert.equal(hot.next_token.cos_h, cold.next_token.cos_h);
  assert.ok(hot.next_token.kl_dense_pruned < cold.next_token.kl_dense_pruned);
  assert.equal(hot.generation.pruned.text, cold.generation.pruned.text);
  // Layers that were measured are read again through the head.
  const again = Object.keys(hot.timings_ms).filter((name) => name !== "layers");
  assert.deepEqual(again, [], "no model runs again");
  await page.click("text=as decoding");
  await page.waitForFunction(() => !new URL(location).searchParams.has("analysis"));
  await close(page);
});

test("multiple choice: one question, the whole set, the visitor's own file with bad lines", async () => {
  const page = await view("drop=m1,m2&view=choice");
  await measured(page);
  assert.match(await page.textContent("#choice-summary"), /Dense \d+ of 66, pruned \d+ of 66 right/);
  assert.equal(await page.locator("#choice-scores tbody tr").count(), 7);
  assert.match(await drawn(page, "chart-options"), /Letters alone: .*KL\(dense ‖ pruned\)/);
  assert.match(await drawn(page, "chart-vocabulary"), /cos z/);
  const first = await page.textContent("#choice-text");
  await page.click("text=next");
  await page.waitForFunction((first) => document.querySelector("#choice-text").textContent !== first, first);
  await page.selectOption("#choice-scoring", "letter");
  const lines = ['{"question":"Where do fish swim?","choices":["river","town"],"answer":0}', "broken", '{"goal":"Cross it","sol1":"a bridge","sol2":"a song","label":0}', '{"question":"No choices","answer":1}'];
  await page.setInputFiles("#choice-file", file("mine.jsonl", lines.join("\n")));
  await page.waitForFunction(() => document.querySelectorAll("#choice-question option").length === 2);
  await measured(page);
  assert.match(await page.textContent("#choice-summary"), /of 2/);
  const notices = await page.locator(".notice span").allTextContents();
  assert.ok(notices.some((text) => /mine\.jsonl: line 2 is skipped/.test(text)) && notices.some((text) => /line 4/.test(text)), notices.join());
  await page.setInputFiles("#choice-file", file("empty.jsonl", "{}"));
  await page.waitForFunction(() => /holds nothing that can be used/.test(document.querySelector(".notices").textContent));
  assert.equal(await page.locator("#choice-question option").count(), 2, "what was there stays");
  await page.click("text=built-in questions");
  await page.waitForFunction(() => document.querySelectorAll("#choice-question option").length === 66);
  await close(page);
});

test("retrieval: slopes for both poolings, and the visitor's own set", async () => {
  const page = await view("drop=b1,b2&view=retrieval");
  assert.match(await drawn(page, "chart-mean"), /first for \d+ of 34 queries.*Kendall's τ/);
  await drawn(page, "chart-last");
  const lines = ['{"id":1,"passage":"A fox swims."}', '{"id":2,"passage":"The river is long."}', '{"query":"Who swims?","answer":1}', '{"query":"Lost?","answer":9}'];
  await page.setInputFiles("#retrieval-file", file("set.jsonl", lines.join("\n")));
  await page.waitForFunction(() => /of 1 queries/.test(document.querySelector("#chart-mean .sentence").textContent));
  assert.match(await page.textContent(".notices"), /line 4 is skipped: no passage has the id 9/);
  await close(page);
});

test("compare: up to four variants, their six panels, their answers, and their link", async () => {
  const page = await view("drop=a1&view=compare");
  await page.click("#compare-add");
  await page.waitForFunction(() => document.querySelectorAll("#answers tbody tr").length === 2);
  await page.click("#compare-methods");
  await page.waitForFunction(() => document.querySelectorAll("#answers tbody tr").length === 5, null, { timeout: 180_000 });
  assert.ok(await page.isDisabled("#compare-add"), "four are enough");
  for (const id of ["h", "z", "p", "dz", "var", "kl"]) assert.match(await drawn(page, `compare-${id}`), /AWQ 4-bit/);
  await page.check("#compare-more");
  assert.match(await drawn(page, "compare-fixed-kl"), /Wanda 50 %/);
  await page.fill(".variant input >> nth=1", "Four bits");
  await page.press(".variant input >> nth=1", "Enter");
  await page.waitForFunction(() => document.querySelector("#answers tbody").textContent.includes("Four bits"));
  await page.click(".variant button[aria-label='Remove this variant'] >> nth=0");
  await page.waitForFunction(() => document.querySelectorAll("#answers tbody tr").length === 4);
  const names = query(page).getAll("compare");
  assert.deepEqual(names, ["Four bits*awq4-g64", "Wanda 50 %*wanda-0.5", "Wanda 4:8*wanda-4:8"]);
  for (const [view, id] of [["steps", "chart-kl"], ["theorems", "chart-theorem3"]]) {
    await page.click(`#tab-${view}`);
    await page.waitForFunction((id) => /Four bits/.test(document.querySelector(`#${id} .legend`)?.textContent), id);
  }
  await page.click("#tab-compare");
  await page.waitForFunction(() => document.querySelectorAll("#answers tbody tr").length === 4);
  const again = await open(browser, page.url());
  await again.waitForFunction(() => document.querySelectorAll("#answers tbody tr").length === 4);
  assert.equal(await again.textContent("#answers"), await page.textContent("#answers"));
  await again.click(".variant button:text('edit') >> nth=2");
  await again.waitForFunction(() => new URL(location).searchParams.get("sparse") === "wanda-4:8");
  await close(again);
  await close(page);
});

test("a sweep appears point by point, stops, goes on, and is judged", async () => {
  const page = await view("drop=m1,m2&view=sweep&sample=2");
  const points = () => page.evaluate(() => Number(/(\d+) of/.exec(document.querySelector("#sweep-progress").textContent)?.[1] ?? 0));
  // Stopped from within the page at the fourth point: a click from outside might come only after all fifteen.
  await page.evaluate(() => new Promise((stopped) => {
    new MutationObserver((_, observer) => {
      const stop = document.querySelector("#stop");
      if (!stop || !/[4-9] of 25/.test(document.querySelector("#sweep-progress").textContent)) return;
      observer.disconnect();
      stop.click();
      stopped();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
    document.querySelector("#sweep-start").click();
  }));
  await measured(page);
  const before = await points();
  assert.ok(before >= 4 && before < 25, `${before} points`);
  assert.equal(await page.textContent("#sweep-start"), "Go on");
  assert.match(await drawn(page, "sweep-choice"), /2 items a point/);
  // A switch in between keeps the points.
  await page.click('[data-switch="a3"]');
  await finished(page);
  assert.ok((await points()) >= before);
  await page.click("#sweep-start");
  await page.waitForFunction(() => /25 of 25/.test(document.querySelector("#sweep-progress").textContent), null, { timeout: 240_000 });
  await measured(page);
  for (const id of ["sweep-choice", "sweep-retrieval", "sweep-generation"]) assert.match(await drawn(page, id), /attention from \d+ to \d+ % at 4/);
  await page.click("#judge");
  await page.waitForFunction(() => document.querySelectorAll("#advice li").length === 5);
  assert.match(await page.textContent("#advice"), /Retrieval: .*dense \d of 2, pruned \d of 2/s);
  await page.click("#fidelity");
  await page.waitForSelector("#fidelity-table");
  assert.match(await page.textContent("#fidelity-summary"), /^On \d+ tokens of the retrieval set's passages/);
  assert.deepEqual(await page.locator("#fidelity-table tbody th").allTextContents(), ["dense", "pruned"]);
  await measured(page);
  assert.match(await page.textContent("#next"), /Ask at least 20 items/);
  // Judged plans stay as rows, and their links restore them.
  await page.click('[data-switch="m1"]');
  await finished(page);
  await page.click("#judge");
  await page.waitForFunction(() => document.querySelectorAll("#judged tbody tr").length === 2);
  assert.match(await page.textContent("#judged"), /MB: \d+ % less/);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click("[aria-label='Save: plans judged so far'] button")]);
  assert.equal(saved.suggestedFilename(), "judged.csv");
  const first = page.locator("#judged a").first();
  const wanted = new URL(await first.getAttribute("href")).searchParams.get("drop");
  await first.click();
  assert.equal(query(page).get("drop"), wanted);
  await finished(page);
  await page.selectOption("#sweep-axis", "bits");
  assert.equal(query(page).get("sweep"), "bits");
  assert.equal(await page.locator("#sweep-choice .waiting").count(), 1, "another sweep begins empty");
  await close(page);
});

test("plans are compared on texts, their own or the visitor's, and what they save is measured", async () => {
  const page = await view("drop=m1&view=sweep");
  const text = (name, words) => ({ name, mimeType: "text/plain", buffer: Buffer.from(words.repeat(60)) });
  await page.setInputFiles("#texts-file", [text("mill.txt", "The river runs past the old mill. "), text("sums.txt", "1 + 2 = 3; 4 + 5 = 9; ")]);
  await page.waitForFunction(() => document.querySelectorAll("#texts-table tbody tr").length === 3);
  await measured(page);
  assert.match(await page.textContent("#texts"), /^Compare on 2 texts$/);
  assert.match(await page.textContent("#texts-table tbody"), /^all texts, \d+ tokens.*mill\.txt, \d+ tokens.*sums\.txt, \d+ tokens/s);
  const cells = await page.locator("#texts-table tbody tr >> nth=0").locator("td").allTextContents();
  assert.equal(cells.length, 11);
  assert.match(cells[1], /^\d+\.\d{3} ± \d+\.\d{3}$/);
  const [saved] = await Promise.all([page.waitForEvent("download"), page.click("[aria-label='Distance from the dense model by kind of text'] button")]);
  assert.equal(saved.suggestedFilename(), "texts.csv");
  // Another plan: its numbers in place of these, and both in the table of plans.
  await page.click('[data-switch="a2"]');
  await finished(page);
  assert.equal(await page.locator("#texts-table").count(), 0, "the numbers of another plan are gone");
  await page.click("#texts");
  await page.waitForFunction(() => document.querySelectorAll("#texts-plans tbody tr").length === 3);
  await measured(page);
  assert.match(await page.textContent("#texts-plans tbody"), /★/);
  await page.click("#speed");
  await page.waitForSelector("#speed-table");
  assert.deepEqual(await page.locator("#speed-table tbody th").allTextContents(), ["dense", "pruned"]);
  assert.match(await page.textContent("#speed-table"), /\(× 1\.00\)/);
  await measured(page);
  // The picture of both plans and the dense model; the plan whose speed is measured has a place on the other axis, too.
  const names = () => page.locator("#texts-plans tbody a").evaluateAll((links) => links.map((link) => link.title));
  assert.equal((await names())[0], "dense", "the nearest first");
  assert.deepEqual((await names()).sort(), ["dense", "m1", "m1,a2"]);
  const speed = (plan) => page.locator("#texts-plans tbody tr", { has: page.locator(`a[title="${plan}"]`) }).locator("td >> nth=4").textContent();
  for (const [plan, known] of [["m1,a2", true], ["m1", false], ["dense", true]]) assert.equal(/^\d+\.\d$/.test(await speed(plan)), known, plan);
  assert.match(await drawn(page, "chart-plans"), /^2 plans beside the dense model/);
  await page.selectOption("#plans-axis", "written");
  assert.match(await drawn(page, "chart-plans"), /^One plan beside the dense model.*as fast.*Compare another plan/);
  await page.selectOption("#plans-axis", "memory");
  // A click on a point, which the keyboard finds.
  const canvas = page.locator("#chart-plans canvas");
  await canvas.focus();
  for (let tip = ""; !tip.startsWith("planm1"); tip = await page.textContent("#chart-plans .tooltip")) await canvas.press("ArrowRight");
  const at = await page.locator("#chart-plans .tooltip").evaluate((tip) => parseFloat(tip.style.getPropertyValue("--at")));
  const { x, y, height } = await canvas.boundingBox();
  let down = 0;
  while (await page.locator("#chart-plans canvas.leads").count() === 0 || down === 0) {
    down += 12;
    assert.ok(down < height, "no point is under the pointer");
    await page.mouse.move(x + at, y + down);
  }
  await page.mouse.click(x + at, y + down);
  await finished(page);
  assert.equal(query(page).get("drop"), "m1");
  assert.equal((await names()).length, 3, "the picture and its table stay");
  // The other texts begin anew: numbers of several texts do not stand in one table.
  await page.selectOption("#plans-axis", "written");
  await page.click("text=the built-in texts again");
  await page.waitForFunction(() => document.querySelector("#texts-summary")?.textContent.includes(" of "));
  await page.click("#stop");
  assert.equal(await page.locator("#texts-plans").count(), 0);
  // The menu comes back with the axis that the picture has; the one plan has no measured speed, and the dense model alone is no picture.
  await page.setInputFiles("#texts-file", [text("mill.txt", "The river runs past the old mill. ")]);
  await page.waitForSelector("#plans-axis");
  assert.equal(await page.inputValue("#plans-axis"), "written");
  await page.waitForFunction(() => document.querySelector("#chart-plans .waiting")?.textContent.startsWith("No compared plan has a measured speed"));
  await close(page);
});

test("a search finds plans, and each number is a link that sets its plan", async () => {
  const page = await view("drop=&view=search&budget=2");
  await page.click("#search-start");
  await page.waitForFunction(() => /^(\d+) of \1 plans/.test(document.querySelector("#search-progress").textContent), null, { timeout: 240_000 });
  await measured(page);
  assert.match(await drawn(page, "chart-search"), /^With 2 sublayers dropped, the closest to the dense model is .* nats\)/);
  // One and two sublayers by four methods, one block by two.
  assert.equal(await page.locator("#plans tbody tr").count(), 10);
  const repaired = page.locator("#plans tbody tr >> nth=9").locator("a >> nth=1");
  const wanted = new URL(await repaired.getAttribute("href")).searchParams;
  await repaired.click();
  await finished(page);
  for (const part of ["drop", "repair", "view"]) assert.equal(query(page).get(part), wanted.get(part), part);
  assert.deepEqual([wanted.get("repair"), wanted.get("view")], ["scale", "search"]);
  assert.equal(await page.locator("#plans tbody tr").count(), 10, "a plan that is chosen keeps the others");
  await page.fill("#budget", "1");
  await page.dispatchEvent("#budget", "change");
  assert.equal(query(page).get("budget"), "1");
  assert.equal(await page.locator("#plans").count(), 0, "another search begins empty");
  await close(page);
});

test("weights: the achieved sparsity of each matrix, and a picture of one", async () => {
  const page = await view("drop=&sparse=magnitude-4:8&view=weights");
  assert.match(await page.textContent("#weights-summary"), /28 matrices edited.*50\.0 % zeros/);
  assert.match(await drawn(page, "chart-mask"), /query matrix of layer 0: 50\.0 %/);
  await page.click('[data-matrix="2-gate"]');
  await page.waitForFunction(() => /gate matrix of layer 2/.test(document.querySelector("#chart-mask .sentence").textContent));
  await close(page);
  const none = await view("drop=a1&view=weights");
  assert.match(await none.textContent("#weights-summary"), /No weights are edited/);
  await close(none);
});

test("every chart can be saved as a picture, a drawing and numbers", async () => {
  const page = await view("drop=m1&view=steps");
  await drawn(page, "chart-kl");
  const save = async (kind) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(`#chart-kl [data-save=${kind}]`)]);
    assert.equal(download.suggestedFilename(), `chart-kl.${kind}`);
    return fs.readFileSync(await download.path());
  };
  assert.equal((await save("png")).subarray(1, 4).toString(), "PNG");
  assert.match((await save("svg")).toString(), /^<svg[\s\S]*<polyline/);
  const csv = (await save("csv")).toString().trim().split("\r\n");
  assert.match(csv[0], /^generated token,KL,KL lowest,KL highest,KL on the dense text/);
  const report = await results(page);
  assert.equal(csv.length, report.generation.steps.length + 1);
  assert.ok(Math.abs(Number(csv[1].split(",")[1]) - report.next_token.kl_dense_pruned) < 1e-5);
  await close(page);
});

test("silly plans in a link are named and ignored", async () => {
  const page = await view("drop=&sparse=wanda-2&quant=awq5-g64&on=heads&layers=9-1&compare=x*zz&analysis=99&view=nothing");
  const notices = (await page.locator(".notice span").allTextContents()).join("\n");
  for (const text of ["wanda-2", "awq5-g64", "heads", "9-1", "zz", "analysis was 99", "view=nothing"]) assert.ok(notices.includes(text), `${text} in ${notices}`);
  await close(page);
  const far = await view("drop=&sparse=magnitude-0.5&layers=2-20");
  assert.match(await far.textContent(".notices"), /layers 0 to 3: the range 2-20 is cut there/);
  assert.equal(query(far).get("layers"), "2-3");
  await close(far);
});

test("after Repair the full map is fitted ahead, takes over where it is better, and the dense model's own answers are shown", async () => {
  const page = await view("drop=m2");
  await page.click("#repair");
  await page.waitForFunction(() => /neither fit had seen/.test(document.querySelector("#full-repair")?.textContent));
  await finished(page);
  const [, full, present] = /leaves ([\d.]+) nats where the smaller repair leaves ([\d.]+)/.exec(await page.textContent("#full-repair"));
  assert.ok(Number(full) < Number(present));
  await page.waitForFunction(() => new URL(location).searchParams.get("repair") === "full");
  assert.equal(await page.inputValue("#repair-form"), "full");
  assert.match(await page.textContent("#repair-summary"), /a full map, fitted on .* of 24 answers of the dense model/);
  assert.equal(await page.locator("#own-answers dt").count(), 32);
  // A form that the visitor chose stays; the full map is only offered.
  await page.selectOption("#repair-form", "bias");
  // With what the chosen form leaves, not with what the one before it left.
  await page.waitForFunction((before) => {
    const [, present] = /smaller repair leaves ([\d.]+), .*so it would be better/.exec(document.querySelector("#full-repair")?.textContent) ?? [];
    return present && present !== before;
  }, present);
  await finished(page);
  assert.equal(query(page).get("repair"), "bias");
  await page.click("#use-full");
  await finished(page);
  assert.equal(query(page).get("repair"), "full");
  await close(page);
});
