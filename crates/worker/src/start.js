// Starts an engine. scripts/finish-site.py puts this after wasm-bindgen's script for the engine's program, together with the
// program's length (PROGRAM_BYTES); the page runs both in a worker and says where the program lies (PROGRAM). Until the engine
// itself listens, this tells the page how far it is and why it does not start, as `Event` of crates/protocol/src/messages.rs.
(() => {
  /** Signs of life, one a second, of a program that is all there and is compiled. A browser that takes longer has stopped. */
  const MOST_SIGNS = 120;
  /** Least time between two words about what has come, in milliseconds. */
  const TELL_EVERY_MS = 200;
  const FILE = PROGRAM.split("/").pop();
  let received = 0;

  const say = (event) => postMessage(JSON.stringify(event));
  const tellProgress = () => say({ type: "starting", received, total: PROGRAM_BYTES });

  /** The program did not come: the status of the answer for it, 0 where none came or not to its end. */
  class Lost extends Error {
    constructor(status) {
      super();
      this.status = status;
    }
  }
  const tellFailure = (error) => {
    const [status, why] = error instanceof Lost ? [error.status, ""] : [0, String(error) || "no reason is given"];
    say({ type: "not_started", file: FILE, status, why });
  };

  async function ask() {
    const response = await fetch(PROGRAM).catch(() => { throw new Lost(0); });
    // Some hosts answer with a page where a file is missing.
    const isPage = (response.headers.get("Content-Type") ?? "").startsWith("text/html");
    if (!response.ok || isPage) throw new Lost(response.ok ? 404 : response.status);
    return response;
  }

  /** Counts the bytes of an answer as they come. */
  async function count(response) {
    received = 0;
    let told = performance.now();
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      received += value.length;
      if (performance.now() - told < TELL_EVERY_MS) continue;
      told = performance.now();
      tellProgress();
    }
  }

  /** Starts the program of an answer. */
  async function start(response) {
    const counted = count(response.clone()).catch(() => {});
    try {
      await wasm_bindgen({ module_or_path: response });
    } catch (error) {
      await counted;
      if (received < PROGRAM_BYTES) throw new Lost(0);
      await startUnshared(response, error);
    }
  }

  /** Starts it again on memory that is not shared, which some browser may have refused; nothing is shared then. */
  async function startUnshared(response, error) {
    const bytes = new Uint8Array(await (response.bodyUsed ? await ask() : response).arrayBuffer());
    const memory = unshare(bytes);
    if (!memory) throw error;
    const exports = await wasm_bindgen({ module_or_path: bytes, memory });
    // It had begun, and failed at its work.
    if (exports.memory !== memory) throw error;
  }

  /** Changes the one byte of a program that says that its memory is shared; its memory, if it asks for such. */
  function unshare(bytes) {
    // An import's name, its kind (memory), its limits: shared with a maximum. Source: WebAssembly threads, "Binary format, limits".
    const sought = [..."memory"].map((letter) => letter.charCodeAt(0)).concat(2, 3);
    let at = bytes.findIndex((_, start) => sought.every((byte, i) => bytes[start + i] === byte)) + sought.length;
    if (at < sought.length) return undefined;
    bytes[at - 1] = 1;
    const number = () => {
      let [value, shift, byte] = [0, 1, 128];
      for (; byte >= 128; shift *= 128) {
        byte = bytes[at++];
        value += (byte % 128) * shift;
      }
      return value;
    };
    return new WebAssembly.Memory({ initial: number(), maximum: number() });
  }

  // No rejection reaches the page by itself.
  const rejected = ({ reason }) => tellFailure(reason);
  addEventListener("unhandledrejection", rejected);
  let signs = 0;
  const signOfLife = setInterval(() => received >= PROGRAM_BYTES && signs++ < MOST_SIGNS && tellProgress(), 1000);
  tellProgress();
  ask().then(start).catch(tellFailure).finally(() => {
    clearInterval(signOfLife);
    removeEventListener("unhandledrejection", rejected);
  });
})();
