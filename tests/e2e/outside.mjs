// An engine outside the browser: the command line's `serve` with the tiny model.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { ROOT } from "./server.mjs";

/** The program, as `make build-tests` makes it. */
const PROGRAM = path.join(ROOT, "target/tests/prunescope");

/**
 * Starts an engine.
 *
 * @param {number} port 0 for a free one
 * @param {string[]} more further options
 */
export async function outside(port = 0, more = []) {
  assert.ok(fs.existsSync(PROGRAM), `${PROGRAM} is missing: make build-tests`);
  const model = path.join(ROOT, "tests/fixtures/tiny.gguf");
  const program = spawn(PROGRAM, ["serve", "--model", model, "--port", String(port), "--threads", "1", ...more], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => program.once("exit", resolve));
  process.once("exit", () => program.kill());
  const lines = readline.createInterface({ input: program.stdout });
  const first = await Promise.race([new Promise((resolve) => lines.once("line", resolve)), ended.then((code) => `it ended with ${code}`)]);
  const address = /^The engine listens at (ws:.*)$/.exec(first)?.[1];
  assert.ok(address, first);
  return { address, port: Number(new URL(address).port), end: () => (program.kill("SIGKILL"), ended) };
}
