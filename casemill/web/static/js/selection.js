// Selected rows outlive every redraw and page; an action for all of them is counted before it is confirmed.
(() => {
  "use strict";
  const WORDS = {
    cancel: ["Cancel", "stop where they are; what they have done is kept"],
    retry: ["Retry", "are tried again, from what failed"],
    restart: ["Restart", "do all of their work again; their history is kept"],
    delete: ["Delete", "are deleted for good, with history, logs and attempts; what they made is kept"],
  };
  const selected = new Set();
  let matching = null; // the filter as the API takes it, when all that match are selected

  const section = () => document.querySelector("[data-selection]");
  const boxes = () => [...section().querySelectorAll("[data-select]")];
  const jobs = (count) => `${count.toLocaleString("en")} ${count === 1 ? "job" : "jobs"}`;

  function draw() {
    if (!section()) return;
    const all = boxes();
    all.forEach((box) => { box.checked = matching !== null || selected.has(box.dataset.select); });
    const page = section().querySelector("[data-select-page]");
    if (!page) return;
    page.checked = all.length > 0 && all.every((box) => box.checked);
    page.indeterminate = !page.checked && all.some((box) => box.checked);
    const some = matching !== null || selected.size > 0;
    section().querySelector("[data-selected]").textContent =
      matching !== null ? "All that match are selected" : selected.size ? `${jobs(selected.size)} selected` : "None selected";
    section().querySelectorAll("[data-bulk]").forEach((button) => { button.disabled = !some; });
  }

  function filter() {
    const asked = new URLSearchParams(location.search);
    const found = {};
    for (const name of ["status", "type"]) if (asked.getAll(name).some(Boolean)) found[name] = asked.getAll(name).filter(Boolean);
    for (const name of ["user", "q", "batch"]) if (asked.get(name)) found[name] = asked.get(name);
    const { createdFrom, createdTo } = section().dataset;
    if (createdFrom) found.created_from = createdFrom;
    if (createdTo) found.created_to = createdTo;
    return found;
  }

  async function run(action) {
    const which = matching !== null
      ? { filter: matching, all: Object.keys(matching).length === 0 }
      : { ids: [...selected] };
    const [word, what] = WORDS[action];
    const count = await casemill.request("POST /api/v1/jobs/bulk", { action, ...which, dry_run: true });
    if (count.applicable === 0) {
      casemill.say(`${word} makes sense for none of the ${jobs(count.matched)}.`, "failed");
      return;
    }
    const rest = count.matched - count.applicable;
    const left = rest ? ` ${jobs(rest)} of the ${count.matched.toLocaleString("en")} selected stay as they are, because it makes no sense for them.` : "";
    const confirmed = await casemill.ask({
      title: `${word} ${jobs(count.applicable)}?`,
      text: `${jobs(count.applicable)} ${what}.${left}`,
      yes: `${word} ${jobs(count.applicable)}`,
      danger: action !== "retry",
    });
    if (!confirmed) return;
    const answer = await casemill.request("POST /api/v1/jobs/bulk", { action, ...which });
    const failed = answer.results.filter((result) => !result.done);
    casemill.say(`${word}: asked of ${jobs(answer.done)}.`);
    if (failed.length > rest) casemill.say(`Not done for ${jobs(failed.length)}: ${failed[0].message}.`, "failed");
    selected.clear();
    matching = null;
    draw();
    document.body.dispatchEvent(new CustomEvent("acted"));
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches("[data-select]")) {
      if (matching !== null) { // from all that match to those of this page
        matching = null;
        boxes().forEach((each) => { if (each.checked) selected.add(each.dataset.select); });
      }
      if (box.checked) selected.add(box.dataset.select);
      else selected.delete(box.dataset.select);
    } else if (box.matches("[data-select-page]")) {
      matching = null;
      boxes().forEach((each) => { selected[box.checked ? "add" : "delete"](each.dataset.select); });
    } else return;
    draw();
  });
  document.addEventListener("click", async (event) => {
    if (event.target.closest("[data-select-matching]")) {
      matching = filter();
      draw();
      return;
    }
    const button = event.target.closest("[data-bulk]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    try {
      await run(button.dataset.bulk);
    } catch (error) {
      casemill.say(`${error.message}.`, "failed");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  document.body.addEventListener("htmx:after:swap", draw);
  document.getElementById("filters")?.addEventListener("change", () => { matching = null; draw(); });
  draw();
})();
