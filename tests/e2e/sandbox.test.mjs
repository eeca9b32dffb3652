// The page in sandboxed frames, and the page whose own program does not arrive: a view or a sentence, never “Opening…” forever.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { finished, FORBIDDEN, launch, open, REFUSED } from "./browser.mjs";
import { ROOT, serve, SITE } from "./server.mjs";

const browser = await launch();
const [plain, shipped, other] = [await serve(), await serve({ shipped: true }), await serve()];
after(async () => {
  await browser.close();
  [plain, shipped, other].forEach((server) => server.close());
});

/** Waits until a frame has all results of its newest run, and nothing is being computed. */
const done = (frame, timeout) => frame.waitForFunction(() => document.querySelector("#cos-h[data-value]") && !document.querySelector(".stale") && document.querySelector("#stop")?.disabled, undefined, { timeout });
/** Opens another site's page with the site in a frame; returns the frame. */
async function framed(server, sandbox, query = "drop=a1") {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(60_000);
  page.problems = [];
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  page.on("pageerror", (error) => page.problems.push(String(error)));
  await page.goto(`${other.origin}/fixtures/embed.html`);
  await page.evaluate(([sandbox, address]) => {
    window.heard = [];
    window.addEventListener("message", ({ data }) => window.heard.push(data));
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", sandbox);
    frame.style = "width:900px;height:600px";
    frame.src = address;
    document.body.append(frame);
  }, [sandbox, `${server.site}?embed=1&backend=cpu&tokens=3&model=${server.origin}/fixtures/tiny.gguf&${query}`]);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  return { page, frame };
}

test("sandbox=\"allow-scripts\" on a host that sends what `make serve` sends: it works", async () => {
  const { page, frame } = await framed(shipped, "allow-scripts");
  await done(frame);
  assert.equal(await frame.evaluate(() => self.origin), "null", "its origin is opaque");
  assert.equal(await frame.locator(".failure").count(), 0);
  assert.deepEqual((await frame.locator(".notice span").allTextContents()).filter((text) => !/keeps no files/.test(text)), []);
  // A change in the frame runs, although it cannot be written to an address bar.
  await frame.click('[data-switch="m2"]');
  await done(frame, 60_000);
  assert.equal((await frame.evaluate(() => window.prunescope.settings())).drop, "a1,m2");
  assert.notEqual(await frame.evaluate(() => getComputedStyle(document.querySelector(".page")).display), "inline", "it has its style");
  // With threads, by Document-Isolation-Policy, although the page around it is not isolated.
  assert.equal(await frame.evaluate(() => crossOriginIsolated), true);
  assert.equal(await frame.getAttribute("#memory", "data-threads"), String(page.workers().length));
  // Its workers have the policy, too.
  assert.deepEqual(await page.workers()[0].evaluate(FORBIDDEN), REFUSED);
  const policy = /Content Security Policy|Refused to|violates/;
  assert.deepEqual(page.problems.filter((problem) => !policy.test(problem)), []);
  await page.context().close();
});

test("the default model works there too", async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${other.origin}/fixtures/embed.html`);
  await page.evaluate((address) => {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.src = address;
    document.body.append(frame);
  }, `${shipped.site}?embed=1&backend=cpu&tokens=2&drop=a7`);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await done(frame, 120_000);
  await page.context().close();
});

test("sandbox=\"allow-scripts\" on a host that sends nothing: a sentence says what it must send", async () => {
  const { page, frame } = await framed(plain, "allow-scripts");
  await frame.waitForSelector("#starting [role=alert]");
  assert.match(await frame.textContent("#starting p"), /sandboxed frame without allow-same-origin.*host must send the header “Access-Control-Allow-Origin: \*”/);
  await page.context().close();
});

test("sandbox=\"allow-scripts allow-same-origin\" works on any host, and has threads from the second visit on", async () => {
  const { page, frame } = await framed(plain, "allow-scripts allow-same-origin");
  await done(frame);
  assert.equal(await frame.evaluate(() => crossOriginIsolated), false);
  await frame.waitForFunction(() => navigator.serviceWorker.controller);
  await page.evaluate(() => (document.querySelector("iframe").src += "&again"));
  await frame.waitForFunction(() => crossOriginIsolated);
  await done(frame);
  assert.ok(Number(await frame.getAttribute("#memory", "data-threads")) > 1);
  assert.equal(await frame.locator(".failure").count(), 0);
  await page.context().close();
});

test("in a sandboxed frame an engine's file that does not come is told as anywhere", async () => {
  const { sitePath } = await import("./server.mjs");
  shipped.faults.set(sitePath("worker_bg.wasm"), (request, response) => Boolean(response.writeHead(404, { "Access-Control-Allow-Origin": "*" }).end()));
  const { page, frame } = await framed(shipped, "allow-scripts");
  assert.match(await frame.textContent(".failure p"), /host has no worker_bg\.wasm/);
  shipped.faults.clear();
  await page.context().close();
});

const named = (ending) => fs.readdirSync(path.join(ROOT, "dist")).find((name) => name.startsWith("page-") && name.endsWith(ending));
for (const file of [named(".js"), named("_bg.wasm")]) {
  const kind = file.replace(/-[0-9a-f]{8,16}/, "");
  for (const [name, fault] of [
    ["is missing", (request, response) => Boolean(response.writeHead(404).end())],
    ["is refused", (request, response) => Boolean(response.writeHead(503).end())],
    ["does not come", (request, response) => Boolean(response.destroy())],
    ["comes half", (request, response, at) => {
      const bytes = fs.readFileSync(at);
      response.writeHead(200, { "Content-Type": file.endsWith(".js") ? "text/javascript" : "application/wasm", "Content-Length": bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2), () => setTimeout(() => response.destroy(), 50));
      return true;
    }],
    ["is a page", (request, response) => Boolean(response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>"))],
  ]) {
    test(`the page's own ${kind} ${name}: a sentence, and Reload`, async () => {
      plain.faults.set(SITE + file, fault);
      const page = await (await browser.newContext({ serviceWorkers: "block" })).newPage();
      await page.goto(`${plain.site}?drop=a1&tokens=2&model=${plain.origin}/fixtures/tiny.gguf`);
      await page.waitForSelector("#starting [role=alert]");
      assert.match(await page.textContent("#starting p"), /did not load whole.*reload the page/);
      plain.faults.clear();
      await page.click("#starting button");
      await page.waitForFunction(() => window.prunescope);
      await finished(page);
      assert.equal(await page.locator("#starting").count(), 0);
      await page.context().close();
    });
  }
}

test("the page's own program is never answered: “Opening…” does not stand for ever, and goes when it comes", async () => {
  let answer;
  const file = named("_bg.wasm");
  plain.faults.set(SITE + file, (request, response, at) => {
    answer = () => response.writeHead(200, { "Content-Type": "application/wasm" }).end(fs.readFileSync(at));
    return true;
  });
  const page = await (await browser.newContext({ serviceWorkers: "block" })).newPage();
  await page.goto(`${plain.site}?drop=a1&tokens=2&model=${plain.origin}/fixtures/tiny.gguf`, { waitUntil: "commit" });
  await page.waitForFunction(() => /slow/.test(document.querySelector("#starting p")?.textContent));
  answer();
  plain.faults.clear();
  await page.waitForFunction(() => window.prunescope);
  await finished(page);
  await page.context().close();
});

test("a browser without SIMD is told so", async () => {
  const page = await (await browser.newContext({ serviceWorkers: "block" })).newPage();
  // As if an old browser's WebAssembly compiled the page's program.
  await page.addInitScript(() => {
    WebAssembly.validate = () => false;
    WebAssembly.instantiateStreaming = async () => { throw new WebAssembly.CompileError("invalid opcode 0xfd"); };
    WebAssembly.instantiate = WebAssembly.instantiateStreaming;
  });
  await page.goto(plain.site);
  await page.waitForSelector("#starting [role=alert]");
  assert.match(await page.textContent("#starting p"), /lacks WebAssembly with SIMD/);
  await page.context().close();
});

test("a style sheet that does not come is missed by nobody", async () => {
  const style = fs.readdirSync(path.join(ROOT, "dist")).find((name) => name.startsWith("style-"));
  plain.faults.set(SITE + style, (request, response) => Boolean(response.writeHead(404).end()));
  const page = await open(browser, `${plain.site}?backend=cpu&drop=a1&tokens=2&model=${plain.origin}/fixtures/tiny.gguf`);
  await finished(page);
  plain.faults.clear();
  await page.context().close();
});
