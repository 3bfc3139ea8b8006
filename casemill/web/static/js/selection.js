// Selected rows outlive every redraw, page and visit elsewhere in this tab; an action for all of them is counted
// before it is confirmed, and what was not done is listed with the reason.
(() => {
  "use strict";
  const WORDS = {
    cancel: ["Cancel", "stop where they are; what they have done is kept"],
    pause: ["Pause", "stop once the step at hand has ended, and go on when they are resumed"],
    resume: ["Resume", "go on with what they have not done yet"],
    retry: ["Retry", "are tried again, from what failed"],
    restart: ["Restart", "do all of their work again; their history is kept"],
    delete: ["Delete", "are deleted for good, with history, logs and attempts; what they made is kept"],
  };
  const GENTLE = ["pause", "resume", "retry"];
  const MOST_NAMED = 200;
  const section = () => document.querySelector("[data-selection]");
  if (!section()) return;
  const kept = `casemill:selected:${section().dataset.selection}`;
  const names = new Map(); // of the jobs seen on this page
  let selected = new Set();
  let matching = null; // the filter as the API takes it, when all that match are selected

  const boxes = () => [...section().querySelectorAll("[data-select]")];
  const number = (count) => count.toLocaleString("en");
  const jobs = (count) => `${number(count)} ${count === 1 ? "job" : "jobs"}`;

  function keep() {
    try {
      sessionStorage.setItem(kept, JSON.stringify({ ids: [...selected], matching }));
    } catch { /* then it is kept for this page only */ }
  }

  function recall() {
    try {
      const { ids, matching: all } = JSON.parse(sessionStorage.getItem(kept));
      selected = new Set(ids);
      matching = all;
    } catch { /* nothing was kept */ }
  }

  function draw() {
    const { filter, total } = section().dataset;
    if (matching !== null && matching !== filter) matching = null; // that was another list
    const all = boxes();
    all.forEach((box) => {
      box.checked = matching !== null || selected.has(box.dataset.select);
      names.set(box.dataset.select, document.getElementById(`name-${box.dataset.select}`).textContent);
    });
    const page = section().querySelector("[data-select-page]");
    if (!page) return;
    page.checked = all.length > 0 && all.every((box) => box.checked);
    page.indeterminate = !page.checked && all.some((box) => box.checked);
    const some = matching !== null || selected.size > 0;
    const told = section().querySelector("[data-selected]");
    const elsewhere = selected.size - all.filter((box) => box.checked).length;
    const words = matching !== null ? `All ${number(Number(total))} selected`
      : selected.size ? `${jobs(selected.size)} selected${elsewhere ? `, ${number(elsewhere)} of them not on this page` : ""}`
        : "None selected";
    if (told.textContent !== words) told.textContent = words;
    section().querySelectorAll("[data-bulk], [data-select-none]").forEach((button) => { button.disabled = !some; });
  }

  function change(how) {
    how();
    keep();
    draw();
  }

  const none = () => { selected.clear(); matching = null; };

  function showResults(word, answer) {
    const reasons = new Map();
    for (const { job_id: id, done, detail } of answer.results) {
      if (!done) reasons.set(detail.replaceAll(id, "").trim(), [...(reasons.get(detail.replaceAll(id, "").trim()) ?? []), id]);
    }
    const list = document.getElementById("results-list");
    list.replaceChildren();
    for (const [reason, ids] of reasons) {
      const title = document.createElement("dt");
      title.textContent = `${reason} (${jobs(ids.length)})`;
      const links = document.createElement("dd");
      for (const id of ids.slice(0, MOST_NAMED)) {
        const link = document.createElement("a");
        link.href = `/jobs/${encodeURIComponent(id)}`;
        link.textContent = names.get(id) ?? id;
        links.append(link);
      }
      if (ids.length > MOST_NAMED) links.append(`and ${number(ids.length - MOST_NAMED)} more`);
      list.append(title, links);
    }
    const left = answer.results.length - answer.done;
    document.getElementById("results-title").textContent = `${word}: asked of ${jobs(answer.done)}, not of ${number(left)}`;
    document.getElementById("results").showModal();
  }

  async function run(action) {
    const which = matching !== null
      ? { filter: JSON.parse(matching), all: section().dataset.all === "true" }
      : { ids: [...selected] };
    const [word, what] = WORDS[action];
    const count = await casemill.request("POST /api/v1/jobs/bulk", { action, ...which, dry_run: true });
    if (count.applicable === 0) {
      casemill.say(`${word} makes sense for none of the ${jobs(count.matched)}.`, "failed");
      return;
    }
    const rest = count.matched - count.applicable;
    const left = rest ? ` ${jobs(rest)} of the ${number(count.matched)} selected stay as they are, because it makes no sense for them.` : "";
    const gone = matching === null ? selected.size - count.matched : 0;
    const missing = gone ? ` ${jobs(gone)} of those you selected ${gone === 1 ? "is" : "are"} no longer there.` : "";
    const confirmed = await casemill.ask({
      title: `${word} ${jobs(count.applicable)}?`,
      text: `${jobs(count.applicable)} ${what}.${left}${missing}`,
      yes: `${word} ${jobs(count.applicable)}`,
      danger: !GENTLE.includes(action),
    });
    if (!confirmed) return;
    const answer = await casemill.request("POST /api/v1/jobs/bulk", { action, ...which });
    if (answer.done < count.applicable) showResults(word, answer);
    else casemill.say(`${word}: asked of ${jobs(answer.done)}.`);
    change(none);
    document.body.dispatchEvent(new CustomEvent("acted"));
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches("[data-select]")) {
      change(() => {
        if (matching !== null) { // from all that match to those of this page
          matching = null;
          selected = new Set(boxes().filter((each) => each.checked).map((each) => each.dataset.select));
        }
        selected[box.checked ? "add" : "delete"](box.dataset.select);
      });
    } else if (box.matches("[data-select-page]")) {
      change(() => {
        matching = null;
        boxes().forEach((each) => { selected[box.checked ? "add" : "delete"](each.dataset.select); });
      });
    }
  });
  document.addEventListener("click", async (event) => {
    if (event.target.closest("[data-select-matching]")) change(() => { matching = section().dataset.filter; });
    if (event.target.closest("[data-select-none]")) change(none);
    const menu = event.target.closest("button")?.closest("[popover]");
    if (menu?.matches(":popover-open")) menu.hidePopover();
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
  recall();
  draw();
})();
