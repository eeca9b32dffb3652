// A static server for the tests: serves dist/ under a sub-path, and the fixtures; supports byte ranges; can misbehave on request, and
// can act as a host to which later versions of the site are deployed.
import crypto from "node:crypto";
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
/** The site is served below this path, as on GitHub Pages. */
export const SITE = "/some/sub-path/";
const DIST = path.join(ROOT, "dist");
const FIXTURES = path.join(ROOT, "tests/fixtures");
const TYPES = { "": "text/plain", ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".json": "application/json", ".svg": "image/svg+xml" };

/** Headers that make a page cross-origin isolated, so that it may share memory between threads. */
const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
/** The headers that dist/_headers sets for every file. */
const shipped = () => Object.fromEntries(fs.readFileSync(path.join(DIST, "_headers"), "utf8").split(/^(?=\/)/m)[0].trim().split("\n").slice(1).map((line) => line.trim().split(": ")));

/** Name of the engines' folder in the built site. */
export const engineFolder = () => fs.readdirSync(DIST).find((name) => /^engine-[0-9a-f]{16}$/.test(name));
/** Path of one of the site's scripts or programs; an engine's files are in their folder. */
export const sitePath = (file) => SITE + (/^worker/.test(file) ? `${engineFolder()}/` : "") + file;

const sum = (script) => `'sha256-${crypto.createHash("sha256").update(script).digest("base64")}'`;
const moduleOf = (page) => /<script type="module">(.*?)<\/script>/s.exec(page)[1];
/** Gives names another checksum for each version; the built site is version 0. Applying it twice gives the original. */
const renamed = (text, version) => text.replace(/-([0-9a-f]{8,16})(?=[._/"])/g, (_, hash) => `-${(BigInt(`0x${hash}`) ^ BigInt(version)).toString(16).padStart(hash.length, "0")}`);
/** The page as built from other sources: every file has another name. */
function pageOf(version) {
  const page = fs.readFileSync(path.join(DIST, "index.html"), "utf8");
  const other = renamed(page, version).replace('<html lang="en"', `<html lang="en" data-version="${version}"`);
  return other.replaceAll(sum(moduleOf(page)), sum(moduleOf(other)));
}

/**
 * Starts a server on a free port of the loopback address.
 * `faults`: a map from path to a function (request, response, file) that answers in its place.
 * `mounts`: other folders by the path they are served under; `isolated`: pages are cross-origin isolated; `shipped`: everything has
 * the headers of dist/_headers.
 * `rewrites`: functions that change the text of files, by what the browser wants them for (`Sec-Fetch-Dest`).
 */
export async function serve({ mounts = {}, isolated = false, shipped: ships = false, rewrites = {} } = {}) {
  const folders = { "/fixtures/": FIXTURES, [`${SITE}fixtures/`]: FIXTURES, ...mounts };
  const always = { ...(isolated ? ISOLATION : {}), ...(ships ? shipped() : {}) };
  const faults = new Map();
  const requests = [];
  let version = 0;
  // A function that answers every request, such as an unreachable network.
  let network;
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    requests.push({ path: pathname, range: request.headers.range });
    if (network) return network(response);
    const mount = Object.keys(folders).find((prefix) => pathname.startsWith(prefix));
    const file = mount
      ? path.join(folders[mount], decodeURI(pathname.slice(mount.length)))
      : path.join(DIST, renamed(decodeURI(pathname.slice(SITE.length - 1)).replace(/\/$/, "/index.html"), version));
    const fault = faults.get(pathname);
    if (fault && fault(request, response, file)) return;
    if ((!pathname.startsWith(SITE) && !mount) || !file.startsWith(ROOT) || !fs.existsSync(file) || !fs.statSync(file).isFile()) {
      response.writeHead(404, always).end("not found");
      return;
    }
    const headers = { "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream", "Accept-Ranges": "bytes", "Cache-Control": "no-store", ...always };
    if (version > 0 && file === path.join(DIST, "index.html")) {
      response.writeHead(200, headers).end(pageOf(version));
      return;
    }
    const size = fs.statSync(file).size;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    if (range) headers["Content-Range"] = `bytes ${start}-${size - 1}/${size}`;
    const rewrite = rewrites[request.headers["sec-fetch-dest"]];
    if (rewrite) return response.writeHead(200, headers).end(rewrite(fs.readFileSync(file, "utf8")));
    response.writeHead(range ? 206 : 200, { ...headers, "Content-Length": size - start });
    fs.createReadStream(file, { start }).on("error", () => response.destroy()).pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  // A test that fails before it closes this server must still end.
  server.unref();
  const origin = `http://127.0.0.1:${server.address().port}`;
  /** Serves one of the site's scripts with code put in front. */
  const prepend = (script, code) => faults.set(sitePath(script), (request, response, file) => {
    response.writeHead(200, { "Content-Type": "text/javascript", ...always }).end(`${code}\n${fs.readFileSync(file)}`);
    return true;
  });
  /** Address of a fixture as a model that needs no consent, since it is on the page's own site. */
  const loadable = (name) => `${origin}${SITE}fixtures/${name}`;
  /** From now on the host has another version of the site, and no files of the previous one. */
  const deploy = (next) => (version = next);
  /** From now on every request is answered by this function; undefined restores normal answers. */
  const setNetwork = (answer) => (network = answer);
  return { origin, site: origin + SITE, loadable, faults, prepend, deploy, setNetwork, requests, close: () => { server.closeAllConnections(); server.close(); } };
}
