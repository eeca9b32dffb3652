// The reference program's numbers (`make reference`), and the tolerance to which tests/engine/parity.rs holds the engine.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { ROOT } from "./server.mjs";

/** What every case of the reference asks that the page's tests use. */
export const PROMPT = "What is the capital of France?";
/**
 * Relative errors of a metric that are allowed, as in tests/engine/parity.rs: some three times the largest measured, in proportion to
 * the metric or to METRIC_FLOOR, below which it is rounding of float32. A ratio of two metrics that are all rounding is larger.
 */
const METRIC_TOLERANCE = 1e-3;
const RATIO_TOLERANCE = 1e-2;
const METRIC_FLOOR = 1e-5;

/** The largest errors so far, printed at the end of a test file. */
const largest = { metric: 0, ratio: 0 };
after(() => console.log(`Largest relative errors: metrics ${largest.metric.toExponential(1)}, ratios ${largest.ratio.toExponential(1)}`));

/** Holds metrics to others. */
export function holdsToMetrics(found, wanted, place) {
  for (const [name, value] of Object.entries(wanted)) {
    const kind = name.startsWith("ratio") ? "ratio" : "metric";
    const error = Math.abs(found[name] - value) / Math.max(Math.abs(value), METRIC_FLOOR);
    largest[kind] = Math.max(largest[kind], error);
    assert.ok(error <= (kind === "ratio" ? RATIO_TOLERANCE : METRIC_TOLERANCE), `${place}: ${name} is ${found[name]}, not ${value}, off by ${error.toExponential(1)}`);
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

/** Holds a report's prompt and every metric of its first token to the reference. */
export function holdsToReference({ prompt_ids, next_token }, wanted) {
  assert.deepEqual(prompt_ids, wanted.ids);
  holdsToMetrics(next_token, wanted.metrics, `beside the reference, without ${wanted.drop}`);
}

/** Holds a report to a row of the paper's table: cosines to ±0.01, KL to ±2 % or ±0.01, the text's first words. */
export function holdsToRow({ next_token, generation }, row) {
  for (const name of ["cos_h", "cos_z", "cos_p"]) assert.ok(Math.abs(next_token[name] - row[name]) <= 0.01, `without ${row.drop}: ${name} is ${next_token[name]}, not ${row[name]}`);
  assert.ok(Math.abs(next_token.kl_dense_pruned - row.kl) <= Math.max(0.02 * row.kl, 0.01), `without ${row.drop}: KL is ${next_token.kl_dense_pruned}, not ${row.kl}`);
  assert.ok(generation.pruned.text.startsWith(row.text), `without ${row.drop}: ${generation.pruned.text}`);
}
