// Drives Firefox by its built-in WebDriver BiDi; no other program is needed. Source: W3C WebDriver BiDi.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import WebSocket from "ws";
import { ended, program } from "./process.mjs";

export const name = "Firefox";

/** No background network traffic; Firefox sets the other preferences that tests need when it is automated. */
const PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.safebrowsing.blockedURIs.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.systemAddon.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "data:,",
};
/** WebGPU on any available Vulkan driver. */
const WEBGPU = {
  "dom.webgpu.enabled": true,
  "dom.webgpu.workers.enabled": true,
  "gfx.webgpu.ignore-blocklist": true,
  "gfx.webrender.software": true,
};

/** Path of Firefox on this machine, or undefined. */
export const find = () => program(process.env.FIREFOX, "firefox-esr", "firefox", "/Applications/Firefox.app/Contents/MacOS/firefox");

/** Starts Firefox. `webgpu`: whether pages have WebGPU; `environment`: further environment variables. */
export async function start({ webgpu = false, environment = {} } = {}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "prunescope-firefox-"));
  const lines = Object.entries({ ...PREFERENCES, ...(webgpu ? WEBGPU : {}) }).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});`);
  fs.writeFileSync(path.join(profile, "user.js"), lines.join("\n"));
  const firefox = spawn(find(), ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0", "about:blank"], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...environment } });
  const end = ended(firefox, () => fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  try {
    const address = await new Promise((listening, failed) => {
      let said = "";
      firefox.stderr.setEncoding("utf8").on("data", (text) => {
        said = (said + text).slice(-10_000);
        const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said);
        if (found) listening(found[1]);
      });
      firefox.on("exit", (code) => failed(new Error(`Firefox ended with ${code}: ${said}`)));
      firefox.on("error", failed);
    });
    const connection = await connect(`${address}/session`);
    const { capabilities } = await connection.send("session.new", { capabilities: {} });
    await connection.send("session.subscribe", { events: ["log.entryAdded"] });
    return { name, version: capabilities.browserVersion, open: () => open(connection), close: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Sends commands and receives events over one socket. */
async function connect(address) {
  const socket = new WebSocket(address, { perMessageDeflate: false, maxPayload: 1e9 });
  await new Promise((opened, failed) => socket.on("open", opened).on("error", failed));
  const waiting = new Map();
  const listeners = new Map();
  let last = 0;
  socket.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.type === "event") {
      // Frames and workers have contexts of their own that belong to no known tab, so all tabs get their messages.
      const own = listeners.get(message.params.source?.context);
      return (own ? [own] : [...listeners.values()]).forEach((heard) => heard(message.params));
    }
    const { done, failed } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === "success") done(message.result);
    else failed(new Error(`${message.error}: ${message.message}`));
  });
  socket.on("close", () => waiting.forEach(({ failed }) => failed(new Error("Firefox is gone"))));
  return {
    /** Calls `heard` with a tab's console messages. */
    listen: (context, heard) => listeners.set(context, heard),
    unlisten: (context) => listeners.delete(context),
    send: (method, params) => new Promise((done, failed) => {
      waiting.set(++last, { done, failed });
      socket.send(JSON.stringify({ id: last, method, params }));
    }),
  };
}

/** Opens a tab that shares nothing with the others. */
async function open(connection) {
  const { send } = connection;
  const { userContext } = await send("browser.createUserContext", {});
  const { context } = await send("browsingContext.create", { type: "tab", userContext });
  const problems = [];
  connection.listen(context, (entry) => entry.level === "error" && problems.push(entry.text));
  const target = { context };
  const run = async (functionDeclaration, texts) => {
    const answer = await send("script.callFunction", { functionDeclaration, arguments: texts.map((value) => ({ type: "string", value })), target, awaitPromise: true, userActivation: false });
    if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
    return answer.result;
  };
  const act = (type, more) => (actions) => send("input.performActions", { context, actions: [{ type, id: type, actions, ...more }] });
  return {
    problems: async () => problems,
    evaluate: async (source, text) => (await run(source, [text])).value,
    goto: (url) => send("browsingContext.navigate", { context, url, wait: "complete" }),
    reload: () => send("browsingContext.reload", { context, wait: "complete" }),
    back: () => send("browsingContext.traverseHistory", { context, delta: -1 }),
    keys: act("key"),
    mouse: act("pointer"),
    files: async (selector, files) => {
      const { sharedId } = await run("(selector) => document.querySelector(selector)", [selector]);
      await send("input.setFiles", { context, element: { sharedId }, files });
    },
    resize: (width, height) => send("browsingContext.setViewport", { context, viewport: { width, height } }),
    screenshot: async () => Buffer.from((await send("browsingContext.captureScreenshot", { context })).data, "base64"),
    close: () => {
      connection.unlisten(context);
      return send("browser.removeUserContext", { userContext });
    },
  };
}
