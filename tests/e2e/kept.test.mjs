// Models stored on this device: files open in another tab, damage, eviction, deletion, files from an earlier version.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import test, { after } from "node:test";
import { family, hub } from "./hub.mjs";
import { finished, openAgreeing as open, results, stage } from "./browser.mjs";

const repositories = { "tiny/llama": family("llama"), "tiny/gpt2": family("gpt2") };
const server = await hub(repositories);
after(() => server.close());
const { server: site, browser } = await stage();
const blank = `${site.origin}/blank.html`;
// A page of the same origin without the site's policy, so that tests may run any code there.
site.faults.set("/blank.html", (request, response) => (response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>"), true));

const WEIGHTS = repositories["tiny/llama"]["model.safetensors"];
const SHA256 = crypto.createHash("sha256").update(WEIGHTS).digest("hex");
const link = (hub = server, model = "tiny/llama") => `${site.site}?model=${model}&hub=${hub.origin}&backend=cpu&drop=m0&tokens=3`;
const encoded = (name) => encodeURIComponent(name).replaceAll(".", "%2E");
const folder = (hub) => encoded(`tiny/llama@main ${hub.origin}`);
/** The range starts of all requests for the model's weights. */
const asked = (hub) => hub.requests.filter(({ file }) => file === "model.safetensors").map(({ from }) => from);

/** Opens the model for the first time, from its own hub. */
async function kept() {
  const own = await hub(repositories);
  const page = await open(browser, link(own));
  await finished(page);
  const first = await results(page);
  assert.deepEqual(asked(own), [0]);
  return { own, page, first };
}

/** Reloads the page and compares its numbers with those of the first visit. */
async function again(page, first) {
  await page.reload();
  await page.waitForFunction(() => window.prunescope);
  assert.deepEqual((await results(page)).next_token, first.next_token);
}

/** Another tab of the same browser that works on stored files, in a worker: only workers can open files exclusively. */
async function other(page, code, ...values) {
  const tab = await page.context().newPage();
  await tab.goto(blank);
  const run = (code, ...values) => tab.evaluate(([code, values]) => new Promise((done, failed) => {
    const script = `const Run = Object.getPrototypeOf(async () => {}).constructor;
      onmessage = async ({ data: [code, values] }) => {
        const at = async (folder, name) => {
          const models = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
          return (await models.getDirectoryHandle(folder)).getFileHandle(name);
        };
        try { postMessage({ value: await new Run("at", "values", code)(at, values) }); } catch (error) { postMessage({ error: String(error) }); }
      };`;
    globalThis.helper ??= new Worker(URL.createObjectURL(new Blob([script])));
    helper.onmessage = ({ data }) => data.error ? failed(new Error(data.error)) : done(data.value);
    helper.postMessage([code, values]);
  }), [code, values]);
  const value = await run(code, ...values);
  return { value, run, close: () => tab.close() };
}

const HOLD = "globalThis.handle = await (await at(values[0], values[1])).createSyncAccessHandle(); return handle.getSize();";
const RELEASE = "handle.close();";
/** Lists a folder: names and lengths. */
const LIST = `const models = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
  const out = {};
  for await (const [name, handle] of (await models.getDirectoryHandle(values[0])).entries()) out[name] = (await handle.getFile()).size;
  return out;`;
/** Changes 64 bytes from an offset. */
const DAMAGE = `const handle = await (await at(values[0], values[1])).createSyncAccessHandle();
  const bytes = new Uint8Array(64);
  handle.read(bytes, { at: values[2] });
  handle.write(bytes.map((byte) => byte ^ 255), { at: values[2] });
  handle.close();`;

test("a kept model that another tab has open is read all the same, without network", async () => {
  const { own, page, first } = await kept();
  const tab = await other(page, HOLD, folder(own), SHA256);
  assert.equal(tab.value, WEIGHTS.length);
  own.close();
  await again(page, first);
  assert.equal(await page.locator(".notice").count(), 0);
  await tab.run(RELEASE);
  await again(page, first);
  await page.context().close();
});

test("a model of which another tab has a part open is downloaded, and the part is left alone", async () => {
  const own = await hub(repositories);
  const half = WEIGHTS.subarray(0, 30_000);
  const page = await open(browser, link(own));
  await finished(page);
  const first = await results(page);
  // As if the first download had stopped halfway: the record covers the first bytes only.
  const cut = `const handle = await (await at(values[0], values[1])).createSyncAccessHandle(); handle.truncate(values[2]); handle.close();`;
  await other(page, cut, folder(own), SHA256, half.length);
  await other(page, cut, folder(own), `${SHA256}%2Erecord`, 0);
  const tab = await other(page, HOLD, folder(own), SHA256);
  await again(page, first);
  assert.deepEqual(asked(own), [0, 0]);
  await tab.run(RELEASE);
  assert.equal((await other(page, LIST, folder(own))).value[SHA256], half.length, "who did not write it did not touch it");
  await again(page, first);
  own.close();
  await again(page, first);
  await page.context().close();
});

for (const [where, at] of [["at its beginning", 0], ["among its weights", WEIGHTS.length - 20_000]]) {
  test(`64 bytes of a kept file change, ${where}: it is told, and healed`, async () => {
    const { own, page, first } = await kept();
    await other(page, DAMAGE, folder(own), SHA256, at);
    await again(page, first);
    assert.match(await page.textContent(".notice"), /model\.safetensors that this device kept is damaged or gone.*downloaded again/s);
    assert.deepEqual(asked(own), [0, 0]);
    own.close();
    await again(page, first);
    assert.equal(await page.locator(".notice").count(), 0);
    await page.context().close();
  });
}

for (const [what, length] of [["shorter", 40_000], ["longer", 500_000], ["empty", 0]]) {
  test(`a kept file has become ${what}`, async () => {
    const { own, page, first } = await kept();
    const resize = `const handle = await (await at(values[0], values[1])).createSyncAccessHandle(); handle.truncate(values[2]); handle.close();`;
    await other(page, resize, folder(own), SHA256, length);
    await again(page, first);
    own.close();
    await again(page, first);
    assert.equal((await other(page, LIST, folder(own))).value[SHA256], WEIGHTS.length);
    await page.context().close();
  });
}

test("two tabs load the same model at once", async () => {
  const own = await hub(repositories);
  const page = await open(browser, `${site.site}?model=file:none`);
  const second = await page.context().newPage();
  await Promise.all([page.goto(link(own)), second.goto(link(own))]);
  for (const tab of [page, second]) {
    await tab.waitForFunction(() => window.prunescope);
    await finished(tab);
  }
  const first = await results(page);
  assert.deepEqual((await results(second)).next_token, first.next_token);
  own.close();
  await Promise.all([again(page, first), again(second, first)]);
  await page.context().close();
});

test("the browser evicts what is kept: it is downloaded and kept again", async () => {
  const { own, page, first } = await kept();
  const wipe = `const root = await navigator.storage.getDirectory(); for await (const name of root.keys()) await root.removeEntry(name, { recursive: true });`;
  await other(page, wipe);
  await again(page, first);
  assert.deepEqual(asked(own), [0, 0]);
  own.close();
  await again(page, first);
  await page.context().close();
});

test("a kept model that is being read cannot be deleted, which is told; later it can", async () => {
  const { own, page, first } = await kept();
  const tab = await other(page, HOLD, folder(own), SHA256);
  await page.click(".more summary");
  await page.click("#kept li:has-text('tiny/llama') button");
  assert.match(await page.textContent("#undeleted"), /tiny\/llama.*is being read just now.*delete it when it has loaded/s);
  assert.equal(await page.locator("#kept li:has-text('tiny/llama')").count(), 1);
  // A tab that reads the file is not disturbed.
  assert.equal(await tab.run("const bytes = new Uint8Array(10); return handle.read(bytes, { at: 5 });"), 10);
  await tab.run(RELEASE);
  await again(page, first);
  await page.click(".more summary");
  await page.click("#kept li:has-text('tiny/llama') button");
  await page.waitForFunction(() => !document.querySelector("#kept")?.textContent.includes("tiny/llama"));
  assert.equal(await page.locator("#undeleted").count(), 0);
  own.close();
  await page.context().close();
});

test("a model that is deleted while another tab downloads it", async () => {
  const own = await hub(repositories);
  let release;
  const released = new Promise((done) => (release = done));
  own.faults.set("model.safetensors", (request, response, bytes, from) => {
    response.writeHead(200, { "Access-Control-Allow-Origin": "*", "Content-Length": bytes.length });
    response.write(bytes.subarray(0, 30_000));
    released.then(() => response.end(bytes.subarray(30_000)));
    return true;
  });
  const page = await open(browser, link(own));
  await page.waitForFunction(() => document.querySelector("#model-progress")?.value > 0);
  const second = await page.context().newPage();
  await second.goto(`${site.site}?model=${site.origin}/fixtures/tiny.gguf&backend=cpu&drop=m0&tokens=2`);
  await second.click(".more summary");
  await second.click("#kept li:has-text('tiny/llama') button");
  assert.match(await second.textContent("#undeleted"), /is being read just now/);
  release();
  await finished(page);
  assert.equal(await page.locator(".failure").count(), 0);
  own.close();
  await page.context().close();
});

test("weights that an earlier version of the page kept are used without a download", async () => {
  const { own, page, first } = await kept();
  const age = `const models = await (await navigator.storage.getDirectory()).getDirectoryHandle("models");
    const folder = await models.getDirectoryHandle(values[0]);
    const names = [];
    for await (const name of folder.keys()) names.push(name);
    for (const name of names) if (name.endsWith("%2Erecord")) await folder.removeEntry(name);
    await folder.getFileHandle(values[1] + "%2Ewhole", { create: true });
    return names.length;`;
  assert.ok((await other(page, age, folder(own), SHA256)).value > 4);
  // Small texts have no checksum and are fetched again.
  await again(page, first);
  assert.deepEqual(asked(own), [0]);
  own.close();
  await again(page, first);
  const now = (await other(page, LIST, folder(own))).value;
  assert.ok(now[`${SHA256}%2Erecord`] > 0 && !(`${SHA256}%2Ewhole` in now), JSON.stringify(now));
  await page.context().close();
});

test("another manifest keeps its parts in a folder of its own", async () => {
  const { own, page, first } = await kept();
  const before = (await other(page, LIST, folder(own))).value;
  // It has the other model's name, and the checksum of the other model's file with another length.
  const manifest = { name: `tiny/llama@main ${own.origin}`, parts: [{ file: "x.gguf", bytes: 1, sha256: SHA256 }] };
  const elsewhere = await hub({});
  elsewhere.faults.set("/evil.json", (request, response) => (response.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end(JSON.stringify(manifest)), true));
  elsewhere.faults.set("/x.gguf", (request, response) => (response.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end("G"), true));
  await page.goto(`${site.site}?model=${elsewhere.origin}/evil.json&backend=cpu&drop=m0&tokens=2`);
  assert.match(await page.textContent(".failure p"), /checksum of x\.gguf|truncated|GGUF/);
  assert.deepEqual((await other(page, LIST, folder(own))).value, before);
  assert.ok((await other(page, LIST, encoded(`${elsewhere.origin}/evil.json`))).value, "its own folder");
  own.close();
  await page.goto(link(own));
  await page.waitForFunction(() => window.prunescope);
  assert.deepEqual((await results(page)).next_token, first.next_token);
  elsewhere.close();
  await page.context().close();
});

for (const [what, granted] of [["grants", true], ["refuses", false]]) {
  test(`the browser is asked once to let what is kept stay, and ${what} it`, async () => {
    const page = await open(browser, link(), { before: (page) => page.addInitScript((granted) => {
      globalThis.asked = 0;
      let stays = false;
      StorageManager.prototype.persisted = async () => stays;
      StorageManager.prototype.persist = async () => (asked++, (stays = granted));
    }, granted) });
    await finished(page);
    await page.waitForFunction(() => globalThis.asked === 1);
    await page.click(".more summary");
    assert.equal(await page.locator("#kept li").count(), 1);
    await page.waitForFunction((granted) => granted !== Boolean(document.querySelector("#evictable")), granted);
    // Another model in the same visit does not ask again.
    await page.evaluate((hub) => window.prunescope.run({ model: "tiny/gpt2", hub }), server.origin);
    await page.waitForFunction(() => document.querySelectorAll("#kept li").length === 2);
    await page.waitForFunction((granted) => granted !== Boolean(document.querySelector("#evictable")), granted);
    assert.equal(await page.evaluate(() => globalThis.asked), 1);
    if (!granted) assert.match(await page.textContent("#evictable"), /may delete these files/);
    await page.context().close();
  });
}

test("a file at an address: kept while its server says that it is the same", async () => {
  const elsewhere = await hub({});
  let bytes = repositories["tiny/llama"]["model.gguf"];
  let version = '"one"';
  elsewhere.faults.set("/dir/model.gguf", (request, response) => {
    const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const start = Number(from ?? 0);
    const range = from === undefined ? {} : { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(from === undefined ? 200 : 206, {
      "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "etag, content-range", ETag: version, "Content-Length": bytes.length - start, ...range,
    }).end(bytes.subarray(start));
    return true;
  });
  const address = `${site.site}?model=${elsewhere.origin}/dir/model.gguf&backend=cpu&drop=m0&tokens=2`;
  const page = await open(browser, address);
  await finished(page);
  const first = await results(page);
  await again(page, first);
  const place = encoded(`${elsewhere.origin}/dir/model.gguf`);
  const keptBytes = (await other(page, LIST, place)).value["model%2Egguf"];
  assert.equal(keptBytes, bytes.length);
  // Another file, with another length and version.
  bytes = repositories["tiny/gpt2"]["model.gguf"];
  version = '"two"';
  await page.reload();
  await page.waitForFunction(() => window.prunescope);
  assert.notEqual((await results(page)).model.family, first.model.family);
  const second = await results(page);
  elsewhere.close();
  await again(page, second);
  await page.context().close();
});
