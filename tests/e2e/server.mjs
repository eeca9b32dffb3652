// A static server for the tests: serves dist/ under a sub-path, and the fixtures; knows byte ranges; can misbehave on request.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
/** The site is served below this path, as on GitHub Pages. */
export const SITE = "/some/sub-path/";
const FIXTURES = path.join(ROOT, "tests/fixtures");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json", ".svg": "image/svg+xml" };

/** What makes a page cross-origin isolated, so that it may share memory between threads. */
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/**
 * Starts a server on a free port of the loopback address.
 * `faults`: a map from path to a function (request, response, file) that answers in its place.
 * `mounts`: other folders by the path they are served under; `isolated`: pages are cross-origin isolated.
 * `rewrites`: functions that change the text of files, by what the browser wants them for (`Sec-Fetch-Dest`).
 */
export async function serve({ mounts = {}, isolated = false, rewrites = {} } = {}) {
  const folders = { "/fixtures/": FIXTURES, [`${SITE}fixtures/`]: FIXTURES, ...mounts };
  const faults = new Map();
  const requests = [];
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push({ path: pathname, range: request.headers.range });
    const mount = Object.keys(folders).find((prefix) => pathname.startsWith(prefix));
    const file = mount
      ? path.join(folders[mount], decodeURI(pathname.slice(mount.length)))
      : path.join(ROOT, "dist", decodeURI(pathname.slice(SITE.length - 1)).replace(/\/$/, "/index.html"));
    const fault = faults.get(pathname);
    if (fault && fault(request, response, file)) return;
    if ((!pathname.startsWith(SITE) && !mount) || !file.startsWith(ROOT) || !fs.existsSync(file) || !fs.statSync(file).isFile()) {
      response.writeHead(404).end("not found");
      return;
    }
    const size = fs.statSync(file).size;
    const headers = { "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream", "Accept-Ranges": "bytes", "Cache-Control": "no-store", ...(isolated ? ISOLATION : {}) };
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    if (range) headers["Content-Range"] = `bytes ${start}-${size - 1}/${size}`;
    const rewrite = rewrites[request.headers["sec-fetch-dest"]];
    if (rewrite) return response.writeHead(200, headers).end(rewrite(fs.readFileSync(file, "utf8")));
    response.writeHead(range ? 206 : 200, { ...headers, "Content-Length": size - start });
    fs.createReadStream(file, { start }).on("error", () => response.destroy()).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  // A test that fails before it closes this ends all the same.
  server.unref();
  const origin = `http://127.0.0.1:${server.address().port}`;
  /** Serves one of the site's scripts with some code before it. */
  const prepend = (script, code) => faults.set(SITE + script, (request, response, file) => {
    response.writeHead(200, { "Content-Type": "text/javascript", ...(isolated ? ISOLATION : {}) }).end(`${code}\n${fs.readFileSync(file)}`);
    return true;
  });
  /** The address of a fixture as a model that needs no consent: it lies in the page's own site. */
  const loadable = (name) => `${origin}${SITE}fixtures/${name}`;
  return { origin, site: origin + SITE, loadable, faults, prepend, requests, close: () => { server.closeAllConnections(); server.close(); } };
}
