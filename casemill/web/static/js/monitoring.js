// Job Monitoring: a function of the breakdown filters the list; figures go with the time.
(() => {
  "use strict";
  const form = document.getElementById("filters");

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-filter-name]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const { filterName: name } = link.dataset;
    const select = form.elements.name;
    if (![...select.options].some((option) => option.value === name)) select.add(new Option(name, name));
    select.value = select.value === name ? "" : name;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // Another filter, another list: it begins with its first page. The period leaves it where it is.
  form.addEventListener("change", () => { form.elements.cursor.value = ""; }, true);

  // The tooltip can be put away without moving the pointer.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelector(".tip")?.classList.add("dismissed");
  });
  document.addEventListener("pointerover", (event) => {
    if (!event.target.closest(".tip")) document.querySelector(".tip")?.classList.remove("dismissed");
  });

  // What lies before the period drops out of the figures though nothing happens.
  setInterval(() => { if (!document.hidden) document.body.dispatchEvent(new CustomEvent("minute")); }, 60_000);
})();
