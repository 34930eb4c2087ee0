"""Hand-off of jobs to a worker's threads, which run short jobs one after the other.

A thread starts the next job when the newest one is over, or after `alone_seconds`. Threads share
the interpreter: four of them got less done than one (docs/decisions/0118).
"""

import threading
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """A first-in, first-out queue that lets each item run alone for up to `alone_seconds`."""

    def __init__(self, alone_seconds: float) -> None:
        self._alone_seconds = alone_seconds
        self._items: SimpleQueue[T | None] = SimpleQueue()
        self._next_in_line = threading.Lock()
        self._newest: T | None = None
        self._free = threading.Event()
        self._free.set()

    def put(self, item: T | None) -> None:
        """Add an item; None tells one thread to end."""
        self._items.put(item)

    def empty(self) -> bool:
        """Return whether there is nothing to take at the moment."""
        return self._items.empty()

    def take(self) -> T | None:
        """Wait until the newest item is over or its time is up, then for an item; return it."""
        with self._next_in_line:
            self._free.wait(self._alone_seconds)
            item = self._items.get()
            if item is not None:
                self._newest = item
                self._free.clear()
        return item

    def over(self, item: T) -> None:
        """Let the next thread start, if it still waits for this item."""
        if item is self._newest:
            self._free.set()
