// Everything is readable without this script; it adds sorting, filters, a picker, a copy button and a theme.
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
    field.id = `control-${++controlsMade}`;
    const label = make("label", { textContent: text });
    label.htmlFor = field.id;
    return make("div", { className: "control" }, label, field);
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

  for (const table of all("table[data-sort]")) {
    all("thead th", table).forEach((heading, column) => {
      const button = make("button", { type: "button", textContent: heading.textContent });
      button.addEventListener("click", () => sortBy(table, column, heading));
      heading.replaceChildren(button);
    });
  }

  // --- a text filter for long tables -------------------------------------------------------------------------
  const plain = (text) => text.normalize("NFKC").toLowerCase().trim();

  for (const block of all(".table[data-filter]")) {
    const rows = all("tbody tr", block);
    const input = make("input", { type: "search", autocomplete: "off", spellcheck: false });
    const count = make("output", { textContent: `${rows.length} rows` });
    count.setAttribute("aria-live", "polite");
    input.setAttribute("aria-label", `Filter: ${block.querySelector("h4").textContent}`);
    input.addEventListener("input", () => {
      const wanted = plain(input.value);
      for (const row of rows) row.hidden = ![...row.cells].some((cell) => plain(cell.textContent).includes(wanted));
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = wanted ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    });
    const control = labelled("Filter", input);
    control.prepend(count);
    block.querySelector(".table-head").append(control);
  }

  // --- choosing a data set, and a variant's pictures ---------------------------------------------------------
  function chooser(label, everything, names, chosen) {
    const select = make("select", {}, make("option", { value: "", textContent: everything }));
    for (const [index, name] of names.entries()) {
      const short = name.length > 60 ? `${name.slice(0, 59)}…` : name;
      select.append(make("option", { value: String(index), textContent: short }));
    }
    select.addEventListener("change", () => chosen(select.value === "" ? null : names[Number(select.value)]));
    return labelled(label, select);
  }

  const distinct = (elements, key) => [...new Set(elements.map((element) => element.dataset[key]))];
  const controls = make("div", { className: "controls" });
  const parts = all("[data-dataset]");
  const datasets = distinct(parts, "dataset");
  if (datasets.length > 1) {
    controls.append(chooser("Show", "all data sets", datasets, (name) => {
      for (const part of parts) part.hidden = name !== null && part.dataset.dataset !== name;
    }));
  }

  const folds = all("[data-variant]");
  const variants = distinct(folds, "variant");
  if (variants.length > 1) {
    const picker = chooser("Pictures of", "all variants", variants, (name) => {
      for (const fold of folds) {
        fold.hidden = name !== null && fold.dataset.variant !== name;
        fold.open = fold.dataset.variant === name;
      }
    });
    picker.classList.add("picker");
    document.getElementById("pictures-title").after(picker);
  }

  // --- theme -------------------------------------------------------------------------------------------------
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
  controls.append(theme);
  document.querySelector(".contents").prepend(controls);

  // --- where the reader is -----------------------------------------------------------------------------------
  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = links.get(target.id);
      if (isIntersecting) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-15% 0px -84% 0px" });
  for (const id of links.keys()) watcher.observe(document.getElementById(id));

  // --- the command -------------------------------------------------------------------------------------------
  async function copy(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch { // no clipboard for a page from a file, in some browsers
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
  }

  for (const code of all(".command")) {
    const button = make("button", { type: "button", className: "button copy", textContent: "Copy" });
    const said = make("output");
    said.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      await copy(code);
      said.textContent = "Copied";
      setTimeout(() => { said.textContent = ""; }, 2000);
    });
    code.after(button, " ", said);
  }

  // --- what is folded opens for a link to it, and for print --------------------------------------------------
  function reveal() { // browsers older than 2026 may not do it themselves
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const folded = target.closest("details:not([open])");
    if (folded) folded.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
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
