// The first script of index.html, written into it by Trunk. It runs in whatever browser, so it is plain old JavaScript.
// Until the page is there, it says why the page does not come.
(function () {
  /** How long "Opening…" stands alone, in milliseconds. */
  var PATIENCE_MS = 10000;
  /** The smallest program with an instruction of SIMD. */
  var SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  var isOpaque = self.origin === "null";
  /** Session storage key: set once this tab was loaded anew to become isolated. */
  var TRIED = "prunescope-isolated";

  // In a frame whose origin is opaque, WebKit finds 'self' nowhere: there the policy names the site's address in its place. What
  // follows in index.html, its own policy, becomes a comment. POLICY is put in by scripts/finish-site.py. Workers may also be made of
  // an address that is their script (src/page/client.rs).
  if (isOpaque) {
    var policy = "POLICY".replace("worker-src 'self' blob:", "worker-src blob: data:").replace(/'self'/g, location.origin);
    document.write('<meta http-equiv="Content-Security-Policy" content="' + policy + '"><!--');
  }

  // The text of the recorded example, which the page shows first (src/page/recorded.rs), unless its link is about something else. It is
  // mostly there before the program is; undefined where it is not to be had.
  if (!/[?&](model|other|trace)=/.test(location.search) && self.DecompressionStream) {
    self.example = fetch("traces/example.json.gz").then(function (answer) {
      return answer.ok ? new Response(answer.body.pipeThrough(new DecompressionStream("gzip"))).text() : undefined;
    }).catch(function () {});
  }

  // Only a page isolated from others may share memory between threads. Where the host sends no headers for that, the service worker adds
  // them (public/sw.js), from the next load on. That load comes at once, while there is nothing to lose; if the page is there before it
  // can (src/page/isolation.rs waits a moment), it is left to the next visit. A frame is isolated by its next load.
  function isolate() {
    var workers = navigator.serviceWorker;
    if (self.crossOriginIsolated !== false || self !== top || !workers || workers.controller) return;
    if (!(navigator.hardwareConcurrency > 1) || sessionStorage.getItem(TRIED)) return;
    self.isolating = workers.register("sw.js").then(function (registered) {
      // Some browsers give nothing where service workers are blocked.
      return !registered || workers.controller || new Promise(function (done) { workers.addEventListener("controllerchange", done); });
    }).then(function () {
      if (!workers.controller || document.querySelector(".page")) return;
      sessionStorage.setItem(TRIED, "1");
      self.isLeaving = true;
      location.reload();
      // The page need not start any more.
      return new Promise(function () {});
    }).catch(function () {});
  }
  try {
    isolate();
  } catch (error) {
    // Storage or service workers are forbidden here: one thread.
  }

  function hasSimd() {
    try {
      return WebAssembly.validate(new Uint8Array(SIMD));
    } catch (error) {
      return false;
    }
  }

  /** Tells in place of "Opening…"; the page itself takes that away. */
  function say(text) {
    var place = document.querySelector("#starting p");
    if (!place) return;
    place.setAttribute("role", "alert");
    place.textContent = text + " ";
    var again = document.createElement("button");
    again.textContent = "Reload";
    again.addEventListener("click", function () { location.reload(); });
    place.appendChild(again);
  }

  function failed(event) {
    if (self.isLeaving) return;
    var of = event.target;
    // Also a picture or a style sheet tells here that it did not load: the page does without.
    if (of && of.tagName && of.tagName !== "SCRIPT") return;
    var error = event.reason || event.error;
    if (location.protocol === "file:") return say("Prunescope must come from a web server: run “make serve” and open the address that it prints.");
    if (!hasSimd()) return say("This browser lacks WebAssembly with SIMD, which Prunescope needs: use a current Chrome, Edge, Firefox or Safari.");
    var lost = "Prunescope did not load whole" + (error ? " (" + (error.message || error) + ")" : "") + ": check the network connection, then reload the page.";
    if (!isOpaque) return say(lost);
    // Whether the host lets such a frame read its files is told by the one file that is sure to be there.
    fetch(location.href).then(function () { say(lost); }, function () {
      say("To open in a sandboxed frame without allow-same-origin, Prunescope's host must send the header “Access-Control-Allow-Origin: *” with every file.");
    });
  }

  addEventListener("error", failed, true);
  addEventListener("unhandledrejection", failed);
  setTimeout(function () {
    var place = document.querySelector("#starting p");
    if (place && place.getAttribute("role") !== "alert") place.textContent = "Still opening: the network is slow…";
  }, PATIENCE_MS);
})();
