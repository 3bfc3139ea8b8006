// What a job logged, line by line as text; read on as it grows while the job runs and the page is looked at.
(() => {
  "use strict";
  const section = document.getElementById("logs");
  if (!section) return;
  const log = document.getElementById("log");
  const note = document.getElementById("log-note");
  const rest = document.getElementById("log-rest");
  const level = document.getElementById("log-level");
  const follow = document.getElementById("log-follow");
  const PAGE = 200; // what the API gives at once
  const MOST = 5000; // lines read by themselves; more are there for who asks
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  let after = 0;
  let reading = 0; // which of several readings is the current one
  let busy = false;
  let more = false;
  let rounds = 5; // without a sign of life; the last lines of a job come a little after its end

  const element = (name, text, className) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  function line({ at, level: word, message, logger }) {
    const row = document.createElement("p");
    row.className = word;
    const moment = new Date(at);
    const time = element("time", clock.format(moment));
    time.dateTime = at;
    time.title = `${exact.format(moment)}, ${logger}`;
    row.append(time, element("span", word, "level"), element("span", message, "text"));
    return row;
  }

  // Reads on, to the end if asked; what another filter or a later reading has begun ends this one.
  async function read(toEnd) {
    const mine = ++reading;
    busy = true;
    try {
      for (;;) {
        const asked = new URLSearchParams({ after, ...(level.value && { level: level.value }) });
        const answer = await casemill.request(`GET ${section.dataset.logs}?${asked}`);
        if (mine !== reading) return;
        const atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
        log.append(...answer.logs.map(line));
        after = answer.next;
        more = answer.logs.length === PAGE;
        rest.hidden = !more;
        const lines = `${after.toLocaleString("en")} ${after === 1 ? "line" : "lines"}`;
        note.textContent = more ? `The first ${lines}; there may be more`
          : after ? lines
            : level.value ? "No line of this level" : "Nothing was logged";
        if (follow.checked && atBottom && (isRunning() || rounds < 5)) log.scrollTop = log.scrollHeight;
        if (!more || !(toEnd || (follow.checked && isRunning() && after < MOST))) return;
      }
    } catch (error) {
      if (mine !== reading) return;
      note.textContent = `The log could not be read: ${error.message}.`;
      rest.hidden = false;
    } finally {
      if (mine === reading) busy = false;
    }
  }

  const isRunning = () => document.getElementById("job").dataset.over !== "true";

  function begin() {
    after = 0;
    log.replaceChildren();
    note.textContent = "Reading the log";
    read(false);
  }

  level.addEventListener("change", () => {
    const address = new URL(location.href);
    if (level.value) address.searchParams.set("level", level.value);
    else address.searchParams.delete("level");
    history.replaceState(history.state, "", address);
    begin();
  });
  document.getElementById("log-more").addEventListener("click", () => read(false));
  document.getElementById("log-all").addEventListener("click", () => read(true));
  follow.addEventListener("change", () => {
    if (!follow.checked) return;
    log.scrollTop = log.scrollHeight;
    read(false);
  });
  const readOn = () => { if (follow.checked && !document.hidden && !busy && !more) read(false); };
  document.body.addEventListener("live:own", readOn);
  setInterval(() => { // a log grows without an event
    rounds = isRunning() ? 0 : rounds + 1;
    if (rounds <= 5) readOn();
  }, 3000);

  level.value = new URL(location.href).searchParams.get("level") ?? "";
  if (level.selectedIndex < 0) level.value = "";
  begin();
})();
