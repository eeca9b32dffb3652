// Bad files and bad networks: a clear sentence, a page that still works, and unchanged settings. With the tiny model.
import test from "node:test";
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { ROOT } from "./server.mjs";
import { finished, open, results, stage } from "./browser.mjs";

const TINY = fs.readFileSync(path.join(ROOT, "tests/fixtures/tiny.gguf"));
const sha256 = (data) => crypto.createHash("sha256").update(data).digest("hex");
const { server, browser } = await stage();


/** Serves bytes under /fixtures/NAME. */
const put = (name, bytes, headers = {}) =>
  server.faults.set(`/fixtures/${name}`, (request, response) => {
    response.writeHead(200, { "Content-Length": bytes.length, ...headers }).end(bytes);
    return true;
  });
const link = (name) => `${server.site}?model=${server.origin}/fixtures/${name}&drop=a1&tokens=5`;
/** Opens a link that must fail; returns the page and its sentence. */
async function failing(name, options) {
  const page = await open(browser, name.startsWith("http") ? name : link(name), options);
  const text = await page.textContent(".failure p");
  return { page, text };
}
/** Asserts that the page still works: its settings are unchanged, and the tiny model can be used. */
async function goesOn(page, name) {
  assert.equal((await page.evaluate(() => window.prunescope.settings())).drop, "a1");
  await page.click(".more summary");
  await page.fill("#model-address", `${server.origin}/fixtures/tiny.gguf`);
  await page.click(".model button");
  await finished(page);
  assert.equal(await page.locator(".failure").count(), 0, name);
  await page.context().close();
}

test("a missing model", async () => {
  const { page, text } = await failing("nothing.gguf");
  assert.match(text, /nothing\.gguf.*404.*check the address/s);
  await goesOn(page);
});

test("another kind of file", async () => {
  put("page.gguf", Buffer.from("<!doctype html><title>Not found</title>"));
  const { page, text } = await failing("page.gguf");
  assert.match(text, /GGUF/);
  await goesOn(page);
});

test("a truncated file", async () => {
  put("short.gguf", TINY.subarray(0, 200_000));
  const { page, text } = await failing("short.gguf");
  assert.match(text, /truncated.*download it again/s);
  await goesOn(page);
});

test("an architecture that is not known", async () => {
  const bytes = Buffer.from(TINY);
  bytes.write("mamba", bytes.indexOf("llama"));
  put("mamba.gguf", bytes);
  const { page, text } = await failing("mamba.gguf");
  assert.match(text, /mamba.*not supported/s);
  await goesOn(page);
});

test("a template that fails stops the chat only, and is told", async () => {
  const bytes = Buffer.from(TINY);
  bytes.write("{% fxr", bytes.indexOf("{% for"));
  put("template.gguf", bytes);
  const page = await open(browser, `${link("template.gguf")}&chat=1`);
  await finished(page);
  assert.match(await page.textContent(".notice"), /template/i);
  assert.ok((await results(page, { chat: false })).next_token.cos_z < 1);
  assert.equal(await page.locator(".failure").count(), 0);
  await goesOn(page);
});

test("a template that never ends: Stop ends the engine, and the page goes on", async () => {
  const bytes = Buffer.from(TINY);
  const at = bytes.indexOf("{% for message");
  const endless = "{% set n=namespace(a=[1],b=[1]) %}{% for i in range(60) %}{% set n.a=[n.a,n.a] %}{% set n.b=[n.b,n.b] %}{% endfor %}{{ n.a==n.b }}";
  bytes.write(endless.padEnd(bytes.indexOf("{% endif %}", at) + "{% endif %}".length - at), at);
  put("endless.gguf", bytes);
  const page = await open(browser, `${link("endless.gguf")}&chat=1`);
  await page.evaluate(() => window.prunescope.ready);
  await page.click("#stop");
  assert.match(await page.textContent(".failure p"), /The engine did not stop within 15 seconds, so it was ended/);
  await goesOn(page);
});

test("a web page in a model's place is named", async () => {
  put("portal.gguf", Buffer.from("<!doctype html><title>Sign in</title>"), { "Content-Type": "text/html; charset=utf-8" });
  const { page, text } = await failing("portal.gguf");
  assert.match(text, /portal\.gguf is a web page, not a file of weights/);
  await goesOn(page);
});

test("an address that holds its data is not written out in a sentence", async () => {
  const { page, text } = await failing(`${server.site}?model=${encodeURIComponent(`data:application/octet-stream;base64,${"QUJD".repeat(700)}`)}&drop=a1&tokens=5`);
  assert.match(text, /data:application\/octet-stream;base64,QUJD/);
  assert.ok(text.length < 500, text);
  await goesOn(page);
});

test("addresses that no page can fetch are refused at once", async () => {
  for (const [address, why] of [["ftp://x.example/a.gguf", /begins with ftp: cannot be loaded/], ["https://me:secret@x.example/a.gguf", /holds a name or password/]]) {
    const { page, text } = await failing(`${server.site}?model=${encodeURIComponent(address)}&drop=a1&tokens=5`);
    assert.match(text, why);
    await goesOn(page);
  }
});

test("a checksum that does not match", async () => {
  const manifest = { name: "t", parts: [{ file: "tiny.gguf", bytes: TINY.length, sha256: sha256("other") }] };
  put("tiny.json", Buffer.from(JSON.stringify(manifest)));
  const { page, text } = await failing("tiny.json");
  assert.match(text, /checksum of tiny\.gguf/);
  await goesOn(page);
});

test("a manifest that is none", async () => {
  put("wrong.json", Buffer.from(JSON.stringify({ name: "t", parts: [{ file: "tiny.gguf", bytes: TINY.length, sha256: "x" }] })));
  const { page, text } = await failing("wrong.json");
  assert.match(text, /manifest.*64 hexadecimal digits/s);
  await goesOn(page);
});

test("a manifest whose parts have no checksums, but the whole has", async () => {
  const half = TINY.length >> 1;
  put("part0", TINY.subarray(0, half));
  put("part1", TINY.subarray(half));
  const parts = [{ file: "part0", bytes: half }, { file: "part1", bytes: TINY.length - half }];
  put("parts.json", Buffer.from(JSON.stringify({ name: "t", sha256: sha256(TINY), parts })));
  const page = await open(browser, link("parts.json"));
  await finished(page);
  put("parts.json", Buffer.from(JSON.stringify({ name: "t", sha256: sha256("other"), parts })));
  await page.reload();
  assert.match(await page.textContent(".failure p"), /checksum of part0/);
  await goesOn(page);
});

test("a connection cut half-way goes on where it was cut", async () => {
  let cuts = 0;
  const whole = server.faults;
  whole.set("/fixtures/cut.gguf", (request, response) => {
    // The page may ask for the size first.
    if (request.method === "HEAD") return response.writeHead(200, { "Content-Length": TINY.length }).end(), true;
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(start ? 206 : 200, { "Content-Length": TINY.length - start });
    if (cuts++ < 3) {
      response.write(TINY.subarray(start, start + 60_000), () => setTimeout(() => response.destroy(), 20));
    } else {
      response.end(TINY.subarray(start));
    }
    return true;
  });
  const page = await open(browser, link("cut.gguf"));
  await finished(page);
  const ranges = server.requests.filter((request) => request.path === "/fixtures/cut.gguf" && request.range);
  assert.ok(ranges.length >= 1, "the rest was asked for, not the whole");
  await page.context().close();
});

test("a closed network: a sentence, and Try again works when it is back", async () => {
  let closed = true;
  server.faults.set("/fixtures/away.gguf", (request, response) => {
    if (closed) return response.destroy(), true;
    response.writeHead(200, { "Content-Length": TINY.length }).end(TINY);
    return true;
  });
  const { page, text } = await failing("away.gguf");
  assert.match(text, /connection/);
  closed = false;
  await page.click("#retry");
  await finished(page);
  await page.context().close();
});

test("a prompt that is too long, then a shorter one", async () => {
  const page = await open(browser, link("tiny.gguf"));
  await finished(page);
  await page.fill("#prompt", "a b c ".repeat(300));
  await page.press("#prompt", "Enter");
  assert.match(await page.textContent(".failure p"), /shorten the prompt/);
  await page.fill("#prompt", "Hello");
  await page.press("#prompt", "Enter");
  await finished(page);
  assert.equal(await page.locator(".failure").count(), 0);
  await page.context().close();
});

test("layers that the model does not have are named and ignored", async () => {
  const page = await open(browser, `${server.site}?model=${server.origin}/fixtures/tiny.gguf&drop=a1,m25&tokens=4`);
  await finished(page);
  assert.match(await page.textContent(".notice"), /m25 is ignored/);
  assert.equal(new URL(page.url()).searchParams.get("drop"), "a1");
  await page.context().close();
});

test("WebGPU asked for where there is none", async () => {
  const { page, text } = await failing(`${link("tiny.gguf")}&backend=webgpu`);
  assert.match(text, /WebGPU was asked for, but .* switch to the CPU/);
  await page.click("#use-cpu");
  await finished(page);
  assert.equal(await page.getAttribute("#device", "data-backend"), "cpu");
  await page.context().close();
});

test("a file of the visitor's, and a link to one that is elsewhere", async () => {
  const page = await open(browser, link("tiny.gguf"));
  await finished(page);
  await page.click(".more summary");
  await page.setInputFiles("#model-file", path.join(ROOT, "tests/fixtures/tiny.gguf"));
  await page.waitForFunction(() => window.prunescope.settings().model === "file:tiny.gguf");
  await finished(page);
  const address = page.url();
  await page.context().close();
  const { page: other, text } = await failing(address);
  assert.match(text, /tiny\.gguf on the computer of whoever made this link/);
  await other.click(".more summary");
  await other.setInputFiles("#model-file", path.join(ROOT, "tests/fixtures/tiny.gguf"));
  await finished(other);
  await other.context().close();
});

test("loading can be stopped and tried again", async () => {
  let release;
  server.faults.set("/fixtures/slow.gguf", (request, response) => {
    if (release) return false;
    response.writeHead(200, { "Content-Length": TINY.length });
    response.write(TINY.subarray(0, 100_000));
    return true;
  });
  const page = await open(browser, link("slow.gguf"));
  await page.waitForSelector("#model-progress[value]");
  await page.click("#stop");
  assert.match(await page.textContent(".failure p"), /Loading was stopped/);
  server.faults.set("/fixtures/slow.gguf", (request, response) => (response.writeHead(200, { "Content-Length": TINY.length }).end(TINY), true));
  release = true;
  await page.click("#retry");
  await finished(page);
  await page.context().close();
});
