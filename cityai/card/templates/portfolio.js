"use strict";
(() => {
  const form = document.getElementById("find");
  const systems = [...document.querySelectorAll("[data-text]")];
  const told = document.getElementById("told");
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const texts = systems.map((system) => fold(system.dataset.text));
  const show = () => {
    const words = fold(form.elements.words.value).split(/\s+/).filter(Boolean);
    const phase = form.elements.phase.value;
    const mark = form.elements.mark.value;
    let shown = 0;
    systems.forEach((system, i) => {
      const fits = words.every((word) => texts[i].includes(word))
        && (!phase || system.dataset.phase === phase)
        && (!mark || system.dataset.marks.split(" ").includes(mark));
      system.hidden = !fits;
      shown += fits;
    });
    told.textContent = told.dataset.pattern.replace("{n}", shown).replace("{of}", systems.length);
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  form.addEventListener("reset", () => setTimeout(show));
  const table = document.querySelector("table.systems");
  const sort = (head, at) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[Math.min(at, row.cells.length - 1)].dataset.key;
    const sign = down ? -1 : 1;
    const compare = (a, b) => (a && b && !isNaN(a) && !isNaN(b) ? a - b : a.localeCompare(b));
    systems.slice().sort((a, b) => sign * compare(key(a), key(b)))
      .forEach((row) => table.tBodies[0].append(row));
    [...table.tHead.rows[0].cells].forEach((cell) => cell.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  [...(table ? table.tHead.rows[0].cells : [])].forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head, at));
    head.replaceChildren(button);
  });
  form.hidden = false;
  show();
})();
