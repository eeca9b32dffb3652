// <prune-scope show="pipeline,grid,texts" drop="a7,a26"></prune-scope>: a live figure of Prunescope's in any page. Every attribute but
// those of HTML is a part of the figure's link (README, "Links"); `query` holds several at once, as a link does. Nothing is fetched until
// the figure is near the screen. (No module: another host's module loads only with a header of that host's.)
(() => {
  const SITE = new URL(".", document.currentScript.src);
  const OF_HTML = /^(id|class|style|title|dir|slot|hidden|height|role|tabindex|part|inert|translate|draggable|nonce|is|data-.*|aria-.*|on.+)$/;

  const SPOKEN = /^(en|de|ar)\b/i;

  class PruneScope extends HTMLElement {
    connectedCallback() {
      this.style.display ||= "block";
      this.style.minHeight ||= `${parseInt(this.getAttribute("height"), 10) || 320}px`;
      this.near = new IntersectionObserver((seen) => seen.some((it) => it.isIntersecting) && this.show(), { rootMargin: "300px" });
      this.near.observe(this);
      this.told = ({ source, data }) => {
        const frame = this.querySelector("iframe");
        if (frame && source === frame.contentWindow && data?.prunescope === "height" && data.height > 0) {
          frame.style.height = this.style.minHeight = `${Math.ceil(data.height)}px`;
        }
      };
      addEventListener("message", this.told);
    }

    disconnectedCallback() {
      this.near.disconnect();
      removeEventListener("message", this.told);
      this.replaceChildren();
    }

    /** The address of the figure that the attributes describe. */
    get address() {
      const address = new URL(SITE);
      const add = (name, value) => address.searchParams.append(name, value);
      add("embed", "1");
      for (const { name, value } of this.attributes) {
        if (name === "query") new URLSearchParams(value).forEach((value, name) => add(name, value));
        // HTML's attribute, too: only what Prunescope speaks.
        else if (name === "lang" ? SPOKEN.test(value) : !OF_HTML.test(name)) add(name, value);
      }
      return address.href;
    }

    show() {
      this.near.disconnect();
      const frame = document.createElement("iframe");
      frame.src = this.address;
      frame.title = this.title || "Prunescope: a pruned language model";
      frame.allow = "clipboard-write; cross-origin-isolated";
      Object.assign(frame.style, { display: "block", border: 0, width: "100%", height: this.style.minHeight });
      this.replaceChildren(frame);
    }
  }

  customElements.get("prune-scope") ?? customElements.define("prune-scope", PruneScope);
})();
