"""What the threads of a worker take their jobs from: one after the other, while they are quick.

Threads of one process share an interpreter. Where several of them decide, they hand it to and fro
at every step in the database, and each waits for it, one perhaps with a lock in hand: four got less
done than one (docs/performance.md). So a thread begins when the job begun before it is over, or has
been in hand for so long that it seems to wait for something; then they run side by side, as many as
there are. Chosen: the next in line watches, the others sleep. Against: having the loop's own thread
watch (it may be waiting for the database), and telling the worker of each wait (whoever writes a
handler would have to know).
"""

import threading
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """Things for threads to take, in the order in which they were put.

    What is taken is let alone until it is over, for `alone_seconds` at most.
    """

    def __init__(self, alone_seconds: float) -> None:
        self._alone_seconds = alone_seconds
        self._things: SimpleQueue[T | None] = SimpleQueue()
        self._line = threading.Lock()
        self._newest: T | None = None
        self._free = threading.Event()
        self._free.set()

    def put(self, thing: T | None) -> None:
        """Have a thread take this; None tells one thread to end."""
        self._things.put(thing)

    def empty(self) -> bool:
        """Whether there is nothing to take just now."""
        return self._things.empty()

    def take(self) -> T | None:
        """Wait for one's turn, and for something to take; return it."""
        with self._line:
            self._free.wait(self._alone_seconds)
            thing = self._things.get()
            if thing is not None:
                self._newest = thing
                self._free.clear()
        return thing

    def over(self, thing: T) -> None:
        """Let the next thread begin, if it still waits for this to be over."""
        if thing is self._newest:
            self._free.set()
