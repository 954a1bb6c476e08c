/* Buttons to copy code stand in landmarks without names, and notes in code are links without.
   What is wider than a phone is scrolled by whoever can reach it, with keys too. */
const reach = () => document.querySelectorAll(".md-typeset__scrollwrap, .tabbed-labels").forEach((part) => {
  if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
  else part.removeAttribute("tabindex");
});
addEventListener("resize", reach);
new MutationObserver(() => {
  reach();
  document.querySelectorAll("nav.md-code__nav:not([role])").forEach((nav) => nav.setAttribute("role", "presentation"));
  document.querySelectorAll("a.md-annotation__index:not([aria-label])").forEach((note) => note.setAttribute("aria-label", "Note"));
}).observe(document.documentElement, { childList: true, subtree: true });

/* The search runs in a worker, which browsers refuse to pages that are opened from disk. There a
   hidden frame of the same page takes its place. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.body.appendChild(document.createElement("iframe"));
      this.frame.hidden = true;
      this.frame.title = "search";
      const inside = this.frame.contentWindow;
      const load = (from) => new Promise((done, failed) => {
        const script = inside.document.createElement("script");
        script.onload = done;
        script.onerror = failed;
        script.src = from;
        inside.document.body.append(script);
      });
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...all) => all.reduce((so, next) => so.then(() => load(next)), Promise.resolve());
      this.ready = load(url);
    }
    postMessage(data) {
      const Event = this.frame.contentWindow.MessageEvent;
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new Event("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
