// Finds the programs that tests start, and makes sure that they end.
import fs from "node:fs";
import path from "node:path";

/** The first of some programs, given by path or name, that exists on this machine. */
export function program(...names) {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const places = names.filter(Boolean).flatMap((name) => (path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name))));
  return places.find((place) => fs.existsSync(place));
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) process.once(signal, () => process.exit(code));

/** Returns a function that ends a program, waits for it, then tidies up; this also happens when the tests themselves are ended. */
export function ended(child, tidy = () => {}) {
  const gone = new Promise((done) => child.on("exit", done).on("error", done));
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  return async () => {
    child.kill();
    await gone;
    process.off("exit", kill);
    tidy();
  };
}
