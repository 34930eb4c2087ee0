"""Links to the demo's console: a new one at each Enter, or before the last one expires."""

import os
import select
import threading
import time
from collections.abc import Callable

from bot.web.sessions import LINK_SECONDS
from bot_deploy.demo.screen import Screen, is_at_keyboard

# Without a keyboard, the next link is printed this long before the last one expires.
_MARGIN_SECONDS = 60.0
_PAUSE_SECONDS = 0.25
_MOST_BYTES = 1024


class ConsoleLinks:
    """Prints links, from `start` until `over` is set; `make` returns a new one."""

    def __init__(self, make: Callable[[], str], screen: Screen, over: threading.Event) -> None:
        self._make = make
        self._screen = screen
        self._over = over
        self._is_open = True

    def start(self) -> threading.Thread:
        """Print the first link, and the others from a thread; returns it."""
        printed_at = self._print()
        thread = threading.Thread(target=self._run, args=(printed_at,))
        thread.start()
        return thread

    def _run(self, printed_at: float) -> None:
        while not self._over.is_set():
            has_keyboard = self._is_open and is_at_keyboard()
            is_wanted = self._is_pressed() if has_keyboard else self._is_due(printed_at)
            if is_wanted and not self._over.is_set():
                printed_at = self._print()

    def _is_pressed(self) -> bool:
        """Wait a moment for a line at the terminal; any will do."""
        if not select.select([0], [], [], _PAUSE_SECONDS)[0]:
            return False
        typed = os.read(0, _MOST_BYTES)
        self._is_open = typed != b""
        return self._is_open

    def _is_due(self, printed_at: float) -> bool:
        """Wait a moment, and return whether the last link expires soon."""
        self._over.wait(_PAUSE_SECONDS)
        return time.monotonic() - printed_at >= LINK_SECONDS - _MARGIN_SECONDS

    def _print(self) -> float:
        minutes = f"{LINK_SECONDS / 60:.0f} minutes"
        more = "press Enter for a new one" if is_at_keyboard() else "the next one follows in time"
        self._screen.address("console", self._make(), f"works once, within {minutes}; {more}")
        return time.monotonic()
