// Uploads: each file its own request, so that each has its progress and its outcome, and one that is refused holds
// no other. What becomes of a document afterwards is heard from the feed.
(() => {
  "use strict";
  const AT_ONCE = 2;
  const form = document.getElementById("upload-form");
  const owner = document.getElementById("upload-owner-id");
  const ownerName = document.getElementById("upload-owner");
  const input = document.getElementById("files");
  const list = document.getElementById("uploads");
  const start = document.getElementById("upload-start");
  const clear = document.getElementById("upload-clear");
  const said = document.getElementById("upload-said");
  const drop = document.getElementById("drop");
  const pill = document.getElementById("connection");
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const megabytes = Number(form.dataset.megabytes);
  const uploads = []; // {file, to, state, row, progress, outcome, button, request, documentId}
  const told = new Map(); // document id -> what the feed said of it last: it may come before the answer
  const count = (number) => (number === 1 ? "1 file" : `${number.toLocaleString("en")} files`);

  function size(bytes) {
    for (const unit of ["B", "KB", "MB"]) {
      if (bytes < 1000) return `${Number(bytes.toPrecision(3))} ${unit}`;
      bytes /= 1000;
    }
    return `${Number(bytes.toPrecision(3))} GB`;
  }

  function show(upload, state, words, link = false) {
    upload.state = state;
    upload.row.dataset.state = state;
    upload.outcome.textContent = words;
    if (link) {
      const open = document.createElement("a");
      open.href = `/documents/${upload.documentId}`;
      open.textContent = "Open it";
      upload.outcome.append(" ", open);
    }
    upload.progress.hidden = state !== "sending";
    const word = { waiting: "Remove", sending: "Stop", failed: "Try again" }[state];
    upload.button.hidden = !word || upload.isHopeless === true;
    upload.button.textContent = word ?? "";
    upload.button.setAttribute("aria-label", `${word}: ${upload.file.name}`);
    sum();
  }

  function sum() {
    const waiting = uploads.filter((each) => each.state === "waiting").length;
    const sending = uploads.filter((each) => each.state === "sending").length;
    const over = uploads.length - waiting - sending;
    const bad = uploads.filter((each) => each.state === "failed");
    const failed = bad.filter((each) => !each.documentId).length;
    const unread = bad.length - failed;
    list.hidden = uploads.length === 0;
    clear.hidden = over === 0;
    start.disabled = waiting === 0 || !owner.value;
    start.textContent = waiting ? `Upload ${count(waiting)}` : "Upload";
    let words = "";
    if (sending) words = `${over} of ${count(uploads.length)} sent`;
    else if (waiting && !owner.value) words = "Say above to which case or expert they belong.";
    else if (waiting) words = `Ready to upload to ${ownerName.value}.`;
    else if (over) {
      words = `${count(over - failed)} uploaded${failed ? `, ${failed} not` : ""}`;
      words += unread ? `; ${unread} of them cannot be read.` : ".";
    }
    if (said.textContent !== words) said.textContent = words;
  }

  function add(files) {
    for (const file of files) {
      if (uploads.some((each) => each.file.name === file.name && each.file.size === file.size
        && each.file.lastModified === file.lastModified && each.state !== "failed")) continue;
      const row = document.createElement("li");
      const what = document.createElement("span");
      what.className = "what";
      const name = document.createElement("bdi");
      name.textContent = file.name;
      const sub = document.createElement("span");
      sub.className = "sub";
      sub.textContent = size(file.size);
      what.append(name, sub);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet small";
      const progress = document.createElement("progress");
      progress.max = 100;
      progress.value = 0;
      progress.setAttribute("aria-label", `Upload of ${file.name}`);
      const outcome = document.createElement("span");
      outcome.className = "outcome";
      row.append(what, button, progress, outcome);
      list.append(row);
      const upload = { file, row, progress, outcome, button };
      button.addEventListener("click", () => press(upload));
      uploads.push(upload);
      if (file.size > megabytes * 1048576) {
        upload.isHopeless = true;
        show(upload, "failed", `It is larger than the ${megabytes} MB a file may have; it is not sent.`);
      } else if (file.size === 0) {
        upload.isHopeless = true;
        show(upload, "failed", "It is empty, so there is nothing to read; it is not sent.");
      } else show(upload, "waiting", "");
    }
    sum();
  }

  function press(upload) {
    if (upload.state === "waiting") {
      upload.row.remove();
      uploads.splice(uploads.indexOf(upload), 1);
      sum();
      input.focus();
    } else if (upload.state === "sending") upload.request.abort();
    else if (upload.state === "failed") {
      show(upload, "waiting", "");
      if (upload.to) send();
    }
  }

  function send() {
    while (uploads.filter((each) => each.state === "sending").length < AT_ONCE) {
      const next = uploads.find((each) => each.state === "waiting" && each.to);
      if (!next) return;
      begin(next);
    }
  }

  function begin(upload) {
    const request = (upload.request = new XMLHttpRequest());
    const body = new FormData();
    body.append("files", upload.file, upload.file.name);
    request.open("POST", `/api/v1/${upload.to.kind}s/${upload.to.id}/documents`);
    request.setRequestHeader("X-CSRF-Token", token);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const percent = Math.floor((100 * event.loaded) / event.total);
      upload.progress.value = percent;
      upload.outcome.textContent = percent < 100 ? `${percent} % sent` : "Sent; it is taken in";
    });
    const over = (act) => () => { act(); send(); };
    request.addEventListener("load", over(() => finish(upload, request)));
    request.addEventListener("abort", over(() => show(upload, "failed", "Stopped; nothing of it was kept.")));
    request.addEventListener("error", over(() =>
      show(upload, "failed", "The connection broke off; nothing of it was kept. Try again.")));
    upload.progress.value = 0;
    show(upload, "sending", "0 % sent");
    request.send(body);
  }

  function finish(upload, request) {
    let answer = null;
    try {
      answer = JSON.parse(request.responseText);
    } catch { /* not ours */ }
    const one = answer?.documents?.[0];
    if (request.status !== 201 || !one) {
      const words = request.status === 401 ? "You were signed out; reload the page and sign in" : answer?.detail;
      show(upload, "failed", `${words ?? `It was not taken in: the server answers ${request.status}`}.`);
      return;
    }
    if (one.error) {
      show(upload, "failed", `${one.error}.`);
      return;
    }
    upload.documentId = one.document_id;
    if (!one.is_new) {
      show(upload, "duplicate", `${upload.to.name} has the same file already; nothing was added.`, true);
      return;
    }
    upload.isFollowed = true;
    show(upload, "accepted", answer.job_id ? "Taken in; it waits to be read." : `Taken in. ${answer.message}.`, true);
    const known = told.get(one.document_id);
    if (known) tell(upload, known);
    document.body.dispatchEvent(new CustomEvent("acted"));
  }

  // What the feed, or the API, says of a document.
  function tell(upload, { status, reason, detail }) {
    if (status === "processing") show(upload, "accepted", "It is being read.", true);
    else if (status === "ready") show(upload, "ready", "Ready: its text is there, and search is about to find it.", true);
    else if (status === "failed") {
      upload.isHopeless = true; // sent again it would be the same
      show(upload, "failed", `Taken in, but it cannot be read, ${reason}: ${detail}.`.replace(/\.\.$/, "."), true);
    } else if (status === "deleted") {
      upload.isFollowed = false;
      show(upload, "duplicate", "It was deleted.");
    }
  }

  pill.addEventListener("document", (event) => {
    const news = JSON.parse(event.detail.data);
    if (!news.document_id) return;
    told.set(news.document_id, news);
    if (told.size > 2000) told.delete(told.keys().next().value);
    uploads.filter((each) => each.isFollowed && each.documentId === news.document_id).forEach((each) => tell(each, news));
  });

  // What was missed while there was no connection.
  let connected = false;
  async function catchUp() {
    for (const upload of uploads.filter((each) => each.isFollowed && each.state === "accepted")) {
      try {
        const found = await casemill.request(`GET /api/v1/documents/${upload.documentId}`);
        tell(upload, { status: found.status, reason: found.failure_reason, detail: found.failure_detail });
      } catch { /* the next connection asks again */ }
    }
  }
  pill.addEventListener("htmx:sse:after:connection", () => {
    if (connected) catchUp();
    connected = true;
  });
  pill.addEventListener("reset", catchUp);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!owner.value) return;
    const to = { kind: owner.dataset.kind, id: owner.value, name: ownerName.value };
    for (const upload of uploads) if (upload.state === "waiting") upload.to = to;
    send();
  });
  owner.addEventListener("change", sum);
  input.addEventListener("change", () => {
    add(input.files);
    input.value = ""; // the list below is what counts; the same file may be chosen again
  });
  clear.addEventListener("click", () => {
    for (const upload of [...uploads]) {
      if (upload.state === "waiting" || upload.state === "sending") continue;
      upload.row.remove();
      uploads.splice(uploads.indexOf(upload), 1);
    }
    sum();
    input.focus();
  });

  // A file that misses the mark must not replace the page.
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  let over = null;
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    drop.classList.add("over");
    clearTimeout(over);
    over = setTimeout(() => drop.classList.remove("over"), 300);
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    drop.classList.remove("over");
    const files = [];
    let folders = 0;
    for (const item of event.dataTransfer.items) {
      if (item.webkitGetAsEntry?.()?.isDirectory) folders += 1;
      else if (item.kind === "file") files.push(item.getAsFile());
    }
    if (folders) casemill.say("A folder was left out; open it and drop the files that lie in it.", "failed");
    add(files);
    drop.scrollIntoView({ block: "nearest" });
  });
  window.addEventListener("beforeunload", (event) => {
    if (uploads.some((each) => each.state === "sending")) event.preventDefault();
  });
})();
