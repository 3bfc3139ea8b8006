// Buttons and forms that ask the API, and what comes of it, as sentences.
//
//   <button data-request="POST /api/v1/jobs/<id>/cancellation" data-body='{"why": "..."}' data-done="Cancelling it"
//           data-title="Cancel this job?" data-text="..." data-yes="Cancel the job">
//   <form data-request="POST /api/v1/cases" data-done="Added"> with named fields
//
// With data-title it asks back first. What comes of it is said beside it if there is a place for that: errors of a
// form in the [data-answer] within it, all of a dialog in that of the dialog. For pages with more to do: casemill.ask, casemill.request, casemill.say.
(() => {
  "use strict";
  const dialog = document.getElementById("confirm");
  const said = document.getElementById("said");
  const token = document.querySelector('meta[name="csrf-token"]').content;

  // Shows a message; what went wrong stays until it is put away. Returns where its words stand, for a link.
  function say(text, kind = "done") {
    const message = document.createElement("div");
    message.className = `message ${kind}`;
    const words = document.createElement("p");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "quiet small";
    close.textContent = "Close";
    close.addEventListener("click", () => message.remove());
    message.append(words, close);
    said.append(message);
    if (kind === "done") setTimeout(() => message.remove(), 8000);
    return words;
  }

  // Resolves to whether it was confirmed.
  function ask({ title, text, yes, danger = true }) {
    dialog.querySelector("#confirm-title").textContent = title;
    dialog.querySelector("#confirm-text").textContent = text;
    const button = dialog.querySelector("#confirm-yes");
    button.textContent = yes;
    button.className = danger ? "danger" : "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    });
  }

  // The API's answer as JSON, null for none. Throws an Error with the API's sentence, and all it said as `problem`.
  async function request(line, body) {
    const [method, path] = line.split(" ");
    const headers = { Accept: "application/json", "X-CSRF-Token": token };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Error("Casemill does not answer. Nothing was changed as far as is known; try again in a moment");
    }
    if (answer.status === 401) location.reload();
    const text = await answer.text();
    let found = null;
    try {
      found = text ? JSON.parse(text) : null;
    } catch {
      if (answer.ok) throw new Error("Casemill's answer cannot be read; reload the page");
    }
    if (!answer.ok) throw Object.assign(new Error(found?.detail ?? `The server answers ${answer.status}`), { problem: found });
    return found;
  }

  // With data-times, what is entered is in a larger unit than the API's: hours of so many seconds.
  function number(field) {
    const { times } = field.dataset;
    return times ? Math.round(Number(field.value) * Number(times)) : Number(field.value);
  }

  function fields(form) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name || field.disabled || field.type === "submit") continue;
      if (field.type === "checkbox") body[field.name] = field.checked;
      else if (field.type === "radio") { if (field.checked) body[field.name] = field.value; }
      else if (field.value === "" && !field.matches("[data-even-empty]")) continue; // not given
      else if (field.type === "number") body[field.name] = number(field);
      else if (field.type === "datetime-local") body[field.name] = new Date(field.value).toISOString();
      else body[field.name] = field.value;
    }
    return body;
  }

  // Says it at the place for it, else among the messages, which lie under an open dialog.
  function answer(place, text, kind) {
    if (!place) return say(text, kind);
    place.className = kind === "done" ? "alert good" : "alert error";
    place.textContent = text;
    place.hidden = false;
  }

  async function act(element, button, body) {
    const { request: line, title, text, yes, done, kind, go } = element.dataset;
    if (title && !(await ask({ title, text: text ?? "", yes, danger: kind !== "plain" }))) return;
    const around = element.closest("dialog")?.querySelector(":scope > [data-answer]");
    const beside = element.matches("form") ? element.querySelector("[data-answer]") ?? around : around;
    for (const place of [around, beside]) if (place) place.hidden = true;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    try {
      const found = await request(line, body);
      if (done) answer(around, done, "done");
      if (element.matches("form")) element.reset();
      element.dispatchEvent(new CustomEvent("acted", { bubbles: true, detail: found }));
      if (go) location.assign(go);
    } catch (error) {
      answer(beside, `${error.message}.`.replace(/\.\.$/, "."), "failed");
    } finally {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-request]");
    if (button) act(button, button, button.dataset.body ? JSON.parse(button.dataset.body) : undefined);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-request]");
    if (!form) return;
    event.preventDefault();
    act(form, event.submitter ?? form.querySelector("button"), fields(form));
  });

  // Filters: what is not asked for does not stand in the address.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.request.method !== "GET" || !ctx.sourceElement.matches("form")) return;
    const form = ctx.request.body ?? ctx.request.form;
    if (form instanceof FormData) {
      for (const [name, value] of [...form]) if (value === "") form.delete(name);
    }
  });
  document.addEventListener("htmx:response:error", async (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.id === "connection") return;
    if (ctx.response.status === 401) location.reload();
    let detail = null;
    try {
      detail = JSON.parse(ctx.text).detail;
    } catch { /* not ours */ }
    say(detail ? `${detail}.` : `The page could not be brought up to date: the server answers ${ctx.response.status}.`, "failed");
  });

  // The menu is open where there is room for it.
  const menu = document.getElementById("menu");
  const wide = matchMedia("(min-width: 64rem)");
  const fit = () => { menu.open = wide.matches; };
  wide.addEventListener("change", fit);
  fit();

  window.casemill = { ask, request, say };
})();
