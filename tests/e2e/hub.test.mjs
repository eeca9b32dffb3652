// Models from a hub, from the visitor's files, and two at once: loaded, stored, resumed; and the errors that a hub may answer with.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after } from "node:test";
import { crowded, expected, family, hub, sharded } from "./hub.mjs";
import { eventually, finished, open, results, stage } from "./browser.mjs";
import { ROOT } from "./server.mjs";

const huge = { ...family("llama"), "model.safetensors": hugeWeights() };
const config = JSON.parse(huge["config.json"]);
huge["config.json"] = Buffer.from(JSON.stringify({ ...config, vocab_size: 100_000, hidden_size: 4096, head_dim: 1024 }));
const repositories = {
  "tiny/llama": family("llama"), "tiny/qwen2": sharded(family("qwen2")), "tiny/gemma3": family("gemma3"), "tiny/gpt2": family("gpt2"),
  "tiny/k-quants": family("k_quants"), "tiny/private": family("llama"), "tiny/mamba": { ...family("llama"), "config.json": Buffer.from(`{"model_type": "mamba"}`) },
  "tiny/huge": huge, "tiny/nothing": { "README.md": Buffer.from("nothing") },
};
const server = await hub(repositories, { tokens: { "tiny/private": "hf_secret" } });
after(() => server.close());
const { server: site, browser } = await stage();

/** The beginning of a file that is larger than a tab can hold. */
function hugeWeights() {
  const half = 100_000 * 4096 * 4;
  const size = 2 * half;
  // While it is rounded, neither of the two alone is more than a tab can hold.
  const tensor = (begin) => ({ dtype: "F32", shape: [100_000, 4096], data_offsets: [begin, begin + half] });
  const header = Buffer.from(JSON.stringify({ "model.embed_tokens.weight": tensor(0), "lm_head.weight": tensor(half) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  // Enough for the loader to read the header.
  const begin = Buffer.concat([length, header, Buffer.alloc(1_200_000)]);
  begin.declared = 8 + header.length + size;
  return begin;
}

/** Opens a link to a model on the hub, another host than the page's: the page asks, and the visitor agrees. */
const agreed = (address, options) => open(browser, address, { agree: true, ...options });
const link = (model, more = "") => `${site.site}?model=${model}&hub=${server.origin}&backend=cpu&drop=m0&tokens=3${more}`;
const failure = (page) => page.textContent(".failure p");
const kept = (page) => page.$$eval("#kept li span:first-child", (spans) => spans.map((span) => span.textContent));

/** Runs the prompt with known logits, and checks the dense model's most likely token. */
async function holdsTo(page, name) {
  const { prompt, ids, logits } = expected(name);
  const report = await results(page, { prompt, chat: false });
  assert.deepEqual(report.prompt_ids, ids);
  const last = logits.at(-1);
  const likeliest = last.indexOf(Math.max(...last));
  assert.equal(report.next_token.top.dense[0].id, likeliest);
  return report;
}

for (const [id, name, stored] of [["tiny/qwen2", "qwen2", "BF16"], ["tiny/gemma3", "gemma3", "BF16"], ["tiny/gpt2", "gpt2", "F32"]]) {
  test(`${name} from a hub`, async () => {
    const page = await agreed(link(id));
    await finished(page);
    const report = await holdsTo(page, name);
    assert.equal(report.model.family, name);
    assert.equal(report.model.stored_as, stored);
    assert.ok(report.next_token.kl_dense_pruned > 0);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}

for (const [what, exposes] of [["of several pages", "link"], ["of which only the first page can be seen", "x-other"]]) {
  test(`a repository with a list ${what}`, async () => {
    const own = await hub({ "tiny/crowd": crowded(family("qwen2"), 1005) }, { exposes });
    const page = await agreed(link("tiny/crowd").replace(encodeURI(server.origin), own.origin));
    await finished(page);
    await holdsTo(page, "qwen2");
    const lists = own.asked.filter(({ path }) => path.startsWith("/api/")).map(({ query }) => query);
    assert.deepEqual(lists, ["recursive=true", exposes === "link" ? "recursive=true&cursor=1000" : ""]);
    own.close();
    // The stored file list is complete.
    await page.reload();
    await page.waitForFunction(() => window.prunescope);
    await holdsTo(page, "qwen2");
    await page.context().close();
  });
}

test("a list that is cut where it cannot be seen how it goes on", async () => {
  const files = Object.fromEntries(Array.from({ length: 1005 }, (_, at) => [`step-${at}.txt`, Buffer.from("x")]));
  const own = await hub({ "tiny/crowd": { ...files, ...family("qwen2") } }, { exposes: "x-other" });
  const page = await agreed(link("tiny/crowd").replace(encodeURI(server.origin), own.origin));
  assert.match(await failure(page), /list of files ends after 1000 .*Link/s);
  own.close();
  await page.context().close();
});

test("a file of K-quants in a repository, under a plan that edits its weights", async () => {
  const page = await agreed(link("tiny/k-quants:model", "&sparse=wanda-0.5"));
  await finished(page);
  const report = await holdsTo(page, "k_quants");
  assert.match(report.model.stored_as, /Q2_K.*Q6_K/);
  assert.equal(report.weights.matrices.length, 7);
  await page.context().close();
});

test("a private repository asks for a token, which stays in the tab and goes to the hub only", async () => {
  const page = await agreed(link("tiny/private"));
  assert.match(await failure(page), new RegExp(`tiny/private.*access token for ${new URL(server.origin).host} `, "s"));
  await page.click(".more summary");
  await page.click(".hub summary");
  // The link chose the hub: the visitor must first allow a token for it.
  assert.equal(await page.locator("#token").count(), 0);
  const host = new URL(server.origin).host;
  assert.equal(await page.textContent("#trust-hub"), `Give ${host} an access token`);
  await page.click("#trust-hub");
  assert.match(await page.textContent(".hub"), new RegExp(`Access token for ${host}.*sent to ${host} only`, "s"));
  await page.fill("#token", "hf_secret");
  await page.press("#token", "Enter");
  await page.click("#retry");
  await finished(page);
  assert.ok(!page.url().includes("hf_secret"));
  assert.ok(server.asked.some(({ authorization }) => authorization === "Bearer hf_secret"));
  assert.ok(server.requests.every(({ authorization }) => authorization === undefined), "not where the hub redirects to");
  // A link to another hub does not get the token.
  const other = await hub({}, {});
  await page.goto(link("tiny/private").replace(encodeURI(server.origin), other.origin));
  await page.click("#agree");
  await page.waitForSelector(".failure");
  assert.ok(other.asked.length > 0 && other.asked.every(({ authorization }) => authorization === undefined));
  other.close();
  await page.context().close();
});

for (const [at, [what, model, sentence]] of [
  ["a repository that is not there", "tiny/absent", /no open repository tiny\/absent.*check the name/s],
  ["a revision that is not there", "tiny/llama@v9", /tiny\/llama@v9.*revision/s],
  ["a file that is not there", "tiny/llama:Q9", /no file Q9.*model\.gguf/s],
  ["a repository without weights", "tiny/nothing", /no \.gguf and no \.safetensors/],
  ["an architecture that is not known", "tiny/mamba", /`mamba`.*gptneox/s],
].entries()) {
  test(what, async () => {
    const page = await agreed(link(model));
    assert.match(await failure(page), sentence);
    await page.waitForSelector("#use-default:enabled");
    // The button does the same for each, and its model takes seconds to load.
    if (at === 0) {
      await page.click("#use-default");
      await finished(page);
    }
    await page.context().close();
  });
}

test("a model that is too big is refused with the numbers before its weights come", async () => {
  const page = await agreed(link("tiny/huge"));
  assert.match(await failure(page), /takes 3276 MB.*can hold 3200 MB.*8 bits it would take 921 MB/s);
  assert.equal(await page.locator("#use-eight-bits").count(), 1);
  await page.context().close();
});

test("too many requests, then patience", async () => {
  let refused = 0;
  server.faults.set("/api/models/tiny/gpt2/tree/main", (request, response) => {
    if (refused++ > 1) return false;
    response.writeHead(429, { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "retry-after", "Retry-After": "1" }).end();
    return true;
  });
  const page = await agreed(link("tiny/gpt2"));
  await finished(page);
  assert.ok(refused >= 3);
  server.faults.clear();
  await page.context().close();
});

test("a download that was stopped goes on where it was, and the next visit needs no network", async () => {
  const own = await hub(repositories);
  const size = repositories["tiny/llama"]["model.safetensors"].length;
  const half = 30_000;
  // The connection stays open, but silent, after part of the file.
  own.faults.set("model.safetensors", (request, response, bytes, from) => {
    if (from > 0) return false;
    response.writeHead(200, { "Access-Control-Allow-Origin": "*", "Content-Length": size });
    response.write(bytes.subarray(0, half));
    return true;
  });
  const address = link("tiny/llama").replace(encodeURI(server.origin), own.origin);
  const page = await agreed(address, { context: { serviceWorkers: "allow" } });
  await page.waitForFunction(() => document.querySelector("#model-progress")?.value > 0);
  await page.click("#pause");
  assert.match(await failure(page), /stopped.*go on/s);
  await page.click("#retry");
  await finished(page);
  const ranges = own.requests.filter(({ file }) => file === "model.safetensors").map(({ from }) => from);
  assert.deepEqual(ranges, [0, half], "the rest was asked for, not the whole");
  const first = await results(page);
  assert.ok((await kept(page)).some((name) => name.startsWith("tiny/llama@main")));
  own.close();
  // The service worker stores the site's files shortly after they arrived.
  await eventually(page, async () => {
    const keys = (await (await caches.open("prunescope")).keys()).map((request) => request.url);
    return ["worker_bg.wasm", "worker.js", "/page-"].every((name) => keys.some((key) => key.includes(name)));
  });
  await page.reload();
  await page.waitForFunction(() => window.prunescope);
  assert.deepEqual((await results(page)).next_token, first.next_token);
  // The stored model can be deleted.
  await page.click(".more summary");
  await page.click("#kept li:has-text('tiny/llama') button");
  await page.waitForFunction(() => !document.querySelector("#kept")?.textContent.includes("tiny/llama"));
  await page.context().close();
});

test("what was damaged on the way is not kept", async () => {
  let damaged = true;
  server.faults.set("model.safetensors", (request, response, bytes) => {
    if (!damaged) return false;
    const other = Buffer.from(bytes);
    other[bytes.length - 5] ^= 1;
    response.writeHead(200, { "Access-Control-Allow-Origin": "*", "Content-Length": other.length }).end(other);
    return true;
  });
  const page = await agreed(link("tiny/gemma3"));
  assert.match(await failure(page), /checksum of model\.safetensors/);
  damaged = false;
  await page.click("#retry");
  await finished(page);
  await holdsTo(page, "gemma3");
  server.faults.clear();
  await page.context().close();
});

test("a full disk: the model works, and the page says that it is not kept", async () => {
  const page = await open(browser, `${site.site}?backend=cpu&tokens=2`, {
    before: async (page) => {
      const session = await page.context().newCDPSession(page);
      await session.send("Storage.overrideQuotaForOrigin", { origin: site.origin, quotaSize: 30_000 });
    },
  });
  await results(page, { model: "tiny/gpt2", hub: server.origin, drop: "m0" });
  await page.waitForSelector(".notice:has-text('no room to keep')");
  await finished(page);
  await holdsTo(page, "gpt2");
  await page.context().close();
});

test("a browser that keeps no files, as in a private window: the model works, and the page says that it is not kept", async () => {
  const denies = "StorageManager.prototype.getDirectory = async () => { throw new DOMException('denied', 'SecurityError'); };";
  site.prepend("worker.js", denies);
  const page = await agreed(link("tiny/gpt2"), { before: (page) => page.addInitScript(denies) });
  await page.waitForSelector(".notice:has-text('keeps no files')");
  await finished(page);
  await holdsTo(page, "gpt2");
  assert.deepEqual(await kept(page), []);
  site.faults.clear();
  await page.context().close();
});

test("files of the visitor's: a repository's, picked together", async () => {
  const folder = path.join(ROOT, "tests/fixtures/families/qwen3");
  const page = await open(browser, `${site.site}?backend=cpu&tokens=2&drop=m0`);
  await page.click(".more summary");
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"];
  await page.setInputFiles("#model-file", names.map((name) => path.join(folder, name)));
  await page.waitForFunction(() => document.querySelector(".status")?.textContent.includes("BF16"));
  await holdsTo(page, "qwen3");
  await page.setInputFiles("#model-file", [path.join(folder, "model.safetensors")]);
  assert.match(await failure(page), /config\.json and tokenizer\.json/);
  await page.context().close();
});

test("a file dropped on the page", async () => {
  const page = await open(browser, `${site.site}?backend=cpu&tokens=2&drop=m0`);
  const bytes = [...fs.readFileSync(path.join(ROOT, "tests/fixtures/families/gpt_neox/model.gguf"))];
  await page.evaluate((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "neox.gguf"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, bytes);
  await page.waitForFunction(() => document.querySelector(".status")?.textContent.includes("gpt_neox"));
  const report = await holdsTo(page, "gpt_neox");
  assert.equal(report.settings.model, "file:neox.gguf");
  await page.context().close();
});

test("a second model in place of the pruned one, in every view", async () => {
  const page = await agreed(link("tiny/llama", "&other=tiny/llama:model.gguf").replace("drop=m0", "drop="));
  await finished(page);
  const same = await results(page, { prompt: expected("llama").prompt, chat: false });
  assert.ok(Math.abs(same.next_token.kl_dense_pruned) < 1e-5, "the same weights in two formats");
  assert.equal(same.model.other.source, "tiny/llama:model.gguf");
  assert.equal(same.edited_layers.length, 4);
  for (const view of ["steps", "theorems", "tokens", "choice", "retrieval", "compare", "sweep", "search", "weights", "layers"]) {
    await page.click(`#tab-${view}`);
    await page.waitForSelector(`#view[aria-labelledby=tab-${view}]`);
  }
  assert.equal(await page.locator(".failure").count(), 0);
  await page.click(".more summary");
  await page.fill("#other-address", "tiny/gpt2");
  await page.press("#other-address", "Enter");
  assert.match(await failure(page), /second model, tiny\/gpt2, has another token.*same tokenizer/);
  await page.click("#use-one");
  await finished(page);
  await page.context().close();
});
