// `make test-webgpu`, on a machine with a GPU: the first three rows of the paper's table on WebGPU with the real model.
import test from "node:test";
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { serve, ROOT } from "../server.mjs";
import { launch, open, results } from "../browser.mjs";

test("the paper's first three rows on a real GPU", async () => {
  const server = await serve();
  const browser = await launch({ webgpu: "real" });
  const page = await open(browser, `${server.site}?backend=webgpu&tokens=16&drop=`, { timeout: 600_000 });
  const rows = JSON.parse(fs.readFileSync(path.join(ROOT, "tests/fixtures/paper_table.json"), "utf8")).slice(0, 3);
  for (const row of rows) {
    const report = await results(page, { drop: row.drop });
    assert.equal(report.backend, "webgpu");
    for (const key of ["cos_h", "cos_z", "cos_p"]) assert.ok(Math.abs(report.next_token[key] - row[key]) <= 0.01, `without ${row.drop}: ${key} is ${report.next_token[key]}`);
    assert.ok(Math.abs(report.next_token.kl_dense_pruned - row.kl) <= Math.max(0.02 * row.kl, 0.01));
    assert.ok(report.generation.pruned.text.startsWith(row.text), report.generation.pruned.text);
  }
  await browser.close();
  server.close();
});
