// scripts/join-styles.py: the one style sheet that the page loads.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const read = (...parts) => fs.readFileSync(path.join(ROOT, ...parts), "utf8");

test("the page loads one sheet, which has all of styles/ and asks for no other", () => {
  execFileSync("python3", [path.join(ROOT, "scripts/join-styles.py")]);
  assert.ok(read("index.html").includes(`<link data-trunk rel="css" href="target/style.css"`));
  const joined = read("target/style.css");
  assert.ok(!/@import|url\(|\/\*/.test(joined));
  const bare = (text) => text.replace(/\/\*[^]*?\*\//g, "").replace(/\s+/g, " ").trim();
  const sheets = fs.readdirSync(path.join(ROOT, "styles"), { recursive: true }).filter((name) => name.endsWith(".css"));
  const parts = sheets.map((name) => bare(read("styles", name)));
  for (const [at, part] of parts.entries()) assert.equal(bare(joined).split(part).length, 2, `${sheets[at]} is there once`);
  assert.equal(bare(joined).length, parts.reduce((sum, part) => sum + part.length + 1, -1), "and nothing else is");
});

test("what is as it was is not written anew: `trunk serve` would build once more", () => {
  const join = () => execFileSync("python3", [path.join(ROOT, "scripts/join-styles.py")]);
  const sheet = path.join(ROOT, "target/style.css");
  join();
  fs.utimesSync(sheet, 1, 1);
  join();
  assert.equal(fs.statSync(sheet).mtimeMs, 1000);
  fs.appendFileSync(sheet, "p{}");
  join();
  assert.ok(!read("target/style.css").includes("p{}"));
});
