// Everything is readable without this script; it adds sorting, filters, choosers, copying, tooltips and a theme.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  let controlsMade = 0;

  function labelled(text, field) {
    field.id = `control:${++controlsMade}`;
    const label = make("label", { textContent: text });
    label.htmlFor = field.id;
    return make("div", { className: "control" }, label, field);
  }

  // --- copying -----------------------------------------------------------------------------------------------
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard for a page from a file, in some browsers
      const field = make("textarea", { value: text, readOnly: true });
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  }

  async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }
  const copies = unpack(document.getElementById("copies").content.textContent); // by table, by format

  function copyButton(name, className, text) {
    const button = make("button", { type: "button", className, textContent: name });
    const outcome = make("output");
    outcome.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      await copy(await text());
      outcome.textContent = "copied";
      setTimeout(() => { outcome.textContent = ""; }, 2000);
    });
    return [button, outcome];
  }

  for (const code of all(".command")) {
    const [button, outcome] = copyButton("Copy", "button", () => code.textContent);
    code.after(button, " ", outcome);
  }

  // --- sorting -----------------------------------------------------------------------------------------------
  const words = new Intl.Collator("en", { numeric: true });

  function keyOf(cell) {
    if (cell.dataset.number !== undefined) return Number(cell.dataset.number);
    return cell.dataset.word; // undefined: nothing to sort by
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a < b ? -1 : Number(a > b);
    if (typeof a === typeof b) return words.compare(a, b);
    return typeof a === "number" ? -1 : 1;
  }

  function sortBy(table, column, heading) {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    for (const other of all("th[aria-sort]", table)) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[column]) }));
    rows.sort((a, b) => {
      if (a.key === undefined || b.key === undefined) return Number(a.key === undefined) - Number(b.key === undefined);
      return descending ? compare(b.key, a.key) : compare(a.key, b.key);
    });
    body.append(...rows.map(({ row }) => row));
  }

  // --- columns that a screen has no room for -----------------------------------------------------------------
  function fit(block) {
    const { scroll, table, more } = block;
    if (!scroll.clientWidth) return; // folded
    const headings = [...table.tHead.rows[0].cells];
    const show = (least) => {
      for (const row of table.rows) {
        headings.forEach((heading, i) => row.cells[i].classList.toggle("aside", Number(heading.dataset.aside ?? 0) >= least));
      }
    };
    show(Infinity);
    const steps = [...new Set(headings.map((heading) => Number(heading.dataset.aside ?? 0)))].filter(Boolean);
    for (const least of block.whole ? [] : steps.sort((a, b) => b - a)) {
      if (scroll.scrollWidth <= scroll.clientWidth) break;
      show(least);
    }
    const hidden = headings.filter((heading) => heading.classList.contains("aside")).length;
    more.hidden = !hidden && !block.whole;
    more.textContent = block.whole ? "Fewer columns" : `${hidden} more column${hidden > 1 ? "s" : ""}`;
  }

  // --- tables: headings that sort, a text filter for long ones, copies ---------------------------------------
  const plain = (text) => text.normalize("NFKC").toLowerCase().trim();

  function filterOf(block, title) {
    const rows = all("tbody tr", block);
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    const count = make("output", { textContent: `${rows.length} rows` });
    count.setAttribute("aria-live", "polite");
    input.setAttribute("aria-label", `Filter: ${title}`);
    input.addEventListener("input", () => {
      const wanted = plain(input.value);
      for (const row of rows) row.hidden = ![...row.cells].some((cell) => plain(cell.textContent).includes(wanted));
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = wanted ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
    const control = labelled("Filter", input);
    control.append(count);
    return control;
  }

  const blocks = all(".table").map((element) => {
    const block = { element, scroll: element.querySelector(".scroll"), table: element.querySelector("table"), whole: false };
    const title = block.table.getAttribute("aria-label");
    all("thead th", block.table).forEach((heading, column) => {
      const button = make("button", { type: "button", textContent: heading.textContent });
      button.addEventListener("click", () => sortBy(block.table, column, heading));
      heading.replaceChildren(button);
    });
    const tools = make("div", { className: "tools" });
    if ("filter" in element.dataset) tools.append(filterOf(element, title));
    block.more = make("button", { type: "button", className: "quiet more", hidden: true });
    block.more.addEventListener("click", () => { block.whole = !block.whole; fit(block); });
    tools.append(block.more, "Copy as");
    for (const format of ["LaTeX", "CSV", "Markdown"]) {
      const [button, outcome] = copyButton(format, "quiet", async () => (await copies)[element.dataset.copies][format]);
      button.setAttribute("aria-label", `Copy as ${format}: ${title}`);
      tools.append(button, outcome);
    }
    element.querySelector(".table-head").append(tools);
    return block;
  });
  const fitAll = () => blocks.forEach(fit);
  document.addEventListener("toggle", (event) => { // it does not bubble
    for (const block of blocks) if (event.target.contains(block.element)) fit(block);
  }, true);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) fitAll();
    width = innerWidth;
  });
  fitAll();

  // --- choosing a data set, folding, theme -------------------------------------------------------------------
  const controls = make("div", { className: "controls" });
  const parts = all("[data-dataset]");
  const datasets = [...new Set(parts.map((part) => part.dataset.dataset))];
  if (datasets.length > 1) {
    const select = make("select", {}, make("option", { value: "", textContent: "all data sets" }));
    for (const [index, name] of datasets.entries()) {
      const short = name.length > 60 ? `${name.slice(0, 59)}…` : name;
      select.append(make("option", { value: String(index), textContent: short }));
    }
    select.addEventListener("change", () => {
      const name = select.value === "" ? null : datasets[Number(select.value)];
      for (const part of parts) part.hidden = name !== null && part.dataset.dataset !== name;
      fitAll();
    });
    controls.append(labelled("Show", select));
  }

  const folds = all("details.section");
  const unfold = make("button", { type: "button", className: "button" });
  const nameUnfold = () => { unfold.textContent = folds.every((fold) => fold.open) ? "Fold all" : "Unfold all"; };
  unfold.addEventListener("click", () => {
    const open = !folds.every((fold) => fold.open);
    for (const fold of folds) fold.open = open;
  });
  document.addEventListener("toggle", nameUnfold, true);
  nameUnfold();

  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = make("button", { type: "button", className: "button theme" });
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const nameTheme = () => { theme.textContent = isDark() ? "Light colours" : "Dark colours"; };
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  system.addEventListener("change", nameTheme);
  nameTheme();
  controls.append(unfold, theme);
  (document.querySelector(".subtitle") ?? document.querySelector("h1")).after(controls);

  // --- the points of figures: a text for each, by pointer and by arrow keys ----------------------------------
  const REACH = 12; // CSS pixels from the middle of a point
  const tip = make("div", { className: "tip", hidden: true });
  tip.setAttribute("role", "status");
  document.body.append(tip);
  let lit = null;

  function show(point) {
    if (point === lit) return;
    lit?.mark.classList.remove("lit");
    lit = point;
    tip.hidden = point === null;
    if (point === null) return;
    point.mark.classList.add("lit");
    tip.textContent = point.text;
    const box = point.mark.getBoundingClientRect();
    const left = Math.min(Math.max(4, box.x + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 4);
    const above = box.y - tip.offsetHeight - 6;
    tip.style.transform = `translate(${left}px, ${above > 4 ? above : box.bottom + 6}px)`;
  }

  for (const frame of all(".frame")) {
    if (!frame.querySelector("svg title")) continue;
    let points = null;
    const gather = () => { // the browser's own tooltip would come late, and a second time
      points ??= all("svg title", frame).map((title) => {
        const point = { mark: title.parentNode, text: title.textContent };
        title.remove();
        return point;
      });
      return points;
    };
    const middles = () => gather().map(({ mark }) => {
      const box = mark.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    });
    let places = null;
    frame.addEventListener("pointerenter", () => { places = middles(); });
    frame.addEventListener("pointermove", (event) => {
      places ??= middles();
      const under = points.find(({ mark }) => mark.contains(event.target));
      let nearest = under ?? null;
      let least = REACH ** 2;
      if (!under) {
        places.forEach(([x, y], i) => {
          const distance = (x - event.clientX) ** 2 + (y - event.clientY) ** 2;
          if (distance < least) [nearest, least] = [points[i], distance];
        });
      }
      show(nearest);
    });
    frame.addEventListener("pointerleave", () => { places = null; show(null); });

    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    frame.setAttribute("aria-roledescription", "figure; arrow keys go through its points");
    const keys = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    frame.addEventListener("keydown", (event) => {
      const at = gather().indexOf(lit);
      if (event.key === "Escape") show(null);
      else if (event.key === "Home") show(points[0]);
      else if (event.key === "End") show(points.at(-1));
      else if (event.key in keys) {
        const next = at < 0 ? (keys[event.key] > 0 ? 0 : points.length - 1) : at + keys[event.key];
        show(points[Math.min(Math.max(0, next), points.length - 1)]);
      } else return;
      event.preventDefault();
    });
    frame.addEventListener("blur", () => show(null));
  }
  addEventListener("scroll", () => show(null), { passive: true });

  // --- what is folded opens for a link to it, and for print --------------------------------------------------
  function reveal() {
    let id;
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = id && document.getElementById(id);
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  for (const anchor of all(".anchor")) {
    anchor.addEventListener("click", () => { if (anchor.hash === location.hash) reveal(); });
  }
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
})();
