"""Screenshots of the pages for the documentation: `python -m tests.support.pictures`."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page

from bot.web.registration import Registration, listen, make_app, serving
from bot_deploy.config import load
from bot_deploy.registration.exchange import request
from luggage.github.manifest import Registered
from tests.support.browser import running_chromium, visiting
from tests.support.showroom import Showroom

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
_WIDTH = 1000


def main() -> int:
    """Take all screenshots; returns 0."""
    with (
        tempfile.TemporaryDirectory() as directory,
        ExitStack() as stack,
        running_chromium() as browser,
        visiting(browser, width=_WIDTH) as visit,
    ):
        _take_all(visit.page, Showroom(Path(directory), stack))
        _take_register(visit.page)
    return 0


def _take_all(page: Page, room: Showroom) -> None:
    room.live_a_day()
    page.goto(room.url)
    _take(page, "status", height=900)
    room.go_wrong()
    page.goto(room.link())
    page.click("button")
    _take(page, "console", height=640)
    page.click(".rows a")
    _take(page, "delivery", height=1200)


def _take_register(page: Page) -> None:
    asked = request(load({}), 8000, "snake-charmers", url=None, name=None)
    registration = Registration(asked, _nobody_comes, clock=lambda: 0.0, tell=print)
    listener = listen(0)
    port = listener.getsockname()[1]
    with serving(make_app(registration), listener):
        page.goto(f"http://127.0.0.1:{port}/")
        _take(page, "register", height=510)


def _nobody_comes(code: str) -> Registered:
    raise AssertionError(code)


def _take(page: Page, name: str, *, height: int | None = None) -> None:
    path = PICTURES / f"{name}.png"
    clip = {"x": 0, "y": 0, "width": _WIDTH, "height": height} if height else None
    page.screenshot(path=str(path), full_page=True, clip=clip)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
