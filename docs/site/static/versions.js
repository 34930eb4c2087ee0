// Switch between the versions next to this one. The list comes from `versions.js` one folder up, a
// script because a page that is opened from a disk may not fetch a file.
"use strict";

(function () {
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  const here = location.href.split(/[?#]/)[0].slice(root.href.length) || "index.html";
  const current = decodeURIComponent(root.pathname.split("/").at(-2));

  // The same page in another version, or the first page of a version that does not have it.
  function address(version) {
    const page = version.pages.includes(here) ? here : "index.html";
    return new URL(`../${encodeURIComponent(version.name)}/${page}`, root).href;
  }

  function isRelease(version) {
    return /^\d+(\.\d+)*$/.test(version.name);
  }

  function offer(versions) {
    const select = document.getElementById("versions");
    const options = versions.map(
      (version) => new Option(version.name, address(version), false, version.name === current),
    );
    select.replaceChildren(...options);
    select.disabled = false;
    select.addEventListener("change", () => location.assign(select.value));
  }

  // Readers come from search engines: say when a page is not of the newest release.
  function warn(newest) {
    const note = document.createElement("p");
    note.className = "not-the-newest";
    const link = document.createElement("a");
    link.href = address(newest);
    link.textContent = `Read about ${newest.name}, the newest release`;
    note.append(`This page is about version ${current}. `, link, ".");
    document.querySelector("article h1").after(note);
  }

  window.showVersions = function (versions) {
    if (!versions.some((version) => version.name === current)) return;
    offer(versions);
    const newest = versions.find(isRelease);
    if (newest && newest.name !== current) warn(newest);
  };

  // A page that is opened from a disk may not fetch the excerpts; the results need none.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

  addEventListener("DOMContentLoaded", () => {
    const list = document.createElement("script");
    list.src = new URL("../versions.js", root).href;
    document.head.append(list);
  });
})();
