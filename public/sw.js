// Keeps the page and its engines for visits without network; the engine keeps the model. Only what this site itself serves; nothing
// is sent anywhere.
//
// A page is kept together with every file that it needs, or not at all: when a page says that its engine runs, its files are
// fetched where they are not kept yet, then the page takes the place of the one that was kept before, then that one's files go.
// tests/scripts/service-worker.test.mjs tries this in node.
const CACHE = "prunescope";
/** Longest wait for the network where there is a copy, in milliseconds. */
const PATIENCE_MS = 3000;
/** Kinds of requests whose answers get these headers: pages and frames. */
const DOCUMENTS = ["document", "iframe"];
const ISOLATION = { "Document-Isolation-Policy": "isolate-and-require-corp", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "cross-origin" };
/** The header of the kept page that lists the files it was kept with. */
const NEEDS = "Prunescope-Needs";
const SCOPE = new URL(self.registration.scope);
/** Where the newest page lies until it says that its engine runs. No page's own address has a query here. */
const ARRIVED = `${SCOPE.href}?arrived`;

/** A path within the site: the page, a file whose address changes with its content, or another file. */
function kindOfPath(path) {
  if (path === "" || path === "index.html") return "page";
  return hashOf(path) ? "hashed" : "other";
}

/** The checksum in a path within the site: the name of the engines' folder, or the end of a file's name, as Trunk writes it, without leading zeros. */
function hashOf(path) {
  const [, folder, file] = /^(?:engine-([0-9a-f]{16})\/[^/]+|[^/]+-([0-9a-f]{8,16})(?:_bg)?\.(?:js|wasm|css|svg))$/.exec(path) ?? [];
  return folder ?? file;
}

/** The path of an address within the site; undefined for other sites. */
function pathOf(address) {
  const { origin, pathname } = new URL(address);
  return origin === SCOPE.origin && pathname.startsWith(SCOPE.pathname) ? pathname.slice(SCOPE.pathname.length) : undefined;
}

/**
 * What a request asks for: its kind, and the key under which a copy is kept. Undefined: the browser does as without this worker.
 *
 * Only the path says what a file is. A link's settings, its query, change nothing about the page that is served.
 */
function wanted({ method, url, mode, ranged }) {
  const path = pathOf(url);
  // A part of a file (a download that goes on after a cut) is no whole answer to keep.
  if (method !== "GET" || ranged || path === undefined) return undefined;
  const { origin, pathname, search, searchParams } = new URL(url);
  const kind = kindOfPath(path);
  if (kind === "page") return { kind, key: SCOPE.href };
  // Whatever its name: what a visitor opens is asked for anew.
  if (mode === "navigate") return { kind: "other", key: origin + pathname };
  if (kind === "hashed") return { kind, key: origin + pathname };
  // Weights, and the parts of a manifest, which have their checksum, are kept by the engine: this worker shares the page's memory.
  return /\.(?:gguf|safetensors)$/i.test(pathname) || searchParams.has("sha256") ? undefined : { kind, key: origin + pathname + search };
}

/** Whether an answer is what was asked for, so that it may be kept. Some hosts answer with a page where a file is missing. */
function isGood(kind, { status, headers }) {
  const isPage = (headers.get("Content-Type") ?? "").startsWith("text/html");
  return status === 200 && (kind === "other" || isPage === (kind === "page"));
}

/** Whether an answer of the network is given on even where there is a copy. */
function wins({ type, status }) {
  return type === "opaqueredirect" || (status >= 200 && status < 400);
}

/** The addresses of the files with a checksum that a page names. */
function named(text) {
  const quoted = [...text.matchAll(/["'](?:[.][/])?([\w-]+[.]\w+)["']/g)].map(([, path]) => path);
  return [...new Set(quoted)].filter(hashOf).map((path) => new URL(path, SCOPE).href);
}

/** The folder of the engines that a page names. */
function engineFolder(text) {
  return /["'](engine-[0-9a-f]{16})["']/.exec(text)?.[1];
}

/** Whether what lies under a key has no place beside a page: a file of another version, or what only earlier versions kept. */
function isForgotten(key, text) {
  const path = pathOf(key);
  if (path === undefined || (wanted({ method: "GET", url: key })?.key !== key && key !== ARRIVED)) return true;
  const hash = hashOf(path);
  return hash ? !text.includes(hash) : /^[^/]+\.(?:js|wasm)$/.test(path);
}

/** The page that is kept, if all that it was kept with is still there. */
async function keptPage(cache) {
  const page = await cache.match(SCOPE.href);
  const needs = page && needsOf(page, await page.clone().text());
  return needs && (await Promise.all(needs.map((file) => cache.match(file)))).every(Boolean) ? page : undefined;
}

function needsOf(page, text) {
  return JSON.parse(page.headers.get(NEEDS) ?? "null") ?? named(text);
}

/** Whether files of an engine are those of a page's version. */
function belongs(engine, text) {
  const folder = engineFolder(text);
  return Boolean(folder) && engine.length > 0 && engine.every((file) => pathOf(file)?.startsWith(`${folder}/`));
}

/**
 * Keeps a page with all its files and with those of its engine, in place of the page that was kept; whether they belong together.
 * Fails where one of them is not to be had.
 */
async function keepPage(cache, page, engine) {
  const text = await page.text();
  if (!belongs(engine, text)) return false;
  const needs = [...new Set([...named(text), ...engine])];
  await Promise.all(needs.map(async (file) => {
    if (!(await cache.match(file))) await cache.put(file, good("hashed", await fetch(file)));
  }));
  const headers = new Headers(page.headers);
  headers.set(NEEDS, JSON.stringify(needs));
  await cache.put(SCOPE.href, new Response(text, { headers }));
  for (const { url } of await cache.keys()) {
    if (isForgotten(url, text)) await cache.delete(url);
  }
  return true;
}

function good(kind, response) {
  if (!isGood(kind, response)) throw new Error(`not kept: ${response.status} for ${response.url}`);
  return response;
}

/** Files that are never asked for again. */
async function cacheFirst(event, { kind, key }) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(key);
  if (kept) return kept;
  const response = await fetch(event.request);
  if (isGood(kind, response)) {
    const copy = response.clone();
    // A full disk or a cut connection only means that nothing is kept.
    event.waitUntil(cache.put(key, copy).catch(() => {}));
  }
  return response;
}

/** The network's answer; a good copy where the network fails, answers with an error, or takes too long. */
async function networkFirst(event, { kind, key }) {
  const { request } = event;
  const answer = ask(request, kind);
  const cache = await caches.open(CACHE);
  let tooLate = false;
  event.waitUntil(answer.then(async (response) => {
    if (!isGood(kind, response)) return;
    const copy = response.clone();
    if (kind === "other") return cache.put(key, copy);
    if (request.mode !== "navigate") return;
    await cache.put(ARRIVED, copy.clone());
    const kept = tooLate && (await cache.match(SCOPE.href));
    // On a network that is always late no tab would ever run the new version: it is fetched for the next visit.
    if (kept) await keepPage(cache, copy, await sameEngine(kept, await copy.clone().text()));
  }).catch(() => {}));
  const soon = await Promise.race([answer.catch(() => undefined), new Promise((done) => setTimeout(done, PATIENCE_MS))]);
  if (soon && wins(soon)) return soon;
  const kept = kind === "page" ? await keptPage(cache) : await cache.match(key);
  tooLate = Boolean(kept);
  return kept ?? answer;
}

/** Asks the network. A page counts as come only with all its text. */
async function ask(request, kind) {
  const response = await fetch(request);
  if (!isGood(kind, response) || kind !== "page") return response;
  return new Response(await response.text(), { headers: response.headers });
}

/** The files of a page's engine that fill the places of those that another page was kept with. */
async function sameEngine(kept, text) {
  const inFolder = /^engine-[0-9a-f]{16}\//;
  const paths = needsOf(kept, await kept.clone().text()).map(pathOf).filter((path) => inFolder.test(path));
  return paths.map((path) => new URL(path.replace(inFolder, `${engineFolder(text)}/`), SCOPE).href);
}

/** The same answer as a page that other origins cannot reach, whatever its host says. */
function isolated(response) {
  if (response.type === "error" || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, url, mode, destination, headers } = event.request;
  const what = wanted({ method, url, mode, ranged: headers.has("Range") });
  if (!what) return;
  const answer = what.kind === "hashed" ? cacheFirst(event, what) : networkFirst(event, what);
  event.respondWith(DOCUMENTS.includes(destination) ? answer.then(isolated) : answer);
});

// A page tells that its engine runs, and of which files it is made.
self.addEventListener("message", (event) => {
  const engine = event.data?.engine;
  if (!Array.isArray(engine)) return;
  event.waitUntil(caches.open(CACHE).then(async (cache) => {
    const arrived = await cache.match(ARRIVED);
    if (arrived && (await keepPage(cache, arrived, engine))) return;
    // It came before this worker watched, or another tab has opened another version since.
    await keepPage(cache, good("page", await fetch(SCOPE.href)), engine);
  }).catch(() => {}));
});
