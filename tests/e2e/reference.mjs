// The reference program's numbers (`make reference`), with the same tolerance as in tests/engine/parity.rs.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { ROOT } from "./server.mjs";

/** The prompt of those reference cases that the page's tests use. */
export const PROMPT = "What is the capital of France?";
/** Allowed relative error of a metric: measured 2e-5 at most on the prompts used here. */
const METRIC_TOLERANCE = 1e-4;
/** Metrics below this are f32 rounding: a divergence is a sum of differences of logarithms near 1. */
const floor = (name) => (name.startsWith("kl") ? 1e-3 : 1e-5);

/** The largest relative error so far, printed at the end of a test file. */
let largest = 0;
after(() => console.log(`Largest relative error of a metric: ${largest.toExponential(1)}, ${METRIC_TOLERANCE} allowed`));

/** Checks metrics against others. */
export function holdsToMetrics(found, wanted, place) {
  for (const [name, value] of Object.entries(wanted)) {
    const error = Math.abs(found[name] - value) / Math.max(Math.abs(value), floor(name));
    largest = Math.max(largest, error);
    assert.ok(error <= METRIC_TOLERANCE, `${place}: ${name} is ${found[name]}, not ${value}, off by ${error.toExponential(1)}`);
  }
}

const json = (...names) => JSON.parse(fs.readFileSync(path.join(ROOT, ...names), "utf8"));

/** Rows of the paper's table: similarities and texts of the default model. */
export const paperTable = () => json("tests/fixtures/paper_table.json");

/** The metrics of a model (`smollm2`, `tiny`) at the first token after PROMPT with some sublayers dropped. */
export function reference(model, drop) {
  const found = json("target/reference", `${model}.json`).cases.find((one) => one.prompt === PROMPT && one.drop === drop);
  assert.ok(found, `the reference knows nothing of ${model} without ${drop}`);
  return found;
}

/** Checks a report's prompt and every metric of its first token against the reference. */
export function holdsToReference({ prompt_ids, next_token }, wanted) {
  assert.deepEqual(prompt_ids, wanted.ids);
  holdsToMetrics(next_token, wanted.metrics, `beside the reference, without ${wanted.drop}`);
}

/** Checks a report against a row of the paper's table: cosines to ±0.01, KL to ±2 % or ±0.01, the text's first words. */
export function holdsToRow({ next_token, generation }, row) {
  for (const name of ["cos_h", "cos_z", "cos_p"]) assert.ok(Math.abs(next_token[name] - row[name]) <= 0.01, `without ${row.drop}: ${name} is ${next_token[name]}, not ${row[name]}`);
  assert.ok(Math.abs(next_token.kl_dense_pruned - row.kl) <= Math.max(0.02 * row.kl, 0.01), `without ${row.drop}: KL is ${next_token.kl_dense_pruned}, not ${row.kl}`);
  assert.ok(generation.pruned.text.startsWith(row.text), `without ${row.drop}: ${generation.pruned.text}`);
}
