// Collects a page's errors where the browser's driver does not report them: the server puts a script in front of the page's own and its
// workers', which records console errors, uncaught errors and policy violations.

const KEY = "test-problems";

function inPage(key, inWorker) {
  let keep = (text) => sessionStorage.setItem(key, JSON.stringify([...JSON.parse(sessionStorage.getItem(key) ?? "[]"), text]));
  // A frame passes its errors to the embedding page.
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
  // Also for workers whose script is not a file of the site, but made in the page.
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
/** How the server changes files, by their `Sec-Fetch-Dest`. */
export const LISTENING = { document: page, iframe: page, worker: (text) => worker + text };

/** Source of a function that returns the errors as JSON. */
export const HEARD = `() => sessionStorage.getItem("${KEY}") ?? "[]"`;
