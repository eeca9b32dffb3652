// public/sw.js without a browser: its decisions for whole classes of addresses, and long random histories of deploys, visits and
// bad networks, with invariants checked after each step.
import assert from "node:assert/strict";
import fs from "node:fs";
import test from "node:test";
import vm from "node:vm";

const SOURCE = fs.readFileSync(new URL("../../public/sw.js", import.meta.url), "utf8");
const SCOPE = "https://host.example/some/sub-path/";
const HASH = "0123456789abcdef";

/** Random numbers from 0 to 1, the same in every run. Source: mulberry32. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A browser's response, as far as it is used here; its body is a text that can be read once. */
class Response {
  type = "default";

  constructor(body, { status = 200, statusText = "", headers = {} } = {}) {
    Object.assign(this, { content: body ?? "", status, statusText, headers: new Headers(headers), ok: status >= 200 && status < 300, read: false });
  }

  get body() {
    assert.ok(!this.read, "the body was read before");
    this.read = true;
    return this.content;
  }

  async text() {
    return this.body;
  }

  clone() {
    assert.ok(!this.read, "the body was read before");
    return new Response(this.content, this);
  }
}

/** Waits until everything that needs no timer has finished. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
};

/** A visitor's browser: its caches, its service worker, and the network to a host. */
class Visitor {
  /** Cached answers by key: text, status and headers. */
  kept = new Map();
  timers = [];

  constructor(network) {
    this.network = network;
    this.startWorker();
  }

  /** The browser may stop an idle service worker at any time; the caches stay. */
  startWorker() {
    this.listeners = {};
    const cache = {
      match: async (key) => {
        const found = this.kept.get(String(key));
        return found && new Response(found.body, found);
      },
      put: async (key, response) => {
        const headers = [...response.headers];
        this.kept.set(String(key), { status: response.status, headers, body: await response.text() });
      },
      delete: async (key) => this.kept.delete(String(key)),
      keys: async () => [...this.kept.keys()].map((url) => ({ url })),
    };
    this.scripts = vm.createContext({
      self: {
        registration: { scope: SCOPE },
        addEventListener: (name, listener) => (this.listeners[name] = listener),
        skipWaiting: () => {},
        clients: { claim: async () => {} },
      },
      caches: { open: async () => cache },
      fetch: (request) => this.network(typeof request === "string" ? request : request.url),
      setTimeout: (then) => this.timers.push(then),
      URL, Response, Headers,
    });
    vm.runInContext(SOURCE, this.scripts);
  }

  /** A request by the page or the browser; resolves to the answer, however long it takes. */
  async fetch(path, { mode = "cors", destination = "", method = "GET", headers = {} } = {}) {
    const url = new URL(path, SCOPE).href;
    let answer;
    const event = {
      request: { url, mode, destination, method, headers: new Headers(headers) },
      respondWith: (promise) => (answer = promise),
      waitUntil: (promise) => promise.catch(() => {}),
    };
    this.listeners.fetch(event);
    answer ??= this.network(url);
    answer.catch(() => {});
    let done = false;
    answer.finally(() => (done = true)).catch(() => {});
    await settled();
    this.waited = !done;
    if (!done) {
      this.timers.splice(0).forEach((then) => then());
      await settled();
    }
    assert.ok(done || !this.answersInTime, `${path}: no answer`);
    return done ? answer : undefined;
  }

  visit(path) {
    return this.fetch(path, { mode: "navigate", destination: "document" });
  }

  async tell(data) {
    this.listeners.message({ data, waitUntil: (promise) => promise.catch(() => {}) });
    await settled();
  }

  /** Calls one of the service worker's functions; the result is a value of this program. */
  call(name, ...values) {
    const result = this.scripts[name](...values);
    return result === undefined ? undefined : JSON.parse(JSON.stringify(result));
  }
}

/** A host of one version of the site. Files with a checksum in their address have it as their content. */
class Host {
  constructor(version) {
    this.version = version;
    const hash = (name) => `${name}${version}`.split("").reduce((sum, letter) => (sum * 31n + BigInt(letter.charCodeAt(0))) % 2n ** 64n, 7n).toString(16).padStart(16, "0");
    // Trunk writes checksums without leading zeros. The style sheet changes only with every third version.
    const [page, style, engine] = [hash("page").slice(1), hash("style").replace(/./g, () => `${version - (version % 3)}`.at(-1)), hash("engine")];
    this.folder = `engine-${engine}`;
    this.own = [`page-${page}.js`, `page-${page}_bg.wasm`, `style-${style}.css`];
    this.engines = { cpu: ["worker.js", "worker_bg.wasm"], gpu: ["worker_webgpu.js", "worker_webgpu_bg.wasm"] };
    this.text = `<!doctype html><meta name="engine" content="${this.folder}" /><link rel="stylesheet" href="./${this.own[2]}"/><script type="module">import init from './${this.own[0]}'; await init({ module_or_path: './${this.own[1]}' });</script> version ${version}`;
    this.files = new Map([["", this.text], ["index.html", this.text], ["models/model.json", `manifest ${version}`], ["models/LICENSE", "<h1>Apache</h1>"]]);
    for (const path of [...this.own, ...Object.values(this.engines).flat().map((file) => `${this.folder}/${file}`)]) this.files.set(path, path);
  }

  type(path) {
    const types = { js: "text/javascript", wasm: "application/wasm", css: "text/css", json: "application/json" };
    return path === "" || path.endsWith(".html") ? "text/html; charset=utf-8" : (types[path.split(".").pop()] ?? "application/octet-stream");
  }

  answer(url, missing = "plain") {
    const path = new URL(url).pathname.slice(new URL(SCOPE).pathname.length);
    if (this.files.has(path)) return new Response(this.files.get(path), { headers: { "Content-Type": this.type(path) } });
    // As hosts of single-page applications do.
    if (missing === "page") return new Response(this.text, { headers: { "Content-Type": "text/html" } });
    return new Response("not found", { status: 404, headers: { "Content-Type": "text/html" } });
  }
}

/** Opens the page in a tab. Returns undefined if the browser shows its own error, false if the page stays blank, otherwise the version. */
async function open(visitor, path = "") {
  const response = await visitor.visit(path).catch(() => undefined);
  if (!response?.ok) return undefined;
  const text = await response.text();
  for (const file of visitor.call("named", text).map((address) => address.slice(SCOPE.length))) {
    const answer = await visitor.fetch(file).catch(() => undefined);
    if ((await answer?.text()) !== file) return false;
  }
  return text;
}

/** Starts the engine of an opened page and reports it to the service worker; returns whether it runs. */
async function start(visitor, text, files) {
  const paths = files.map((file) => `${visitor.call("engineFolder", text)}/${file}`);
  for (const path of paths) {
    const answer = await visitor.fetch(path).catch(() => undefined);
    if (!answer?.ok || (await answer.text()) !== path) return false;
  }
  await visitor.tell({ engine: paths.map((path) => new URL(path, SCOPE).href) });
  return true;
}

const up = (host) => async (url) => host.answer(url);
const down = async () => { throw new TypeError("Failed to fetch"); };
const silent = () => new Promise(() => {});
const broken = async () => new Response("busy", { status: 503 });

/** A visitor who has opened a host's page once, with its engine running. */
async function visited(host) {
  const visitor = new Visitor(up(host));
  assert.ok(await start(visitor, await open(visitor), host.engines.cpu));
  return visitor;
}

test("what a request asks for: only the path's own end says that a file has a checksum, and never a link", () => {
  const visitor = new Visitor(down);
  const wanted = (url, more = {}) => visitor.call("wanted", { method: "GET", url: new URL(url, SCOPE).href, mode: "cors", ranged: false, ...more });
  const hashed = [`page-${HASH}.js`, `page-${HASH}_bg.wasm`, `style-${HASH}.css`, `icon-${HASH}.svg`, `engine-${HASH}/worker.js`, `engine-${HASH}/worker_bg.wasm`];
  const others = ["models/model.json", "models/LICENSE", `models/style-${HASH}.css`, `models/engine-${HASH}/x.js`, `x-${HASH}.gguf`, `x-${HASH.toUpperCase()}.js`, `x-${HASH}0.js`, `engine-${HASH}`, `engine-${HASH}/`, `a/engine-${HASH}/b`, "engine-0123/worker.js", "%2e/x"];
  const queries = ["", "?", "?drop=a3", `?prompt=x-${HASH}.`, `?prompt=x-${HASH}_y`, `?model=https://a/x-${HASH}.js`, `?${HASH}`, `?prompt=engine-${HASH}/worker.js`, `?prompt=/style-${HASH}.css`, "?sha256=1", "?arrived"];
  const hashes = ["", "#", `#x-${HASH}.js`];
  for (const query of queries) {
    for (const hash of hashes) {
      for (const mode of ["navigate", "cors", "no-cors"]) {
        for (const path of ["", "index.html"]) assert.deepEqual(wanted(path + query + hash, { mode }), { kind: "page", key: SCOPE }, path + query);
      }
      for (const path of hashed) {
        assert.deepEqual(wanted(path + query + hash), { kind: "hashed", key: SCOPE + path });
        assert.deepEqual(wanted(path + query + hash, { mode: "navigate" }), { kind: "other", key: SCOPE + path }, "a link is asked for anew");
      }
      for (const path of others) {
        const key = new URL(path, SCOPE).href;
        assert.deepEqual(wanted(path + query + hash, { mode: "navigate" }), { kind: "other", key });
        const expected = query === "?sha256=1" || path.endsWith(".gguf") ? undefined : { kind: "other", key: key + (query === "?" ? "" : query) };
        assert.deepEqual(wanted(path + query + hash), expected);
      }
    }
  }
  for (const url of ["https://other.example/some/sub-path/", "https://host.example/", "https://host.example/some/", "https://host.example/some/sub-path", "http://host.example/some/sub-path/", "blob:https://host.example/1", `https://host.example/style-${HASH}.css`]) {
    for (const mode of ["navigate", "cors"]) assert.equal(wanted(url, { mode }), undefined, url);
  }
  for (const path of ["", "models/model.json", hashed[0]]) {
    assert.equal(wanted(path, { method: "POST" }), undefined);
    assert.equal(wanted(path, { method: "HEAD" }), undefined);
    assert.equal(wanted(path, { ranged: true }), undefined);
  }
});

test("what may be kept, and which answers of the network win", () => {
  const visitor = new Visitor(down);
  const isGood = (kind, status, type) => visitor.call("isGood", kind, new Response(null, { status, headers: { "Content-Type": type } }));
  for (const [kind, status, type, good] of [
    ["page", 200, "text/html", true], ["page", 200, "text/html; charset=utf-8", true], ["page", 200, "application/json", false], ["page", 404, "text/html", false], ["page", 500, "text/html", false],
    ["hashed", 200, "text/javascript", true], ["hashed", 200, "application/wasm", true], ["hashed", 200, "text/html", false], ["hashed", 404, "text/plain", false],
    ["other", 200, "application/json", true], ["other", 200, "text/html", true], ["other", 404, "text/html", false], ["other", 204, "text/plain", false],
  ]) assert.equal(isGood(kind, status, type), good, `${kind} ${status} ${type}`);
  for (let status = 200; status < 600; status++) assert.equal(visitor.call("wins", { type: "basic", status }), status < 400);
  assert.equal(visitor.call("wins", { type: "opaqueredirect", status: 0 }), true, "a sign-in page of a network is shown");
});

test("what a new page makes forgotten: files of other versions, never anything else", () => {
  const visitor = new Visitor(down);
  const host = new Host(1);
  const forgotten = (path, text = host.text) => visitor.call("isForgotten", new URL(path, SCOPE).href, text);
  for (const path of [...host.own, `${host.folder}/worker.js`, "models/model.json", "models/LICENSE", "?arrived", ""]) assert.equal(forgotten(path), false, path);
  const earlier = ["engine.js", "worker_bg.wasm", "models/part1?sha256=12", `?prompt=x-${HASH}.`, "index.html"];
  for (const path of [`page-${HASH}.js`, `style-${HASH}.css`, `engine-${HASH}/worker.js`, ...earlier, "https://other.example/"]) assert.equal(forgotten(path), true, path);
});

test("without network the page opens again, by any link", async () => {
  const visitor = await visited(new Host(1));
  visitor.network = down;
  visitor.startWorker();
  for (const link of ["", "index.html", "?drop=a3&prompt=Hello", `?prompt=x-${HASH}.`, "?sha256=1", "#top"]) {
    assert.match(await open(visitor, link), /version 1/);
  }
  assert.equal(await (await visitor.fetch("models/model.json").catch(() => undefined))?.text(), undefined, "what was never asked for is not there");
});

test("the document of a link is the newest one, whatever the link's text", async () => {
  const links = [`?prompt=x-${HASH}.`, `?prompt=style-${HASH}.css`, `?model=https://a/engine-${HASH}/x.gguf`, "?drop=a3"];
  const visitor = await visited(new Host(1));
  for (const version of [1, 2, 3]) {
    visitor.network = up(new Host(version));
    for (const link of links) assert.match(await open(visitor, link), new RegExp(`version ${version}$`));
  }
  assert.ok(![...visitor.kept.keys()].some((key) => key.includes("prompt")), "no document is kept under a link's text");
});

test("opening another document of the site forgets nothing", async () => {
  const visitor = await visited(new Host(1));
  const before = [...visitor.kept.keys()];
  assert.equal((await visitor.visit("models/LICENSE")).status, 200);
  for (const key of before) assert.ok(visitor.kept.has(key), key);
  visitor.network = down;
  assert.match(await open(visitor), /version 1/);
  assert.equal((await visitor.visit("models/LICENSE?x")).status, 200, "it is kept itself");
});

test("a network that fails, answers with errors, or is silent: the copy, after three seconds at most", async () => {
  for (const network of [down, silent, broken]) {
    const host = new Host(1);
    const visitor = await visited(host);
    await visitor.fetch("models/model.json");
    visitor.network = network;
    visitor.answersInTime = true;
    assert.match(await open(visitor), /version 1/);
    assert.equal(await (await visitor.fetch("models/model.json")).text(), "manifest 1");
    assert.equal(visitor.waited, network === silent);
    // A file that the host no longer has (404) is served from the copy, too.
    visitor.network = async (url) => (url.endsWith(".json") ? new Response("gone", { status: 404 }) : host.answer(url));
    assert.equal(await (await visitor.fetch("models/model.json")).text(), "manifest 1");
  }
  assert.match(SOURCE, /PATIENCE_MS = 3000;/);
});

test("without a copy the network has all the time it takes, and its own answer", async () => {
  const host = new Host(1);
  let release;
  const slow = new Promise((done) => (release = done));
  const visitor = new Visitor(async (url) => (await slow, host.answer(url)));
  const page = visitor.visit("");
  await page;
  release();
  assert.match(await open(visitor), /version 1/);
  const other = new Visitor(broken);
  assert.equal((await other.visit("")).status, 503);
  assert.equal((await other.fetch("models/model.json")).status, 503);
  await assert.rejects(new Visitor(down).visit(""));
});

test("a network that is always late: the copy at once, the new version at the next visit", async () => {
  const visitor = await visited(new Host(1));
  const host = new Host(2);
  const held = [];
  visitor.network = (url) => (url === SCOPE ? new Promise((done) => held.push(() => done(host.answer(url)))) : up(host)(url));
  visitor.answersInTime = true;
  assert.match(await open(visitor), /version 1/);
  held.splice(0).forEach((answer) => answer());
  await settled();
  visitor.network = down;
  const text = await open(visitor);
  assert.match(text, /version 2/);
  assert.ok(await start(visitor, text, host.engines.cpu));
});

test("a new version takes the old one's place only with all its files and a running engine", async () => {
  const [old, next] = [new Host(2), new Host(3)];
  for (const missing of [...next.own, ...next.engines.cpu.map((file) => `${next.folder}/${file}`)]) {
    for (const answer of ["plain", "page"]) {
      const visitor = await visited(old);
      visitor.network = async (url) => (url.endsWith(missing) ? new Host(9).answer(url, answer) : next.answer(url));
      const text = await open(visitor);
      // An engine's script may be in the browser's HTTP cache, so that the page runs all the same.
      await visitor.tell({ engine: next.engines.cpu.map((file) => `${SCOPE}${next.folder}/${file}`) });
      assert.ok(text === false || /version 3/.test(text));
      visitor.network = down;
      const kept = await open(visitor);
      assert.match(kept, /version 2/, `without ${missing}`);
      assert.ok(await start(visitor, kept, old.engines.cpu));
    }
  }
});

test("a new version that runs takes the old one's place, and all its files", async () => {
  const visitor = await visited(new Host(1));
  const next = new Host(2);
  visitor.network = up(next);
  visitor.kept.set(`${SCOPE}worker_bg.wasm`, { status: 200, headers: [], body: "of a time when its address did not change" });
  await visitor.fetch("models/model.json");
  assert.ok(await start(visitor, await open(visitor), next.engines.gpu));
  const paths = [...next.own, ...next.engines.gpu.map((file) => `${next.folder}/${file}`), "models/model.json", "", "?arrived"];
  assert.deepEqual([...visitor.kept.keys()].sort(), paths.map((path) => SCOPE + path).sort());
});

test("what an engine's page tells must belong together", async () => {
  const [old, next] = [new Host(1), new Host(2)];
  const visitor = new Visitor(up(old));
  await open(visitor);
  const engine = (host) => ({ engine: host.engines.cpu.map((file) => `${SCOPE}${host.folder}/${file}`) });
  for (const nonsense of [null, 5, "x", [], ["https://host.example/some/sub-path/"], {}, { engine: "x" }, { engine: [] }, { engine: ["nonsense"] }, { engine: [`${SCOPE}index.html`] }, { engine: ["https://other.example/engine-0123456789abcdef/worker.js"] }, engine(next)]) {
    await visitor.tell(nonsense);
    assert.ok(!visitor.kept.has(SCOPE), JSON.stringify(nonsense));
  }
  // A second tab has opened a newer version, then the first tab's engine starts: either the host's current version is stored, or nothing.
  visitor.network = up(next);
  const newer = await open(visitor);
  await visitor.tell(engine(old));
  assert.ok(!visitor.kept.has(SCOPE));
  assert.ok(await start(visitor, newer, next.engines.cpu));
  visitor.network = down;
  assert.match(await open(visitor), /version 2/);
});

test("a first visit, whose page came before the service worker", async () => {
  const host = new Host(1);
  const visitor = new Visitor(up(host));
  await visitor.tell({ engine: host.engines.gpu.map((file) => `${SCOPE}${host.folder}/${file}`) });
  visitor.network = down;
  const text = await open(visitor);
  assert.match(text, /version 1/);
  assert.ok(await start(visitor, text, host.engines.gpu));
});

test("documents are isolated, other answers and failures stay as they are", async () => {
  const visitor = await visited(new Host(1));
  const isolation = ["Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Resource-Policy", "Document-Isolation-Policy"];
  for (const network of [visitor.network, down]) {
    visitor.network = network;
    for (const destination of ["document", "iframe"]) {
      const page = await visitor.fetch("?drop=a1", { mode: "navigate", destination });
      assert.deepEqual(isolation.map((name) => page.headers.get(name)), ["same-origin", "require-corp", "cross-origin", "isolate-and-require-corp"]);
      assert.match(page.headers.get("Content-Type"), /text\/html/);
    }
  }
  visitor.network = up(new Host(1));
  assert.equal((await visitor.fetch("models/model.json")).headers.get(isolation[0]), null);
  assert.equal((await visitor.visit("models/nothing")).status, 404);
});

test("random histories: the newest page with network, a whole page or none without", async () => {
  let offline = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const next = random(seed);
    const pick = (list) => list[Math.floor(next() * list.length)];
    let version = 1;
    let host = new Host(version);
    const visitor = new Visitor(up(host));
    const tabs = [];
    const history = [];
    for (let step = 0; step < 30; step++) {
      const action = pick(["visit", "visit", "visit", "engine", "engine", "deploy", "licence", "restart", "lose", "holes", "offline"]);
      history.push(action);
      const told = () => `seed ${seed}: ${history.join(", ")}`;
      if (action === "deploy") visitor.network = up((host = new Host(++version)));
      if (action === "restart") visitor.startWorker();
      if (action === "licence") await visitor.visit("models/LICENSE");
      // The browser or the visitor deletes something.
      if (action === "lose" && visitor.kept.size > 0) visitor.kept.delete(pick([...visitor.kept.keys()]));
      // Some files are unavailable for a while; a page that needs them stays blank, as it would without a service worker.
      if (action === "holes") {
        const hole = pick([...host.files.keys()].filter((path) => path.includes("-")));
        visitor.network = async (url) => (url.endsWith(hole) ? pick([down, broken])(url) : host.answer(url));
      } else if (action !== "deploy") {
        if (next() < 0.5) visitor.network = up(host);
      }
      if (action === "visit") {
        const text = await open(visitor, pick(["", `?prompt=x-${HASH}.`, "?drop=a3"]));
        if (text) {
          assert.equal(text, host.text, told());
          tabs.push(text);
        }
      }
      if (action === "engine" && tabs.length > 0) {
        // Also a tab of an older version, whose files may be gone.
        await start(visitor, pick(tabs), pick(Object.values(host.engines)));
      }
      if (action === "offline" || action === "lose") {
        const before = visitor.network;
        visitor.network = pick([down, broken]);
        const text = await open(visitor, pick(["", "?drop=a3"]));
        assert.notEqual(text, false, `${told()}: a blank page`);
        if (text) {
          offline++;
          const works = [await start(visitor, text, host.engines.cpu), await start(visitor, text, host.engines.gpu)];
          assert.ok(works.includes(true), `${told()}: an engine without its files`);
        }
        visitor.network = before;
      }
      // The cache does not grow with the number of versions.
      assert.ok(visitor.kept.size <= 40, `${told()}: ${[...visitor.kept.keys()]}`);
    }
  }
  assert.ok(offline > 100, `only ${offline} visits without network found a page`);
});
