// <time data-relative>: how long ago or in how long, in words; the exact local time on hover.
// <time data-exact>: the local time.
(() => {
  "use strict";
  const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [30 * 86400, "day", 86400]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const day = new Intl.DateTimeFormat("en", { year: "numeric", month: "short", day: "numeric" });
  const near = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function words(moment, now) {
    const seconds = (moment - now) / 1000;
    if (Math.abs(seconds) < 5) return "now";
    for (const [limit, unit, length] of STEPS) {
      if (Math.abs(seconds) < limit) return relative.format(Math.round(seconds / length), unit);
    }
    return day.format(moment);
  }

  function write(element, now) {
    const moment = new Date(element.dateTime);
    const text = words(moment, now);
    if (element.textContent !== text) element.textContent = text;
    if (element.dataset.told !== element.dateTime) {
      element.dataset.told = element.dateTime;
      element.title = exact.format(moment);
    }
  }

  function writeAll(root) {
    const now = Date.now();
    root.querySelectorAll("time[data-relative]").forEach((element) => write(element, now));
    root.querySelectorAll("time[data-exact]").forEach((element) => { element.textContent = near.format(new Date(element.dateTime)); });
  }

  writeAll(document);
  document.body.addEventListener("htmx:after:swap", () => writeAll(document));
  setInterval(() => { if (!document.hidden) writeAll(document); }, 5000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) writeAll(document); });
})();
