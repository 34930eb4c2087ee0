"""Chromium for the tests, driven by Playwright: one for each pytest process.

It is Debian's package, not Playwright's download: `make tools` installs all tools the same way.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import needs, octokit

# Only what a test requests: no updates, no accounts, no background traffic.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Long enough for any page, even on a busy machine.
PATIENCE_MILLISECONDS = 20_000
WIDTHS = (1280, 390)
_HEIGHT = 844


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run a headless Chromium; skips the test without one."""
    executable = needs.program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page, and its unwanted events: console errors and dialogs."""

    page: Page
    troubles: list[str] = field(default_factory=list)


@contextmanager
def visiting(
    browser: Browser, *, width: int = WIDTHS[0], javascript: bool = True, dark: bool = False
) -> Iterator[Visit]:
    """Open a page in a fresh browser context: no cookies, no cache."""
    with browser.new_context(
        viewport={"width": width, "height": _HEIGHT},
        java_script_enabled=javascript,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    ) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        visit = Visit(context.new_page())
        _watch(visit)
        yield visit


def _watch(visit: Visit) -> None:
    def told(message) -> None:
        if message.type in {"error", "warning"}:
            visit.troubles.append(f"console: {message.text}")

    def asked(dialog) -> None:
        visit.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    visit.page.on("console", told)
    visit.page.on("dialog", asked)
    visit.page.on("pageerror", lambda error: visit.troubles.append(f"error: {error}"))


def violations(page: Page) -> list[str]:
    """All violations that axe-core finds, minor ones too, one a line; skips without npm."""
    page.evaluate(_axe())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def clipped_labels(page: Page) -> list[str]:
    """The texts of drawings that reach beyond their drawing."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("svg text")].filter((text) => {
            const outer = text.ownerSVGElement.getBoundingClientRect();
            const inner = text.getBoundingClientRect();
            return inner.left < outer.left - 0.5 || inner.right > outer.right + 0.5
                || inner.top < outer.top - 0.5 || inner.bottom > outer.bottom + 0.5;
        }).map((text) => text.textContent)"""
    )
    return found


def is_scrolled_sideways(page: Page) -> bool:
    """Whether the page is wider than its window."""
    wide: bool = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return wide


@functools.cache
def _axe() -> str:
    return (octokit.module("axe-core") / "axe.min.js").read_text()
