// Drives Chromium with Playwright.
import { browserProgram, launch } from "../browser.mjs";
import { KEYS } from "./page.mjs";

export const name = "Chromium";
export const find = browserProgram;

const NAMES = new Map(Object.entries(KEYS).map(([name, value]) => [value, name]));

export async function start() {
  const browser = await launch();
  return { name, version: browser.version(), open: () => open(browser), close: () => browser.close() };
}

/** Opens a tab that shares nothing with the others. */
async function open(browser) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  const mouse = { pointerMove: ({ x, y }) => page.mouse.move(x, y), pointerDown: () => page.mouse.down(), pointerUp: () => page.mouse.up() };
  const key = (value) => NAMES.get(value) ?? value;
  // Playwright knows the keys of an American keyboard only.
  const foreign = (value) => !NAMES.has(value) && !/^[ -~]$/.test(value);
  const keys = {
    keyDown: ({ value }) => (foreign(value) ? page.keyboard.insertText(value) : page.keyboard.down(key(value))),
    keyUp: ({ value }) => foreign(value) || page.keyboard.up(key(value)),
  };
  const each = (of) => async (steps) => {
    for (const step of steps) await of[step.type](step);
  };
  return {
    problems: async () => problems,
    // Playwright takes a string for a function's source if it is one.
    evaluate: (source, text) => page.evaluate(`(${source})(${JSON.stringify(text)})`),
    goto: (address) => page.goto(address),
    reload: () => page.reload(),
    back: () => page.goBack(),
    keys: each(keys),
    mouse: each(mouse),
    files: (selector, paths) => page.setInputFiles(selector, paths),
    resize: (width, height) => page.setViewportSize({ width, height }),
    screenshot: () => page.screenshot(),
    close: () => context.close(),
  };
}
