// Keeps the page and its engines for visits without network; the engine keeps the model. Only what this site itself serves; nothing
// is sent anywhere.
const CACHE = "prunescope";
// Files whose address changes with their content never need to be asked for again.
const CONTENT_ADDRESSED = /-[0-9a-f]{16}[._]/;
// Answers that say whether a page, and its workers, may share memory between threads.
const PROGRAMS = ["document", "iframe", "worker"];
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "cross-origin" };
const SCOPE = new URL(self.registration.scope);

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  // A part of a file (a download that goes on after a cut) is no whole answer to keep.
  const ours = url.origin === SCOPE.origin && url.pathname.startsWith(SCOPE.pathname);
  // Parts of a model, with their checksum, are kept by the engine: this worker shares the page's memory.
  if (request.method !== "GET" || !ours || request.headers.has("Range") || url.searchParams.has("sha256")) return;
  const answer = CONTENT_ADDRESSED.test(url.href) ? cacheFirst(event) : networkFirst(event);
  event.respondWith(PROGRAMS.includes(request.destination) ? answer.then(isolated) : answer);
});

// The page tells what it had loaded before this worker watched.
self.addEventListener("message", (event) => {
  if (!Array.isArray(event.data)) return;
  event.waitUntil(caches.open(CACHE).then((cache) => Promise.allSettled(event.data.map(async (address) => {
    if (!(await cache.match(key(address)))) await cache.put(key(address), whole(await fetch(address)));
  }))));
});

// A link's settings change nothing about the page that is served.
function key(address) {
  const url = new URL(address);
  if (!CONTENT_ADDRESSED.test(url.href)) url.search = "";
  url.hash = "";
  return url.href;
}

function whole(response) {
  if (response.status !== 200) throw new Error(`not kept: ${response.status}`);
  return response;
}

async function cacheFirst(event) {
  const cache = await caches.open(CACHE);
  return (await cache.match(key(event.request.url))) ?? keep(event, await fetch(event.request));
}

async function networkFirst(event) {
  try {
    return await keep(event, await fetch(event.request));
  } catch (error) {
    const known = await (await caches.open(CACHE)).match(key(event.request.url));
    if (known) return known;
    throw error;
  }
}

// Gives the answer on and keeps a copy; a full disk or a cut connection only means that nothing is kept.
async function keep(event, response) {
  if (response.status === 200) {
    const copy = response.clone();
    event.waitUntil((async () => {
      const cache = await caches.open(CACHE);
      await cache.put(key(event.request.url), copy);
      if (event.request.mode === "navigate") await forgetOld(cache, await (await cache.match(key(event.request.url))).text());
    })().catch(() => {}));
  }
  return response;
}

// The same answer from a page that other origins cannot reach, whatever its host says.
function isolated(response) {
  if (response.type === "error" || response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

// After a new version of the page: files with another content's address than those it names, and the model's parts, which this
// worker once kept.
async function forgetOld(cache, page) {
  for (const { url } of await cache.keys()) {
    const { pathname, searchParams } = new URL(url);
    const hash = /-([0-9a-f]{16})[._]/.exec(pathname.split("/").pop());
    if ((hash && !page.includes(hash[1])) || searchParams.has("sha256")) await cache.delete(url);
  }
}
