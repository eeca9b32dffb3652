// One suite for Chromium, Firefox and WebKit: what a visitor sees and does, checked against the reference's numbers.
//
// The tests use `drivers/page.mjs` only. They load the default model where its numbers matter, otherwise the tiny one. Every test has
// its own server, and so its own origin: nothing that an earlier test stored in the browser is there.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, afterEach, before, describe, test as declare } from "node:test";
import * as chromium from "./drivers/chromium.mjs";
import * as firefox from "./drivers/firefox.mjs";
import * as webkit from "./drivers/webkit.mjs";
import { outside } from "./outside.mjs";
import { LISTENING } from "./drivers/listen.mjs";
import { COMMAND, Page } from "./drivers/page.mjs";
import { expected } from "./hub.mjs";
import { holdsToMetrics, holdsToReference, paperTable, reference } from "./reference.mjs";
import { frameOn } from "./framing.mjs";
import { ROOT, serve } from "./server.mjs";
import { missing } from "./skips.mjs";

/** Every view, and the figures it draws. */
const VIEWS = {
  layers: ["chart-attention", "chart-mlp"],
  steps: ["chart-hidden-logits", "chart-probabilities", "chart-kl", "chart-collapse"],
  theorems: ["chart-theorem3", "chart-theorem2", "chart-theorem1-z", "chart-theorem1-h", "chart-parts", "chart-damage"],
  tokens: ["chart-tokens"],
  choice: ["chart-vocabulary", "chart-options"],
  retrieval: ["chart-mean", "chart-last"],
  compare: ["compare-h", "compare-z", "compare-p", "compare-dz", "compare-var", "compare-kl"],
  sweep: ["sweep-choice", "sweep-retrieval", "sweep-generation"],
  search: ["chart-search"],
  weights: ["chart-mask"],
};
/** Each browser's results for a plan that is not in the reference. */
const answers = {};

/** The browsers to test: all, or the one that BROWSER names. */
const drivers = [chromium, firefox, webkit].filter(({ name }) => !process.env.BROWSER || process.env.BROWSER === name);
assert.ok(drivers.length > 0, "BROWSER is Chromium, Firefox or WebKit");
for (const driver of drivers) {
  const skip = missing(driver.find(), driver.name);
  describe(driver.name, { skip }, () => suite(driver));
}

/** Names of those that are installed. */
const present = drivers.filter(({ find }) => find()).map(({ name }) => name);
declare("all browsers found the same numbers", { skip: present.length < 2 && "there is one browser only" }, () => {
  const [first, ...others] = present;
  for (const name of others) {
    holdsToMetrics(answers[name], answers[first], `${name} beside ${first}`);
  }
});

function suite(driver) {
  let browser;
  let opened = [];

  before(async () => {
    browser = await driver.start();
    console.log(`${browser.name} ${browser.version}`);
  });
  after(() => browser?.close());
  /** Closes what a test has opened; what was in a browser that has crashed is closed. */
  const closeAll = async () => {
    for (const one of opened.reverse()) {
      await Promise.resolve(one.close()).catch((error) => {
        if (!driver.hasCrashed?.(error)) throw error;
      });
    }
    opened = [];
  };
  afterEach(closeAll);
  /** A test. If the browser itself crashes (WebKitGTK does, about once in three hours of these tests), it is begun once more in a new one, and told. */
  const test = (name, body) =>
    declare(name, async (context) => {
      try {
        await body(context);
      } catch (error) {
        if (!driver.hasCrashed?.(error)) throw error;
        console.log(`${driver.name} crashed in “${name}” (${String(error).split("\n")[0]}): once more`);
        await closeAll();
        await browser.close().catch(() => {});
        browser = await driver.start();
        await body(context);
      }
    });

  /** A site on its own origin. */
  async function newSite(options) {
    const server = await serve({ isolated: true, rewrites: driver.isDeaf ? LISTENING : {}, ...options });
    opened.push(server);
    return server;
  }
  /** Opens an address in a new tab and waits until the page is usable. */
  async function visit(address, { width = 1366, height = 768 } = {}) {
    const page = new Page(await browser.open());
    opened.push(page);
    await page.resize(width, height);
    await page.goto(address);
    await page.until(() => window.prunescope);
    return page;
  }
  /** The tiny model with some settings, on its own site. */
  async function tiny(rest, options) {
    const server = await newSite();
    const page = await visit(`${server.site}?model=${server.loadable("tiny.gguf")}&tokens=6&token=1&${rest}`, options);
    await finished(page);
    return page;
  }
  /** Asserts that the page reported no errors. */
  const clean = async (page) => assert.deepEqual(await page.problems(), []);

  test("errors are heard, wherever they happen", async () => {
    const server = await newSite();
    const page = new Page(await browser.open());
    opened.push(page);
    await page.goto(`${server.origin}/fixtures/embed.html`);
    await clean(page);
    await page.evaluate(async () => {
      const frame = document.body.appendChild(document.createElement("iframe"));
      await new Promise((loaded) => {
        frame.onload = loaded;
        frame.src = location.href;
      });
      console.error("said aloud");
      setTimeout(() => nothingByThatName());
      Promise.reject(new Error("rejected"));
      frame.contentWindow.console.error("in a frame");
      const made = new Blob(["console.error('in a worker of the page')"], { type: "text/javascript" });
      window.workers = [new Worker("complains.js"), new Worker(URL.createObjectURL(made))];
    });
    const wanted = ["said aloud", "nothingByThatName", "rejected", "in a frame", "in a worker", "in a worker of the page"];
    await poll(async () => {
      const problems = await page.problems();
      return wanted.every((text) => problems.some((problem) => problem.includes(text)));
    }, async () => `only heard ${JSON.stringify(await page.problems())}`);
  });

  test("the default model and what switches make of it have the reference's numbers", async () => {
    const server = await newSite();
    const page = await visit(`${server.site}?drop=m16,m17&token=1`);
    await finished(page);
    const [example, attention] = ["m17,m16", "a7,a26,a28,a29"];
    holdsToReference(await results(page), reference("smollm2", example));
    await showsItsNumbers(page);
    assert.equal(await page.text("#dense-text"), "The capital of France is Paris.<|im_end|>");
    const { text } = paperTable().find(({ drop }) => drop === example);
    assert.ok((await page.text("#pruned-text")).startsWith(text));
    assert.equal(await page.attribute("#device", "data-backend"), "cpu");
    assert.equal(await page.count(".token.diverges"), 2, "the first difference is marked in both texts");
    // Switch the example's sublayers on again, and others off.
    for (const key of [...example.split(","), ...attention.split(",")]) await page.click(`[data-switch="${key}"]`);
    await answered(page);
    assert.deepEqual((await query(page)).drop.split(",").sort(), attention.split(",").sort());
    holdsToReference(await results(page), reference("smollm2", attention));
    await showsItsNumbers(page);
    await clean(page);
  });

  test("switches by mouse, one and many at a stroke, and Back", async () => {
    const page = await tiny("drop=");
    await page.click('[data-switch="m2"]');
    await answered(page);
    holdsToReference(await results(page), reference("tiny", "m2"));
    await page.drag('[data-switch="a1"]', '[data-switch="a2"]', '[data-switch="a3"]');
    await answered(page);
    assert.equal((await query(page)).drop, "a1,b2,a3");
    await page.click('[data-switch="b0"]');
    assert.equal((await query(page)).drop, "b0,a1,b2,a3");
    for (const before of ["a1,b2,a3", "m2", ""]) {
      await page.back();
      await page.until((before) => window.prunescope.settings().drop === before, before);
    }
    await answered(page);
    assert.ok(Math.abs((await shown(page, "cos-p")) - 1) < 1e-6);
    await page.until(() => /Nothing is switched off/.test(document.querySelector("#headline").textContent));
    await clean(page);
  });

  test("weights are removed by slider, by mouse and by keys", async () => {
    const page = await tiny("drop=");
    await page.set("#sparse-method", "magnitude");
    await answered(page);
    assert.equal((await query(page)).sparse, "magnitude-0.5");
    await page.click("#sparse-ratio");
    await page.press("Home", ...Array(30).fill("ArrowRight"));
    await page.until(() => new URL(location).searchParams.get("sparse") === "magnitude-0.3");
    await answered(page);
    const { weights, next_token } = await results(page);
    assert.equal(weights.matrices.length, 28);
    for (const { sparsity } of weights.matrices) assert.ok(Math.abs(sparsity - 0.3) < 0.01, `${sparsity} of a matrix is zero`);
    answers[driver.name] = plain(next_token);
    // The menus show the link's settings.
    const menus = () => page.evaluate(() => ["sparse-method", "quant-method"].map((id) => document.querySelector(`#${id}`).value));
    await page.set("#quant-method", "rtn");
    await page.set("#sparse-method", "wanda");
    await answered(page);
    assert.deepEqual(await menus(), ["wanda", "rtn"]);
    for (const before of [["magnitude", "rtn"], ["magnitude", ""]]) {
      await page.back();
      await page.until((method) => new URL(location).searchParams.get("sparse").startsWith(method), before[0]);
      await answered(page);
      assert.deepEqual(await menus(), before);
    }
    await clean(page);
  });

  test("every view opens and draws", async () => {
    const page = await tiny("drop=a1,m2&sparse=magnitude-0.5&sample=2");
    for (const [view, figures] of Object.entries(VIEWS)) {
      await page.click(`#tab-${view}`);
      if (view === "compare") await page.click("#compare-add");
      if (view === "sweep" || view === "search") await page.click(`#${view}-start`);
      for (const id of figures) await drawn(page, id);
      if (view === "sweep" || view === "search") await page.evaluate(() => document.querySelector("#stop:enabled")?.click());
      assert.equal((await query(page)).view ?? "layers", view);
    }
    await clean(page);
  });

  test("a link restores what was set, and Copy link copies it", async () => {
    const page = await tiny("drop=a1,b2&prompt=Name+a+fruit.&chat=0&temp=0.7&top_k=40&top_p=0.9&seed=9&sparse=wanda-2:4&quant=rtn4-g32&on=mlp&layers=1-2&analysis=1.5&view=steps");
    const settings = await page.evaluate(() => window.prunescope.settings());
    const before = await results(page);
    await page.click("#copy-link");
    await page.until(() => document.querySelector("#copy-link").textContent === "Link copied");
    // Paste the copied text where it can be read.
    await page.click("#prompt");
    await page.evaluate(() => document.querySelector("#prompt").select());
    await page.press(`${COMMAND}+v`);
    const link = await page.until((site) => document.querySelector("#prompt").value.startsWith(site) && document.querySelector("#prompt").value, new URL(".", await page.evaluate(() => location.href)).href);
    const again = await visit(link);
    await finished(again);
    assert.deepEqual(await again.evaluate(() => window.prunescope.settings()), settings);
    const after = await results(again);
    assert.deepEqual(after.next_token, before.next_token);
    assert.deepEqual(after.generation, before.generation);
    assert.equal(await again.attribute("#tab-steps", "aria-selected"), "true");
    await clean(page);
    await clean(again);
  });

  for (const sandbox of [null, "allow-scripts"]) test(`another site embeds it${sandbox ? ` with sandbox="${sandbox}"` : ""} and talks to it`, async () => {
    const [site, host] = [await newSite({ shipped: Boolean(sandbox) }), await newSite({ isolated: false })];
    const parent = new Page(await browser.open());
    opened.push(parent);
    await parent.goto(`${host.origin}/fixtures/embed.html`);
    await parent.evaluate(frameOn, `${site.site}?embed=1&drop=a1&tokens=4&model=${site.loadable("tiny.gguf")}`, sandbox);
    const heard = (name) => parent.until((name) => window.heard.find((data) => data.prunescope === name), name);
    const tell = (message) => parent.evaluate((message) => document.querySelector("iframe").contentWindow.postMessage(message, "*"), message);
    assert.equal((await heard("ready")).detail.layers, 4);
    await tell({ prunescope: "on", name: "next_token" });
    await tell({ prunescope: "run", id: 5, settings: { drop: "b0,m3" } });
    const { id, detail } = await heard("result");
    assert.equal(id, 5);
    holdsToReference(detail, reference("tiny", "b0,m3"));
    assert.equal((await heard("event")).name, "next_token");
    await tell({ prunescope: "run", id: 6, settings: { tokens: 0 } });
    assert.match((await heard("error")).message, /tokens/);
    await clean(parent);
  });

  test("a post with four figures, from recorded runs, at every width; the one that is pressed starts one engine", async () => {
    // With Document-Isolation-Policy on the post, too: otherwise this test could not look into the frames.
    const site = await newSite({ shipped: true });
    const post = new Page(await browser.open());
    opened.push(post);
    const engines = () => site.requests.filter(({ path }) => /\/worker(_webgpu)?\.js$/.test(path)).length;
    await post.resize(1366, 768);
    await post.goto(`${site.site}post/index.html`);
    for (const width of [280, 360, 700, 1200]) {
      await post.evaluate((width) => document.querySelectorAll("prune-scope").forEach((figure) => (figure.style.width = `${width}px`)), width);
      for (const at of [0, 1, 2, 3]) {
        await post.evaluate((at) => document.querySelectorAll("prune-scope")[at].scrollIntoView(), at);
        await post.until((at) => {
          const page = document.querySelectorAll("prune-scope")[at].querySelector("iframe")?.contentDocument;
          return page?.querySelector("#recorded, [data-part=texts] .token, canvas");
        }, at);
      }
      // In none is anything wider than it is, and each is as high as its content.
      await post.until((width) => [...document.querySelectorAll("prune-scope iframe")].every((frame) => {
        const { documentElement: page } = frame.contentDocument;
        return frame.clientWidth === width && page.scrollWidth <= width && Math.abs(frame.clientHeight - page.querySelector(".page").offsetHeight) <= 1;
      }), width);
    }
    assert.equal(engines(), 0, "before a figure is touched");
    await post.evaluate(() => document.querySelector("prune-scope iframe").contentDocument.querySelector(".tokens").click());
    await poll(() => engines() === 1, async () => `${engines()} engines`);
    // Where a figure's width jumps, WebKit may report that it tells some sizes a frame later, which it then does.
    assert.deepEqual((await post.problems()).filter((problem) => problem !== "ResizeObserver loop completed with undelivered notifications."), []);
  });

  test("German and Arabic", async () => {
    for (const [language, direction] of [["de", "ltr"], ["ar", "rtl"]]) {
      const page = await tiny(`lang=${language}&drop=a1`);
      await page.until((language, direction) => document.documentElement.lang === language && document.documentElement.dir === direction, language, direction);
      assert.ok(!/^(Stop|Reset)$/.test(await page.evaluate(() => document.querySelector("#stop").textContent)));
      await page.until(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
      await clean(page);
    }
  });

  test("files of the visitor's own, picked together", async () => {
    const page = await tiny("drop=m0");
    await page.click(".more summary");
    const { prompt, ids, logits } = expected("qwen3");
    const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"];
    await page.files("#model-file", ...files.map((name) => path.join(ROOT, "tests/fixtures/families/qwen3", name)));
    await page.until(() => new URL(location).searchParams.get("model").includes("model.safetensors"));
    const report = await results(page, { prompt, chat: false });
    assert.equal(report.model.family, "qwen3");
    assert.deepEqual(report.prompt_ids, ids);
    const last = logits.at(-1);
    assert.equal(report.next_token.top.dense[0].id, last.indexOf(Math.max(...last)));
    await clean(page);
  });

  test("an engine outside the browser answers as the page's own does; its loss is a sentence, and it is found again", async () => {
    const server = await newSite();
    const started = async (port) => {
      const engine = await outside(port);
      opened.push({ close: engine.end });
      return engine;
    };
    let engine = await started();
    const at = () => `${server.site}?engine=${encodeURIComponent(engine.address)}&tokens=6&token=1&drop=m2`;
    const page = await visit(at());
    await finished(page);
    holdsToReference(await results(page), reference("tiny", "m2"));
    assert.deepEqual(server.requests.filter(({ path }) => /worker|\/models\//.test(path)), [], "no engine and no model in the browser");
    assert.match(await page.text("#device"), /outside the browser/);
    assert.match(await page.text("footer.status"), /ws:\/\/127\.0\.0\.1/);
    await clean(page);
    await engine.end();
    await page.until(() => /connection to the engine/.test(document.querySelector(".failure p")?.textContent));
    await page.click("#retry");
    await page.until(() => /No engine answers/.test(document.querySelector(".failure p")?.textContent));
    engine = await started(engine.port);
    await page.click("#retry");
    await page.until(() => !document.querySelector(".failure"));
    holdsToReference(await results(page, { drop: "b0,m3" }), reference("tiny", "b0,m3"));
    assert.ok(await page.evaluate(() => new URL(location).searchParams.has("engine")), "a reload attaches again");
  });

  test("a download that is cut goes on where it was cut", async () => {
    const server = await newSite();
    let cuts = 0;
    server.faults.set(new URL(server.loadable("tiny.gguf")).pathname, (request, response, file) => {
      if (request.method === "HEAD" || cuts === 3) return false;
      cutAfter(60_000, request, response, file, () => cuts++);
      return true;
    });
    const page = await visit(`${server.site}?model=${server.loadable("tiny.gguf")}&tokens=1&drop=m2`);
    await finished(page);
    holdsToReference(await results(page), reference("tiny", "m2"));
    assert.equal(cuts, 3);
    const starts = server.requests.filter(({ path }) => path.endsWith("/tiny.gguf")).map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0));
    // WebKit may discard what arrived together with a cut, so that not every cut download gets further than the one before.
    assert.ok(starts.at(-1) >= 60_000, `it was asked for from ${starts}`);
    assert.equal(await page.count(".failure"), 0);
  });

  test("a second visit needs no network, or the page says what it needs", async () => {
    const server = await newSite();
    // Served like the default model: by a manifest with checksums.
    const bytes = fs.readFileSync(path.join(ROOT, "tests/fixtures/tiny.gguf"));
    const part = { file: "tiny.gguf", bytes: bytes.length, sha256: crypto.createHash("sha256").update(bytes).digest("hex") };
    const manifest = JSON.stringify({ name: "Tiny", licence: "none", origin: "here", sha256: part.sha256, parts: [part] });
    server.faults.set(new URL(server.loadable("tiny.json")).pathname, (_, response) => Boolean(response.writeHead(200, { "Content-Type": "application/json" }).end(manifest)));
    const page = await visit(`${server.site}?model=${server.loadable("tiny.json")}&tokens=1&drop=m2`);
    await finished(page);
    const first = await results(page);
    holdsToReference(first, reference("tiny", "m2"));
    // The service worker stores the site's files shortly after they arrived.
    await page.until(async () => {
      const kept = (await (await caches.open("prunescope")).keys()).map(({ url }) => url);
      return ["worker.js", "worker_bg.wasm", "tiny.json", "style-", "/page-"].every((name) => kept.some((url) => url.includes(name)));
    });
    await clean(page);
    const keeps = await page.evaluate(() => typeof navigator.storage?.getDirectory === "function");
    server.close();
    await page.reload();
    await page.until(() => window.prunescope);
    if (keeps) {
      assert.deepEqual((await results(page)).next_token, first.next_token);
      await page.click(".more summary");
      assert.match(await page.text("#kept"), /tiny\.json\s*1 MB/);
    } else {
      // The page itself is there, and says that the model is not.
      await page.until(() => /tiny.*check the .*connection/s.test(document.querySelector(".failure p").textContent));
    }
  });

  test("a first visit to a host that does not isolate pages has the threads that the browser can have", async () => {
    const server = await newSite({ isolated: false });
    const page = await visit(`${server.site}?model=${server.loadable("tiny.gguf")}&tokens=1&drop=m2`);
    await finished(page);
    holdsToReference(await results(page), reference("tiny", "m2"));
    const pages = server.requests.filter(({ path }) => path === new URL(server.site).pathname).length;
    assert.ok(pages <= 3, `the page was asked for ${pages} times`);
    const { threads, cores, shares } = await page.evaluate(() => ({
      threads: Number(document.querySelector("#memory").dataset.threads),
      cores: navigator.hardwareConcurrency,
      shares: typeof SharedArrayBuffer === "function" && crossOriginIsolated,
    }));
    assert.equal(threads > 1, shares && cores > 1, `${threads} threads on ${cores} cores`);
    await clean(page);
  });

  test("the keyboard alone", async () => {
    const page = await tiny("drop=");
    // Tab reaches every control, in reading order.
    const wanted = await page.evaluate(() => {
      const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")];
      const reached = all.filter((element) => element.tabIndex >= 0 && !element.disabled && element.getClientRects().length > 0 && !element.closest("details:not([open]) > :not(summary)"));
      return reached.map((element, place) => ((element.dataset.place = place), place));
    });
    const reached = [];
    for (const _ of wanted) {
      await page.press("Tab");
      reached.push(await page.evaluate(() => Number(document.activeElement.dataset.place ?? -1)));
    }
    assert.deepEqual(reached, wanted);
    const tabTo = async (selector) => {
      for (const _ of wanted) {
        if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
        await page.press("Shift+Tab");
      }
      assert.fail(`Tab does not reach ${selector}`);
    };
    // Charts give their points by keyboard.
    await tabTo("#chart-mlp canvas");
    await page.press("ArrowRight");
    await page.until(() => document.querySelector("#chart-mlp .tooltip").textContent.length > 3);
    // Views, by arrow keys.
    await tabTo("[role=tab]");
    await page.press("ArrowRight");
    await page.until(() => document.activeElement.id === "tab-steps" && document.querySelector("#chart-kl canvas"));
    // Switches: arrow keys move, space switches, shift with an arrow key copies the state.
    await tabTo("[data-switch]");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.switch), "a0");
    await page.press("End", "ArrowDown", "ArrowLeft", "Space", "Shift+ArrowRight");
    await answered(page);
    assert.equal((await query(page)).drop, "m2,m3");
    await page.press("Space");
    await answered(page);
    assert.equal((await query(page)).drop, "m2");
    holdsToReference(await results(page), reference("tiny", "m2"));
    // A prompt, sent with Enter.
    await tabTo("#prompt");
    await page.evaluate(() => document.querySelector("#prompt").select());
    await page.type("Hello");
    await page.press("Enter");
    await page.until(() => window.prunescope.settings().prompt === "Hello");
    await finished(page);
    // A button, by space.
    await tabTo("#reset");
    await page.press("Space");
    await page.until(() => window.prunescope.settings().drop === "");
    await clean(page);
  });

  test("nothing is wider than the page, on a laptop, a tablet and a narrow window", async () => {
    const page = await tiny("drop=a1&view=steps");
    // WebKitGTK's window cannot be narrower.
    for (const width of [1366, 700, 450]) {
      await page.resize(width, 768);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `the page is ${wide} pixels wide on ${width}`);
    }
    await clean(page);
  });
}

/** Waits for a condition outside the page. */
async function poll(is, otherwise) {
  const end = performance.now() + 30_000;
  while (!(await is())) {
    if (performance.now() > end) assert.fail(await otherwise());
    await new Promise((done) => setTimeout(done, 30));
  }
}

/** The results of the newest run, once it has all of them. */
const results = (page, settings = {}) => page.evaluate((settings) => window.prunescope.run(settings), settings);
/** Waits until the shown run has all its results. */
const finished = (page) => page.seen("#export:enabled");
/** Waits until the numbers on the screen belong to the current settings. */
const answered = (page) => page.until(() => !document.querySelector(".stale") && document.querySelector("#cos-h[data-value]"));
const shown = (page, id) => page.attribute(`#${id}`, "data-value").then(Number);
const query = (page) => page.evaluate(() => Object.fromEntries(new URL(location).searchParams));
/** A position's metrics without its tokens. */
const plain = ({ top, ...metrics }) => metrics;

/** Asserts that the screen shows the numbers of the results. */
async function showsItsNumbers(page) {
  const { next_token } = await results(page);
  for (const [id, name] of [["cos-h", "cos_h"], ["cos-z", "cos_z"], ["cos-p", "cos_p"]]) {
    assert.ok(Math.abs((await shown(page, id)) - next_token[name]) < 1e-6, name);
    assert.equal(await page.text(`#${id}`), next_token[name].toFixed(3));
  }
  assert.ok((await page.text("#pipeline")).includes(`KL ${next_token.kl_dense_pruned.toFixed(3)} nats`));
}

/** Waits until a figure has an explanation and its picture has colours. */
async function drawn(page, id) {
  await page.until((id) => document.querySelector(`#${id} .sentence`).textContent.length > 10 && !document.querySelector(`#${id} .waiting`), id);
  await page.until((id) => {
    const canvas = document.querySelector(`#${id} canvas`);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > 5;
  }, id);
}

/** Sends `count` bytes of the answer, then closes the connection. */
function cutAfter(count, request, response, file, then) {
  const bytes = fs.readFileSync(file);
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = start ? { "Content-Range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
  response.writeHead(start ? 206 : 200, { "Content-Length": bytes.length - start, "Cache-Control": "no-store", ...range });
  then();
  // Close a little later: closing at once would discard the bytes.
  response.write(bytes.subarray(start, start + count), () => setTimeout(() => response.destroy(), 20));
}
