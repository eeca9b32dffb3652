// A Chromium whose memory is measured.
import fs from "node:fs";
import { launch } from "../e2e/browser.mjs";

const children = (pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};
const family = (pid) => [pid, ...children(pid).flatMap(family)];
/** All renderer processes below this process. */
const renderers = () => new Set(family(process.pid).filter((pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer");
  } catch {
    return false;
  }
}));

/** Launches Chromium. `peakMemory()`: the highest resident size of any of its tabs, in bytes (0 where the system does not tell). */
export async function launchMeasured(options) {
  const before = renderers();
  const browser = await launch(options);
  browser.peakMemory = () => Math.max(0, ...[...renderers()].filter((pid) => !before.has(pid)).map((pid) => {
    const kibibytes = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
    return kibibytes ? Number(kibibytes[1]) * 1024 : 0;
  }));
  return browser;
}
