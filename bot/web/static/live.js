// Refreshes the page: fetches it every few seconds and replaces the parts that differ.
// Parts with the focus or a selection stay as they are for now.
"use strict";

(() => {
  const EVERY_MILLISECONDS = 5000;
  const away = document.getElementById("away");
  document.getElementById("again").hidden = true;

  const inUse = (part) =>
    part.contains(document.activeElement) ||
    (!getSelection().isCollapsed && part.contains(getSelection().anchorNode));

  const replace = (part, fresh) => {
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    part.innerHTML = fresh.innerHTML;
    part.querySelectorAll("details").forEach((each, at) => (each.open = open[at] ?? false));
  };

  const refresh = async () => {
    const response = await fetch(location.href, { signal: AbortSignal.timeout(EVERY_MILLISECONDS) });
    if (response.redirected) location.reload();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.title = page.title;
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      if (fresh && fresh.innerHTML !== part.innerHTML && !inUse(part)) replace(part, fresh);
    }
  };

  const tick = async () => {
    if (!document.hidden) {
      try {
        await refresh();
        away.hidden = true;
      } catch {
        away.hidden = false;
      }
    }
    setTimeout(tick, EVERY_MILLISECONDS);
  };

  setTimeout(tick, EVERY_MILLISECONDS);
})();
