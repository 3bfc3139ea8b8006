// A drawer over a list: <a data-drawer href="?task=7"> opens <dialog class="drawer" data-param="task">, whose
// content is the block named like the element in it. It stands in the address; Back, Escape, its button and a
// click beside it close it, and what lies under it is not drawn anew.
(() => {
  "use strict";
  const drawer = document.querySelector("dialog.drawer");
  const { param, live } = drawer.dataset;
  const content = drawer.firstElementChild;
  const wanted = () => new URLSearchParams(location.search).get(param);

  // The address without what the drawer shows: as long as it stays, so does the page.
  function under(address) {
    const url = new URL(address, location.href);
    url.searchParams.delete(param);
    return `${url.pathname}?${url.searchParams}`;
  }
  let page = under(location.href);

  async function load(swap = "innerHTML") {
    const asked = wanted();
    const headers = { "HX-Target": `div#${content.id}` };
    await htmx.ajax("GET", location.pathname + location.search, { target: content, swap, headers });
    if (wanted() !== asked) return; // closed, or another one meanwhile
    if (!drawer.open && content.firstElementChild) show();
  }

  function show() {
    drawer.showModal();
    drawer.scrollTop = 0;
  }

  function close() {
    drawer.close();
    content.replaceChildren();
  }

  function follow() {
    if (wanted()) load();
    else if (drawer.open) close();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-drawer]");
    if (link && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
      event.preventDefault();
      link.focus(); // where it comes back to
      history.pushState({ htmx: true, drawer: true }, "", link.href);
      load();
    } else if (event.target === drawer || event.target.closest("[data-close]")) drawer.close();
  });

  drawer.addEventListener("close", () => {
    const id = wanted();
    content.replaceChildren();
    if (id === null) return;
    if (history.state?.drawer) history.back();
    else history.replaceState({ htmx: true }, "", under(location.href).replace(/\?$/, ""));
    const link = document.getElementById(`open-${id}`);
    if (link && document.activeElement === document.body) link.focus();
  });

  // Back and forward between addresses that differ only in the drawer.
  window.addEventListener("popstate", () => { if (under(location.href) === page) follow(); });
  window.navigation?.addEventListener("navigate", (event) => { // htmx takes it over, and would reset both
    const stays = event.navigationType === "traverse" && event.canIntercept && under(event.destination.url) === page;
    if (stays) event.intercept({ focusReset: "manual", scroll: "manual" });
  });
  document.addEventListener("htmx:before:history:restore", (event) => {
    if (under(location.href) === page) event.preventDefault();
  });
  document.addEventListener("htmx:after:history:push", (event) => { page = under(event.detail.path); });

  for (const kind of live.split(" ")) {
    document.body.addEventListener(`live:${kind}`, () => { if (drawer.open) load("innerMorph"); });
  }
  if (wanted()) show();
})();
