"use strict";
// What the page can do with a script: find a place, try a capacity or a limit, sort, copy.
// It reads what the page shows and nothing else, writes text and never markup, and asks no network.
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const words = document.getElementById("alive").dataset;
  const language = document.documentElement.lang;
  const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
  const make = (tag, facts = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), facts);
    made.append(...inside);
    return made;
  };
  const read = (node) => node.textContent.replace(/[ \t\r\n]+/g, " ").trim();
  const copyNodes = (node) => [...node.cloneNode(true).childNodes];
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  // Numbers as the page's language writes them: the first of a text; NaN where there is none.
  const FIGURE = /[−+-]?\d(?:[\d.,\u00a0\u202f]*\d)?/;
  const count = (text) => {
    const found = FIGURE.exec(text);
    if (!found) return NaN;
    const digits = [...found[0].slice(/^[−+-]/.test(found[0]) ? 1 : 0)]
      .filter((c) => /\d/.test(c) || c === words.decimal).join("").replace(words.decimal, ".");
    return /^[−-]/.test(found[0]) ? -Number(digits) : Number(digits);
  };
  // A column may be sorted where it is one of numbers, or where no cell begins with a digit:
  // days and ranges keep the order that they were published in.
  const BARE = new RegExp(`^${FIGURE.source}(?:\\s?%)?(?:$| · | \\()`);
  const DAY = /\p{L}{3}\D*\b(?:19|20)\d\d\b/u;
  const chooseKey = (cells, numeric) => {
    const told = cells.filter((text) => /[\p{L}\d]/u.test(text));
    if (!told.length || told.some((text) => DAY.test(text))) return null;
    if (numeric || told.every((text) => BARE.test(text))) return count;
    return told.some((text) => /^\W?\d/.test(text)) ? null : (text) => text;
  };
  const isMissing = (key) => key === "–" || key === "" || Number.isNaN(key);
  const compare = (a, b) => (typeof a === "number" ? a - b : collator.compare(a, b));

  const tables = new Map();
  all("table").forEach((table) => {
    const heads = all("thead th", table);
    const rows = all("tbody tr", table);
    const titles = heads.map((head) => copyNodes(head));
    tables.set(table, { table, heads, rows, titles, texts: heads.map(read) });
    if (table.dataset.rows) tables.set(table.dataset.rows, tables.get(table));
  });

  // Copying: the clipboard, else the old way, else a field from which one copies by hand.
  const told = make("p", { className: "told" });
  told.setAttribute("role", "status");
  document.getElementById("main").append(told);
  const tell = (text) => {
    told.replaceChildren(text);
    setTimeout(() => told.contains(document.activeElement) || told.replaceChildren(), 4000);
  };
  const copyByHand = (text) => {
    const field = make("textarea", { value: text, readOnly: true, rows: 6 });
    field.setAttribute("aria-label", words.byHand);
    field.addEventListener("blur", () => told.replaceChildren());
    told.replaceChildren(words.byHand, field);
    field.select();
    if (document.execCommand("copy")) tell(words.copied);
  };
  const copy = (text) => {
    if (!navigator.clipboard) return copyByHand(text);
    return navigator.clipboard.writeText(text).then(() => tell(words.copied), () => copyByHand(text));
  };

  // No cell that a spreadsheet would run: the rule of `cityai/card/spreadsheet.py`.
  const guard = (text) => {
    const active = /^[=+\-@\t\r\n\0|＝＋－＠]/;
    const bare = text.replace(/^[ \u00a0\u200b\ufeff'"]+/, "");
    return active.test(bare) || active.test(text) ? `'${text}` : text;
  };
  const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const writeCsv = (entry) => [
    entry.texts,
    ...all("tbody tr", entry.table).map((row) => [...row.cells].map(read)),
  ].map((row) => row.map((cell) => quote(guard(cell))).join(",") + "\r\n").join("");

  const sort = (entry, column, key) => {
    const head = entry.heads[column];
    const way = { ascending: "descending", descending: "none" }[head.ariaSort] || "ascending";
    entry.heads.forEach((other) => other.hasAttribute("aria-sort") && (other.ariaSort = "none"));
    head.ariaSort = way;
    const keyed = entry.rows.map((row) => [key(read(row.cells[column])), row]);
    const known = keyed.filter(([k]) => !isMissing(k));
    const missing = keyed.filter(([k]) => isMissing(k));
    const sign = way === "descending" ? -1 : 1;
    if (way !== "none") known.sort(([a], [b]) => sign * compare(a, b));
    const order = way === "none" ? keyed : [...known, ...missing];
    order.forEach(([, row]) => row.parentNode.append(row));
  };

  all("table").forEach((table) => {
    const entry = tables.get(table);
    const caption = table.caption ? read(table.caption) : "";
    const plain = entry.rows.every((row) => row.cells.length === entry.heads.length);
    if (plain && entry.rows.length > 2 && table.tBodies.length === 1) {
      entry.heads.forEach((head, i) => {
        const key = chooseKey(
          entry.rows.map((row) => read(row.cells[i])), table.classList.contains(`n${i + 1}`),
        );
        if (!key || !read(head)) return;
        const button = make("button", { type: "button" }, ...head.childNodes);
        button.addEventListener("click", () => sort(entry, i, key));
        head.append(button);
        head.ariaSort = "none";
      });
    }
    const button = make("button", { type: "button" }, "CSV");
    button.setAttribute("aria-label", `CSV: ${words.table}. ${caption}`);
    button.addEventListener("click", () => copy(writeCsv(entry)));
    const frame = table.closest(".scroll") || table;
    frame.after(make("p", { className: "tools" }, button));
  });

  all("a.here").forEach((link) => link.addEventListener("click", () => copy(link.href)));
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);
  if (location.hash) openTarget();

  // One row of a table, large: what a search and a slider show.
  const showRow = (box, entry, row, bars = false, wanted = () => true) => {
    const list = make("dl");
    [...row.cells].slice(1).forEach((cell, i) => {
      const text = read(cell);
      if (!text || !wanted(i + 1)) return;
      const value = make("dd", {}, ...copyNodes(cell));
      if (bars && /^[\d.,\u00a0\u202f]+\s?%$/.test(text)) {
        const bar = make("span", { className: "bar", ariaHidden: "true" });
        bar.style.width = `${Math.min(count(text), 100)}%`;
        value.append(bar);
      }
      const title = entry.titles[i + 1].map((node) => node.cloneNode(true));
      list.append(make("div", {}, make("dt", {}, ...title), value));
    });
    const head = box.dataset.of ? entry.table.caption : row.cells[0];
    box.replaceChildren(make("strong", {}, ...copyNodes(head)), list);
  };

  all("form[data-slide]").forEach((form) => {
    const entry = tables.get(form.dataset.slide);
    const input = form.querySelector("input");
    if (!entry || entry.rows.length < 2) return;
    // Tables of groups have the same rows: they are shown beside the first, under their captions.
    const boxes = all(".row", form)
      .map((box) => [box, box.dataset.of ? tables.get(box.dataset.of) : entry])
      .filter(([, own]) => own && own.rows.length === entry.rows.length);
    const show = () => {
      const row = entry.rows[Number(input.value)];
      input.setAttribute("aria-valuetext", read(row.cells[0]));
      boxes.forEach(([box, own]) => showRow(box, own, own.rows[Number(input.value)], true));
    };
    input.max = entry.rows.length - 1;
    input.value = form.dataset.own;
    input.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    show();
  });

  all("form[data-find]").forEach((form) => {
    const entry = tables.get(form.dataset.find);
    if (!entry || !entry.rows.length) return;
    const [input, hits, box] = ["input", ".hits", ".row"].map((query) => form.querySelector(query));
    const names = entry.rows.map((row) => fold(read(row.cells[0])));
    const shapes = all("path[data-place]");
    const mark = (i) => shapes.forEach(
      (shape) => shape.classList.toggle("on", shape.dataset.place === String(i)),
    );
    const choose = (i) => {
      hits.replaceChildren();
      input.value = read(entry.rows[i].cells[0]);
      showRow(box, entry, entry.rows[i]);
      mark(i);
    };
    const search = () => {
      const asked = fold(input.value).split(/\s+/).filter(Boolean);
      let found = names.flatMap((name, i) => (asked.every((word) => name.includes(word)) ? [i] : []));
      const whole = found.filter((i) => names[i] === fold(input.value).trim());
      if (whole.length === 1) found = [...whole, ...found.filter((i) => i !== whole[0])];
      if (!asked.length) found = [];
      hits.replaceChildren(...found.slice(0, 8).map((i) => {
        const button = make("button", { type: "button" }, ...copyNodes(entry.rows[i].cells[0]));
        button.addEventListener("click", () => { choose(i); input.focus(); });
        return make("li", {}, button);
      }));
      mark(found.length === 1 ? found[0] : -1);
      const many = box.dataset.many.replace("{n}", found.length).replace("{of}", names.length);
      const text = found.length ? many : box.dataset.none;
      if (found.length === 1) showRow(box, entry, entry.rows[found[0]]);
      else box.replaceChildren(make("p", {}, asked.length ? text : ""));
      return found;
    };
    input.addEventListener("input", search);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [first] = search();
      if (first !== undefined) choose(first);
    });
    form.hidden = false;

    // The map: the pointer shows a name, its first figures, and what is no figure: who lives there.
    const tip = make("div", { className: "tip", hidden: true, ariaHidden: "true" });
    const hide = () => { tip.hidden = true; };
    let shown = null;
    shapes.forEach((shape) => {
      const row = entry.rows[Number(shape.dataset.place)];
      const figure = shape.closest("figure");
      if (!row || !figure) return;
      shape.addEventListener("pointermove", (event) => {
        const frame = figure.getBoundingClientRect();
        if (shown !== row || tip.hidden) {
          showRow(tip, entry, row, false, (i) => i < 3 || !entry.table.classList.contains(`n${i + 1}`));
          figure.append(tip);
          tip.hidden = false;
          shown = row;
        }
        const left = Math.min(event.clientX - frame.left + 12, frame.width - tip.offsetWidth - 4);
        tip.style.left = `${Math.max(left, 0)}px`;
        tip.style.top = `${event.clientY - frame.top + 16}px`;
      });
      shape.addEventListener("pointerleave", hide);
      shape.addEventListener("click", () => choose(Number(shape.dataset.place)));
    });
    addEventListener("keydown", (event) => event.key === "Escape" && hide());
  });
})();
