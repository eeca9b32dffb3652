// What a link, a frame, a hub and a file may do without asking: links ask before they fetch, tokens go only where the visitor allows,
// an embedding page hears what the README says, and dropped files are used by their content. With tiny models.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after } from "node:test";
import { finished, open, results, stage } from "./browser.mjs";
import { family, hub } from "./hub.mjs";
import { frameOn } from "./framing.mjs";
import { ROOT } from "./server.mjs";

const models = await hub({ "tiny/llama": family("llama"), "tiny/gpt2": family("gpt2"), "tiny/private": family("llama") }, { tokens: { "tiny/private": "hf_secret" } });
after(() => models.close());
const { server, browser } = await stage();
const HOST = new URL(models.origin).host;
const TINY = `${server.origin}/fixtures/tiny.gguf`;
const own = (rest = "") => `${server.site}?model=${TINY}&backend=cpu&drop=a1&tokens=3${rest}`;
const elsewhere = (model, rest = "") => `${server.site}?model=${model}&hub=${models.origin}&backend=cpu&drop=m0&tokens=3${rest}`;
const close = async (page) => {
  assert.deepEqual(page.problems, []);
  await page.context().close();
};
/** The question as one text, once it is there. */
const asked = (page) => page.waitForSelector("#question").then(() => page.textContent("#question"));
/** Number of requests to the hub so far. */
const requests = () => models.asked.length + models.requests.length;
const settings = (page) => page.evaluate(() => window.prunescope.settings());
/** A fake huggingface.co that answers the page's own requests; the engine can reach no hub. */
const usualHub = (files) => async (page) => {
  await page.route("https://huggingface.co/**", (route) => route.fulfill({
    status: files ? 200 : 503, headers: { "access-control-allow-origin": "*" }, contentType: "application/json",
    body: JSON.stringify(Object.entries(files ?? {}).map(([file, size]) => ({ type: "file", path: file, size, oid: "0" }))),
  }));
};

test("a link to another host: nothing is fetched from it before the visitor agrees; once kept, it loads at once", async () => {
  const before = requests();
  const page = await open(browser, elsewhere("tiny/llama", "&other=tiny/llama:model.gguf"));
  const question = await asked(page);
  assert.match(question, new RegExp(`tiny/llama from ${HOST}: how large it is, is not known before ${HOST} is asked`));
  assert.match(question, new RegExp(`tiny/llama:model.gguf from ${HOST}`));
  assert.match(question, new RegExp(`${HOST} is neither this site nor huggingface.co; nothing has been asked of it yet`));
  assert.equal(await page.textContent("#agree"), `Load from ${HOST}`);
  // Changing the device, precision or plan is no consent.
  await page.click(".model-choice summary");
  await page.check("#precision");
  await page.waitForFunction(() => window.prunescope.settings().precision === "8");
  await asked(page);
  await page.uncheck("#precision");
  await page.click('[data-switch="a0"]');
  await asked(page);
  assert.equal(requests(), before, "the host was asked for something");
  await page.click("#agree");
  await finished(page);
  assert.equal(await page.locator("#question").count(), 0);
  assert.ok(requests() > before);
  await page.goto(elsewhere("tiny/llama"));
  await finished(page);
  assert.equal(await page.locator("#question").count(), 0, "it is kept on this device");
  await close(page);
});

test("a link to an address on another host asks too, and the default model is a way out", async () => {
  const before = requests();
  const address = own().replace(encodeURI(TINY), `${models.origin}/tiny/llama/resolve/main/model.gguf`);
  const page = await open(browser, address);
  assert.match(await asked(page), new RegExp(`model\\.gguf from ${HOST}`));
  await page.click("#decline");
  await finished(page);
  assert.equal((await settings(page)).model, "");
  assert.equal(requests(), before);
  // Back at the link, it asks again, and its address stays in the address bar.
  await page.goBack();
  await asked(page);
  assert.ok((await settings(page)).model.startsWith(models.origin));
  assert.equal(requests(), before);
  await page.goForward();
  await finished(page);
  await page.goto(address);
  await page.click("#agree");
  await finished(page);
  await page.goto(`${address}&seed=2`);
  await finished(page);
  assert.equal(await page.locator("#question").count(), 0, "it is kept on this device");
  await close(page);
});

test("a large file of the page's own site asks with its size", async () => {
  server.faults.set("/fixtures/large.gguf", (request, response) => {
    assert.equal(request.method, "HEAD", "nothing but its length was asked for");
    return response.writeHead(200, { "Content-Length": 200_000_000 }).end(), true;
  });
  const page = await open(browser, own().replace(encodeURI(TINY), "../../fixtures/large.gguf"));
  assert.match(await asked(page), /200 MB is more than a link may fetch unasked/);
  assert.equal(await page.textContent("#agree"), `Load 200 MB from ${new URL(server.origin).host}`);
  server.faults.clear();
  await close(page);
});

test("an address of the page's own site that leads to another host asks, and nothing is followed before", async () => {
  const before = requests();
  server.faults.set("/fixtures/sent-on.gguf", (_, response) => (response.writeHead(302, { Location: `${models.origin}/tiny/llama/resolve/main/model.gguf` }).end(), true));
  const page = await open(browser, own().replace(encodeURI(TINY), "../../fixtures/sent-on.gguf"));
  assert.match(await asked(page), /sent-on\.gguf from .*, which redirects to another address.*is not known before that is followed/);
  assert.equal(requests(), before);
  await page.click("#agree");
  await finished(page);
  assert.ok(requests() > before);
  await close(page);
  // Only the download itself is redirected.
  server.faults.set("/fixtures/sent-on.gguf", (request, response) => {
    const answers = request.method === "HEAD" ? [200, { "Content-Length": 1000 }] : [302, { Location: `${models.origin}/tiny/gpt2/resolve/main/model.gguf` }];
    return response.writeHead(...answers).end(), true;
  });
  const from = requests();
  const later = await open(browser, own().replace(encodeURI(TINY), "../../fixtures/sent-on.gguf"));
  assert.match(await asked(later), /which redirects to another address/);
  assert.equal(requests(), from);
  server.faults.clear();
  await close(later);
});

test("a host that says another size than it sends: no more comes than a link may fetch", async () => {
  let sent = 0;
  for (const announced of [{ "Content-Length": 1000 }, {}]) {
    server.faults.set("/fixtures/larger.gguf", (request, response) => {
      if (request.method === "HEAD") return response.writeHead(200, announced).end(), true;
      response.writeHead(200, { "Content-Length": 200_000_000 });
      response.write(Buffer.alloc(100_000, "GGUF"));
      sent += 100_000;
      return true;
    });
    const page = await open(browser, own().replace(encodeURI(TINY), "../../fixtures/larger.gguf"));
    assert.match(await asked(page), /larger\.gguf from .*: 200 MB.*more than this link was found to need/);
    assert.equal(await page.textContent("#agree"), `Load 200 MB from ${new URL(server.origin).host}`);
    await page.click("#decline");
    await finished(page);
    assert.equal((await settings(page)).model, "");
    await close(page);
  }
  assert.ok(sent <= 600_000, "only its beginning was asked for");
  server.faults.clear();
});

test("a large model of the usual hub asks with its size; a small one does not", async () => {
  const large = { "config.json": 1000, "tokenizer.json": 1_000_000, "model.safetensors": 723_000_000 };
  const page = await open(browser, elsewhere("big/model").replace(/&hub=[^&]*/, ""), { before: usualHub(large) });
  assert.match(await asked(page), /big\/model from huggingface\.co: 724 MB.*more than a link may fetch unasked \(150 MB\)/);
  assert.equal(await page.textContent("#agree"), "Load 724 MB from huggingface.co");
  assert.equal(await page.textContent("#decline"), "Use the default model");
  await close(page);
  const typed = await open(browser, own(), { before: usualHub({ "x.gguf": 5_000_000_000 }) });
  await finished(typed);
  await typed.click(".model-choice summary");
  await typed.fill("#model-address", "big/model:x");
  await typed.press("#model-address", "Enter");
  assert.match(await asked(typed), /This is a large model.*5\.0 GB.*more than a tab can hold on the CPU \(3\.2 GB\)/);
  await close(typed);
  const both = await open(browser, elsewhere("a/b:x", "&other=c/d:x").replace(/&hub=[^&]*/, ""), { before: usualHub({ "x.gguf": 76_000_000 }) });
  assert.equal(await both.textContent("#agree"), "Load 152 MB from huggingface.co", "both models count");
  await close(both);
  const silent = await open(browser, elsewhere("a/b").replace(/&hub=[^&]*/, ""), { before: usualHub(null) });
  assert.match(await asked(silent), /huggingface\.co could not be asked how large it is, or did not say.*It may be large/);
  await silent.context().close();
  const small = await open(browser, elsewhere("a/b:x").replace(/&hub=[^&]*/, ""), { before: usualHub({ "x.gguf": 70_000_000 }) });
  // The engine starts, and fails without a network.
  await small.waitForSelector(".failure", { timeout: 60_000 });
  assert.equal(await small.locator("#question").count(), 0);
  await small.context().close();
});

test("what the visitor types and what a script of the page names needs no question", async () => {
  const page = await open(browser, own());
  await finished(page);
  const report = await results(page, { model: "tiny/llama", hub: models.origin, drop: "m0" });
  assert.equal(report.model.source, "tiny/llama");
  await page.click(".model-choice summary");
  await page.fill("#model-address", "tiny/gpt2");
  await page.press("#model-address", "Enter");
  await page.waitForFunction(() => document.querySelector(".status").textContent.includes("gpt2"));
  await finished(page);
  assert.equal(await page.locator("#question").count(), 0);
  await close(page);
  // A link's hub is not the visitor's choice, even if the model is.
  const other = await open(browser, elsewhere("tiny/llama"));
  await asked(other);
  await other.click(".model-choice summary");
  await other.fill("#model-address", "tiny/gpt2");
  await other.press("#model-address", "Enter");
  await other.waitForFunction(() => document.querySelector("#question")?.textContent.includes("tiny/gpt2"));
  await close(other);
});

test("Back into a link whose model is not kept asks; to another plan of the same model it does not", async () => {
  const denies = "StorageManager.prototype.getDirectory = async () => { throw new DOMException('denied', 'SecurityError'); };";
  server.prepend("worker.js", denies);
  const page = await open(browser, elsewhere("tiny/llama"), { agree: true, before: (page) => page.addInitScript(denies) });
  await finished(page);
  await page.click('[data-switch="a0"]');
  await finished(page);
  await page.goBack();
  await finished(page);
  assert.equal(await page.locator("#question").count(), 0);
  await results(page, { model: TINY, hub: "" });
  const before = requests();
  await page.goBack();
  await asked(page);
  assert.equal(requests(), before);
  server.faults.clear();
  await close(page);
});

test("where the browser asks to save data, the default model asks too", async () => {
  const saves = (page) => page.addInitScript(() => Object.defineProperty(navigator, "connection", { value: { saveData: true } }));
  const parts = () => server.requests.filter(({ path }) => path.includes(".part")).length;
  const before = parts();
  const page = await open(browser, `${server.site}?backend=cpu&tokens=2&drop=a1`, { before: saves });
  assert.match(await asked(page), /the default model from .*: 98 MB.*asks pages to save data/);
  assert.equal(await page.textContent("#agree"), `Load 98 MB from ${new URL(server.origin).host}`);
  assert.equal(await page.locator("#decline").count(), 0);
  assert.equal(parts(), before);
  await page.click("#agree");
  await finished(page);
  assert.ok(parts() > before);
  await page.reload();
  await page.waitForFunction(() => window.prunescope);
  await finished(page);
  assert.equal(await page.locator("#question").count(), 0, "it is kept");
  await close(page);
});

test("tokens: each hub its own, none over http, and what a link names is not the visitor's", async () => {
  const page = await open(browser, own());
  await finished(page);
  await page.click(".model-choice summary");
  await page.click(".hub summary");
  assert.match(await page.textContent(".hub"), /Access token for huggingface\.co.*sent to huggingface\.co only/s);
  await page.fill("#token", "hf_usual");
  await page.press("#token", "Enter");
  await page.fill("#hub", "http://hub.example");
  await page.press("#hub", "Enter");
  assert.match(await page.textContent("#no-token"), /^hub\.example gets no access token, since its address does not begin with https/);
  assert.equal(await page.locator("#token").count(), 0);
  await page.fill("#hub", models.origin);
  await page.press("#hub", "Enter");
  await page.waitForSelector("#token");
  assert.equal(await page.inputValue("#token"), "", "another hub's token is not shown");
  await page.fill("#token", "hf_secret");
  await page.press("#token", "Enter");
  await results(page, { model: "tiny/private" });
  assert.match(await page.textContent(".status"), new RegExp(`${HOST} learns which model you load, with your access token`));
  await page.fill("#hub", "");
  await page.press("#hub", "Enter");
  await page.waitForFunction(() => document.querySelector("#token")?.value === "hf_usual");
  assert.ok(models.asked.every(({ authorization }) => !authorization?.includes("hf_usual")));
  assert.ok(models.asked.some(({ authorization }) => authorization === "Bearer hf_secret"));
  await page.context().close();
});

/** A page that shows the site in a frame and records its messages. */
async function around(query) {
  const context = await browser.newContext({ serviceWorkers: "block" });
  const parent = await context.newPage();
  parent.setDefaultTimeout(120_000);
  await parent.goto(`${server.origin}/fixtures/embed.html`);
  await parent.evaluate(frameOn, query);
  const frame = parent.frames()[1];
  await frame.waitForFunction(() => window.prunescope);
  const say = (message) => parent.evaluate((message) => document.querySelector("iframe").contentWindow.postMessage(message, "*"), message);
  const heard = (name) => parent.waitForFunction((name) => window.heard.find((data) => data.prunescope === name), name).then((handle) => handle.jsonValue());
  return { context, parent, frame, say, heard };
}

test("without embed=1 a page around a frame hears nothing and can do nothing", async () => {
  const { context, parent, frame, say } = await around(own());
  await frame.waitForSelector("#export:enabled");
  await say({ prunescope: "on", name: "settings" });
  await say({ prunescope: "settings", id: 1 });
  await say({ prunescope: "run", id: 2, settings: { drop: "m0" } });
  // A change in the frame; once it has run, any other answer would have arrived, too.
  await frame.evaluate(() => window.prunescope.run({ drop: "a0" }));
  assert.deepEqual(await parent.evaluate(() => window.heard), []);
  assert.equal((await frame.evaluate(() => window.prunescope.settings())).drop, "a0");
  await context.close();
});

test("a run that a page around a frame asks for counts as a link, and uses no token", async () => {
  const { context, frame, say, heard } = await around(own("&embed=1"));
  await heard("ready");
  const before = requests();
  await say({ prunescope: "run", id: 1, settings: { model: "tiny/llama", hub: models.origin, drop: "m0" } });
  await frame.waitForSelector("#question");
  assert.equal(requests(), before);
  await frame.click("#agree");
  const answer = await heard("result");
  assert.equal(answer.detail.model.source, "tiny/llama");
  assert.match(await frame.textContent(".status"), /the page around it can read your prompt and the results/);
  // A token that the tab has is neither used nor asked for in the frame.
  await frame.evaluate((hub) => sessionStorage.setItem("prunescope-tokens", JSON.stringify({ [hub]: "hf_secret" })), models.origin);
  await frame.evaluate((address) => location.assign(address), elsewhere("tiny/private", "&embed=1"));
  await frame.waitForSelector("#question");
  const from = models.asked.length;
  await frame.click("#agree");
  assert.match(await frame.textContent(".failure p"), /no open repository tiny\/private/);
  assert.ok(models.asked.length > from && models.asked.slice(from).every(({ authorization }) => authorization === undefined));
  await context.close();
});

test("what the visitor declines is an error for who asked", async () => {
  const { context, frame, say, heard } = await around(own("&embed=1"));
  await heard("ready");
  await say({ prunescope: "run", id: 7, settings: { model: "tiny/gpt2", hub: models.origin } });
  await frame.waitForSelector("#question");
  await frame.click("#decline");
  const error = await heard("error");
  assert.deepEqual([error.id, /took the default model/.test(error.message)], [7, true]);
  await context.close();
});

test("a link of many unknown parts: ten notices, the rest counted", async () => {
  const parts = Array.from({ length: 40 }, (_, at) => `&part${at}=x`).join("") + "&part0=x&part0=x";
  const page = await open(browser, own(parts));
  assert.equal(await page.locator(".notice").count(), 11);
  assert.equal(await page.textContent(".notice.rest span"), "30 more notices are not shown.");
  await page.click(".notice button >> nth=0");
  await page.waitForFunction(() => document.querySelector(".notice.rest span")?.textContent.startsWith("29 "));
  await page.click(".notice.rest button");
  await page.waitForFunction(() => !document.querySelector(".notice.rest"));
  assert.equal(await page.locator(".notice").count(), 10);
  await close(page);
});

const QUESTIONS = '{"question":"Where do fish swim?","choices":["river","town"],"answer":0}\n{"question":"What is cold?","choices":["fire","ice"],"answer":1}\n';
const PASSAGES = '{"id":1,"passage":"A fox swims."}\n{"id":2,"passage":"The river is long."}\n{"query":"Who swims?","answer":1}\n';
/** Drops files on an element of the page; each is [name, bytes or text]. */
const dropped = (page, files, selector = "body") => page.evaluate(([files, selector]) => {
  const data = new DataTransfer();
  for (const [name, content] of files) data.items.add(new File([typeof content === "string" ? content : new Uint8Array(content)], name));
  document.querySelector(selector).dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}, [files, selector]);
const notices = async (page) => (await page.locator(".notice span").allTextContents()).join("\n");

test("a dropped set goes where it belongs, whatever its name says, and the loaded model stays", async () => {
  const page = await open(browser, own());
  await finished(page);
  await dropped(page, [["model.gguf", QUESTIONS]]);
  await page.waitForSelector("#view[aria-labelledby=tab-choice]");
  await page.waitForFunction(() => /of 2/.test(document.querySelector("#choice-summary").textContent));
  await dropped(page, [["no ending", PASSAGES]]);
  await page.waitForSelector("#view[aria-labelledby=tab-retrieval]");
  await page.waitForFunction(() => /of 1 queries/.test(document.querySelector("#chart-mean .sentence").textContent));
  assert.equal((await settings(page)).model, TINY);
  assert.equal(await notices(page), "");
  await close(page);
});

test("results that were saved, a picture and a text are named, and the loaded model stays", async () => {
  const page = await open(browser, own());
  await finished(page);
  const report = JSON.stringify(await results(page), null, 2);
  const png = [...fs.readFileSync(path.join(ROOT, "tests/e2e/screenshots/wide.png")).subarray(0, 4000)];
  await dropped(page, [["prunescope.json", report], ["wide.png", png], ["poem.txt", "Once upon a time"]]);
  await page.waitForSelector(".notice >> nth=2");
  const told = await notices(page);
  assert.match(told, /prunescope\.json holds results that this page saved/);
  assert.match(told, /wide\.png is no file that this page can read/);
  assert.match(told, /poem\.txt is a text/);
  assert.equal(await page.locator(".failure").count(), 0);
  assert.equal((await results(page)).model.source, TINY);
  await close(page);
});

test("a mixed drop does both; a text on the calibration field is taken for it", async () => {
  const page = await open(browser, own("&sparse=wanda-0.5"));
  await finished(page);
  const gguf = [...fs.readFileSync(path.join(ROOT, "tests/fixtures/families/gpt_neox/model.gguf"))];
  await dropped(page, [["questions.txt", QUESTIONS], ["weights.bin", gguf], ["README.md", "# A model"]]);
  await page.waitForFunction(() => document.querySelector(".status").textContent.includes("gpt_neox"));
  assert.equal((await settings(page)).model, "file:weights.bin");
  await page.waitForFunction(() => /of 2/.test(document.querySelector("#choice-summary")?.textContent));
  assert.match(await notices(page), /^Not needed beside the weights, and left alone: README\.md\.$/m);
  await page.click(".thinning .more summary");
  await dropped(page, [["mine.txt", "My own text, about rivers and foxes and the sea."]], "#calibration");
  await page.waitForFunction(() => document.querySelector("#calibration").value.startsWith("My own text"));
  assert.ok((await results(page)).weights.calibration_tokens < 200);
  await close(page);
});

test("a plan file sets what is dropped, a model's description does not, and the plan is saved as such a file", async () => {
  const page = await open(browser, own("&sparse=magnitude-0.3"));
  await finished(page);
  await dropped(page, [["config.json", '{"model_type":"llama","drop_attn_list":[2, 40],"drop_mlp_list":[false, true]}']]);
  await page.waitForFunction(() => new URL(location).searchParams.get("drop") === "m1,a2");
  assert.equal((await settings(page)).sparse, "magnitude-0.3", "the lists say nothing of other parts");
  assert.match(await notices(page), /layers 0 to 3: a40 is ignored/);
  await finished(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-plan")]);
  const saved = fs.readFileSync(await download.path(), "utf8");
  assert.deepEqual(JSON.parse(saved), { drop_attn_list: [2], drop_mlp_list: [1], prunescope: "magnitude-0.3" });
  await page.click("#reset");
  await page.waitForFunction(() => !new URL(location).searchParams.has("sparse"));
  await dropped(page, [["any name", saved]]);
  await page.waitForFunction(() => new URL(location).searchParams.get("drop") === "m1,a2");
  assert.equal((await settings(page)).sparse, "magnitude-0.3");
  await dropped(page, [["plan.json", '{"model_type":"llama"}'], ["broken.json", '{"drop_attn_list":"a7"}']]);
  await page.waitForFunction(() => /broken\.json: drop_attn_list is neither a list of layers/.test(document.querySelector(".notices").textContent));
  assert.match(await notices(page), /plan\.json describes a model, but its weights are not among the files/);
  assert.equal((await settings(page)).drop, "m1,a2");
  assert.equal((await settings(page)).model, TINY);
  await close(page);
});

test("the pickers tell by content too", async () => {
  const page = await open(browser, own("&view=choice"));
  await finished(page);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "prunescope-"));
  const file = (name, text) => (fs.writeFileSync(path.join(folder, name), text), path.join(folder, name));
  await page.setInputFiles("#choice-file", file("set.jsonl", PASSAGES));
  await page.waitForSelector("#view[aria-labelledby=tab-retrieval]");
  await page.click(".model-choice summary");
  await page.setInputFiles("#model-file", file("questions.gguf", QUESTIONS));
  await page.waitForSelector("#view[aria-labelledby=tab-choice]");
  await page.waitForFunction(() => /of 2/.test(document.querySelector("#choice-summary").textContent));
  assert.equal((await settings(page)).model, TINY);
  await close(page);
});
