// Schedules: the lists follow the jobs, but not faster than Prefect likes to be asked; and the form that orders a
// batch for later, in the words of the API.
(() => {
  "use strict";
  const PAUSE = 4000;
  const SHOWN = 20;
  const TYPED = 250;
  const HOUR = 22;
  const sentence = (error) => `${error.message}.`.replace(/\.\.$/, ".");
  const count = (number) => number.toLocaleString("en");

  let due = null;
  document.body.addEventListener("live:job", () => {
    due ??= setTimeout(() => {
      due = null;
      document.body.dispatchEvent(new CustomEvent("planned"));
    }, PAUSE);
  });

  // What was started now is a job, to be looked at.
  document.body.addEventListener("acted", ({ detail }) => {
    if (!detail?.job_id) return;
    const link = Object.assign(document.createElement("a"), { href: `/jobs/${detail.job_id}`, textContent: "Open its job" });
    casemill.say("It is started. ").append(link);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-open]");
    if (!button) return;
    document.getElementById(button.dataset.open).open = true;
    document.getElementById("name").focus();
  });

  const form = document.getElementById("new-schedule");
  if (!form) return;
  const fields = form.elements;
  const chosen = new Map(); // id -> name
  const button = document.getElementById("make");
  const refused = document.getElementById("refused");

  // Only what the chosen answers ask for is there to be filled in.
  function draw() {
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, values] = part.dataset.when.split("=");
      part.hidden = !values.split("|").includes(fields[name].value);
    }
    for (const field of form.querySelectorAll("[data-when] :is(input, select)")) {
      field.disabled = field.closest("[data-when][hidden]") !== null;
    }
    const steps = [...form.querySelectorAll('[name="step"]')];
    steps[0].setCustomValidity(steps.some((step) => step.checked) ? "" : "Choose at least one step");
    fields.find.setCustomValidity(fields.cases.value === "chosen" && chosen.size === 0 ? "Choose at least one case" : "");
  }

  // Tonight by the clock of who looks at it; tomorrow where that is over.
  function tonight() {
    const day = new Date();
    if (day.getHours() >= HOUR) day.setDate(day.getDate() + 1);
    const two = (number) => String(number).padStart(2, "0");
    return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}T${HOUR}:00`;
  }

  function begin() {
    form.reset();
    chosen.clear();
    fields.at.value = tonight();
    fields.timezone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    drawChosen();
    draw();
  }

  const zones = new Set(["UTC", ...Intl.supportedValuesOf("timeZone")]);
  document.getElementById("zones").append(...[...zones].map((value) => Object.assign(document.createElement("option"), { value })));

  // Cases: what is found and what is chosen already, the latter first.
  const found = document.getElementById("found");
  let asked = 0;
  let timer = null;

  function choice(id, name) {
    const label = Object.assign(document.createElement("label"), { className: "check" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", value: id, checked: chosen.has(id) });
    const words = document.createElement("bdi");
    words.textContent = name;
    box.addEventListener("change", () => {
      if (box.checked) chosen.set(id, name);
      else chosen.delete(id);
      drawChosen();
      draw();
    });
    label.append(box, words);
    return label;
  }

  const note = (text) => Object.assign(document.createElement("p"), { className: "hint", textContent: text });

  function drawChosen() {
    const words = chosen.size === 0 ? "None chosen" : `${count(chosen.size)} chosen`;
    document.getElementById("chosen").textContent = words;
  }

  async function look() {
    const mine = (asked += 1);
    const q = fields.find.value.trim();
    const query = new URLSearchParams({ per_page: SHOWN, ...(q && { q }) });
    try {
      const { cases, total } = await casemill.request(`GET /api/v1/cases?${query}`);
      if (mine !== asked) return;
      const others = cases.filter(({ id }) => !chosen.has(id));
      found.replaceChildren(...[...chosen].map(([id, name]) => choice(id, name)), ...others.map(({ id, name }) => choice(id, name)));
      if (total === 0) found.append(note(q ? "No case has this in its name." : "There are no cases yet."));
      else if (total > cases.length) found.append(note(`${count(total - cases.length)} more: type a part of the name.`));
    } catch (error) {
      if (mine === asked) found.replaceChildren(note(sentence(error)));
    }
  }

  fields.find.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, TYPED);
  });
  fields.find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // looks, and sends nothing
  });

  form.addEventListener("change", (event) => {
    draw();
    if (event.target.name === "cases" && event.target.value === "chosen") look();
  });

  function cron() {
    const [hour, minute] = fields.time.value.split(":").map(Number);
    const days = { nightly: "*", weekdays: "1-5", weekly: fields.day.value };
    return fields.rhythm.value === "cron" ? fields.cron.value : `${minute} ${hour} * * ${days[fields.rhythm.value]}`;
  }

  function order() {
    const cases = {
      all: { all_cases: true },
      search: { search: fields.search.value },
      chosen: { case_ids: [...chosen.keys()] },
    };
    return {
      name: fields.name.value,
      ...cases[fields.cases.value],
      steps: [...form.querySelectorAll('[name="step"]:checked')].map((step) => step.value),
      ...(fields.times.value === "once" ? { at: fields.at.value } : { cron: cron() }),
      timezone: fields.timezone.value.trim(),
      priority: Number(fields.priority.value),
    };
  }

  async function make() {
    refused.replaceChildren();
    const made = await casemill.request("POST /api/v1/batch-schedules", order());
    const first = made.next_runs[0] ?? made.at;
    const when = first && new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" }).format(new Date(first));
    casemill.say(`“${made.name}” is scheduled${when ? `, and runs first on ${when}, your time` : ""}.`);
    begin();
    document.getElementById("new").open = false;
    document.querySelector("#new > summary").focus();
    form.dispatchEvent(new CustomEvent("acted", { bubbles: true }));
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      await make();
    } catch (error) {
      const box = Object.assign(document.createElement("p"), { className: "alert bad", textContent: sentence(error) });
      refused.replaceChildren(box);
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });

  begin();
})();
