"use strict";
for (const box of document.querySelectorAll("input[data-stage]")) {
  const experiment = box.closest(".experiment");
  const stage = box.dataset.stage;
  const show = () => {
    for (const g of experiment.querySelectorAll("figure .stage-" + stage)) g.style.display = box.checked ? "" : "none";
  };
  box.addEventListener("change", show);
  show();
}
const filter = document.getElementById("filter");
const matches = document.getElementById("matches");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0, all = 0;
  for (const row of document.querySelectorAll("[data-row]")) {
    const experiment = row.closest(".experiment").querySelector("h2").textContent;
    const text = (experiment + " " + row.textContent).toLowerCase();
    row.hidden = !words.every((w) => text.includes(w));
    if (row.dataset.of !== undefined) { all += 1; shown += row.hidden ? 0 : 1; }
  }
  matches.textContent = words.length ? shown + " of " + all + " stages" : "";
});
