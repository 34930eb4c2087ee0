"""Journal of the simulated GitHub: a readable log for a demo or a failing test."""

import contextlib
import threading
from collections.abc import Callable

Listener = Callable[[str], None]


class Journal:
    """Log lines, oldest first, with listeners; any thread may use it."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._listeners: list[tuple[Listener, bool]] = []
        self._lock = threading.Lock()

    @property
    def lines(self) -> list[str]:
        """Return all lines."""
        with self._lock:
            return list(self._lines)

    def subscribe(self, listener: Listener, *, whole: bool = False) -> Callable[[], None]:
        """Call the listener with each new line; return a function that unsubscribes it.

        With `whole`, the line breaks of people's texts are kept.
        """
        entry = listener, whole
        with self._lock:
            self._listeners.append(entry)

        def unsubscribe() -> None:
            with self._lock, contextlib.suppress(ValueError):
                self._listeners.remove(entry)

        return unsubscribe

    def add(self, line: str) -> None:
        """Add a line; line breaks become spaces."""
        text = " ".join(line.split())
        with self._lock:
            self._lines.append(text)
            listeners = list(self._listeners)
        for listener, whole in listeners:
            listener(line if whole else text)
