"""Journal of the simulated GitHub: a readable log for a demo or a failing test."""

import contextlib
import threading
from collections.abc import Callable

Listener = Callable[[str], None]


class Journal:
    """Log lines, oldest first, with listeners; any thread may use it."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    @property
    def lines(self) -> list[str]:
        """Return all lines."""
        with self._lock:
            return list(self._lines)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call the listener with each new line; return a function that unsubscribes it."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def add(self, line: str) -> None:
        """Add a line; line breaks become spaces."""
        text = " ".join(line.split())
        with self._lock:
            self._lines.append(text)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(text)
