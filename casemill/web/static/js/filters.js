// Filters of a page: the time zone in which their days begin, choices of several, columns to sort by, choices made
// before the page listened, and answers that come too late.
(() => {
  "use strict";
  const form = document.getElementById("filters");
  const zone = form.querySelector("[data-zone]");
  const days = form.querySelectorAll('input[type="date"]');
  const picks = [...form.querySelectorAll("details.pick")];

  const fit = () => {
    if (zone) zone.value = [...days].some((day) => day.value) ? Intl.DateTimeFormat().resolvedOptions().timeZone : "";
    for (const pick of picks) {
      const chosen = [...pick.querySelectorAll("label")].filter((label) => label.control.checked);
      pick.querySelector("summary").textContent = chosen.map((label) => label.textContent.trim()).join(", ") || pick.dataset.any;
    }
  };
  form.addEventListener("change", fit, true);
  form.addEventListener("submit", (event) => { if (!form.checkValidity()) event.preventDefault(); });

  // A choice of several closes as a select does.
  document.addEventListener("click", (event) => {
    for (const pick of picks) if (!pick.contains(event.target)) pick.open = false;
  });
  form.addEventListener("keydown", (event) => {
    const pick = event.key === "Escape" && event.target.closest("details.pick[open]");
    if (!pick) return;
    pick.open = false;
    pick.querySelector("summary").focus();
  });

  // What was chosen while the page was still being loaded is asked for now.
  const isChosen = (field) => {
    if (field.matches('[type="radio"]')) return field.checked && !field.defaultChecked;
    if (field.matches('[type="checkbox"]')) return field.checked !== field.defaultChecked;
    if (!field.matches("select")) return field.matches("input") && field.value !== field.defaultValue;
    return field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
  };
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => { // after htmx, which begins so too
    [...form.elements].find(isChosen)?.dispatchEvent(new Event("change", { bubbles: true }));
  }));

  // The head of a column sorts as the field of the form does.
  document.addEventListener("click", (event) => {
    const head = event.target.closest("[data-sort]");
    if (!head) return;
    form.elements.sort.value = head.dataset.sort;
    form.elements.sort.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // A live part asked for itself before the filter changed, and is answered after that: it asks again.
  const place = (address) => new URL(address, location.href).href;
  document.addEventListener("htmx:before:swap", (event) => {
    const { sourceElement: part, request } = event.detail.ctx;
    if (part === form || !part.matches("[hx-get]") || place(request.action) === place(part.getAttribute("hx-get"))) return;
    event.preventDefault();
    document.body.dispatchEvent(new CustomEvent("live:job"));
  });
})();
