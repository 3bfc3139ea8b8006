// Settings: secrets are shown once and leave no trace, passwords are typed twice, moments are local.
(() => {
  "use strict";
  const MINUTE = 60_000;
  const SOON = 2000;
  const SAID = "casemill.settings"; // what a page says that was loaded anew; never a secret

  // Secrets

  function reveal(box, secret) {
    box.querySelector("pre").textContent = secret;
    box.hidden = false;
    box.querySelector("[data-copy]").focus();
  }

  function forget(box) {
    box.querySelector("pre").textContent = "";
    box.hidden = true;
  }

  const forgetAll = () => document.querySelectorAll(".once").forEach(forget);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-forget]");
    if (button) forget(button.closest(".once"));
  });
  window.addEventListener("pagehide", () => {
    forgetAll();
    document.querySelectorAll('input[type="password"]').forEach((field) => { field.value = ""; });
  });

  // Passwords

  const form = document.getElementById("password-form");
  const again = form.querySelector("#again");
  const fit = () => again.setCustomValidity(again.value === form.elements.password.value ? "" : "The two are not the same.");
  form.addEventListener("input", fit);

  // Moments

  function localise() {
    document.querySelectorAll("input[data-moment]").forEach((field) => {
      if (field.dataset.filled === field.dataset.moment) return;
      const moment = new Date(field.dataset.moment);
      const local = new Date(moment - moment.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
      field.defaultValue = local; // a form that is reset goes back to it
      field.value = local;
      field.dataset.filled = field.dataset.moment;
    });
  }
  localise();
  document.body.addEventListener("htmx:after:swap", localise);

  // A new role brings what it sees, as in the API.
  document.addEventListener("change", (event) => {
    if (event.target.id !== "user-role") return;
    document.getElementById("user-scope").value = event.target.value === "operator" ? "own" : "all";
  });

  // What comes of actions

  function loadAnew(text, address = location.href) {
    sessionStorage.setItem(SAID, text);
    if (address === location.href) location.reload();
    else location.assign(address);
  }
  const said = sessionStorage.getItem(SAID);
  if (said) {
    sessionStorage.removeItem(SAID);
    casemill.say(said);
  }

  async function look(jobId) {
    await htmx.ajax("GET", `/settings?preview=${jobId}`, { target: "#preview", swap: "outerMorph", headers: { "HX-Target": "section#preview" } });
    document.getElementById("preview-title")?.focus();
  }

  document.addEventListener("acted", ({ target, detail }) => {
    if (target === form) loadAnew("Your password is changed. Other sessions and API tokens of yours have ended."); // with the new session's token
    else if (target.id === "token-form") reveal(document.getElementById("made-token"), detail.secret);
    else if (target.id === "new-link") reveal(document.querySelector("[data-link]"), new URL(detail.path, location.href).href);
    else if (target.id === "look-first") look(detail.job_id);
    else if (target.id === "user-form") loadAnew(`${detail.name} is added. A new login link lets them in.`, `/settings?user=${detail.id}`);
    else if (target.matches("[data-own]")) loadAnew("Changed.");
  });
  document.getElementById("drawer")?.addEventListener("close", () => {
    document.querySelector("#drawer > [data-answer]").hidden = true;
  });

  const tell = (name) => { if (!document.hidden) document.body.dispatchEvent(new CustomEvent(name)); };
  setInterval(() => tell("minute"), MINUTE);
  setInterval(() => tell("soon"), SOON);
})();
