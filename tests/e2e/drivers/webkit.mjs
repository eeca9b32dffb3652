// Drives WebKitGTK, a port of Safari's engine, by its WebDriver on a separate screen (Xvfb). Source: W3C WebDriver.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { HEARD } from "./listen.mjs";
import { ended, program } from "./process.mjs";

export const name = "WebKit";
/** Its driver does not report console messages: the server injects a script that does (listen.mjs). */
export const isDeaf = true;

/** Key of an element reference. Source: W3C WebDriver, "Elements". */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
const DRIVER = () => program("WebKitWebDriver");
const SCREEN = () => program("Xvfb");

/** Path of WebKitGTK's MiniBrowser, or undefined if it, its driver or Xvfb is missing. */
export function find() {
  const folders = ["/usr/lib", "/usr/libexec"].flatMap((folder) => [folder, ...["x86_64-linux-gnu", "aarch64-linux-gnu"].map((of) => `${folder}/${of}`)]);
  const names = ["webkit2gtk-4.1", "webkitgtk-6.0", "webkit2gtk-4.0"];
  return DRIVER() && SCREEN() && program(...names.flatMap((name) => folders.map((folder) => `${folder}/${name}/MiniBrowser`)));
}

/** Starts WebKit. `environment`: further environment variables. */
export async function start({ environment = {} } = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "prunescope-webkit-"));
  const screen = spawn(SCREEN(), ["-displayfd", "3", "-screen", "0", "1600x1200x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const darken = ended(screen, () => fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  let stop = darken;
  try {
    const display = await new Promise((ready, failed) => {
      screen.stdio[3].setEncoding("utf8").once("data", (number) => ready(`:${number.trim()}`));
      screen.on("exit", (code) => failed(new Error(`Xvfb ended with ${code}`))).on("error", failed);
    });
    const port = await freePort();
    const env = {
      ...process.env, DISPLAY: display, HOME: home, XDG_CACHE_HOME: `${home}/cache`, XDG_CONFIG_HOME: `${home}/config`, XDG_DATA_HOME: `${home}/data`,
      // Without a GPU, and without the privileges that its sandbox needs.
      WEBKIT_DISABLE_COMPOSITING_MODE: "1", LIBGL_ALWAYS_SOFTWARE: "1", WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", ...environment,
    };
    const driver = spawn(DRIVER(), [`--port=${port}`], { env, stdio: "ignore" });
    const end = ended(driver);
    stop = async () => {
      await end();
      await darken();
    };
    const send = client(`http://127.0.0.1:${port}`);
    await answering(driver, send);
    const { sessionId, capabilities } = await send("POST", "/session", { capabilities: { alwaysMatch: {
      "webkitgtk:browserOptions": { binary: find(), args: ["--automation"] },
      timeouts: { script: 600_000, pageLoad: 120_000 },
    } } });
    const session = (method, rest, body) => send(method, `/session/${sessionId}${rest}`, body);
    return {
      name, version: capabilities.browserVersion, open: () => open(session),
      close: async () => {
        await session("DELETE", "").catch(() => {});
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An unused port. */
async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.on("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Whether an error says that the browser is gone. */
export const hasCrashed = (error) => /invalid session id/.test(String(error));

/** Sends commands to a driver. */
const client = (address) => async (method, rest, body) => {
  const answer = await fetch(address + rest, { method, body: method === "POST" ? JSON.stringify(body ?? {}) : undefined, headers: { "Content-Type": "application/json" } });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
};

/** Waits until a driver answers. */
async function answering(driver, send) {
  while (driver.exitCode === null && driver.signalCode === null) {
    if (await send("GET", "/status").catch(() => undefined)) return;
    await new Promise((done) => setTimeout(done, 30));
  }
  throw new Error(`WebKitWebDriver ended with ${driver.exitCode ?? driver.signalCode}`);
}

/** Opens a window; it shares storage with the others. */
async function open(session) {
  const { handle } = await session("POST", "/window/new", { type: "window" });
  const inside = async (method, rest, body) => {
    await session("POST", "/window", { handle });
    return session(method, rest, body);
  };
  const run = (script, args) => inside("POST", "/execute/sync", { script, args });
  const act = (type) => (actions) => inside("POST", "/actions", { actions: [{ type, id: type, actions }] });
  return {
    problems: async () => JSON.parse(await run(`return (${HEARD})()`, [])),
    evaluate: (source, text) => run(`return (${source})(...arguments)`, [text]),
    goto: (url) => inside("POST", "/url", { url }),
    reload: () => inside("POST", "/refresh"),
    back: () => inside("POST", "/back"),
    keys: act("key"),
    mouse: act("pointer"),
    files: async (selector, paths) => {
      const element = await inside("POST", "/element", { using: "css selector", value: selector });
      await inside("POST", `/element/${element[ELEMENT]}/value`, { text: paths.join("\n") });
    },
    resize: async (width, height) => {
      const outside = { width, height };
      // The window is larger than the page by its toolbars.
      for (let tries = 0; tries < 5; tries++) {
        await inside("POST", "/window/rect", outside);
        const [wide, high] = await run("return new Promise((drawn) => requestAnimationFrame(() => setTimeout(() => drawn([innerWidth, innerHeight]))))", []);
        if (wide === width && high === height) return;
        outside.width += width - wide;
        outside.height += height - high;
      }
      throw new Error(`no window of ${width} by ${height}`);
    },
    screenshot: async () => {
      // A screenshot waits for the next frame, which an idle page never draws.
      await run("const draw = (times) => { document.documentElement.style.outlineOffset = `${times % 2}px`; if (times) requestAnimationFrame(() => draw(times - 1)); }; draw(600)", []);
      return Buffer.from(await inside("GET", "/screenshot"), "base64");
    },
    close: async () => {
      const [first] = await inside("DELETE", "/window");
      // A new window can only be opened from an existing one.
      await session("POST", "/window", { handle: first });
    },
  };
}
