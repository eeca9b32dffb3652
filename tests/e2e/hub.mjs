// A server that behaves like the Hugging Face hub: file lists, redirects to another origin, ranges, tokens, and faults.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import crypto from "node:crypto";
import { ROOT } from "./server.mjs";

const FAMILIES = path.join(ROOT, "tests/fixtures/families");
const CORS = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization, range", "Access-Control-Expose-Headers": "content-length, content-range, etag" };
const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");

/** The files of a fixture, as in a repository. */
export const family = (name) =>
  Object.fromEntries(fs.readdirSync(path.join(FAMILIES, name)).filter((file) => file !== "expected.json").map((file) => [file, fs.readFileSync(path.join(FAMILIES, name, file))]));

/** The reference library's expected values for a family. */
export const expected = (name) => JSON.parse(fs.readFileSync(path.join(FAMILIES, name, "expected.json")));

/** A safetensors file of tensors [name, { dtype, shape }, bytes]. */
export function safetensors(tensors) {
  let at = 0;
  const header = { __metadata__: { format: "pt" } };
  for (const [name, info, bytes] of tensors) header[name] = { ...info, data_offsets: [at, (at += bytes.length)] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...tensors.map(([, , bytes]) => bytes)]);
}

/** A repository with `count` other files listed before the model's. */
export const crowded = (files, count) => ({
  ...Object.fromEntries(Array.from({ length: count }, (_, at) => [`checkpoints/step-${at}.txt`, Buffer.from("x")])),
  ...files,
});

/** A repository whose model.safetensors is split in two, with the matching index. */
export function sharded(files) {
  const whole = files["model.safetensors"];
  const start = 8 + Number(whole.readBigUInt64LE(0));
  const header = JSON.parse(whole.subarray(8, start));
  const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__")
    .map(([name, { dtype, shape, data_offsets: [from, to] }]) => [name, { dtype, shape }, whole.subarray(start + from, start + to)]);
  const half = Math.ceil(tensors.length / 2);
  const { "model.safetensors": _, ...rest } = files;
  return {
    ...rest,
    "model-00001-of-00002.safetensors": safetensors(tensors.slice(0, half)),
    "model-00002-of-00002.safetensors": safetensors(tensors.slice(half)),
    "model.safetensors.index.json": Buffer.from("{}"),
  };
}

/** Entries per page of a file list. */
const PAGE = 1000;

/**
 * Starts a hub and the server that it redirects large files to.
 * `repositories`: files by path, by id. `tokens`: the token that a repository asks for, by id. `exposes`: headers that pages of
 * other origins may read, in addition to the usual ones.
 * `faults`: by path of a file, (request, response, bytes, from) that answers in place of the second server.
 */
export async function hub(repositories, { tokens = {}, exposes = "link" } = {}) {
  const faults = new Map();
  const requests = [];
  const asked = [];
  const listen = async (handler) => {
    const server = http.createServer((request, response) => {
      if (request.method === "OPTIONS") return response.writeHead(204, CORS).end();
      handler(request, response, new URL(request.url, "http://localhost"));
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    // A test that fails before it closes this server must still end.
    server.unref();
    return { server, origin: `http://127.0.0.1:${server.address().port}` };
  };
  const storage = await listen((request, response, { pathname }) => {
    const [, owner, name, file] = /^\/([^/]+)\/([^/]+)\/(.+)$/.exec(decodeURI(pathname));
    const bytes = repositories[`${owner}/${name}`][file];
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    requests.push({ file, from, authorization: request.headers.authorization });
    const fault = faults.get(file);
    if (fault && fault(request, response, bytes, from)) return;
    const range = request.headers.range ? { "Content-Range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(request.headers.range ? 206 : 200, { ...CORS, ...range, ETag: `"${crypto.createHash("sha256").update(bytes).digest("hex")}"`, "Content-Length": bytes.length - from }).end(bytes.subarray(from));
  });
  const front = await listen((request, response, { pathname, searchParams }) => {
    asked.push({ path: pathname, query: String(searchParams), authorization: request.headers.authorization });
    const fault = faults.get(pathname);
    if (fault && fault(request, response)) return;
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(pathname);
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(decodeURI(pathname));
    const id = (api ?? resolve)?.[1];
    const files = repositories[id];
    if (tokens[id] && request.headers.authorization !== `Bearer ${tokens[id]}`) return response.writeHead(401, CORS).end("Unauthorized");
    // The hub does not distinguish a missing repository from one that is private.
    if (!files) return response.writeHead(401, CORS).end("Repository not found");
    if ((api ?? resolve)[2] !== "main") return response.writeHead(404, CORS).end("Revision not found");
    if (api) {
      const list = Object.entries(files).map(([file, bytes]) => ({
        type: "file", path: file, size: bytes.declared ?? bytes.length, oid: "0",
        ...(bytes.length > 20_000 || bytes.declared ? { lfs: { oid: sha256(bytes), size: bytes.declared ?? bytes.length, pointerSize: 130 } } : {}),
      }));
      // Without `recursive` only the top level is listed, with its folders.
      const recursive = searchParams.get("recursive") === "true";
      const top = list.filter(({ path }) => !path.includes("/"));
      const folders = [...new Set(list.map(({ path }) => path.split("/")).filter((parts) => parts.length > 1).map(([folder]) => folder))];
      const all = recursive ? list : [...folders.map((folder) => ({ type: "directory", path: folder, size: 0, oid: "0" })), ...top];
      const begin = Number(searchParams.get("cursor") ?? 0);
      const more = begin + PAGE < all.length;
      const next = `<${front.origin}${pathname}?recursive=${recursive}&cursor=${begin + PAGE}>; rel="next"`;
      const headers = { ...CORS, "Access-Control-Expose-Headers": `${CORS["Access-Control-Expose-Headers"]}, ${exposes}`, ...(more ? { Link: next } : {}) };
      return response.writeHead(200, { ...headers, "Content-Type": "application/json" }).end(JSON.stringify(all.slice(begin, begin + PAGE)));
    }
    if (!files[resolve[3]]) return response.writeHead(404, CORS).end("Entry not found");
    if (files[resolve[3]].length > 20_000 || files[resolve[3]].declared) {
      return response.writeHead(302, { ...CORS, Location: `${storage.origin}/${id}/${resolve[3]}` }).end();
    }
    response.writeHead(200, { ...CORS, "Content-Length": files[resolve[3]].length }).end(files[resolve[3]]);
  });
  const close = () => [front, storage].forEach(({ server }) => (server.closeAllConnections(), server.close()));
  return { origin: front.origin, faults, requests, asked, close };
}
