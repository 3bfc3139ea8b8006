// Queue Management: what the API says of a queue is shown; clearing one is counted before it is confirmed.
(() => {
  "use strict";
  const TICK = 10_000; // reasons for waiting name times
  const jobs = (count) => `${count.toLocaleString("en")} ${count === 1 ? "job" : "jobs"}`;

  function sentence({ running, waiting, paused }) {
    const parts = [];
    if (running) parts.push(`${jobs(running)} that ${running === 1 ? "runs is" : "run are"} stopped where ${running === 1 ? "it is" : "they are"}`);
    if (waiting) parts.push(`${jobs(waiting)} that ${waiting === 1 ? "waits is" : "wait are"} cancelled`);
    if (paused) parts.push(`${jobs(paused)} that ${paused === 1 ? "is" : "are"} paused ${paused === 1 ? "is" : "are"} cancelled`);
    return `${parts.join(", ")}. What was done is kept.`;
  }

  async function clear(button) {
    const { clearQueue: path, name } = button.dataset;
    const count = await casemill.request(`GET ${path}`);
    const total = count.running + count.waiting + count.paused;
    if (total === 0) {
      casemill.say(`There is nothing to stop: no job runs, waits or is paused in ${name}.`);
      return;
    }
    const confirmed = await casemill.ask({
      title: `Stop and clear ${name}: ${jobs(total)}?`,
      text: `${sentence(count)} Then ${name} is paused: nothing starts until somebody resumes it.`,
      yes: `Stop and clear ${jobs(total)}`,
    });
    if (!confirmed) return;
    const answer = await casemill.request(`POST ${path}`);
    casemill.say(`${answer.message}.`);
    const failed = answer.results.filter((result) => !result.done);
    if (failed.length) casemill.say(`Not done for ${jobs(failed.length)}: ${failed[0].detail}.`, "failed");
    document.body.dispatchEvent(new CustomEvent("acted"));
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-clear-queue]");
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    try {
      await clear(button);
    } catch (error) {
      casemill.say(`${error.message}.`.replace(/\.\.$/, "."), "failed");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });

  document.addEventListener("acted", (event) => {
    if (event.target.dataset?.request?.includes("/queue/")) casemill.say(`${event.detail.message}.`.replace(/\.\.$/, "."));
  });

  setInterval(() => { if (!document.hidden) document.body.dispatchEvent(new CustomEvent("tick")); }, TICK);
})();
