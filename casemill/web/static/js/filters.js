// Filters of a page: the time zone in which their days begin, and Clear without loading the page anew.
(() => {
  "use strict";
  const form = document.getElementById("filters");
  const zone = form.querySelector("[data-zone]");
  const days = form.querySelectorAll('input[type="date"]');

  const fit = () => {
    if (zone) zone.value = [...days].some((day) => day.value) ? Intl.DateTimeFormat().resolvedOptions().timeZone : "";
  };
  form.addEventListener("change", fit, true);
  form.addEventListener("submit", (event) => { if (!form.checkValidity()) event.preventDefault(); });
})();
