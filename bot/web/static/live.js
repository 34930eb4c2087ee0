// Shows what is new: asks for the same page every few seconds, and takes over the parts that differ.
// What is being read or used (it holds the focus, or a selection) is left alone until it is not.
"use strict";

(() => {
  const EVERY_MILLISECONDS = 5000;
  const away = document.getElementById("away");
  document.getElementById("again").hidden = true;

  const inUse = (part) =>
    part.contains(document.activeElement) ||
    (!getSelection().isCollapsed && part.contains(getSelection().anchorNode));

  const takeOver = (part, fresh) => {
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    part.innerHTML = fresh.innerHTML;
    part.querySelectorAll("details").forEach((each, at) => (each.open = open[at] ?? false));
  };

  const look = async () => {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(EVERY_MILLISECONDS) });
    if (answer.redirected) location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (fresh && fresh.innerHTML !== part.innerHTML && !inUse(part)) takeOver(part, fresh);
    }
  };

  const turn = async () => {
    if (!document.hidden) {
      try {
        await look();
        away.hidden = true;
      } catch {
        away.hidden = false;
      }
    }
    setTimeout(turn, EVERY_MILLISECONDS);
  };

  setTimeout(turn, EVERY_MILLISECONDS);
})();
