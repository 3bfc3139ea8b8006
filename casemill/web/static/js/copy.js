// <div><pre>...</pre><button data-copy>Copy</button></div>: takes the text beside it to the clipboard.
(() => {
  "use strict";
  async function copy(pre) {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return true;
    } catch { // browsers give it to pages of a secure address only
      getSelection().selectAllChildren(pre);
      return document.execCommand("copy");
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const pre = (button.closest(".once") ?? button.parentElement).querySelector("pre");
    if (await copy(pre)) casemill.say(`${pre.getAttribute("aria-label")} copied.`);
    else casemill.say("The browser does not copy for this page; the text is selected, press Ctrl+C.", "failed");
  });
})();
