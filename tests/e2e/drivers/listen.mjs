// What goes wrong in a page, where the browser's driver does not tell it: the server puts a script before the page's own and its
// workers', which keeps errors of the console, errors that nobody caught, and what the page's policy refused.

const KEY = "test-problems";

function inPage(key, inWorker) {
  let keep = (text) => sessionStorage.setItem(key, JSON.stringify([...JSON.parse(sessionStorage.getItem(key) ?? "[]"), text]));
  // What a frame hears, the page around it keeps.
  if (parent !== self) keep = (text) => parent.postMessage({ [key]: text }, "*");
  addEventListener("message", ({ data }) => data?.[key] && keep(data[key]));
  const { error } = console;
  console.error = (...values) => {
    keep(values.join(" "));
    error.apply(console, values);
  };
  addEventListener("error", ({ message, target }) => keep(message ?? `${target.src ?? target.href} did not load`), true);
  addEventListener("unhandledrejection", ({ reason }) => keep(`unhandled: ${reason}`));
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => keep(`${violatedDirective} refuses ${blockedURI}`));
  new BroadcastChannel(key).onmessage = ({ data }) => keep(data);
  // Workers whose program is no file of the site, but made in the page.
  self.Blob = class extends Blob {
    constructor(parts = [], options = {}) {
      super(options.type === "text/javascript" ? [inWorker, ...parts] : parts, options);
    }
  };
}

function inWorker(key) {
  const told = new BroadcastChannel(key);
  const { error } = console;
  console.error = (...values) => {
    told.postMessage(values.join(" "));
    error.apply(console, values);
  };
  addEventListener("unhandledrejection", ({ reason }) => told.postMessage(`unhandled: ${reason}`));
}

const worker = `{(${inWorker})("${KEY}")}\n`;
const page = (text) => text.replace("<head>", () => `<head><script>(${inPage})("${KEY}", ${JSON.stringify(worker)})</script>`);
/** How the server changes files, by what the browser wants them for. */
export const LISTENING = { document: page, iframe: page, worker: (text) => worker + text };

/** The source of a function that gives the problems in JSON. */
export const HEARD = `() => sessionStorage.getItem("${KEY}") ?? "[]"`;
