// Chromium for the tests, and shared helpers for the page.
import fs from "node:fs";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";

/** Options for use in a container, without background network traffic. */
const QUIET = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
/** WebGPU on Chromium's software adapter. */
const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

/** Overrides the number of cores that the page sees. */
export const cores = (count) => (page) => page.addInitScript((count) => Object.defineProperty(navigator, "hardwareConcurrency", { value: count }), count);

/** Path of Chromium on this machine, or undefined. */
export const browserProgram = () => [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((file) => file && fs.existsSync(file));

/** Starts Chromium. `webgpu`: "software", "real" or false; `flags`: further command line options. */
export async function launch({ webgpu = false, flags = [] } = {}) {
  const executablePath = browserProgram();
  if (!executablePath) throw new Error("no Chromium: install it, or give its path in the variable CHROMIUM");
  const gpu = { software: SOFTWARE_WEBGPU, real: ["--enable-unsafe-webgpu", "--enable-features=Vulkan"], false: ["--disable-gpu"] }[webgpu];
  return chromium.launch({ executablePath, args: [...QUIET, ...gpu, ...flags] });
}

/** Code for a worker that tries what the page's policy forbids (code from strings, foreign script and address); resolves to the errors. */
export const FORBIDDEN = `(async () => {
  const what = {};
  const attempt = async (name, work) => { try { what[name] = String(await work()); } catch (error) { what[name] = error.name; } };
  // Code evaluated by a debugger is exempt from the policy, but what it schedules is not.
  await new Promise((done) => setTimeout(done));
  await attempt("eval", () => (0, eval)("'ran'"));
  await attempt("function", () => new Function("return 'ran'")());
  await attempt("script", () => importScripts("data:text/javascript,self.ran=1"));
  await attempt("address", () => new Promise((done) => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective: part }) => part === "connect-src" && done(part));
    new WebSocket("ws://203.0.113.1:9/").onopen = () => done("opened");
  }));
  return what;
})()`;
/** The errors of FORBIDDEN in a worker that has the page's policy. */
export const REFUSED = { eval: "EvalError", function: "EvalError", script: "NetworkError", address: "connect-src" };

/** A server and a browser for the tests of one file, closed after the last test. */
export async function stage(options, site) {
  const server = await serve(site);
  const browser = await launch(options);
  after(async () => {
    await browser.close();
    server.close();
  });
  return { server, browser };
}

/**
 * Opens the page; console errors and page errors are collected in `page.problems`.
 * `agree`: the link's model is on another host, so the page asks first; the button is clicked that loads it.
 */
export async function open(browser, address, options = {}) {
  // Without the service worker by default, so that a test's faults meet every request.
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, serviceWorkers: "block", ...options.context });
  const page = await context.newPage();
  page.problems = [];
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.setDefaultTimeout(options.timeout ?? 120_000);
  if (options.before) await options.before(page);
  // On a host that does not isolate it, the page may be loaded anew before it is whole.
  await page.goto(address, { waitUntil: "commit" });
  await page.waitForFunction(() => window.prunescope);
  if (options.agree) await page.click("#agree");
  return page;
}

/** Like `open`, for tests that load models from other hosts but are not about consent: the visitor agrees to every question. */
export const openAgreeing = (browser, address, options = {}) => open(browser, address, {
  ...options,
  before: async (page) => {
    // Also in further tabs of the same visitor.
    await page.context().addInitScript(() => new MutationObserver(() => document.querySelector("#agree")?.click()).observe(document, { childList: true, subtree: true }));
    if (options.before) await options.before(page);
  },
});

/** Waits until a function in the page gives something truthy. (Playwright's own wait takes a promise itself for truthy.) */
export async function eventually(page, what, argument) {
  while (!(await page.evaluate(what, argument))) await page.waitForTimeout(50);
}

/** The results of the newest run, once it has all of them. */
export const results = (page, settings = {}) => page.evaluate((settings) => window.prunescope.run(settings), settings);

/** Waits until the shown run has all its results, started by whatever was done before. */
export const finished = (page) => page.waitForSelector("#export:enabled", { state: "attached" });
