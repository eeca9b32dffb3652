// A host to which new versions are deployed while tabs and a service worker are in use; and bad networks. With the tiny model.
import test from "node:test";
import assert from "node:assert/strict";
import { after } from "node:test";
import { eventually, finished, launch, openAgreeing as open, results } from "./browser.mjs";
import { engineFolder, serve } from "./server.mjs";

const browser = await launch();
// Models come from another host, which does not change.
const models = await serve({ shipped: true });
after(async () => {
  await browser.close();
  models.close();
});
const TINY = `${models.origin}/fixtures/tiny.gguf`;
const query = `?backend=cpu&model=${TINY}&drop=a1&tokens=3`;
const HASH = "0123456789abcdef";
const allowed = { context: { serviceWorkers: "allow" } };
const versionOf = (page) => page.evaluate(() => document.documentElement.dataset.version ?? "0");
const kept = (page) => page.evaluate(async () => (await (await caches.open("prunescope")).keys()).map(({ url }) => url));
/** Waits until this page's version is stored for offline use. */
const isKept = (page) => eventually(page, async () => {
  const cache = await caches.open("prunescope");
  const page = await cache.match(location.href.split("?")[0]);
  return page && (await page.text()).includes(document.querySelector("meta[name=engine]").content);
});
/** Opens a link in a tab, and waits for its results and until it is stored. */
async function visit(page, address) {
  await page.goto(address);
  await page.waitForFunction(() => window.prunescope);
  await finished(page);
  await isKept(page);
}
/** A fresh host, and a tab that has visited it. */
async function visited() {
  const server = await serve({ isolated: true });
  const page = await open(browser, server.site + query, allowed);
  await finished(page);
  await isKept(page);
  return { server, page };
}
async function end(server, page) {
  await page.context().close();
  server.close();
}

test("a new version beside an old tab: the tab goes on, and says so when it needs an engine that is gone", async () => {
  const server = await serve();
  const page = await open(browser, server.site + query);
  await finished(page);
  server.deploy(1);
  assert.equal((await results(page, { drop: "a2" })).settings.drop, "a2", "what runs goes on");
  // Another precision needs a fresh engine.
  await page.evaluate(() => void window.prunescope.run({ precision: "8" }).catch(() => {}));
  assert.match(await page.textContent(".failure p"), /has been updated since this tab was opened.*reload the page/);
  await page.click("#retry");
  assert.match(await page.textContent(".failure p"), /has been updated/);
  await page.click("#reload");
  await page.waitForFunction(() => document.documentElement.dataset.version === "1" && window.prunescope);
  await finished(page);
  const { drop, precision } = await page.evaluate(() => window.prunescope.settings());
  assert.deepEqual([drop, precision], ["a2", "8"], "the settings are in the address");
  assert.ok(!server.requests.slice(-1).some(({ path }) => path.includes(engineFolder())));
  await end(server, page);
});

test("with a service worker the old tab's engine is still there, until the new version has been opened and runs", async () => {
  const { server, page } = await visited();
  server.deploy(1);
  const before = server.requests.length;
  assert.equal((await results(page, { precision: "8" })).settings.precision, "8");
  const asked = server.requests.slice(before).filter(({ path }) => path.includes("engine-"));
  assert.deepEqual(asked, [], "from the cache, and nothing of another version");
  const other = await page.context().newPage();
  await visit(other, server.site + query);
  assert.equal(await versionOf(other), "1");
  assert.equal(await versionOf(page), "0");
  assert.ok(!(await kept(page)).some((key) => key.includes(engineFolder())), "the old version is forgotten");
  await page.evaluate(() => void window.prunescope.run({ precision: "stored" }).catch(() => {}));
  assert.match(await page.textContent(".failure p"), /has been updated/);
  await page.click("#reload");
  await page.waitForFunction(() => document.documentElement.dataset.version === "1" && window.prunescope);
  await finished(page);
  await end(server, page);
});

test("a link whose text looks like a checksum opens the newest page", async () => {
  const { server, page } = await visited();
  const links = [`${query}&prompt=x-${HASH}.`, `${query}&prompt=style-${HASH}_y`];
  for (const version of [1, 2]) {
    server.deploy(version);
    for (const link of links) {
      await visit(page, server.site + link);
      assert.equal(await versionOf(page), String(version));
    }
  }
  assert.ok(!(await kept(page)).some((key) => key.includes("prompt")));
  await end(server, page);
});

test("opening the licence keeps the page for a visit without network", async () => {
  const { server, page } = await visited();
  await page.goto(`${server.site}models/LICENSE`);
  assert.match(await page.textContent("body"), /Apache License/);
  await page.goto(server.site + query);
  await page.waitForFunction(() => window.prunescope);
  server.setNetwork((response) => response.destroy());
  await page.reload();
  await page.waitForFunction(() => window.prunescope);
  await finished(page);
  await end(server, page);
});

test("a network that fails, answers with errors, or never: the page opens in some three seconds", async () => {
  const { server, page } = await visited();
  for (const network of [(response) => response.destroy(), (response) => response.writeHead(503).end("busy"), (response) => response.writeHead(404).end("gone"), () => {}]) {
    server.setNetwork(network);
    const began = Date.now();
    await page.goto(server.site + query.replace("a1", "a2"));
    await page.waitForFunction(() => window.prunescope);
    assert.ok(Date.now() - began < 8000, "the page is there");
    assert.equal((await results(page)).settings.drop, "a2");
  }
  await end(server, page);
});

test("a new version that did not come whole leaves the old one for visits without network", async () => {
  const { server, page } = await visited();
  server.deploy(1);
  const missing = server.requests.length;
  // The page arrives, its program does not.
  const program = await page.evaluate(async () => /page-[0-9a-f]{8,16}_bg[.]wasm/.exec(await (await fetch("./", { cache: "no-store" })).text())[0]);
  server.faults.set(new URL(program, server.site).pathname, (request, response) => Boolean(response.writeHead(500).end()));
  await page.goto(server.site + query);
  await page.waitForSelector("#starting [role=alert]");
  assert.match(await page.textContent("#starting p"), /did not load whole.*reload the page/);
  assert.ok(server.requests.length > missing);
  server.setNetwork((response) => response.destroy());
  await page.goto(server.site + query);
  await page.waitForFunction(() => window.prunescope);
  assert.equal(await versionOf(page), "0");
  await finished(page);
  await end(server, page);
});
