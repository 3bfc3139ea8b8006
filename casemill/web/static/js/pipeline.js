// Choosing cases, which outlives every redraw, page and search; steps with what they require; one batch for
// each filled form, however often it is sent.
(() => {
  "use strict";
  const MOST = 10_000;
  const KEPT = "casemill.selected-cases"; // in this tab, also while another page is looked at
  const form = document.getElementById("start");

  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const cases = () => document.getElementById("cases");

  // What came of steering a batch: each of its jobs answers for itself.
  document.body.addEventListener("acted", (event) => {
    const refused = (event.detail?.results ?? []).filter((result) => !result.done);
    if (refused.length) {
      casemill.say(`Not done for ${refused.length} of ${count(event.detail.results.length, "job")}. ${refused[0].detail}.`, "failed");
    }
  });
  if (!form) return;

  const selected = new Map(kept()); // id -> name

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    } catch {
      return [];
    }
  }

  function keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify([...selected]));
    } catch { /* full or forbidden: then it lasts as long as the page */ }
    drawSelection();
  }

  const boxes = () => [...cases().querySelectorAll("[data-select]")];
  const button = document.getElementById("start-batch");

  function drawSelection() {
    const all = boxes();
    all.forEach((box) => { box.checked = selected.has(box.dataset.select); });
    form.hidden = cases().dataset.total === "0" && cases().dataset.asked === "" && selected.size === 0;
    button.disabled = selected.size === 0 || button.hasAttribute("aria-busy");
    button.textContent = selected.size ? `Start batch of ${count(selected.size, "case")}` : "Start batch";
    button.title = selected.size ? "" : "Select at least one case first";
    const page = document.getElementById("select-page");
    if (!page) return;
    page.checked = all.length > 0 && all.every((box) => box.checked);
    page.indeterminate = !page.checked && all.some((box) => box.checked);
    const elsewhere = selected.size - all.filter((box) => box.checked).length;
    const words = selected.size
      ? `${count(selected.size, "case")} selected${elsewhere ? `, ${elsewhere.toLocaleString("en")} of them not on this page` : ""}`
      : "None selected";
    const said = document.getElementById("selected");
    if (said.textContent !== words) said.textContent = words;
    document.getElementById("select-none").hidden = selected.size === 0;
  }

  function choose(box, chosen) {
    if (chosen) selected.set(box.dataset.select, box.dataset.name);
    else selected.delete(box.dataset.select);
  }

  async function chooseMatching() {
    const asked = cases().dataset.asked;
    const found = await casemill.request(`GET /api/v1/cases/names${asked ? `?q=${encodeURIComponent(asked)}` : ""}`);
    found.cases.forEach((each) => selected.set(each.id, each.name));
    if (found.total > MOST) casemill.say(`One batch takes ${count(MOST, "case")}: the first of the ${found.total.toLocaleString("en")} by name are selected.`);
  }

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches("[data-select]")) choose(box, box.checked);
    else if (box.matches("[data-select-page]")) boxes().forEach((each) => choose(each, box.checked));
    else return;
    keep();
  });
  document.addEventListener("click", async (event) => {
    const other = event.target.closest("#cases .pager a");
    if (other && !event.ctrlKey && !event.metaKey && !event.shiftKey) { // in place, so that nothing jumps
      event.preventDefault();
      htmx.ajax("GET", other.getAttribute("href"), { source: "#cases", target: "#cases", swap: "outerMorph", push: "true" });
      return;
    }
    if (event.target.closest("[data-select-none]")) {
      selected.clear();
      document.getElementById("select-matching")?.focus();
    } else if (event.target.closest("[data-select-matching]")) {
      try {
        await chooseMatching();
      } catch (error) {
        casemill.say(`${error.message}.`, "failed");
      }
    } else return;
    keep();
  });

  // Steps. `wanted` is what the user chose; what that requires is filled in, and cannot be taken out.
  const steps = [...form.querySelectorAll('input[name="step"]')];
  const wanted = new Set(steps.map((step) => step.value));
  const all = new Intl.ListFormat("en", { type: "conjunction" });
  const name = (step) => step.parentElement.textContent.trim();

  function drawSteps() {
    const needing = new Map(steps.map((step) => [step.value, []]));
    for (const step of steps) {
      if (!wanted.has(step.value)) continue;
      step.dataset.requires.split(" ").filter(Boolean).forEach((required) => needing.get(required)?.push(name(step)));
    }
    for (const step of steps) {
      const by = needing.get(step.value);
      step.checked = wanted.has(step.value) || by.length > 0;
      step.disabled = by.length > 0;
      const words = by.length === 0 ? "" : wanted.has(step.value) ? `Required by ${all.format(by)}.` : `Filled in: ${all.format(by)} ${by.length > 1 ? "require" : "requires"} it.`;
      const said = step.closest(".step").querySelector("[data-filled-in]");
      if (said.textContent !== words) said.textContent = words;
    }
  }

  form.addEventListener("change", (event) => {
    if (event.target.name !== "step") return;
    const step = event.target;
    if (step.checked) {
      wanted.add(step.value);
    } else {
      wanted.delete(step.value);
      if (wanted.size === 0) wanted.add(step.value);
    }
    drawSteps();
    drawOptions();
  });

  // Options: only those that the chosen method asks for.
  const option = (named) => form.querySelector(`[data-option="${named}"]`);

  function drawOptions() {
    const method = form.elements.method.value;
    option("delimiter").hidden = method !== "delimiter";
    option("tokenizer").hidden = method !== "tokens";
    const { size, overlap } = form.elements;
    overlap.setCustomValidity(Number(overlap.value) >= Number(size.value) ? "The overlap must be less than the size" : "");
  }
  form.addEventListener("input", drawOptions);

  const unescaped = (text) => text.replace(/\\(.)/g, (_, letter) => ({ n: "\n", t: "\t" })[letter] ?? letter);

  function chosenOptions() {
    const chunk = {};
    for (const field of form.querySelectorAll("[data-option] :is(input, select)")) {
      chunk[field.name] = field.type === "number" ? Number(field.value) : "escaped" in field.dataset ? unescaped(field.value) : field.value;
    }
    return { chunk };
  }

  // The same form sent again has the same key, and starts one batch; another form has another.
  let sent = { body: "", key: "" };

  function keyOf(body) {
    if (sent.body !== body) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      sent = { body, key: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
    }
    return sent.key;
  }

  function element(tag, text, properties = {}) {
    return Object.assign(document.createElement(tag), { textContent: text, ...properties });
  }

  function showSkipped(box, skipped, names) {
    if (!skipped.length) return;
    const list = document.createElement("ul");
    skipped.slice(0, 50).forEach(({ id, reason }) => list.append(element("li", `${names.get(id) ?? id}: ${reason}`)));
    if (skipped.length > 50) list.append(element("li", `and ${count(skipped.length - 50, "case")} more`));
    box.append(element("p", `${count(skipped.length, "case")} left out:`), list);
  }

  function showAnswer(kind, ...children) {
    const box = element("div", "", { className: `alert ${kind}` });
    box.append(...children);
    document.getElementById("started").replaceChildren(box);
    return box;
  }

  async function start() {
    const order = {
      case_ids: [...selected.keys()],
      steps: steps.filter((step) => step.checked).map((step) => step.value),
      options: chosenOptions(),
      priority: Number(form.elements.priority.value),
    };
    const names = new Map(selected);
    const key = keyOf(JSON.stringify(order));
    try {
      const answer = await casemill.request("POST /api/v1/batches", { ...order, idempotency_key: key });
      const line = element("p", `A batch of ${count(answer.added.length, "case")} has started: ${answer.steps.join(", ")}. `);
      line.append(element("a", "Open it", { href: `${location.pathname}?batch=${answer.batch_id}` }));
      showSkipped(showAnswer(answer.skipped.length ? "warn" : "good", line), answer.skipped.map((each) => ({ id: each.case_id, reason: each.reason })), names);
      selected.clear();
      keep();
      sent = { body: "", key: "" };
      document.body.dispatchEvent(new CustomEvent("acted"));
    } catch (error) {
      const skipped = (error.problem?.errors ?? []).filter((each) => names.has(each.where)).map((each) => ({ id: each.where, reason: each.what }));
      const words = skipped.length ? "No batch was started: none of these cases can take part" : error.message;
      showSkipped(showAnswer("bad", element("p", `${words}.`)), skipped, names);
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.hasAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await start();
    } finally {
      button.removeAttribute("aria-busy");
      drawSelection();
    }
  });
  // What is wrong with an option is said where it stands.
  form.addEventListener("invalid", () => { document.getElementById("options").open = true; }, true);

  document.body.addEventListener("htmx:after:swap", () => { if (cases()) drawSelection(); });
  drawSteps();
  drawOptions();
  drawSelection();
})();
