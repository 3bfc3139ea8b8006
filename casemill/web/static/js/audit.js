// Audit: what was done is no event of the stream, so the log is asked for now and then while somebody looks.
(() => {
  "use strict";
  const TICK = 10_000;
  setInterval(() => { if (!document.hidden) document.body.dispatchEvent(new CustomEvent("tick")); }, TICK);
})();
