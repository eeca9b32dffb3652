// The interface of the tests for all browsers: a page inspected by script and used by mouse and keyboard, whatever drives it.
//
// A driver (chromium.mjs, firefox.mjs, webkit.mjs) starts its browser and opens tabs. A tab has the few operations that differ:
//   evaluate(source, text)   runs the function of that source on a text and gives the text that it ends with
//   goto(address), reload(), back()
//   keys(steps), mouse(steps)   the "key" and "pointer" actions of W3C WebDriver
//   files(selector, paths)   picks files in a file input
//   resize(width, height), screenshot(), close()
//   problems()               console errors and uncaught errors

/** Names of keys and their characters in WebDriver. Source: W3C WebDriver, "Keyboard actions". */
export const KEYS = {
  Backspace: "\uE003", Tab: "\uE004", Enter: "\uE007", Shift: "\uE008", Control: "\uE009", Escape: "\uE00C", Space: " ",
  End: "\uE010", Home: "\uE011", ArrowLeft: "\uE012", ArrowUp: "\uE013", ArrowRight: "\uE014", ArrowDown: "\uE015",
  Meta: "\uE03D",
};
/** The modifier key for copying and pasting. */
export const COMMAND = process.platform === "darwin" ? "Meta" : "Control";
/** Longest wait for a state, in milliseconds. */
const PATIENCE = Number(process.env.PATIENCE ?? 120_000);
/** Interval between two checks of the page, in milliseconds. */
const LOOK = 30;

/** An error's message without a driver's prefix. */
const told = (error) => String(error?.message ?? error);

export class Page {
  constructor(tab, { patience = PATIENCE } = {}) {
    Object.assign(this, { tab, patience });
  }

  goto(address) {
    return this.leave(() => this.tab.goto(address));
  }

  reload() {
    return this.leave(() => this.tab.reload());
  }

  /** Navigates and waits until the new page is there; a driver may return earlier. */
  async leave(go) {
    await this.evaluate(() => (window.isLeft = true));
    await go();
    await this.until(() => !window.isLeft);
  }

  back() {
    return this.tab.back();
  }

  resize(width, height) {
    return this.tab.resize(width, height);
  }

  screenshot() {
    return this.tab.screenshot();
  }

  /** Console errors and uncaught errors. */
  problems() {
    return this.tab.problems();
  }

  close() {
    return this.tab.close();
  }

  /** Runs a function in the page on plain values, and returns its (awaited) result as a plain value. */
  async evaluate(run, ...values) {
    // The result is a string, so that a driver needs to transfer only strings, and errors are the same everywhere.
    const source = `async (values) => {
      try { return JSON.stringify({ value: await (${run})(...JSON.parse(values)) }); }
      catch (error) { return JSON.stringify({ error: String(error?.message ?? error) }); }
    }`;
    const { value, error } = JSON.parse(await this.tab.evaluate(source, JSON.stringify(values)));
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Waits until a function in the page returns something truthy, even across a reload; returns that value. */
  async until(run, ...values) {
    const end = performance.now() + this.patience;
    let last;
    while (performance.now() < end) {
      try {
        const value = await this.evaluate(run, ...values);
        if (value) return value;
        last = undefined;
      } catch (error) {
        // For example an element that is not there yet, or a page that is being left.
        last = error;
      }
      await new Promise((done) => setTimeout(done, LOOK));
    }
    const shown = await this.evaluate(() => document.body.innerText.slice(0, 600)).catch(told);
    const problems = JSON.stringify(await this.problems().catch(told));
    throw new Error(`waited in vain for ${run} of ${JSON.stringify(values)}${last ? ` (${told(last)})` : ""}; problems: ${problems}; the page shows: ${shown}`);
  }

  /** Waits until an element is there. */
  seen(selector) {
    return this.until((selector) => Boolean(document.querySelector(selector)), selector);
  }

  count(selector) {
    return this.evaluate((selector) => document.querySelectorAll(selector).length, selector);
  }

  /** The text of an element, once it is there. */
  text(selector) {
    return this.until((selector) => ({ text: document.querySelector(selector).textContent }), selector).then(({ text }) => text);
  }

  attribute(selector, name) {
    return this.evaluate((selector, name) => document.querySelector(selector).getAttribute(name), selector, name);
  }

  /** Screen position of an element's centre, once the element is at rest and not covered there. */
  async middle(selector) {
    return this.until(async (selector) => {
      const element = document.querySelector(selector);
      element.scrollIntoView({ block: "nearest", inline: "nearest" });
      const place = () => {
        const { left, top, width, height } = element.getBoundingClientRect();
        return [Math.round(left + width / 2), Math.round(top + height / 2)];
      };
      const [x, y] = place();
      await new Promise((drawn) => requestAnimationFrame(drawn));
      const still = place();
      const met = document.elementFromPoint(x, y);
      return !element.disabled && still[0] === x && still[1] === y && (element.contains(met) || element.closest("label")?.contains(met)) && { x, y };
    }, selector);
  }

  /** Clicks an element with the mouse. */
  async click(selector) {
    await this.drag(selector);
  }

  /** Drags with the mouse from the first element over the others. */
  async drag(first, ...others) {
    const move = (at) => ({ type: "pointerMove", ...at });
    const start = await this.middle(first);
    const steps = [move(start), { type: "pointerDown", button: 0 }];
    for (const selector of others) steps.push(move(await this.middle(selector)));
    await this.tab.mouse([...steps, { type: "pointerUp", button: 0 }]);
  }

  /** Presses keys one after the other; keys pressed together are joined by "+", such as "Shift+Tab". */
  async press(...chords) {
    const steps = chords.flatMap((chord) => {
      const keys = chord.split("+").map((name) => KEYS[name] ?? name);
      return [...keys.map((value) => ({ type: "keyDown", value })), ...keys.reverse().map((value) => ({ type: "keyUp", value }))];
    });
    await this.tab.keys(steps);
  }

  /** Types a text where the focus is. */
  type(text) {
    return this.press(...text);
  }

  /** Replaces the text of a field. */
  async fill(selector, text) {
    await this.click(selector);
    await this.evaluate((selector) => document.querySelector(selector).select(), selector);
    await this.type(text);
  }

  /** Sets a menu's entry, or the value of a field that is not text. */
  set(selector, value) {
    return this.evaluate((selector, value) => {
      const field = document.querySelector(selector);
      field.value = value;
      for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    }, selector, value);
  }

  files(selector, ...paths) {
    return this.tab.files(selector, paths);
  }
}
