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
  form.hidden = false;
  show();
})();
