// What changes on the server reaches the page: events of the API's stream become live:<kind> on the body, each
// kind at most once a second, so that a part that listens is drawn anew once, however much happens.
//
// A part of a page that follows jobs says
//   <section id="jobs" hx-get="{{ here }}" hx-target="this" hx-swap="outerMorph" hx-trigger="live:job from:body">
// and the server renders the block `jobs` alone. A page about one job says data-follows="<its id>" somewhere, and
// live:own is told for what concerns that job.
(() => {
  "use strict";
  const KINDS = ["job", "progress", "step", "batch", "worker", "alert", "document", "dependency"];
  const OWN = "own";
  const PAUSE = 1000;
  const pill = document.getElementById("connection");
  const due = new Map(); // kind -> timer, while it must not be told again
  const again = new Set();

  function tell(kind) {
    if (due.has(kind)) {
      again.add(kind);
      return;
    }
    document.body.dispatchEvent(new CustomEvent(`live:${kind}`));
    due.set(kind, setTimeout(() => {
      due.delete(kind);
      if (again.delete(kind)) tell(kind);
    }, PAUSE));
  }

  const tellAll = () => [...KINDS, OWN].forEach(tell);

  function show(state, words) {
    pill.dataset.state = state;
    const text = pill.firstElementChild;
    if (text.textContent !== words) text.textContent = words;
  }

  if (!pill) return;
  const followed = document.querySelector("[data-follows]")?.dataset.follows;
  KINDS.forEach((kind) => pill.addEventListener(kind, (event) => {
    tell(kind);
    if (followed && JSON.parse(event.detail.data).job_id === followed) tell(OWN);
  }));
  pill.addEventListener("reset", tellAll); // too much was missed to be told one by one

  let connected = false;
  pill.addEventListener("htmx:sse:after:connection", () => {
    show("live", "Live");
    if (connected) tellAll(); // what changed meanwhile, also where the stream begins anew
    connected = true;
  });
  pill.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) location.reload(); // signed out: the server shows where to sign in
    else show("lost", "Connection lost, trying again");
  });
  pill.addEventListener("htmx:sse:close", () => show("lost", "Connection lost, trying again"));
  pill.addEventListener("htmx:error", retry); // the first connection is not tried again by itself
  pill.addEventListener("htmx:response:error", retry);
  pill.addEventListener("htmx:sse:close", retry);

  let waiting = null;
  function retry() {
    if (waiting !== null || pill._htmx?.sse) return;
    show("lost", "Connection lost, trying again");
    waiting = setTimeout(() => {
      waiting = null;
      htmx.trigger(pill, "connect");
    }, 3000);
  }

  // After an action of ours the page does not wait for the stream.
  document.body.addEventListener("acted", tellAll);
})();
