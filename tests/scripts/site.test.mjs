// scripts/finish-site.py and scripts/serve.py on a small site as Trunk leaves it: engines named by their content, one policy everywhere.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const MODULE = "\nimport init from './page-0123456789abcdef.js';\nconst wasm = await init({ module_or_path: './page-0123456789abcdef_bg.wasm' });\n";

/** Finishes a site as Trunk leaves it; returns its folder. */
function built(files = {}, change = (page) => page, environment = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "prunescope-site-"));
  const page = fs.readFileSync(path.join(ROOT, "index.html"), "utf8")
    .replace(/<link data-trunk rel="inline"[^>]*>/, () => `<script>${fs.readFileSync(path.join(ROOT, "public/opening.js"), "utf8")}</script>`)
    .replace(/<link data-trunk rel="rust" data-bin="page"[^>]*>/, () => `<script type="module">${MODULE}</script>`)
    .replace(/<link data-trunk [^>]*>/g, "");
  const all = { "index.html": change(page), "worker.js": "let wasm_bindgen = 1;", "worker_bg.wasm": "cpu", "worker_webgpu.js": "let wasm_bindgen = 2;", "worker_webgpu_bg.wasm": "webgpu", "style-123456789abcdef.css": "p{}", "page-0123456789abcdef_bg.wasm": "page", "sw.js": "", ...files };
  for (const [name, text] of Object.entries(all)) fs.writeFileSync(path.join(folder, name), text);
  execFileSync("python3", [path.join(ROOT, "scripts/finish-site.py")], { stdio: "pipe", env: { ...process.env, SITE_ADDRESS: "", ...environment, TRUNK_STAGING_DIR: folder, TRUNK_SOURCE_DIR: ROOT } });
  return folder;
}
const engines = (folder) => fs.readdirSync(folder).filter((name) => name.startsWith("engine-"));
const read = (...parts) => fs.readFileSync(path.join(...parts), "utf8");

test("the gallery links to every experiment, with its picture and the site's style", () => {
  const page = read(built(), "gallery", "index.html");
  const experiments = JSON.parse(read(ROOT, "public/texts/en/experiments.json"));
  for (const [number, { name, link }] of experiments.entries()) {
    assert.ok(page.includes(`<b>${name}</b>`) && page.includes(`href="../?${link.replaceAll("&", "&amp;")}"`), name);
    const picture = `${String(number).padStart(2, "0")}.jpg`;
    assert.ok(page.includes(picture) && fs.existsSync(path.join(ROOT, "public/gallery", picture)), `${picture}: run make gallery`);
  }
  assert.match(page, /href="\.\.\/style-123456789abcdef\.css"/);
});

test("every experiment and chapter has a page that other sites can show, with its picture and figure where the site's address is known", () => {
  const address = "https://host.example/a/";
  const plain = built();
  const folder = built({}, undefined, { SITE_ADDRESS: address });
  const experiments = JSON.parse(read(ROOT, "public/texts/en/experiments.json"));
  const { chapters } = JSON.parse(read(ROOT, "public/texts/en/story.json"));
  const all = [
    ...experiments.map(({ link }, at) => [String(at).padStart(2, "0"), link, link]),
    ...chapters.map(({ link, act }, at) => [`chapter-${at + 1}`, `chapter=${at + 1}`, act?.link ?? link]),
  ];
  for (const [name, query, shown] of all) {
    const page = read(folder, "gallery", `${name}.html`);
    assert.ok(page.includes(`content="0; url=../?${query.replaceAll("&", "&amp;")}"`), name);
    assert.ok(page.includes(`property="og:image" content="${address}gallery/${name}.jpg"`), name);
    assert.ok(fs.existsSync(path.join(ROOT, `public/gallery/${name}.jpg`)), `${name}.jpg: run make gallery`);
    assert.ok(page.includes(`type="application/json+oembed" href="${address}gallery/${name}.json"`));
    const figure = JSON.parse(read(folder, "gallery", `${name}.json`));
    assert.ok(figure.version === "1.0" && figure.type === "rich" && figure.html.includes(`src="${address}?embed=1&amp;${shown.replaceAll("&", "&amp;")}"`), name);
    assert.ok(!read(plain, "gallery", `${name}.html`).includes("og:image") && !fs.existsSync(path.join(plain, "gallery", `${name}.json`)));
  }
  assert.throws(() => built({}, undefined, { SITE_ADDRESS: "host.example" }), /begins with https/);
});

test("the engines' folder is named after all that lies in it, and the page names it", () => {
  const names = new Set();
  for (const files of [{}, { "worker.js": "let wasm_bindgen = 3;" }, { "worker_bg.wasm": "other" }, { "worker_webgpu.js": "let wasm_bindgen = 4;" }, { "worker_webgpu_bg.wasm": "other" }]) {
    const folder = built(files);
    const [engine, ...more] = engines(folder);
    assert.match(engine, /^engine-[0-9a-f]{16}$/);
    assert.deepEqual(more, []);
    assert.ok(read(folder, "index.html").includes(`<meta name="engine" content="${engine}" />`));
    assert.deepEqual(fs.readdirSync(path.join(folder, engine)).sort(), ["worker.js", "worker_bg.wasm", "worker_webgpu.js", "worker_webgpu_bg.wasm"]);
    assert.equal(fs.existsSync(path.join(folder, "worker.js")), false);
    const script = read(folder, engine, "worker.js");
    const bytes = read(folder, engine, "worker_bg.wasm").length;
    assert.ok(script.startsWith("let wasm_bindgen = ") && script.includes(`\nconst PROGRAM_BYTES = ${bytes};\n`) && script.endsWith("})();\n"));
    assert.ok(script.includes("addEventListener(") && !/^\s*(\/\/|\/\*)/m.test(script), "without comments");
    names.add(engine);
  }
  assert.equal(names.size, 5);
  assert.deepEqual(engines(built()), engines(built()), "the same content, the same name");
});

test("one policy: in the page, for sandboxed frames, and in the headers of the engines", () => {
  const folder = built();
  const page = read(folder, "index.html");
  const policies = [...page.matchAll(/<meta http-equiv="Content-Security-Policy" content="(default-src[^"]*)"/g)].map(([, policy]) => policy);
  assert.equal(policies.length, 1);
  const [policy] = policies;
  assert.ok(policy.includes(`'sha256-${crypto.createHash("sha256").update(MODULE).digest("base64")}'`));
  assert.ok(!policy.includes("'unsafe-"));
  assert.ok(policy.includes("worker-src 'self' blob:"), "opening.js changes this part");
  assert.ok(page.includes(JSON.stringify(policy)), "opening.js has it too");
  assert.ok(!page.includes("INLINE-SCRIPTS") && !page.includes('"POLICY"') && !page.includes("ENGINE-FOLDER"));
  // A comment that opening.js opens must not close before the page's policy.
  const behind = page.slice(page.indexOf("</script>"));
  assert.ok(behind.indexOf("-->") > behind.indexOf(policy));
  const rules = read(folder, "_headers").split(/^(?=\/)/m).map((rule) => rule.trim().split("\n"));
  assert.equal(rules[0][0], "/*");
  assert.ok(!rules[0].some((line) => line.includes("Content-Security-Policy")), "a policy as a header keeps WebKit from opening the page in a sandboxed frame");
  const engine = rules.find(([pattern]) => pattern === `/${engines(folder)[0]}/*`);
  assert.ok(engine.includes(`  Content-Security-Policy: ${policy}`));
  // Limits of Cloudflare Pages: length of a line and number of rules.
  assert.ok(rules.length < 100 && rules.flat().every((line) => line.length < 2000));
});

test("a page without the places that the build fills stops the build", () => {
  for (const [without, sentence] of [["INLINE-SCRIPTS", /0 places for INLINE-SCRIPTS/], ["ENGINE-FOLDER", /0 places for ENGINE-FOLDER/], ['"POLICY"', /0 places for/], [`<script type="module">${MODULE}</script>`, /0 inline scripts/]]) {
    assert.throws(() => built({}, (page) => page.replace(without, "")), sentence);
  }
});

test("`make serve` sends what `_headers` says", async () => {
  const folder = built();
  const port = await new Promise((done) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
  const server = spawn("python3", [path.join(ROOT, "scripts/serve.py"), "127.0.0.1", String(port), folder], { stdio: "ignore" });
  try {
    const get = async (name) => {
      for (;;) {
        try {
          return await fetch(`http://127.0.0.1:${port}/${name}`);
        } catch {
          await new Promise((done) => setTimeout(done, 20));
        }
      }
    };
    const [engine] = engines(folder);
    for (const [name, status] of [["", 200], ["index.html?drop=a1", 200], ["nothing", 404], ["sw.js", 200], [`${engine}/worker.js`, 200]]) {
      const { headers, status: found } = await get(name);
      assert.equal(found, status, name);
      assert.deepEqual(
        ["Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Document-Isolation-Policy", "Cross-Origin-Resource-Policy", "Access-Control-Allow-Origin"].map((header) => headers.get(header)),
        ["same-origin", "require-corp", "isolate-and-require-corp", "cross-origin", "*"],
        name,
      );
    }
    for (const [name, type, forever] of [[`${engine}/worker.js`, "text/javascript", true], [`${engine}/worker_bg.wasm`, "application/wasm", true], ["style-123456789abcdef.css", "text/css", true], ["page-0123456789abcdef_bg.wasm", "application/wasm", true], ["", "text/html", false], ["sw.js", "text/javascript", false]]) {
      const { headers } = await get(name);
      assert.equal(headers.get("Content-Type"), type);
      assert.equal(headers.get("Cache-Control"), forever ? "public, max-age=31536000, immutable" : null, name);
      assert.equal(headers.has("Content-Security-Policy"), name.startsWith("engine-"));
    }
  } finally {
    server.kill();
  }
});

test("every host's file sends the same headers, and Caddy's compresses the programs", () => {
  const sent = read(built(), "_headers").split(/^(?=\/)/m)[0].trim().split("\n").slice(1).map((line) => line.trim().split(": "));
  assert.ok(sent.length >= 5);
  const [caddy, space] = ["deploy/Caddyfile", "deploy/space.md"].map((file) => read(ROOT, file));
  for (const [name, value] of sent) assert.match(caddy, new RegExp(`^\\s*${name} ${value.replace("*", "\\*")}$`, "m"), name);
  assert.match(caddy, /header Content-Type application\/wasm/);
  // A Space may set no others.
  for (const [name, value] of sent.filter(([name]) => /^Cross-Origin/.test(name))) assert.ok(space.includes(`  ${name.toLowerCase()}: ${value}\n`), name);
});

test("the worksheet has every question of the story, and room for the answers", () => {
  const page = read(built(), "gallery", "worksheet.html");
  const { chapters } = JSON.parse(read(ROOT, "public/texts/en/story.json"));
  const text = page.replaceAll("&quot;", '"').replaceAll("&#x27;", "'");
  for (const { title, ask } of chapters) {
    assert.ok(text.includes(title), title);
    if (ask) assert.ok(text.includes(ask.question) && ask.options?.every(([name]) => text.includes(`☐ ${name}`)) !== false, ask.question);
  }
});

test("the figure's element passes on every part of a link, and nothing of HTML's", () => {
  const ofHtml = new RegExp(/OF_HTML = \/(.*)\/;/.exec(read(ROOT, "public/prune-scope.js"))[1]);
  const links = /## Links\n(.*?)\n## /s.exec(read(ROOT, "README.md"))[1];
  const names = [...links.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([a-z_0-9]+)`/g)].map(([, name]) => name));
  assert.ok(names.length > 25 && names.includes("on") && names.includes("show"), names.join());
  assert.deepEqual(names.filter((name) => ofHtml.test(name)), []);
  const spoken = /SPOKEN = \/\^\((.*)\)/.exec(read(ROOT, "public/prune-scope.js"))[1].split("|");
  assert.deepEqual(spoken.sort(), fs.readdirSync(path.join(ROOT, "public/texts")).sort(), "the languages that the element passes on");
  for (const name of ["id", "class", "style", "onclick", "data-x", "aria-label", "height"]) assert.ok(ofHtml.test(name), name);
});
