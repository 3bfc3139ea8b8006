// A case or an expert, found by typing (a combobox as the ARIA practices describe it); with data-creates, made in
// place. What is chosen stands in the hidden input: its value is the id, its data-kind case or expert. It tells
// `change` when that changes, so that a form of filters hears it.
(() => {
  "use strict";
  const SHOWN = 7;
  const PAUSE = 200;

  function wire(picker) {
    const input = picker.querySelector('[role="combobox"]');
    const chosen = picker.querySelector('input[type="hidden"]');
    const list = picker.querySelector('[role="listbox"]');
    const creates = "creates" in picker.dataset;
    let asked = 0;
    let timer = null;
    let active = -1;

    const options = () => [...list.querySelectorAll('[role="option"]:not([aria-disabled])')];

    function close() {
      asked += 1; // what is under way comes too late
      clearTimeout(timer);
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
      active = -1;
    }

    function mark(number) {
      const all = options();
      if (!all.length) return;
      active = (number + all.length) % all.length;
      all.forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
      input.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    }

    function set(kind, id, name) {
      input.value = name;
      const changed = chosen.value !== id;
      chosen.value = id;
      chosen.dataset.kind = kind;
      close();
      if (changed) chosen.dispatchEvent(new Event("change", { bubbles: true }));
    }

    function add(words, sub, act, className = "") {
      const option = document.createElement("li");
      option.id = `${list.id}-${list.children.length}`;
      option.className = className;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.append(words);
      if (sub) {
        const small = document.createElement("span");
        small.className = "sub";
        small.textContent = sub;
        option.append(small);
      }
      if (act) {
        option.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays where it is
        option.addEventListener("click", act);
        option._act = act;
      } else option.setAttribute("aria-disabled", "true");
      list.append(option);
    }

    async function create(kind, name) {
      close();
      try {
        const made = await casemill.request(`POST /api/v1/${kind}s`, { name });
        casemill.say(`The ${kind} ${made.name} was created.`);
        set(kind, made.id, made.name);
      } catch (error) {
        casemill.say(`${error.message}.`, "failed");
      }
    }

    async function look() {
      const mine = (asked += 1);
      const text = chosen.value ? "" : input.value.trim();
      const query = new URLSearchParams({ per_page: SHOWN, ...(text && { q: text }) });
      let cases, experts;
      try {
        [cases, experts] = await Promise.all([
          casemill.request(`GET /api/v1/cases?${query}`),
          casemill.request(`GET /api/v1/experts?${query}`),
        ]);
      } catch (error) {
        casemill.say(`${error.message}.`, "failed");
        return;
      }
      if (mine !== asked) return;
      list.replaceChildren();
      active = -1;
      input.removeAttribute("aria-activedescendant");
      for (const [kind, found] of [["case", cases.cases], ["expert", experts.experts]]) {
        for (const owner of found) {
          const count = Object.values(owner.documents).reduce((sum, each) => sum + each, 0);
          add(owner.name, `${kind}, ${count === 1 ? "1 document" : `${count} documents`}`, () => set(kind, owner.id, owner.name));
        }
      }
      const more = cases.total + experts.total - list.children.length;
      if (!list.children.length) add(text ? "Nothing has this in its name" : "There are no cases and no experts yet", "", null, "none");
      else if (more > 0) add(`${more.toLocaleString("en")} more: type a part of the name`, "", null, "none");
      if (creates && text) {
        if (!cases.cases.some((owner) => owner.name === text)) add(`Create the case “${text}”`, "", () => create("case", text), "creates");
        add(`Create the expert “${text}”`, "", () => create("expert", text), "creates");
      }
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
    }

    input.addEventListener("input", () => {
      if (chosen.value) {
        chosen.value = "";
        chosen.dataset.kind = "";
        if (creates || !input.value.trim()) chosen.dispatchEvent(new Event("change", { bubbles: true }));
      }
      clearTimeout(timer);
      timer = setTimeout(look, PAUSE);
    });
    input.addEventListener("click", () => { if (list.hidden) look(); });
    input.addEventListener("change", (event) => event.stopPropagation()); // typing alone chooses nothing
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) look();
        else mark(active + (event.key === "ArrowDown" ? 1 : active < 0 ? 0 : -1));
      } else if (event.key === "Enter") {
        event.preventDefault();
        const all = options();
        const option = all[active] ?? (all.length === 1 ? all[0] : null);
        if (!list.hidden && option) option._act();
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        close();
      }
    });
  }

  document.querySelectorAll("[data-picker]").forEach(wire);
})();
