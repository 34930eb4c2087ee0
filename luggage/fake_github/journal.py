"""What happens on the simulated GitHub, line by line, for a demo or a failing test."""

import contextlib
import threading
from collections.abc import Callable

Listener = Callable[[str], None]


class Journal:
    """Lines, oldest first, and listeners that hear each new one; safe from any thread."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    @property
    def lines(self) -> list[str]:
        """A copy of all lines."""
        with self._lock:
            return list(self._lines)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with each new line, in order; returns what ends it, safe to repeat."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def tell(self, line: str) -> None:
        """Add a line; in the listeners a line's breaks are shown as spaces."""
        text = " ".join(line.split())
        with self._lock:
            self._lines.append(text)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(text)
