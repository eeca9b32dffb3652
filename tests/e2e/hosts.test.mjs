// Hosts as they are in practice: they compress, ignore or change ranges, give no length, redirect, are busy, or change a file.
import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import test, { after } from "node:test";
import zlib from "node:zlib";
import { family } from "./hub.mjs";
import { finished, openAgreeing as open, results, stage } from "./browser.mjs";
import { ROOT } from "./server.mjs";

const { server: site, browser } = await stage();
const TINY = fs.readFileSync(path.join(ROOT, "tests/fixtures/tiny.gguf"));
const PACKED = zlib.gzipSync(TINY);
const CORS = { "Access-Control-Allow-Origin": "*" };

/** A host on another origin. `answer(request, response, from, url)` handles all requests but preflights; `from`: first byte of the range. */
async function host(answer, { preflight = true } = {}) {
  const asked = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (request.method === "OPTIONS") {
      return response.writeHead(preflight ? 204 : 405, preflight ? { ...CORS, "Access-Control-Allow-Headers": "range" } : {}).end();
    }
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const from = range === undefined ? undefined : Number(range);
    asked.push({ path: url.pathname, from, encoding: request.headers["accept-encoding"] });
    answer(request, response, from, url);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  server.unref();
  after(() => (server.closeAllConnections(), server.close()));
  return { origin: `http://127.0.0.1:${server.address().port}`, asked };
}

/** Answers like most hosts. */
function plainly(response, bytes, from, headers = {}) {
  const range = from === undefined ? {} : { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(from === undefined ? 200 : 206, { ...CORS, ...range, "Content-Length": bytes.length - (from ?? 0), ...headers }).end(bytes.subarray(from ?? 0));
}

/** Sends `count` bytes, then breaks the connection. */
function breaks(response, bytes, count) {
  response.write(bytes.subarray(0, count), () => setTimeout(() => response.destroy(), 20));
}

const link = (address) => `${site.site}?model=${encodeURIComponent(address)}&backend=cpu&drop=a1&tokens=2`;
const failure = (page) => page.textContent(".failure p");

const page = await open(browser, link(`${site.origin}/fixtures/tiny.gguf`));
await finished(page);
/** The fixture's expected result, however it is sent. */
const right = (await results(page)).next_token;
await page.context().close();

async function isRight(address) {
  const page = await open(browser, link(address));
  await finished(page);
  assert.deepEqual((await results(page)).next_token, right);
  assert.equal(await page.locator(".failure").count(), 0);
  return page;
}

async function fails(address, sentence) {
  const page = await open(browser, link(address));
  assert.match(await failure(page), sentence);
  await page.context().close();
}

const GZIP = { "Content-Encoding": "gzip", "Content-Length": PACKED.length };

for (const exposes of ["content-encoding, content-range", ""]) {
  const hidden = exposes ? "" : ", and does not let the page see it";
  test(`a host that compresses unless a range is asked for${hidden}`, async () => {
    const own = await host((request, response, from) => {
      const headers = { "Access-Control-Expose-Headers": exposes };
      if (from === undefined) return response.writeHead(200, { ...CORS, ...headers, ...GZIP }).end(PACKED);
      plainly(response, TINY, from, headers);
    });
    const page = await isRight(`${own.origin}/x.gguf`);
    assert.ok(own.asked.every(({ from, encoding }) => from === undefined || encoding === "identity"), JSON.stringify(own.asked));
    await page.context().close();
  });

  test(`a host that always compresses${hidden}`, async () => {
    const own = await host((request, response) => response.writeHead(200, { ...CORS, "Access-Control-Expose-Headers": exposes, ...GZIP }).end(PACKED));
    await fails(`${own.origin}/x.gguf`, exposes ? /does not say how long .*compresses what it sends.*Content-Length/s : /more than the \d+ bytes.*compresses it on the way/s);
  });

  test(`parts of a manifest on a host that compresses, with a cut${hidden}`, async () => {
    let cuts = 0;
    const own = await host((request, response, from, { pathname }) => {
      const headers = { "Access-Control-Expose-Headers": exposes };
      if (pathname.endsWith(".json")) {
        const manifest = zlib.gzipSync(JSON.stringify({ name: "t", parts: [{ file: "x.gguf", bytes: TINY.length }] }));
        return response.writeHead(200, { ...CORS, ...headers, "Content-Encoding": "gzip", "Content-Length": manifest.length }).end(manifest);
      }
      // A range of a compressed answer is not a range of the file.
      if (from !== undefined) {
        const range = { "Content-Range": `bytes ${from}-${PACKED.length - 1}/${PACKED.length}` };
        return response.writeHead(206, { ...CORS, ...headers, ...range, "Content-Encoding": "gzip", "Content-Length": PACKED.length - from }).end(PACKED.subarray(from));
      }
      response.writeHead(200, { ...CORS, ...headers, ...GZIP });
      if (cuts++ === 0) breaks(response, PACKED, PACKED.length >> 1);
      else response.end(PACKED);
    });
    const page = await isRight(`${own.origin}/t.json`);
    assert.ok(own.asked.some(({ from }) => from > 0), "the rest was asked for first");
    await page.context().close();
  });
}

test("a repository on a hub that compresses texts and weights", async () => {
  const files = family("llama");
  const own = await host((request, response, from, { pathname }) => {
    const send = (bytes) => {
      const packed = zlib.gzipSync(bytes);
      response.writeHead(200, { ...CORS, "Content-Encoding": "gzip", "Content-Length": packed.length }).end(packed);
    };
    if (pathname.startsWith("/api/")) return send(JSON.stringify(Object.entries(files).map(([path, bytes]) => ({ type: "file", path, size: bytes.length, oid: "0" }))));
    send(files[pathname.split("/").pop()]);
  });
  const page = await open(browser, `${site.site}?model=tiny/llama&hub=${own.origin}&backend=cpu&drop=m0&tokens=2`);
  await finished(page);
  assert.equal((await results(page)).model.family, "llama");
  await page.context().close();
});

test("a file of this site that its host compresses", async () => {
  site.faults.set("/fixtures/packed.gguf", (request, response) => {
    if (request.headers.range) return plainly(response, TINY, Number(/\d+/.exec(request.headers.range)[0])), true;
    response.writeHead(200, GZIP).end(PACKED);
    return true;
  });
  await (await isRight(`${site.origin}/fixtures/packed.gguf`)).context().close();
  site.faults.set("/fixtures/packed.gguf", (request, response) => (response.writeHead(200, GZIP).end(PACKED), true));
  await fails(`${site.origin}/fixtures/packed.gguf`, /does not say how long .*compresses what it sends/s);
});

test("a host that does not let the question for a range through", async () => {
  const own = await host((request, response, from) => {
    // As if the connection were refused.
    if (from !== undefined) return response.destroy();
    response.writeHead(200, { ...CORS, "Content-Length": TINY.length }).end(TINY);
  }, { preflight: false });
  await (await isRight(`${own.origin}/x.gguf`)).context().close();
});

for (const [what, answer] of [
  ["knows no ranges", (response, from) => response.writeHead(200, { ...CORS, "Content-Length": TINY.length }).end(TINY)],
  ["sends another range than is asked for", (response, from) => plainly(response, TINY, from >> 1, { "Access-Control-Expose-Headers": "content-range" })],
  ["says nothing of the range that it sends", (response, from) => response.writeHead(206, { ...CORS, "Transfer-Encoding": "chunked" }).end(TINY.subarray(from))],
]) {
  test(`a cut download from a host that ${what}`, async () => {
    let requests = 0;
    const own = await host((request, response, from) => {
      if (requests++ === 1) {
        response.writeHead(from === undefined ? 200 : 206, { ...CORS, "Access-Control-Expose-Headers": "content-range", "Content-Length": TINY.length, ...(from === undefined ? {} : { "Content-Range": `bytes 0-${TINY.length - 1}/${TINY.length}` }) });
        return breaks(response, TINY, 60_000);
      }
      if (!from) return plainly(response, TINY, from, { "Access-Control-Expose-Headers": "content-range" });
      answer(response, from);
    });
    await (await isRight(`${own.origin}/x.gguf`)).context().close();
    assert.ok(own.asked.some(({ from }) => from > 0), JSON.stringify(own.asked));
  });
}

test("a host that says no length", async () => {
  const own = await host((request, response) => response.writeHead(200, { ...CORS, "Transfer-Encoding": "chunked" }).end(TINY));
  await fails(`${own.origin}/x.gguf`, /does not say how long .*x\.gguf is; host it where Content-Length is sent/s);
});

test("a file that ends before its announced length", async () => {
  const short = TINY.subarray(0, 200_000);
  const own = await host((request, response, from, { pathname }) => {
    if (pathname.endsWith(".json")) {
      const manifest = JSON.stringify({ name: "t", parts: [{ file: "x.gguf", bytes: TINY.length }] });
      return response.writeHead(200, CORS).end(manifest);
    }
    plainly(response, short, from);
  });
  await fails(`${own.origin}/t.json`, /x\.gguf on the server ends after 200000 bytes where 332896 were announced/s);
});

test("a host that sends on to another, which goes on after a cut", async () => {
  let cuts = 0;
  const storage = await host((request, response, from) => {
    if (from === undefined || from > 0 || cuts++ !== 1) return plainly(response, TINY, from, { "Access-Control-Expose-Headers": "content-range" });
    response.writeHead(206, { ...CORS, "Access-Control-Expose-Headers": "content-range", "Content-Range": `bytes 0-${TINY.length - 1}/${TINY.length}`, "Content-Length": TINY.length });
    breaks(response, TINY, 60_000);
  });
  const own = await host((request, response) => response.writeHead(302, { ...CORS, Location: `${storage.origin}/y` }).end());
  await (await isRight(`${own.origin}/x.gguf`)).context().close();
  assert.ok(storage.asked.some(({ from }) => from > 0), JSON.stringify(storage.asked));
});

test("a busy host says until when, shortly and for long", async () => {
  let busy = 2;
  const soon = () => new Date(Date.now() + 1500).toUTCString();
  const wait = await host((request, response, from, { pathname }) => {
    if (busy-- > 0) return response.writeHead(503, { ...CORS, "Access-Control-Expose-Headers": "retry-after", "Retry-After": soon() }).end();
    if (pathname.endsWith(".json")) return response.writeHead(200, CORS).end(JSON.stringify({ name: "t", parts: [{ file: "x.gguf", bytes: TINY.length }] }));
    plainly(response, TINY, from);
  });
  await (await isRight(`${wait.origin}/t.json`)).context().close();
  assert.equal(wait.asked.length, 4);
  const long = await host((request, response) => {
    response.writeHead(429, { ...CORS, "Access-Control-Expose-Headers": "retry-after", "Retry-After": new Date(Date.now() + 600_000).toUTCString() }).end();
  });
  await fails(`${long.origin}/x.gguf`, /429.*asks to wait (9|10) minutes: press Try again then/s);
});

test("a file that changes on its server in the middle of a download", async () => {
  let requests = 0;
  const other = family("llama")["model.gguf"];
  const own = await host((request, response, from) => {
    const isFirst = requests++ < 2;
    const bytes = isFirst ? TINY : other;
    const headers = { "Access-Control-Expose-Headers": "etag, content-range", ETag: isFirst ? '"one"' : '"two"' };
    if (requests === 2) {
      response.writeHead(206, { ...CORS, ...headers, "Content-Range": `bytes 0-${bytes.length - 1}/${bytes.length}`, "Content-Length": bytes.length });
      return breaks(response, bytes, 60_000);
    }
    plainly(response, bytes, from, headers);
  });
  const page = await open(browser, link(`${own.origin}/x.gguf`));
  await finished(page);
  assert.equal((await results(page)).model.layers, 2);
  assert.match(await page.textContent(".notice"), /(another version than a moment ago|where 332896 were announced: it changed).*downloaded from the beginning/s);
  await page.context().close();
});
