
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const findings = all("details.finding");
  const search = document.getElementById("q");
  const status = document.getElementById("q-count");

  // A permalink (#f=<fingerprint>) opens what it points into, also in browsers that do not do so by themselves.
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const folded = target && target.closest("details");
    if (!folded) return;
    if (folded.hidden) { search.value = ""; filter(); }
    for (let outer = folded; outer; outer = outer.parentElement.closest("details")) outer.open = true;
    folded.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);

  const words = new Map();
  const textOf = (item) => {
    if (!words.has(item)) {
      words.set(item, `${item.textContent} ${item.parentElement.querySelector("h3").textContent}`.toLowerCase());
    }
    return words.get(item);
  };
  const fields = { sev: "sev", severity: "sev", rule: "rule", path: "path", is: "is", control: "control" };
  const exact = new Set(["sev", "is"]);
  const token = (part) => {
    const [, key, value] = /^([a-z]+):(.*)$/.exec(part) || [];
    const field = Object.hasOwn(fields, key || "") ? fields[key] : null;
    if (!field) return (item) => textOf(item).includes(part);
    if (exact.has(field)) return (item) => !value || item.dataset[field].split(",").some((word) => value.split(",").includes(word));
    return (item) => item.dataset[field].toLowerCase().includes(value);
  };
  const filter = () => {
    const tests = search.value.toLowerCase().split(/\s+/).filter(Boolean).map(token);
    const used = new Set();
    for (const item of findings) {
      item.hidden = !tests.every((test) => test(item));
      if (!item.hidden) used.add(item.parentElement);
    }
    for (const section of all("section.rule")) section.hidden = !used.has(section);
    const shown = findings.filter((item) => !item.hidden).length;
    status.textContent = tests.length ? `${shown} of ${findings.length} shown` : "";
  };
  let waiting;
  search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      filter();
    }
  });

  const unfold = document.getElementById("unfold");
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    for (const item of findings) if (!item.hidden) item.open = open;
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "Close all" : "Open all";
  });

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const item of closed) item.open = true;
  });
  addEventListener("afterprint", () => { for (const item of closed) item.open = false; });

  // Where the clipboard is not to be had (a file from a mail, an old browser) the text is selected instead.
  const select = (node) => getSelection().selectAllChildren(node);
  addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const source = button.closest("figure").querySelector("pre");
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      select(source);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = { get: () => null, set: () => {} };
  try {
    localStorage.getItem("backend-audit-theme");
    kept.get = () => localStorage.getItem("backend-audit-theme");
    kept.set = (value) => localStorage.setItem("backend-audit-theme", value);
  } catch { /* no storage for this file: the choice lasts as long as the page */ }
  const paint = (value) => {
    if (value) root.dataset.theme = value;
    const dark = (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    theme.setAttribute("aria-pressed", String(dark));
  };
  theme.addEventListener("click", () => {
    const next = theme.getAttribute("aria-pressed") === "true" ? "light" : "dark";
    kept.set(next);
    paint(next);
  });
  system.addEventListener("change", () => paint());
  paint(["light", "dark"].find((value) => value === kept.get()));
  openTarget();
})();
