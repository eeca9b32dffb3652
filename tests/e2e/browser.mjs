// Chromium for the tests, and what they all do with the page.
import fs from "node:fs";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";

/** Nothing that talks to the outside, and nothing that a container lacks. */
const QUIET = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
/** WebGPU on Chromium's software adapter. */
const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

/** Whatever this machine has, the page takes it to have so many cores. */
export const cores = (count) => (page) => page.addInitScript((count) => Object.defineProperty(navigator, "hardwareConcurrency", { value: count }), count);

/** Where Chromium is on this machine, or undefined. */
export const browserProgram = () => [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((file) => file && fs.existsSync(file));

/** Starts Chromium; `webgpu`: "software", "real" or false; `flags`: more of its options. */
export async function launch({ webgpu = false, flags = [] } = {}) {
  const executablePath = browserProgram();
  if (!executablePath) throw new Error("no Chromium: install it, or give its path in the variable CHROMIUM");
  const gpu = { software: SOFTWARE_WEBGPU, real: ["--enable-unsafe-webgpu", "--enable-features=Vulkan"], false: ["--disable-gpu"] }[webgpu];
  return chromium.launch({ executablePath, args: [...QUIET, ...gpu, ...flags] });
}

/** Code of a worker that tries what the page's policy forbids (code in texts, a script and an address of another kind); what became of it. */
export const FORBIDDEN = `(async () => {
  const what = {};
  const attempt = async (name, work) => { try { what[name] = String(await work()); } catch (error) { what[name] = error.name; } };
  // What a debugger evaluates may do everything; what it begins may not.
  await new Promise((done) => setTimeout(done));
  await attempt("eval", () => (0, eval)("'ran'"));
  await attempt("function", () => new Function("return 'ran'")());
  await attempt("script", () => importScripts("data:text/javascript,self.ran=1"));
  await attempt("address", () => new Promise((done) => {
    addEventListener("securitypolicyviolation", ({ effectiveDirective: part }) => part === "connect-src" && done(part));
    new WebSocket("ws://127.0.0.1:9/").onopen = () => done("opened");
  }));
  return what;
})()`;
/** What a worker under the policy finds. */
export const REFUSED = { eval: "EvalError", function: "EvalError", script: "NetworkError", address: "connect-src" };

/** A server and a browser for the tests of one file, ended after the last of them. */
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
  // Without the service worker unless a test is about it: a test's faults must meet every request.
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, serviceWorkers: "block", ...options.context });
  const page = await context.newPage();
  page.problems = [];
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.setDefaultTimeout(options.timeout ?? 120_000);
  if (options.before) await options.before(page);
  await page.goto(address);
  await page.waitForFunction(() => window.prunescope);
  if (options.agree) await page.click("#agree");
  return page;
}

/** The same for tests whose models come from other hosts and that are not about being asked: whenever the page asks, the visitor agrees. */
export const openAgreeing = (browser, address, options = {}) => open(browser, address, {
  ...options,
  before: async (page) => {
    // In every tab of the same visitor.
    await page.context().addInitScript(() => new MutationObserver(() => document.querySelector("#agree")?.click()).observe(document, { childList: true, subtree: true }));
    if (options.before) await options.before(page);
  },
});

/** Waits until a function of the page comes to something true. (Playwright's own wait takes a promise itself for true.) */
export async function eventually(page, what, argument) {
  while (!(await page.evaluate(what, argument))) await page.waitForTimeout(50);
}

/** The results of the newest run, once it has all of them. */
export const results = (page, settings = {}) => page.evaluate((settings) => window.prunescope.run(settings), settings);

/** Waits until the shown run has all its results, started by whatever was done before. */
export const finished = (page) => page.waitForSelector("#export:enabled");
