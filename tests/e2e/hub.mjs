// A server that answers like the Hugging Face hub: a list of files, redirects to another origin, ranges, tokens, and bad days.
import http from "node:http";
import fs from "node:fs";
import path from "node:path";
import crypto from "node:crypto";
import { ROOT } from "./server.mjs";

const FAMILIES = path.join(ROOT, "tests/fixtures/families");
const CORS = { "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization, range", "Access-Control-Expose-Headers": "content-length, content-range" };
const sha256 = (bytes) => crypto.createHash("sha256").update(bytes).digest("hex");

/** The files of a fixture as a repository has them. */
export const family = (name) =>
  Object.fromEntries(fs.readdirSync(path.join(FAMILIES, name)).filter((file) => file !== "expected.json").map((file) => [file, fs.readFileSync(path.join(FAMILIES, name, file))]));

/** What the reference library expects of a family. */
export const expected = (name) => JSON.parse(fs.readFileSync(path.join(FAMILIES, name, "expected.json")));

/** A safetensors file of some tensors: [name, { dtype, shape }, bytes]. */
export function safetensors(tensors) {
  let at = 0;
  const header = { __metadata__: { format: "pt" } };
  for (const [name, info, bytes] of tensors) header[name] = { ...info, data_offsets: [at, (at += bytes.length)] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...tensors.map(([, , bytes]) => bytes)]);
}

/** A repository with its model.safetensors split in two, and the index that goes with it. */
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

/**
 * Starts a hub and the server that it redirects large files to.
 * `repositories`: files by path, by id. `tokens`: the token that a repository asks for, by id.
 * `faults`: by path of a file, (request, response, bytes, from) that answers in place of the second server.
 */
export async function hub(repositories, { tokens = {} } = {}) {
  const faults = new Map();
  const requests = [];
  const asked = [];
  const listen = async (handler) => {
    const server = http.createServer((request, response) => {
      if (request.method === "OPTIONS") return response.writeHead(204, CORS).end();
      handler(request, response, new URL(request.url, "http://localhost"));
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    // A test that fails before it closes this ends all the same.
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
    response.writeHead(request.headers.range ? 206 : 200, { ...CORS, ...range, "Content-Length": bytes.length - from }).end(bytes.subarray(from));
  });
  const front = await listen((request, response, { pathname }) => {
    asked.push({ path: pathname, authorization: request.headers.authorization });
    const fault = faults.get(pathname);
    if (fault && fault(request, response)) return;
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(pathname);
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(decodeURI(pathname));
    const id = (api ?? resolve)?.[1];
    const files = repositories[id];
    if (tokens[id] && request.headers.authorization !== `Bearer ${tokens[id]}`) return response.writeHead(401, CORS).end("Unauthorized");
    // The hub does not tell who has no such repository from who may not see it.
    if (!files) return response.writeHead(401, CORS).end("Repository not found");
    if ((api ?? resolve)[2] !== "main") return response.writeHead(404, CORS).end("Revision not found");
    if (api) {
      const list = Object.entries(files).map(([file, bytes]) => ({
        type: "file", path: file, size: bytes.declared ?? bytes.length, oid: "0",
        ...(bytes.length > 20_000 || bytes.declared ? { lfs: { oid: sha256(bytes), size: bytes.declared ?? bytes.length, pointerSize: 130 } } : {}),
      }));
      return response.writeHead(200, { ...CORS, "Content-Type": "application/json" }).end(JSON.stringify(list));
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
